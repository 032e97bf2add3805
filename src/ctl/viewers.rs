//! Who is connected, the slowest viewers first.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::failure::Failure;
use super::output::Output;
use super::server::Server;
use super::table::table;
use super::units::{bytes, milliseconds};

/// Where the server tells who is connected.
const PATH: &str = "/admin/connections";

/// How long traffic is looked at.
const WATCHED: Duration = Duration::from_secs(1);

/// Shows the `limit` sessions that are furthest behind.
pub(super) async fn show(
    server: &Server,
    limit: u64,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let before = server.json(Method::GET, PATH, None).await?;
    let began = Instant::now();
    sleep(WATCHED).await;
    let after = server.json(Method::GET, PATH, None).await?;
    let slowest = slowest(&before, &after, began.elapsed(), limit as usize);
    let document = json!({"viewers": slowest});
    output.document(&document, || lines(&slowest))?;
    Ok(())
}

/// The sessions that are furthest behind, with their traffic a second between two looks.
pub(super) fn slowest(before: &Value, after: &Value, passed: Duration, limit: usize) -> Vec<Value> {
    let of = |told: &Value| told["connections"].as_array().cloned().unwrap_or_default();
    let earlier = of(before);
    let mut sessions = of(after);
    for session in &mut sessions {
        let was = earlier.iter().find(|held| held["id"] == session["id"]);
        for name in ["bytes_in", "bytes_out"] {
            let sum = |of: &Value| of[name].as_f64().unwrap_or(0.0);
            let rate = was.map(|was| (sum(session) - sum(was)) / passed.as_secs_f64());
            // Another may have come to the same place.
            let rate = rate.map(|rate| rate.max(0.0).round());
            session[format!("{name}_per_s")] = json!(rate);
        }
    }
    let lag = |session: &Value, name: &str| session[name].as_f64().unwrap_or(-1.0);
    sessions.sort_by(|one, other| {
        let by = |name| lag(other, name).total_cmp(&lag(one, name));
        by("lag_ms")
            .then_with(|| by("lag_bytes"))
            .then_with(|| by("queue_bytes"))
            .then_with(|| by("round_trip_ms"))
    });
    sessions.truncate(limit);
    sessions
}

/// What people see of them.
pub(super) fn lines(sessions: &[Value]) -> String {
    let head = [
        "ID",
        "AGENT",
        "STREAM",
        "LAG",
        "BEHIND",
        "QUEUE",
        "ROUND TRIP",
        "OUT/S",
        "IN/S",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for session in sessions {
        let text = |name: &str| session[name].as_str().unwrap_or("-").to_owned();
        let size = |name: &str| session[name].as_f64().map_or("-".to_owned(), bytes);
        let time = |name: &str| session[name].as_f64().map_or("-".to_owned(), milliseconds);
        rows.push(vec![
            text("id"),
            text("agent_id"),
            text("stream"),
            time("lag_ms"),
            size("lag_bytes"),
            size("queue_bytes"),
            time("round_trip_ms"),
            size("bytes_out_per_s"),
            size("bytes_in_per_s"),
        ]);
    }
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_come_first_with_their_traffic() {
        let before = json!({"connections": [
            {"id": "0-1", "bytes_out": 1000, "bytes_in": 0},
            {"id": "0-2", "bytes_out": 5000, "bytes_in": 10},
        ]});
        let after = json!({"connections": [
            {"id": "0-1", "bytes_out": 3000, "bytes_in": 0, "lag_ms": 5.0, "lag_bytes": 100},
            {"id": "0-2", "bytes_out": 5000, "bytes_in": 10, "lag_ms": 900.0, "lag_bytes": 4096,
             "stream": "main"},
            {"id": "0-3", "bytes_out": 7, "lag_ms": null},
        ]});
        let slowest = slowest(&before, &after, Duration::from_secs(2), 3);
        let ids: Vec<_> = slowest.iter().map(|it| it["id"].as_str()).collect();
        assert_eq!(ids, [Some("0-2"), Some("0-1"), Some("0-3")]);
        assert_eq!(slowest[1]["bytes_out_per_s"], 1000.0);
        assert_eq!(slowest[2]["bytes_out_per_s"], Value::Null);
        let text = lines(&slowest);
        assert_eq!(text.lines().count(), 4);
        assert!(
            text.contains("900 ms") && text.contains("4.0 KiB"),
            "{text}"
        );
    }
}
