//! Options that can't be meant are refused with a sentence.

use std::process::Command;

use crate::program::PROGRAM;

fn refused(options: &[&str], status: i32, expected: &str) {
    let output = Command::new(PROGRAM).args(options).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{options:?}: {said}");
    assert!(said.contains(expected), "{options:?}: {said}");
}

#[test]
fn a_run_needs_a_server() {
    refused(&["fanout"], 2, "--url");
    refused(
        &["fanout", "--url", "ws://127.0.0.1:1", "--spawn", "x"],
        2,
        "cannot be used",
    );
}

#[test]
fn only_loopback_without_being_told() {
    refused(
        &["fanout", "--url", "ws://192.0.2.1:80"],
        1,
        "--allow-remote",
    );
}

#[test]
fn rates_and_names_are_checked() {
    refused(
        &["fanout", "--url", "ws://127.0.0.1:1", "--hz", "often"],
        2,
        "expected `max`",
    );
    refused(
        &[
            "fanout",
            "--url",
            "ws://127.0.0.1:1",
            "--compression",
            "lzma",
        ],
        2,
        "expected none, zlib",
    );
    refused(
        &["compression", "--spawn", "x", "--viewers", "1,0"],
        2,
        "--viewers",
    );
    refused(&["compression", "--spawn", "/bin/true"], 1, "ready line");
    refused(&["compare", "--cases", "28k"], 1, "28k-100");
    refused(&["compare", "--servers", "agnt"], 1, "--spawn");
    refused(&["compare", "--servers", "nginx"], 1, "axum-tuned");
}
