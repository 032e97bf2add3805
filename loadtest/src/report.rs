//! How results are shown: a table on standard output, warnings on standard error, JSON in a file.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::failure::{Context, Result};
use crate::outcome::Outcome;

/// Writes `value` to `path` as JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).context("JSON")?;
    fs::write(path, text + "\n").context(path.display())
}

/// A table with a line under its head, numbers to the right.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(head.to_vec())
        .add_rows(rows.to_vec());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Prints on standard output; a reader that has gone away is no error.
pub(crate) fn print(text: impl std::fmt::Display) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Prints on standard error.
pub(crate) fn complain(text: impl std::fmt::Display) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Shows one run; true when it holds.
pub(crate) fn show(outcome: &Outcome) -> bool {
    let rows: Vec<Vec<String>> = rows(outcome)
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    print(table(&["what", "value"], &rows));
    for warning in outcome.warnings() {
        complain(format!("warning: {warning}"));
    }
    let faults = outcome.faults();
    for fault in &faults {
        complain(format!("failed: {fault}"));
    }
    faults.is_empty()
}

type Row = (&'static str, String);

fn rows(outcome: &Outcome) -> Vec<Row> {
    let mut rows = delivery_rows(outcome);
    rows.extend(form_rows(outcome));
    rows.extend(server_rows(outcome));
    rows.push((
        "load generator cores",
        format!("{:.2}", outcome.client_cores),
    ));
    rows.extend(slow_rows(outcome));
    rows
}

/// What arrived, and when.
fn delivery_rows(outcome: &Outcome) -> Vec<Row> {
    let share = 100.0 * outcome.delivered as f64 / (outcome.expected as f64).max(1.0);
    let latency = outcome.latency_us;
    vec![
        (
            "frames delivered of expected",
            format!(
                "{} of {} ({share:.2} %)",
                outcome.delivered, outcome.expected
            ),
        ),
        ("conflated", outcome.conflated.to_string()),
        ("lost", outcome.lost.to_string()),
        ("wrong", outcome.violations.to_string()),
        (
            "delivered a second",
            format!("{:.0}", outcome.window_delivered as f64 / outcome.window_s),
        ),
        (
            "latency p50 / p90 / p99 / p99.9 / max",
            format!(
                "{} / {} / {} / {} / {} us",
                latency.p50, latency.p90, latency.p99, latency.p999, latency.max
            ),
        ),
        (
            "a viewer's frames, least / most",
            format!(
                "{} / {}",
                outcome.viewer_delivered_min, outcome.viewer_delivered_max
            ),
        ),
        (
            "a viewer's p99, best / worst",
            format!(
                "{} / {} us",
                outcome.viewer_p99_us_min, outcome.viewer_p99_us_max
            ),
        ),
    ]
}

/// In which form it arrived, where that was not plain frames.
fn form_rows(outcome: &Outcome) -> Vec<Row> {
    let mut rows = Vec::new();
    if outcome.batches > 0 {
        let share = 100.0 * outcome.batch_bytes as f64 / outcome.batch_original_bytes as f64;
        rows.push((
            "compressed batches, size",
            format!("{}, {share:.1} % of their frames", outcome.batches),
        ));
        rows.push(("of them inflated", outcome.inflations.to_string()));
    }
    if outcome.tick_infos > 0 {
        rows.push((
            "tick numbers, ticks left out",
            format!("{}, {}", outcome.tick_infos, outcome.ticks_skipped),
        ));
    }
    rows
}

/// What it cost the server, as far as its process is known.
fn server_rows(outcome: &Outcome) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
    let cpu_us = outcome.server_cpu_us_per_delivered;
    add(
        "server CPU per delivered frame",
        cpu_us.map(|us| format!("{us:.3} us")),
    );
    add(
        "server CPU per GB",
        outcome.server_cpu_s_per_gb.map(|s| format!("{s:.3} s")),
    );
    add(
        "server cores",
        outcome.server_cores.map(|cores| format!("{cores:.2}")),
    );
    let user = outcome.server_user_share;
    add(
        "server user share of CPU",
        user.map(|user| format!("{:.1} %", 100.0 * user)),
    );
    let kilobytes = |bytes: u64| format!("{} kB", bytes / 1000);
    let grown = outcome.server_rss_start_bytes.zip(outcome.server_rss_bytes);
    let memory = grown.map(|(from, to)| format!("{} to {}", kilobytes(from), kilobytes(to)));
    add("server memory in the window", memory);
    add(
        "server memory at most",
        outcome.server_rss_max_bytes.map(kilobytes),
    );
    let each = outcome.rss_per_connection_bytes;
    add(
        "server memory per connection",
        each.map(|bytes| format!("{bytes} B")),
    );
    rows
}

/// What viewers that stopped reading saw when they went on.
fn slow_rows(outcome: &Outcome) -> Vec<Row> {
    let mut rows = Vec::new();
    for slow in &outcome.slow {
        let older = slow
            .older_bytes
            .map_or("-".to_owned(), |bytes| format!("{bytes} B"));
        let age = slow
            .state_age_us
            .map_or("-".to_owned(), |us| format!("{us} us"));
        let state = slow.closed.as_deref().unwrap_or("open");
        rows.push((
            "stalled: older bytes, state's age",
            format!("{older}, {age}, {state}"),
        ));
    }
    rows
}
