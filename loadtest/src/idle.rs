//! `idle`: what a viewer costs in memory while nothing happens.
//!
//! Resident memory with N viewers of an empty stream, after a heartbeat round and one broadcast,
//! minus resident memory with none, over N.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::{IdleArgs, own_stream};
use crate::connect::{Client, Role, open};
use crate::crowd::Crowd;
use crate::failure::{Context, Failure, Result};
use crate::process_usage::ProcessUsage;
use crate::report::{complain, print, table, write_json};
use crate::swarm::{RECORD_BYTES, Swarm, frame_head};
use crate::wire::{BINARY, write_client_frame};

/// A server's memory right after its start is not yet at rest.
const SETTLE: Duration = Duration::from_secs(1);
const BROADCAST_TIMEOUT: Duration = Duration::from_secs(30);
const BROADCAST_AGENTS: usize = 10;

/// The result; `expected` and `delivered` count the one broadcast.
#[derive(Debug, Serialize)]
struct IdleOutcome {
    viewers: usize,
    expected: usize,
    delivered: usize,
    closed: usize,
    pings_min: u32,
    server_rss_before_bytes: u64,
    server_rss_bytes: u64,
    rss_per_connection_bytes: u64,
}

/// Runs it; true when every viewer lived and got the broadcast.
pub(crate) fn run(arguments: &IdleArgs) -> Result<bool> {
    let viewers = arguments.viewers as usize;
    let room = ["--max-connections".to_owned(), (viewers + 100).to_string()];
    let target = arguments.target.target(&room)?;
    let pid = target
        .pid()
        .ok_or_else(|| Failure::new("--url needs --pid here"))?;
    let usage = ProcessUsage::new(pid);
    thread::sleep(SETTLE);
    let server_rss_before_bytes = usage.rss_bytes()?;

    let endpoint = target.endpoint(&own_stream());
    let mut crowd = Crowd::new()?;
    crowd.join(&endpoint, viewers)?;
    turn_until(&mut crowd, arguments.heartbeat_wait_seconds, |crowd| {
        crowd.pings_min() > 0
    })?;

    let mut publisher = open(&endpoint, &Client::plain(Role::Publisher, "load-idle"))?;
    let mut records = Vec::new();
    let swarm = Swarm {
        publishers: 1,
        agents: BROADCAST_AGENTS,
    };
    swarm.write_records(0, 1, &mut records);
    let mut frame = Vec::new();
    let head = frame_head(records.len() / RECORD_BYTES, 0);
    write_client_frame(BINARY, &[&head, &records], &mut frame);
    publisher
        .stream
        .write_all(&frame)
        .context("the broadcast")?;
    turn_until(&mut crowd, BROADCAST_TIMEOUT, |crowd| {
        crowd.reached() == viewers
    })?;
    turn_until(&mut crowd, SETTLE, |_| false)?;

    let server_rss_bytes = usage.rss_bytes()?;
    let (closed, first_closed) = crowd.closed();
    let outcome = IdleOutcome {
        viewers,
        expected: viewers,
        delivered: crowd.reached(),
        closed,
        pings_min: crowd.pings_min(),
        server_rss_before_bytes,
        server_rss_bytes,
        rss_per_connection_bytes: server_rss_bytes.saturating_sub(server_rss_before_bytes)
            / viewers as u64,
    };
    if let Some(path) = &arguments.json {
        write_json(path, &outcome)?;
    }
    show(&outcome);
    if outcome.pings_min == 0 && !arguments.heartbeat_wait_seconds.is_zero() {
        complain("warning: not every viewer was pinged in time: raise --heartbeat-wait-seconds");
    }
    if let Some(reason) = first_closed {
        complain(format!(
            "failed: {closed} viewers were closed, first: {reason}"
        ));
    }
    let missed = outcome.expected - outcome.delivered;
    if missed > 0 {
        complain(format!(
            "failed: the broadcast did not reach {missed} viewers"
        ));
    }
    Ok(closed == 0 && missed == 0)
}

fn turn_until(crowd: &mut Crowd, limit: Duration, done: impl Fn(&Crowd) -> bool) -> Result<()> {
    let deadline = Instant::now() + limit;
    while !done(crowd) && Instant::now() < deadline {
        crowd.turn(Duration::from_millis(50))?;
    }
    Ok(())
}

fn show(outcome: &IdleOutcome) {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    print(table(
        &["what", "value"],
        &[
            row("viewers", outcome.viewers.to_string()),
            row(
                "pings answered by each, at least",
                outcome.pings_min.to_string(),
            ),
            row("reached by the broadcast", outcome.delivered.to_string()),
            row(
                "server memory with none",
                format!("{} B", outcome.server_rss_before_bytes),
            ),
            row(
                "server memory with all",
                format!("{} B", outcome.server_rss_bytes),
            ),
            row(
                "a viewer",
                format!("{} B", outcome.rss_per_connection_bytes),
            ),
        ],
    ));
}
