//! A server killed without a warning and started again over the same store.

use std::path::Path;

use serde::Serialize;

use super::census::Census;
use super::program::{Program, Start};
use crate::failure::{Context, Result};

/// What the restart came to.
#[derive(Debug, Serialize)]
pub(crate) struct Restart {
    /// Bytes of the store.
    store_bytes: u64,
    /// Memory before the kill.
    rss_before_bytes: u64,
    /// Memory after the start.
    rss_bytes: u64,
    /// How it started.
    start: Start,
    /// What was there before.
    before: Census,
    /// What is there afterwards.
    after: Census,
}

/// Kills the server, which keeps its store in `folder`, and starts it again with the same arguments.
pub(crate) fn restart(
    server: Program,
    program: &Path,
    arguments: &[String],
    folder: &Path,
) -> Result<Restart> {
    let before = Census::take(server.origin())?;
    let rss_before_bytes = server.usage().rss_bytes()?;
    server.kill()?;
    let store_bytes = folder_bytes(folder)?;
    let (server, start) = Program::start(program, arguments)?;
    Ok(Restart {
        store_bytes,
        rss_before_bytes,
        rss_bytes: server.usage().rss_bytes()?,
        start,
        before,
        after: Census::take(server.origin())?,
    })
}

/// Bytes of all files in a folder.
fn folder_bytes(folder: &Path) -> Result<u64> {
    let entries = folder.read_dir().context(folder.display())?;
    let bytes = |entry: std::io::Result<std::fs::DirEntry>| Ok(entry?.metadata()?.len());
    let sum: std::io::Result<u64> = entries.map(bytes).sum();
    sum.context(folder.display())
}

impl Restart {
    /// The rows of the table.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let megabytes = |bytes: u64| format!("{} MB", bytes / 1_000_000);
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let Start {
            ready_s,
            unready_answers,
        } = self.start;
        let s_per_gb = ready_s / (self.store_bytes as f64 / 1e9);
        let start = format!("{ready_s:.2} s, {s_per_gb:.2} s/GB");
        vec![
            row("store", megabytes(self.store_bytes)),
            row("memory", megabytes(self.rss_before_bytes)),
            row("memory after a start", megabytes(self.rss_bytes)),
            row("start after kill -9", start),
            row(
                "/readyz answered 503 meanwhile",
                format!("{unready_answers} times"),
            ),
        ]
    }

    /// What doesn't hold.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let (before, after) = (self.before, self.after);
        if before != after {
            complaints.push(format!("before the kill {before:?}, afterwards {after:?}"));
        }
        if self.start.unready_answers == 0 {
            complaints.push("/readyz was never 503 while the store was opened".to_owned());
        }
        complaints
    }
}
