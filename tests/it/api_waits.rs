//! Proves that requests which wait are answered when what they wait for happens, when their time is
//! over, and when the server stops; and that nothing is left of those whose client went.

use std::net::SocketAddr;
use std::thread;

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::http;
use crate::support::program::Program;
use crate::support::rest::Rest;
use crate::support::server::TestServer;

const WORKFLOW: &str = "/api/v1/workflows?wait=true";

fn workflow(id: &str) -> Value {
    json!({"id": id, "stages": [{"name": "only", "agent_type": "worker"}], "timeout": 60})
}

fn with_worker(address: SocketAddr) -> Rest {
    let mut rest = Rest::to(address);
    let agent = json!({"id": "worker-1", "type": "worker", "capabilities": ["work"]});
    rest.expect(201, "POST", "/api/v1/agents", Some(&agent));
    rest
}

/// Ends the only task of the workflow with this status, as soon as it is there.
fn finish(rest: &mut Rest, id: &str, status: &str) {
    let target = format!("/api/v1/tasks?workflow_id={id}");
    let task = eventually("the stage's task is there", || {
        let listed = rest.expect(200, "GET", &target, None);
        listed["tasks"][0]["id"].as_str().map(str::to_owned)
    });
    let target = format!("/api/v1/tasks/{task}");
    let claim = json!({"status": "running", "agent_id": "worker-1"});
    rest.expect(200, "PATCH", &target, Some(&claim));
    let mut end = json!({"status": status});
    if status == "failed" {
        end["error"] = json!("no");
    }
    rest.expect(200, "PATCH", &target, Some(&end));
}

#[test]
fn a_workflow_is_waited_for_to_its_end_whichever_it_is() {
    let server = TestServer::start();
    let mut worker = with_worker(server.address);
    for (id, end, status) in [("good", "completed", 200), ("bad", "failed", 500)] {
        let mut asker = Rest::to(server.address);
        let waiting = thread::spawn(move || asker.ask("POST", WORKFLOW, Some(&workflow(id))));
        finish(&mut worker, id, end);
        let (got, body) = waiting.join().unwrap();
        assert_eq!(got, status, "{body}");
        if status == 500 {
            assert_eq!(body["error"]["code"], "WORKFLOW_FAILED");
        }
    }
}

#[test]
fn a_wait_that_is_over_is_408_and_the_workflow_goes_on() {
    let server = TestServer::start();
    let mut rest = with_worker(server.address);
    let mut short = workflow("slow");
    short["timeout"] = json!(0.2);
    let (status, body) = rest.ask("POST", WORKFLOW, Some(&short));
    assert_eq!(status, 408, "{body}");
    rest.expect(200, "GET", "/api/v1/workflows/slow", None);
}

#[test]
fn a_request_to_an_agent_that_is_away_is_refused_at_once() {
    let server = TestServer::start();
    let mut rest = with_worker(server.address);
    let body = json!({"type": "generate", "data": {}, "timeout": 30});
    let target = "/api/v1/agents/worker-1/requests";
    let refused = rest.expect(503, "POST", target, Some(&body));
    assert_eq!(refused["error"]["code"], "AGENT_UNAVAILABLE", "{refused}");
}

#[test]
fn a_client_that_goes_leaves_nothing_behind() {
    let server = TestServer::start();
    let mut rest = with_worker(server.address);
    let mut gone = http::open(server.address);
    let body = workflow("left").to_string();
    let head = format!(
        "POST {WORKFLOW} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    std::io::Write::write_all(&mut gone, head.as_bytes()).unwrap();
    let under_way = || server.metric("agnt_requests_under_way") as u32;
    eventually("it waits", || (under_way() == 1).then_some(()));
    drop(gone);
    eventually("it is forgotten", || (under_way() == 0).then_some(()));
    finish(&mut rest, "left", "completed");
}

#[test]
fn a_server_that_stops_answers_those_who_wait_and_keeps_what_it_accepted() {
    let data = tempfile::tempdir().unwrap();
    let args = ["--data-dir", data.path().to_str().unwrap()];
    let (program, address) = Program::serve(&args);
    let mut rest = with_worker(address);
    let mut asker = Rest::to(address);
    let waiting = thread::spawn(move || asker.ask("POST", WORKFLOW, Some(&workflow("kept"))));
    eventually("the workflow is there", || {
        let (status, _) = rest.ask("GET", "/api/v1/workflows/kept", None);
        (status == 200).then_some(())
    });
    program.signal("TERM");
    let (status, body) = waiting.join().unwrap();
    assert_eq!(
        (status, &body["error"]["code"]),
        (503, &json!("SERVICE_UNAVAILABLE")),
        "{body}"
    );
    let ended = program.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (_program, address) = Program::serve(&args);
    let mut rest = Rest::to(address);
    let kept = rest.expect(200, "GET", "/api/v1/workflows/kept", None);
    assert_eq!(kept["status"], "running", "{kept}");
}
