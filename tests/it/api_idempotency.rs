//! Proves that a request which is sent twice under one Idempotency-Key is done once, also across a
//! restart and a crash, and that a key belongs to one request of one client.

use serde_json::{Value, json};

use crate::support::program::Program;
use crate::support::rest::Rest;

fn create(rest: &mut Rest, key: &str, body: &Value) -> (u16, Value) {
    let header = format!("Idempotency-Key: {key}\r\n");
    let answer = rest.exchange("POST", "/v1/tasks", &header, Some(body));
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[test]
fn the_same_request_is_done_once_even_if_the_server_crashed_between() {
    let data = tempfile::tempdir().unwrap();
    let args = ["--data-dir", data.path().to_str().unwrap()];
    let (program, address) = Program::serve(&args);
    let mut rest = Rest::to(address);
    let body = json!({"type": "analysis", "task_data": {"x": 1}});
    let first = create(&mut rest, "key-1", &body);
    assert_eq!(first.0, 201, "{}", first.1);
    assert_eq!(create(&mut rest, "key-1", &body), first);
    program.crash();

    let (program, address) = Program::serve(&args);
    let mut rest = Rest::to(address);
    assert_eq!(create(&mut rest, "key-1", &body), first);
    let (status, other) = create(&mut rest, "key-1", &json!({"type": "synthesis"}));
    assert_eq!(
        (status, &other["error_code"]),
        (409, &json!("CONFLICT")),
        "{other}"
    );
    let second = create(&mut rest, "key-2", &body);
    assert_eq!(second.0, 201);
    assert_ne!(second.1["task_id"], first.1["task_id"]);
    let listed = rest.expect(200, "GET", "/v1/tasks", None);
    assert_eq!(listed["pagination"]["total"], 2);
    let long = "k".repeat(256);
    assert_eq!(create(&mut rest, &long, &body).0, 400);
    program.signal("TERM");
    assert_eq!(program.wait().code, Some(0));
}
