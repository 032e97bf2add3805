//! Proves that a request that takes long is judged by its credentials until its end: a body that is
//! slow to come changes nothing once they were revoked, a stream of events ends though nothing happens,
//! and an answer that was waited for is not given.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::http;
use crate::support::rest::Rest;
use crate::support::server::TestServer;
use crate::support::{PATIENCE, eventually};

const WORKFLOW: &str = "/api/v1/workflows?wait=true";

/// A server's first key, which may do all, and another one: its id and itself.
fn keys(server: &TestServer) -> (Rest, String, String) {
    let (_, admin) = key(&mut Rest::to(server.address), &["admin"]);
    let mut admin = Rest::with_key(server.address, &admin);
    let (id, text) = key(&mut admin, &["admin", "read", "agents", "tasks"]);
    (admin, id, text)
}

fn key(rest: &mut Rest, scopes: &[&str]) -> (String, String) {
    let body = json!({"name": "test", "scopes": scopes});
    let made = rest.expect(201, "POST", "/admin/keys", Some(&body));
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

/// A request of which the last byte is still to come, and that byte.
fn begin(
    address: SocketAddr,
    target: &str,
    key: Option<&str>,
    body: &Value,
) -> (TcpStream, String) {
    let mut body = body.to_string();
    let length = body.len();
    let last = body.pop().unwrap().to_string();
    let key = key
        .map(|key| format!("X-API-Key: {key}\r\n"))
        .unwrap_or_default();
    let mut socket = http::open(address);
    let text = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{key}\
         Content-Length: {length}\r\n\r\n{body}"
    );
    socket.write_all(text.as_bytes()).unwrap();
    (socket, last)
}

fn under_way(server: &TestServer, key: &str, count: u32) {
    eventually("it is under way", || {
        let mut rest = Rest::with_key(server.address, key);
        let told = rest.exchange("GET", "/metrics", "", None);
        let sample = format!("\nagnt_requests_under_way {count}\n");
        told.text().contains(&sample).then_some(())
    });
}

#[test]
fn a_slow_body_of_a_revoked_key_changes_nothing() {
    let server = TestServer::start();
    let (mut admin, id, key) = keys(&server);
    let slow = [
        ("/admin/keys", json!({"name": "kept", "scopes": ["admin"]})),
        (
            "/admin/clients",
            json!({"client_id": "kept", "scopes": ["admin"]}),
        ),
        (
            "/v1/agents",
            json!({"agent_id": "kept", "capabilities": ["x"]}),
        ),
        ("/api/v1/tasks", json!({"type": "kept", "payload": {}})),
    ];
    let begun: Vec<_> = slow
        .iter()
        .map(|(target, body)| (target, begin(server.address, target, Some(&key), body)))
        .collect();
    under_way(&server, admin.headers["X-API-Key: ".len()..].trim(), 4);
    admin.expect(200, "DELETE", &format!("/admin/keys/{id}"), None);
    for (target, (mut socket, last)) in begun {
        let (answer, _) = http::exchange(&mut socket, &last);
        assert_eq!(answer.status, 401, "{target}: {}", answer.text());
        assert!(answer.header("www-authenticate").is_some(), "{target}");
    }
    for path in ["/admin/keys", "/admin/clients", "/v1/agents", "/v1/tasks"] {
        let listed = admin.expect(200, "GET", path, None).to_string();
        assert!(!listed.contains("kept"), "{path}: {listed}");
    }
}

#[test]
fn nobody_in_particular_makes_no_key_once_there_is_one() {
    let server = TestServer::start();
    let body = json!({"name": "kept", "scopes": ["admin"]});
    let (mut socket, last) = begin(server.address, "/admin/keys", None, &body);
    eventually("it is under way", || {
        (server.metric("agnt_requests_under_way") as u32 == 1).then_some(())
    });
    let (mut admin, ..) = keys(&server);
    let (answer, _) = http::exchange(&mut socket, &last);
    assert_eq!(answer.status, 401, "{}", answer.text());
    let listed = admin.expect(200, "GET", "/admin/keys", None).to_string();
    assert!(!listed.contains("kept"), "{listed}");
}

/// Reads until the server ends the connection or the answer.
fn until_end(mut socket: TcpStream) -> String {
    let mut text = Vec::new();
    let mut part = [0; 4096];
    while !text.ends_with(b"\r\n0\r\n\r\n") {
        match socket.read(&mut part).unwrap() {
            0 => break,
            count => text.extend_from_slice(&part[..count]),
        }
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn idle_streams_of_events_end_with_what_they_came_in_by() {
    let server = TestServer::start();
    let listen = |key: Option<&str>| {
        let key = key
            .map(|key| format!("X-API-Key: {key}\r\n"))
            .unwrap_or_default();
        let mut socket = http::open(server.address);
        let text = format!(
            "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{key}\r\n"
        );
        socket.write_all(text.as_bytes()).unwrap();
        let mut first = [0; 12];
        socket.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        thread::spawn(move || {
            let text = until_end(socket);
            (text, Instant::now())
        })
    };
    let open_to_all = listen(None);
    let (mut admin, id, key) = keys(&server);
    let closed = Instant::now();
    let by_key = listen(Some(&key));
    let (_, end) = open_to_all.join().unwrap();
    assert!(end < closed + PATIENCE, "{:?}", end - closed);
    admin.expect(200, "DELETE", &format!("/admin/keys/{id}"), None);
    let revoked = Instant::now();
    let (_, end) = by_key.join().unwrap();
    assert!(end < revoked + PATIENCE, "{:?}", end - revoked);
}

#[test]
fn an_answer_that_was_waited_for_is_not_given_to_who_may_not_ask_any_more() {
    let server = TestServer::start();
    let (mut admin, id, key) = keys(&server);
    let admin_key = admin.headers["X-API-Key: ".len()..].trim().to_owned();
    let mut both = Rest::with_key(server.address, &key);
    let agent = json!({"id": "worker", "type": "worker", "capabilities": ["work"]});
    both.expect(201, "POST", "/api/v1/agents", Some(&agent));
    let stage = json!({"name": "only", "agent_type": "worker"});
    let workflow = json!({"id": "slow", "stages": [stage], "timeout": 60});
    let mut asker = Rest::with_key(server.address, &key);
    let waiting = thread::spawn(move || asker.ask("POST", WORKFLOW, Some(&workflow)));
    under_way(&server, &admin_key, 1);
    let began = Instant::now();
    admin.expect(200, "DELETE", &format!("/admin/keys/{id}"), None);
    let (status, body) = waiting.join().unwrap();
    assert_eq!(status, 401, "{body}");
    assert!(began.elapsed() < PATIENCE, "{body}");
}
