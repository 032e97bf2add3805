//! `hold`: as many sessions as a server allows, held over heartbeats, and one more.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::{HoldArgs, own_stream};
use crate::connect::{Answer, Client, Role, attempt, header};
use crate::crowd::Crowd;
use crate::failure::Result;
use crate::report::{complain, print, table, write_json};

/// Time beyond the heartbeats themselves before the wait is given up.
const SLACK: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize)]
struct HoldOutcome {
    sessions: usize,
    lost: usize,
    pings_min: u32,
    one_more_status: u16,
    retry_after: Option<String>,
    metrics_status: u16,
}

/// Runs it; true when nobody was lost, the one more was refused and the metrics answered.
pub(crate) fn run(arguments: &HoldArgs) -> Result<bool> {
    let sessions = arguments.sessions as usize;
    let target = arguments.target.target(&[
        "--max-connections".to_owned(),
        sessions.to_string(),
        "--heartbeat-ms".to_owned(),
        arguments.heartbeat_ms.to_string(),
    ])?;
    let endpoint = target.endpoint(&own_stream());
    let mut crowd = Crowd::new()?;
    crowd.join(&endpoint, sessions)?;
    let (one_more_status, retry_after) =
        match attempt(&endpoint, &Client::plain(Role::Viewer, "load-one-more"))? {
            Answer::Open(_) => (101, None),
            Answer::Refused { status, head } => {
                (status, header(&head, "retry-after").map(str::to_owned))
            }
        };
    let heartbeat = Duration::from_millis(u64::from(arguments.heartbeat_ms));
    let deadline = Instant::now() + heartbeat * (arguments.heartbeats + 2) + SLACK;
    while crowd.pings_min() < arguments.heartbeats && Instant::now() < deadline {
        crowd.turn(Duration::from_millis(50))?;
        if crowd.closed().0 > 0 {
            break;
        }
    }
    let (metrics_status, _) = target.get("/metrics").unwrap_or_default();
    let (lost, first_lost) = crowd.closed();
    let pings_min = crowd.pings_min();
    let outcome = HoldOutcome {
        sessions,
        lost,
        pings_min,
        one_more_status,
        retry_after,
        metrics_status,
    };
    if let Some(path) = &arguments.json {
        write_json(path, &outcome)?;
    }
    let faults = faults(&outcome, arguments.heartbeats, first_lost);
    show(&outcome);
    for fault in &faults {
        complain(format!("failed: {fault}"));
    }
    Ok(faults.is_empty())
}

fn faults(outcome: &HoldOutcome, heartbeats: u32, first_lost: Option<&str>) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(reason) = first_lost {
        faults.push(format!(
            "{} sessions were lost, first: {reason}",
            outcome.lost
        ));
    }
    if outcome.pings_min < heartbeats {
        let pings = outcome.pings_min;
        faults.push(format!(
            "a session was pinged {pings} times, expected {heartbeats}"
        ));
    }
    if outcome.one_more_status != 503 || outcome.retry_after.is_none() {
        let status = outcome.one_more_status;
        faults.push(format!(
            "one more got {status}, expected 503 with Retry-After"
        ));
    }
    if outcome.metrics_status != 200 {
        faults.push(format!("/metrics answered {}", outcome.metrics_status));
    }
    faults
}

fn show(outcome: &HoldOutcome) {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let retry_after = outcome.retry_after.as_deref().unwrap_or("-");
    print(table(
        &["what", "value"],
        &[
            row("sessions", outcome.sessions.to_string()),
            row("lost", outcome.lost.to_string()),
            row(
                "pings answered by each, at least",
                outcome.pings_min.to_string(),
            ),
            row(
                "one more",
                format!("{}, Retry-After {retry_after}", outcome.one_more_status),
            ),
            row("/metrics", outcome.metrics_status.to_string()),
        ],
    ));
}
