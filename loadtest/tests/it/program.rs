//! Runs the program and reads what it reports.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use serde_json::Value;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_agnt-load");

/// A server of the program; it ends with its standard input, when this is dropped.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Where it listens.
    pub(crate) url: String,
}

impl Server {
    /// Starts `agnt-load COMMAND` on a free port.
    pub(crate) fn start(command: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(command)
            .args(["--listen", "127.0.0.1:0", "--until-stdin-closes"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap();
        let (url, stdin) = (format!("ws://{address}"), child.stdin.take());
        Self { child, stdin, url }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        drop(self.child.wait());
    }
}

/// Runs `agnt-load fanout` for a moment; its output and what it wrote as JSON.
pub(crate) fn fanout(url: &str, options: &[&str]) -> (Output, Value) {
    static RUNS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let run = RUNS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("agnt-load-{}-{run}.json", std::process::id());
    let json = std::env::temp_dir().join(name);
    let output = Command::new(PROGRAM)
        .args([
            "fanout",
            "--url",
            url,
            "--seconds",
            "0.5",
            "--warmup-seconds",
            "0.1",
            "--json",
        ])
        .arg(&json)
        .args(options)
        .output()
        .unwrap();
    let report = std::fs::read(&json)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    drop(std::fs::remove_file(&json));
    (output, report.unwrap_or(Value::Null))
}
