//! Proves conformance by an independent suite: the 517 Autobahn cases as kosoku runs them,
//! against the echo path that exists for it.
//!
//! None may fail. 6.4.3 and 6.4.4 may be NON-STRICT: they want UTF-8 judged within a frame that
//! is half received, and the server judges whole frames. 12 and 13 are permessage-deflate, which
//! is declined. Close codes, which the suite doesn't insist on, are held by `rfc6455`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::server::TestServer;

const INSTALL: &str = "the suite is missing: 'tests/run' installs it, or 'pip install \
     kosoku==0.1.0' and put 'kosoku' on the PATH or its path into AGNT_KOSOKU";

const CASES: usize = 517;

/// What `Command` is to start.
fn program() -> PathBuf {
    std::env::var_os("AGNT_KOSOKU").map_or_else(|| PathBuf::from("kosoku"), PathBuf::from)
}

/// What a case may come to.
fn is_allowed(case: &str, behaviour: &str) -> bool {
    match behaviour {
        "OK" | "INFORMATIONAL" => true,
        "NON-STRICT" => matches!(case, "6.4.3" | "6.4.4"),
        "UNIMPLEMENTED" => case.starts_with("12.") || case.starts_with("13."),
        _ => false,
    }
}

#[test]
fn the_independent_suite_finds_no_failure() {
    let server = TestServer::with(|config| config.echo_path = true);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rfc6455-suite");
    // A report of an earlier run must not stand in for this one's.
    let _ = std::fs::remove_dir_all(&out);
    let target = format!("{}/test/echo", server.address);
    let run = Command::new(program())
        .args(["-m", "fuzzingclient", "-p", "8", "-o"])
        .arg(&out)
        .arg(&target)
        .stdin(Stdio::null())
        .output();
    let run = run.unwrap_or_else(|error| panic!("{error}; {INSTALL}"));
    let index = std::fs::read(out.join("index.json")).unwrap_or_else(|error| {
        let said = String::from_utf8_lossy(&run.stderr);
        panic!("no report: {error}; {said}\n{INSTALL}")
    });
    let index: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_slice(&index).unwrap();
    let cases = index.values().next().unwrap();
    assert_eq!(cases.len(), CASES, "the suite is whole");
    let behaviour = |about: &Value, key: &str| about[key].as_str().unwrap_or("?").to_owned();
    let bad: Vec<String> = cases
        .iter()
        .filter(|(case, about)| {
            !is_allowed(case, &behaviour(about, "behavior"))
                || behaviour(about, "behaviorClose") == "FAILED"
        })
        .map(|(case, about)| format!("{case}: {about}"))
        .collect();
    assert!(bad.is_empty(), "{} cases:\n{}", bad.len(), bad.join("\n"));
}
