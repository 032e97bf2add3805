//! Proves that `fill` makes what it says, notices when a server acknowledges and forgets, and that
//! `pages` refuses pages that are not whole.

#![allow(clippy::unwrap_used)] // a test ends where it fails

#[path = "fake/http.rs"]
mod http;

use std::collections::HashMap;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use http::{Request, answer, listen, read_request};
use serde_json::{Value, json};

/// What the server does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// One task that was acknowledged is not there.
    Forget,
    /// The last task is missing on its page.
    Shorten,
    /// Every fiftieth registration is refused.
    Refuse,
}

/// How many of each there are.
type Rows = HashMap<&'static str, u64>;

fn start(mistake: Mistake) -> (String, Arc<Mutex<Rows>>) {
    let rows = Arc::new(Mutex::new(Rows::new()));
    let kept = Arc::clone(&rows);
    let url = listen(move |mut connection| {
        while let Some(request) = read_request(&mut connection) {
            let (status, body) = serve(&request, &mut rows.lock().unwrap(), mistake);
            answer(&mut connection, status, &body.to_string());
        }
    });
    (url, kept)
}

fn serve(request: &Request, rows: &mut Rows, mistake: Mistake) -> (u16, Value) {
    let target = request.target.strip_prefix("/api/v1/").unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut add = |name| {
        *rows.entry("events").or_default() += 1;
        let count = rows.entry(name).or_default();
        *count += 1;
        *count
    };
    match (request.method.as_str(), path) {
        ("POST", "agents/register") => {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            assert!(body["capabilities"].is_array() && body["type"].is_string());
            let is_refused = mistake == Mistake::Refuse && add("agents").is_multiple_of(50);
            if mistake != Mistake::Refuse {
                add("agents");
            }
            (if is_refused { 409 } else { 201 }, json!({}))
        }
        ("POST", "tasks") => (201, json!({"id": format!("t{}", add("tasks"))})),
        ("POST", "workflows") => {
            let id = format!("w{}", add("workflows"));
            let task_id = format!("t{}", add("tasks"));
            (201, json!({"id": id, "stages": [{"task_id": task_id}]}))
        }
        ("POST", "events") => {
            *rows.entry("events").or_default() += 1;
            (202, json!({"sequence": rows["events"]}))
        }
        ("GET", "events") => (200, events(query, rows)),
        ("GET", name) => (200, page(name, query, rows, mistake)),
        _ => (200, json!({})),
    }
}

fn number(query: &str, name: &str) -> Option<u64> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    value.parse().ok()
}

fn events(query: &str, rows: &Rows) -> Value {
    let head = rows.get("events").copied().unwrap_or(0);
    let (after, limit) = (
        number(query, "after").unwrap(),
        number(query, "limit").unwrap(),
    );
    let events: Vec<u64> = (after + 1..=head).take(limit as usize).collect();
    json!({"events": events, "head": head})
}

fn page(name: &str, query: &str, rows: &Rows, mistake: Mistake) -> Value {
    let mut total = rows.get(name).copied().unwrap_or(0);
    total -= u64::from(mistake == Mistake::Forget && name == "tasks" && total > 0);
    let limit = number(query, "limit").unwrap();
    let first = (number(query, "page").unwrap_or(1) - 1) * limit;
    let shown = total - u64::from(mistake == Mistake::Shorten && name == "tasks" && total > 0);
    let entries: Vec<Value> = (first..shown.min(first + limit))
        .map(|at| json!({"id": format!("{name}-{at}")}))
        .collect();
    json!({name: entries, "pagination": {"total": total}})
}

fn run(command: &str, url: &str, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_agnt-load"))
        .args([command, "--url", url])
        .args(options)
        .output()
        .unwrap()
}

const FEW: [&str; 10] = [
    "--agents",
    "100",
    "--tasks",
    "60",
    "--workflows",
    "20",
    "--events",
    "30",
    "--connections",
    "4",
];

#[test]
fn a_server_is_filled_and_its_pages_are_read() {
    let (url, rows) = start(Mistake::None);
    let output = run("fill", &url, &FEW);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let made = |name| rows.lock().unwrap()[name];
    // Each workflow has a task.
    let counts = ["agents", "tasks", "workflows"].map(made);
    assert_eq!(counts, [100, 60 + 20, 20]);
    let output = run("pages", &url, &["--samples", "5"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("tasks status=timeout"), "{table}");
    assert!(table.contains("events topic=load.>"), "{table}");
}

#[test]
fn what_was_acknowledged_and_is_not_there_is_noticed() {
    let (url, _) = start(Mistake::Forget);
    let output = run("fill", &url, &FEW);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("tasks: 0, then 80 were made, now 79"),
        "{said}"
    );
}

#[test]
fn a_refusal_ends_it_with_what_was_asked() {
    let (url, _) = start(Mistake::Refuse);
    let output = run("fill", &url, &FEW);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("/api/v1/agents/register was answered 409"),
        "{said}"
    );
}

#[test]
fn a_page_that_is_not_whole_is_refused() {
    let (url, _) = start(Mistake::Shorten);
    assert!(run("fill", &url, &FEW).status.success());
    let output = run("pages", &url, &["--samples", "40"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("was answered 200 with 19 entries"), "{said}");
}

#[test]
fn a_server_with_nothing_has_nothing_to_read() {
    let (url, _) = start(Mistake::None);
    let output = run("pages", &url, &["--samples", "1"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("nothing to read"), "{said}");
}
