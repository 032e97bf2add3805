//! What happened, as far as it is kept.

use hyper::Method;
use serde_json::Value;

use super::failure::Failure;
use super::output::{Output, note};
use super::server::{Server, query};
use super::view;
use crate::cli::EventsArgs;

/// Where events are found.
pub(super) const PATH: &str = "/api/v1/events";

/// The most events that a server gives at once.
const PAGE_LEN: u64 = 1000;

/// Shows events that have happened, page by page.
pub(super) async fn show(
    server: &Server,
    args: &EventsArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let (mut after, mut left) = (args.after.unwrap_or(0), args.limit);
    loop {
        let mut parameters = vec![
            ("after", after.to_string()),
            ("limit", left.min(PAGE_LEN).to_string()),
        ];
        parameters.extend(args.topic.clone().map(|topic| ("topic", topic)));
        let path = format!("{PATH}{}", query(&parameters));
        let page = server.json(Method::GET, &path, None).await?;
        if let gap @ Value::Object(_) = &page["gap"] {
            show_gap(gap, output)?;
        }
        for event in page["events"].as_array().into_iter().flatten() {
            output.line(event, || view::event(event))?;
            left = left.saturating_sub(1);
        }
        let number = |name: &str| page[name].as_u64().unwrap_or(0);
        let (next_after, head) = (number("next_after"), number("head"));
        let is_last = next_after >= head || next_after <= after;
        if left == 0 && !is_last {
            note(&format!("there are more: --after {next_after}"));
        }
        if left == 0 || is_last {
            return Ok(());
        }
        after = next_after;
    }
}

/// Shows which events are not kept.
pub(super) fn show_gap(gap: &Value, output: &mut Output<'_>) -> Result<(), Failure> {
    let line = serde_json::json!({"gap": gap});
    Ok(output.line(&line, || view::gap(gap))?)
}
