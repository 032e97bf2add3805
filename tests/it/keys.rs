//! Proves that the first API key ends that everyone may do everything, at once and also for
//! connections that are open; that a key allows what its scopes say and nothing after its end; and
//! that keys survive a restart.

use serde_json::{Value, json};

use crate::support::http;
use crate::support::program::Program;
use crate::support::rest::Rest;
use crate::support::server::TestServer;
use crate::support::ws::Client;

fn make_key(rest: &mut Rest, scopes: &[&str]) -> (String, String) {
    let body = json!({"name": "test", "scopes": scopes});
    let made = rest.expect(201, "POST", "/admin/keys", Some(&body));
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn error_code(body: &Value) -> &Value {
    body.get("error_code").unwrap_or(&body["error"]["code"])
}

#[test]
fn the_first_key_closes_the_server_for_open_connections_too() {
    let server = TestServer::start();
    let mut open = Rest::to(server.address);
    open.expect(200, "GET", "/v1/agents", None);
    let mut operator = Rest::to(server.address);
    let (_, admin) = make_key(&mut operator, &["admin"]);
    for (target, code) in [
        ("/v1/agents", "UNAUTHORIZED"),
        ("/api/v1/agents", "AUTHENTICATION_FAILED"),
        ("/admin/keys", "UNAUTHORIZED"),
    ] {
        let answer = open.exchange("GET", target, "", None);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, error_code(&body)),
            (401, &json!(code)),
            "{target}"
        );
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .starts_with("Bearer")
        );
        assert!(answer.header("x-ratelimit-remaining").is_some());
    }
    assert_eq!(http::get(server.address, "/metrics").status, 401);
    for target in [
        "/",
        "/healthz",
        "/readyz",
        "/openapi/v1.json",
        "/asyncapi.json",
        "/docs/",
    ] {
        assert_eq!(http::get(server.address, target).status, 200, "{target}");
    }
    Rest::with_key(server.address, &admin).expect(200, "GET", "/v1/agents", None);
    let mut bearer = Rest::to(server.address);
    bearer.headers = format!("Authorization: Bearer {admin}\r\n");
    bearer.expect(200, "GET", "/api/v1/agents", None);
    let mut wrong = Rest::with_key(server.address, "agnt_wrong");
    let (status, body) = wrong.ask("GET", "/v1/agents", None);
    assert_eq!(
        (status, &body["message"]),
        (401, &json!("Invalid authentication token"))
    );
    let (status, body) = open.ask("GET", "/v1/agents", None);
    assert_eq!(
        (status, &body["message"]),
        (401, &json!("Missing authentication token"))
    );
}

#[test]
fn a_key_allows_what_its_scopes_say() {
    let server = TestServer::start();
    let (_, admin) = make_key(&mut Rest::to(server.address), &["admin"]);
    let mut admin = Rest::with_key(server.address, &admin);
    let agent = json!({"agent_id": "a1", "capabilities": ["x"]});
    let task = json!({"type": "analysis"});
    let event = json!({"topic": "news", "data": 1});
    let command = json!({"command_type": "pause"});
    let requests: [(&str, &str, &str, Option<&Value>); 6] = [
        ("read", "GET", "/v1/tasks", None),
        ("agents", "POST", "/v1/agents", Some(&agent)),
        ("control", "POST", "/v1/agents/a1/commands", Some(&command)),
        ("tasks", "POST", "/v1/tasks", Some(&task)),
        ("publish", "POST", "/v1/events", Some(&event)),
        ("metrics", "GET", "/api/v1/metrics", None),
    ];
    for (own, ..) in requests {
        let (_, key) = make_key(&mut admin, &[own]);
        let mut rest = Rest::with_key(server.address, &key);
        for (needed, method, target, body) in &requests {
            let (status, answer) = rest.ask(method, target, *body);
            let is_forbidden = status == 403;
            assert_eq!(
                is_forbidden,
                *needed != own,
                "{own}: {method} {target}: {answer}"
            );
            if is_forbidden {
                assert_eq!(error_code(&answer), "FORBIDDEN");
            }
        }
        assert_eq!(rest.ask("GET", "/admin/keys", None).0, 403);
        let prometheus = rest.exchange("GET", "/metrics", "", None).status;
        assert_eq!(prometheus, if own == "metrics" { 200 } else { 403 });
    }
}

#[test]
fn a_revoked_key_ends_at_once_and_the_server_stays_closed() {
    let server = TestServer::start();
    let (id, key) = make_key(&mut Rest::to(server.address), &["admin"]);
    let mut rest = Rest::with_key(server.address, &key);
    let mut kept = Rest::with_key(server.address, &key);
    kept.expect(200, "GET", "/v1/agents", None);
    let listed = rest.expect(200, "GET", "/admin/keys", None);
    assert_eq!(listed["keys"][0]["id"], *id);
    assert!(!listed.to_string().contains(&key), "{listed}");
    let target = format!("/admin/keys/{id}");
    let ended = rest.expect(200, "DELETE", &target, None);
    assert!(ended["revoked_at"].is_string(), "{ended}");
    assert_eq!(kept.ask("GET", "/v1/agents", None).0, 401);
    assert_eq!(
        Rest::to(server.address).ask("GET", "/v1/agents", None).0,
        401
    );
}

#[test]
fn a_socket_with_bad_credentials_is_401_before_it_is_one() {
    let server = TestServer::start();
    let (_, key) = make_key(&mut Rest::to(server.address), &["admin"]);
    let open = |key: &str| {
        let target = "/api/visualisation/agents/ws?protocols=binary";
        let header = format!("X-API-Key: {key}\r\n");
        Client::try_upgrade(http::open(server.address), target, &header, &[])
    };
    let refused = open("agnt_wrong").err().map(|answer| answer.status);
    assert_eq!(refused, Some(401));
    assert!(open(&key).is_ok());
}

#[test]
fn keys_are_made_and_ended_from_the_command_line_and_survive() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let agnt = |args: &[&str]| {
        let ended = Program::start(args).wait();
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        ended.stdout
    };
    let key = agnt(&[
        "key",
        "create",
        "--name",
        "ops",
        "--scopes",
        "admin",
        "--data-dir",
        data,
    ]);
    let key = key.trim_end();
    let (program, address) = Program::serve(&["--data-dir", data]);
    let url = format!("http://{address}");
    assert_eq!(Rest::to(address).ask("GET", "/v1/agents", None).0, 401);
    let asked = ["--url", &url, "--key", key];
    let second = ["key", "create", "--name", "ci", "--scopes", "read,tasks"];
    let second = agnt(&[&second[..], &asked].concat());
    Rest::with_key(address, second.trim_end()).expect(200, "GET", "/v1/tasks", None);
    let listed = agnt(&[&["key", "list"][..], &asked].concat());
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let row = listed
        .lines()
        .find(|line| line.contains("read,tasks"))
        .unwrap();
    let id = row.split_whitespace().next().unwrap();
    agnt(&[&["key", "revoke", id][..], &asked].concat());
    let used = Program::start(&["key", "list", "--data-dir", data]).wait();
    assert_eq!(used.code, Some(1));
    assert!(used.stderr.contains("--url"), "{}", used.stderr);
    program.crash();
    let (_program, address) = Program::serve(&["--data-dir", data]);
    assert_eq!(
        Rest::with_key(address, second.trim_end())
            .ask("GET", "/v1/tasks", None)
            .0,
        401
    );
    Rest::with_key(address, key).expect(200, "GET", "/v1/tasks", None);
}

#[test]
fn who_is_connected_is_told_to_operators_alone() {
    let server = TestServer::start();
    let (_, admin) = make_key(&mut Rest::to(server.address), &["admin"]);
    let target = "/api/visualisation/agents/ws?protocols=binary&role=viewer";
    let header = format!("X-API-Key: {admin}\r\n");
    let mut viewer = Client::upgrade(http::open(server.address), target, &header, &[]);
    viewer.settle();
    let mut operator = Rest::with_key(server.address, &admin);
    let told = operator.expect(200, "GET", "/admin/connections", None);
    let connections = told["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 1, "{told}");
    let one = &connections[0];
    assert_eq!(one["protocols"], json!(["binary"]));
    assert!(
        one["connected_at"].as_str().unwrap().ends_with('Z'),
        "{one}"
    );
    assert!(one["bytes_out"].as_u64().unwrap() > 0, "{one}");
    let (_, reader) = make_key(&mut operator, &["read"]);
    let mut reader = Rest::with_key(server.address, &reader);
    assert_eq!(reader.ask("GET", "/admin/connections", None).0, 403);
    for (target, allowed) in [
        ("/admin/connections", "GET, HEAD"),
        ("/admin/keys", "GET, HEAD, POST"),
        ("/admin/keys/x", "DELETE"),
        ("/admin/backup", "POST"),
    ] {
        let answer = operator.exchange("PUT", target, "", None);
        assert_eq!(answer.status, 405, "{target}");
        assert_eq!(answer.header("allow"), Some(allowed), "{target}");
    }
}

#[test]
fn the_sockets_of_both_documents_are_refused_in_their_dialect() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    for (target, status, code) in [
        ("/v1/ws", 426, "UPGRADE_REQUIRED"),
        ("/ws", 426, "UPGRADE_REQUIRED"),
        ("/api/v1/ws", 426, "UPGRADE_REQUIRED"),
        ("/v1/ws?protocol=nothing", 400, "BAD_REQUEST"),
        ("/api/v1/ws?agent_id=a%20b", 400, "BAD_REQUEST"),
    ] {
        // What is no request for a socket ends its connection.
        let (got, body) = Rest::to(server.address).ask("GET", target, None);
        assert_eq!(
            (got, error_code(&body)),
            (status, &json!(code)),
            "{target}: {body}"
        );
    }
    let mut posting = Rest::to(server.address);
    let answer = posting.exchange("POST", "/v1/ws", "Content-Length: 0\r\n", None);
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")));
    make_key(&mut rest, &["admin"]);
    for target in ["/v1/ws", "/api/v1/ws?agent_id=a%20b"] {
        let (status, _) = Rest::to(server.address).ask("GET", target, None);
        assert_eq!(status, 401, "{target}");
    }
}

#[test]
fn sockets_and_streams_end_with_what_they_came_in_by() {
    let server = TestServer::start();
    let subscription = json!({"subscription": {"topics": ["agent.*"]}}).to_string();
    let listen = |header: &str| {
        let socket = http::open(server.address);
        let mut client = Client::upgrade(socket, "/api/v1/ws", header, &[]);
        client.send_text(&subscription);
        assert!(client.json().get("subscribed").is_some());
        client
    };
    let mut register = {
        let mut count = 0;
        move |rest: &mut Rest| {
            count += 1;
            let agent = json!({"agent_id": format!("a{count}"), "capabilities": ["x"]});
            rest.expect(201, "POST", "/v1/agents", Some(&agent));
        }
    };
    let mut nobody = listen("");
    let mut stream = Rest::to(server.address).stream("/api/v1/events?after=0", "");
    let (_, admin) = make_key(&mut Rest::to(server.address), &["admin"]);
    let mut admin = Rest::with_key(server.address, &admin);
    register(&mut admin);
    let (told, code, _) = nobody.until_close();
    assert_eq!((told.len(), code), (0, 4401));
    assert!(stream.next().is_none());

    let (id, key) = make_key(&mut admin, &["read"]);
    let mut reader = listen(&format!("X-API-Key: {key}\r\n"));
    let mut stream = Rest::with_key(server.address, &key).stream("/api/v1/events?after=0", "");
    assert!(stream.next().is_some());
    admin.expect(200, "DELETE", &format!("/admin/keys/{id}"), None);
    register(&mut admin);
    let (told, code, _) = reader.until_close();
    assert_eq!((told.len(), code), (0, 4401));
    assert!(stream.next().is_none());
}

#[test]
fn a_key_of_any_use_over_a_socket_opens_one_and_does_no_more_than_it_may() {
    let server = TestServer::start();
    let (_, admin) = make_key(&mut Rest::to(server.address), &["admin"]);
    let mut admin = Rest::with_key(server.address, &admin);
    let publication = json!({"publication": {"id": "m", "topic": "news", "data": 1}}).to_string();
    for (scope, is_told) in [("publish", "published"), ("tasks", "error")] {
        let (_, key) = make_key(&mut admin, &[scope]);
        let header = format!("X-API-Key: {key}\r\n");
        let mut client = Client::upgrade(http::open(server.address), "/api/v1/ws", &header, &[]);
        client.send_text(&publication);
        let told = client.json();
        assert!(told.get(is_told).is_some(), "{scope}: {told}");
    }
    let (_, key) = make_key(&mut admin, &["metrics"]);
    let header = format!("X-API-Key: {key}\r\n");
    let refused = Client::try_upgrade(http::open(server.address), "/api/v1/ws", &header, &[]);
    assert_eq!(refused.err().map(|answer| answer.status), Some(403));
}
