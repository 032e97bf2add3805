//! How a server fares, again and again: rates, streams, sessions, processor, memory, and who is slow.
//!
//! On a terminal it is one picture that is drawn anew; elsewhere one block of text after another, and
//! for programs a line of JSON each. Where the key may not ask who is connected, that is left out.

use std::io::{self, IsTerminal};
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::failure::Failure;
use super::figures::Figures;
use super::output::Output;
use super::server::Server;
use super::table::table;
use super::units::{bytes, milliseconds, rate};
use super::viewers;
use crate::cli::TopArgs;

/// To the upper left corner, and nothing below it.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

/// How many slow sessions are shown.
const SLOW_MAX: usize = 10;

/// What was read at one moment.
struct Reading {
    at: Instant,
    figures: Figures,
    connections: Value,
}

impl Reading {
    async fn of(server: &Server) -> Result<Self, Failure> {
        let figures = Figures::of(server).await?;
        let connections = server.json(Method::GET, "/admin/connections", None).await;
        Ok(Self {
            at: Instant::now(),
            figures,
            connections: connections.unwrap_or_default(),
        })
    }
}

/// Shows it, once or until it is stopped.
pub(super) async fn show(
    server: &Server,
    args: &TopArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let is_picture = !args.once && !output.is_json() && io::stdout().is_terminal();
    let mut before = Reading::of(server).await?;
    loop {
        sleep(Duration::from_millis(args.every_ms)).await;
        let after = Reading::of(server).await?;
        let told = told(&before, &after);
        output.line(&told, || {
            let clear = if is_picture { CLEAR } else { "" };
            format!("{clear}{}", text(&told))
        })?;
        if args.once {
            return Ok(());
        }
        before = after;
    }
}

/// What is told, for programs.
fn told(before: &Reading, after: &Reading) -> Value {
    let passed = after.at.saturating_duration_since(before.at);
    let (was, is) = (&before.figures, &after.figures);
    let per_s = |count: f64| count / passed.as_secs_f64().max(1e-3);
    let grown = |family: &str| per_s(is.sum(family, "") - was.sum(family, ""));
    let p99_ms = |family: &str| is.quantile_s(was, family, 0.99).map(|it| it * 1000.0);
    let commits = grown("agnt_fleet_commits_total");
    let commit_ms = grown("agnt_fleet_commit_seconds_sum") / commits * 1000.0;
    json!({
        "ready": is.value("agnt_ready") > 0.0,
        "cpu_percent": 100.0 * grown("process_cpu_seconds_total"),
        "memory_bytes": is.value("process_resident_memory_bytes"),
        "open_files": is.value("process_open_fds"),
        "streams": is.value("agnt_streams"),
        "agents": is.value("agnt_agents"),
        "viewers": is.value("agnt_sessions{role=\"viewer\"}"),
        "publishers": is.value("agnt_sessions{role=\"publisher\"}"),
        "both": is.value("agnt_sessions{role=\"both\"}"),
        "sessions_max": is.value("agnt_sessions_max"),
        "stalled": is.value("agnt_viewers_stalled"),
        "frames_in_per_s": grown("agnt_frames_in_total"),
        "frames_out_per_s": grown("agnt_frames_out_total"),
        "bytes_in_per_s": grown("agnt_bytes_in_total"),
        "bytes_out_per_s": grown("agnt_bytes_out_total"),
        "conflations_per_s": grown("agnt_conflations_total"),
        "disconnects_per_s": grown("agnt_disconnects_total"),
        "publish_to_write_p99_ms": p99_ms("agnt_publish_to_write_seconds"),
        "loop_turn_p99_ms": p99_ms("agnt_loop_turn_seconds"),
        "requests_per_s": grown("agnt_requests_total"),
        "request_p99_ms": p99_ms("agnt_request_seconds"),
        "failures_per_s": per_s(
            is.sum("agnt_requests_total", "5xx") - was.sum("agnt_requests_total", "5xx")
        ),
        "commits_per_s": commits,
        "commit_ms": Some(commit_ms).filter(|it| it.is_finite()),
        "changes_waiting": is.value("agnt_fleet_queue"),
        "slowest": viewers::slowest(&before.connections, &after.connections, passed, SLOW_MAX),
    })
}

/// The same, for people.
fn text(told: &Value) -> String {
    let number = |name: &str| told[name].as_f64().unwrap_or(0.0);
    let count = |name: &str| format!("{:.0}", number(name));
    let time = |name: &str| told[name].as_f64().map_or("-".to_owned(), milliseconds);
    let state = if told["ready"] == true {
        "ready"
    } else {
        "NOT READY"
    };
    let sessions: f64 = ["viewers", "publishers", "both"].map(number).iter().sum();
    let rows = [
        [
            state.to_owned(),
            format!("processor {:.0} %", number("cpu_percent")),
            format!("memory {}", bytes(number("memory_bytes"))),
            format!("files {}", count("open_files")),
        ],
        [
            format!("sessions {sessions:.0} of {}", count("sessions_max")),
            format!("viewers {}, {} stalled", count("viewers"), count("stalled")),
            format!("publishers {}", count("publishers")),
            format!("streams {}, agents {}", count("streams"), count("agents")),
        ],
        [
            format!("frames in {}", rate(number("frames_in_per_s"))),
            format!("out {}", rate(number("frames_out_per_s"))),
            format!("bytes in {}/s", bytes(number("bytes_in_per_s"))),
            format!("out {}/s", bytes(number("bytes_out_per_s"))),
        ],
        [
            format!("publish to write p99 {}", time("publish_to_write_p99_ms")),
            format!("loop turn p99 {}", time("loop_turn_p99_ms")),
            format!("conflations {}", rate(number("conflations_per_s"))),
            format!("disconnects {}", rate(number("disconnects_per_s"))),
        ],
        [
            format!("requests {}", rate(number("requests_per_s"))),
            format!("p99 {}", time("request_p99_ms")),
            format!("failed {}", rate(number("failures_per_s"))),
            format!(
                "commits {}, {} each",
                rate(number("commits_per_s")),
                time("commit_ms")
            ),
        ],
    ];
    let mut text = table(&rows.map(|row| row.to_vec()));
    let slowest = told["slowest"].as_array().map_or(&[][..], Vec::as_slice);
    if !slowest.is_empty() {
        text.push('\n');
        text.push_str(&viewers::lines(slowest));
    }
    text
}
