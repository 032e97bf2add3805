//! Commands: an agent is told to do something, and its answer is waited for.

use std::time::Duration;

use hyper::Method;
use serde_json::Value;
use tokio::time::sleep;

use super::failure::Failure;
use super::output::{Output, note};
use super::plain::plain;
use super::server::{Server, segment};
use super::view;

/// How soon an answer is looked for, and then again and again after twice as long.
const LOOK: Duration = Duration::from_millis(50);

/// How often it is looked for at least.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// Gives an agent a command and shows that it is accepted, or, after a wait, what came of it. The
/// server ends every command in time.
pub(super) async fn give(
    server: &Server,
    (agent, body): (&str, &Value),
    wait: bool,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let path = format!("/api/v1/agents/{}/commands", segment(agent));
    let accepted = server.json(Method::POST, &path, Some(body)).await?;
    if !wait {
        return Ok(output.document(&accepted, || view::record(&accepted))?);
    }
    let id = accepted["command_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    note(&format!(
        "command {} is accepted; waiting for its end",
        plain(&id)
    ));
    let path = format!("{path}/{}", segment(&id));
    let mut pause = LOOK;
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(LOOK_MAX);
        let command = server.json(Method::GET, &path, None).await?;
        let status = command["status"].as_str().unwrap_or_default();
        if status == "accepted" {
            continue;
        }
        output.document(&command, || view::record(&command))?;
        return match status {
            "completed" => Ok(()),
            status => Err(Failure::Undone {
                status: status.to_owned(),
                command: id,
            }),
        };
    }
}
