//! Proves that credentials reach as far as they say: scopes decide who sees and who sends, and tokens and keys
//! for some streams or agents see and change nothing of others, in lists neither.

use serde_json::json;

use crate::support::rest::Rest;
use crate::support::server::PATH;
use crate::support::tokens::{
    ALL, Signed, bearer, claims, good, handshake, operator, server, sign, upgrade,
};
use crate::support::wire::{self, Record};
use crate::support::ws::Message;

#[test]
fn scopes_say_who_sees_and_who_sends() {
    let server = server();
    let open = |scopes: &[&str]| {
        let header = bearer(&good("someone", scopes));
        let mut client = upgrade(&server, PATH, &header).unwrap();
        client.send_text(&json!({"type": "handshake", "capabilities": ["binary"]}).to_string());
        assert_eq!(client.json()["type"], "handshake_ack");
        client.settle();
        client
    };
    let (mut reader, mut sender) = (open(&["read"]), open(&["publish"]));
    let mut both = open(&["read", "publish"]);
    both.send_tick(&[Record::counted(7, 1)]);
    both.settle();
    let has_frame = |heard: &[Message]| heard.iter().any(|it| matches!(it, Message::Binary(_)));
    let mut seen = Vec::new();
    crate::support::eventually("the reader sees the tick", || {
        seen.extend(reader.settle());
        has_frame(&seen).then_some(())
    });
    assert!(
        !has_frame(&sender.settle()),
        "who may not read is shown nothing"
    );
    reader.send_binary(&wire::positions(0, &[Record::counted(8, 1)]));
    let told = reader.settle();
    let is_refused = |heard: &Message| match heard {
        Message::Text(text) => text.contains("AUTH_FAILED") && text.contains("\"scope\""),
        _ => false,
    };
    assert!(told.iter().any(is_refused), "{told:?}");
    for (scopes, role) in [(["publish"], "viewer"), (["read"], "publisher")] {
        let header = bearer(&good("someone", &scopes));
        let mut client = upgrade(&server, PATH, &header).unwrap();
        client.send_text(&handshake(None, role));
        let told = client.json();
        assert_eq!(told["payload"]["details"]["reason"], "scope", "{told}");
        assert_eq!(client.until_close().1, 4403, "{role}");
    }
}

#[test]
fn a_token_for_some_streams_is_for_those() {
    let server = server();
    let mut limited = claims("agent-1", ALL);
    limited["agnt_streams"] = json!(["a"]);
    let header = bearer(&sign(&limited, Signed::Es256));
    for (stream, is_let_in) in [("a", true), ("b", false), ("main", false)] {
        let target = format!("{PATH}?stream={stream}");
        let mut client = upgrade(&server, &target, &header).unwrap();
        client.send_text(&handshake(None, "viewer"));
        let told = client.json();
        assert_eq!(
            told["type"] == "handshake_ack",
            is_let_in,
            "{stream}: {told}"
        );
    }
    let mut rest = Rest::to(server.address);
    rest.headers = header;
    let agent =
        |stream: &str| json!({"agent_id": "agent-1", "capabilities": ["x"], "stream": stream});
    rest.expect(403, "POST", "/v1/agents", Some(&agent("b")));
    rest.expect(201, "POST", "/v1/agents", Some(&agent("a")));
    rest.expect(200, "GET", "/v1/agents/agent-1", None);
    rest.expect(403, "GET", "/v1/events", None);
    let other = json!({"agent_id": "agent-2", "capabilities": ["x"]});
    operator(&server).expect(201, "POST", "/v1/agents", Some(&other));
    rest.expect(403, "GET", "/v1/agents/agent-2", None);
}

/// The ids of a list, and how many the list says that there are.
fn listed(rest: &mut Rest, target: &str, list: &str, id: &str) -> (Vec<String>, u64) {
    let shown = rest.expect(200, "GET", target, None);
    let rows = shown[list].as_array().unwrap().iter();
    let ids = rows.map(|row| row[id].as_str().unwrap().to_owned());
    (
        ids.collect(),
        shown["pagination"]["total"].as_u64().unwrap(),
    )
}

#[test]
fn lists_show_who_is_for_some_streams_what_is_of_those() {
    let server = server();
    let mut all = operator(&server);
    for (agent, stream) in [("a-1", "a"), ("b-1", "b"), ("a-2", "a"), ("m-1", "main")] {
        let agent = json!({"agent_id": agent, "capabilities": ["x"], "stream": stream});
        all.expect(201, "POST", "/v1/agents", Some(&agent));
    }
    for (task, agent) in [("t-a", "a-1"), ("t-b", "b-1"), ("t-a2", "a-2")] {
        let task = json!({"id": task, "type": "x", "assigned_agent": agent});
        all.expect(201, "POST", "/api/v1/tasks", Some(&task));
    }
    let nobodys = json!({"id": "t-0", "type": "x", "required_capabilities": ["none has it"]});
    all.expect(201, "POST", "/api/v1/tasks", Some(&nobodys));
    let mut limited = claims("someone", ALL);
    limited["agnt_streams"] = json!(["a", "empty"]);
    let of_token = bearer(&sign(&limited, Signed::Es256));
    let key = json!({"name": "of a", "scopes": ["read"], "streams": ["a", "empty"]});
    let key = all.expect(201, "POST", "/admin/keys", Some(&key));
    let of_key = format!("X-API-Key: {}\r\n", key["key"].as_str().unwrap());
    for headers in [of_token, of_key] {
        let mut some = Rest::to(server.address);
        some.headers = headers;
        for (target, expected, total) in [
            ("/v1/agents", &["a-1", "a-2"][..], 2),
            ("/v1/agents?limit=1&page=2", &["a-2"], 2),
            ("/v1/agents?stream=a", &["a-1", "a-2"], 2),
            ("/v1/agents?stream=b", &[], 0),
            ("/v1/agents?stream=main", &[], 0),
        ] {
            let (ids, found) = listed(&mut some, target, "agents", "agent_id");
            assert_eq!(
                (&ids[..], found),
                (
                    &expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..],
                    total
                ),
                "{target}"
            );
        }
        for (target, expected) in [
            ("/api/v1/tasks", &["t-a", "t-a2"][..]),
            ("/api/v1/tasks?agent_id=a-1", &["t-a"]),
            ("/api/v1/tasks?agent_id=b-1", &[]),
            ("/api/v1/tasks?agent_id=nobody", &[]),
        ] {
            let (ids, found) = listed(&mut some, target, "tasks", "id");
            assert_eq!(ids, expected, "{target}");
            assert_eq!(found, expected.len() as u64, "{target}");
        }
        for (target, status) in [
            ("/api/v1/tasks/t-a", 200),
            ("/api/v1/tasks/t-b", 403),
            ("/api/v1/tasks/t-0", 403),
            ("/api/v1/tasks/t-none", 404),
            ("/v1/agents/b-1", 403),
            ("/v1/workflows", 403),
            ("/v1/templates", 403),
            ("/v1/events", 403),
        ] {
            assert_eq!(some.ask("GET", target, None).0, status, "{target}");
        }
    }
    assert_eq!(listed(&mut all, "/v1/agents", "agents", "agent_id").1, 4);
}

#[test]
fn a_key_is_for_the_streams_and_agents_that_it_lists() {
    let server = server();
    let mut operator = operator(&server);
    let order = json!({"name": "k", "scopes": ALL, "streams": ["a"], "act_as": ["agent-1"]});
    let made = operator.expect(201, "POST", "/admin/keys", Some(&order));
    assert_eq!(
        (&made["streams"], &made["act_as"]),
        (&order["streams"], &order["act_as"])
    );
    let shown = operator.expect(200, "GET", "/admin/keys", None);
    assert_eq!(shown["keys"][0]["act_as"], order["act_as"], "{shown}");
    let key = made["key"].as_str().unwrap();
    let header = format!("X-API-Key: {key}\r\n");
    for (stream, is_let_in) in [("a", true), ("main", false)] {
        let mut client = upgrade(&server, &format!("{PATH}?stream={stream}"), &header).unwrap();
        client.send_text(&handshake(None, "viewer"));
        let told = client.json();
        assert_eq!(
            told["type"] == "handshake_ack",
            is_let_in,
            "{stream}: {told}"
        );
    }
    let mut rest = Rest::with_key(server.address, key);
    for (agent, stream, status) in [
        ("agent-1", "a", 201),
        ("agent-1", "b", 403),
        ("agent-2", "a", 403),
    ] {
        let agent = json!({"agent_id": agent, "capabilities": ["x"], "stream": stream});
        rest.expect(status, "POST", "/v1/agents", Some(&agent));
    }
    rest.expect(
        200,
        "POST",
        "/v1/agents/agent-1/heartbeat",
        Some(&json!({})),
    );
    // Lists that say nothing are mistakes, and so is a word that isn't known.
    for (key, value) in [
        ("streams", json!([])),
        ("act_as", json!([""])),
        ("stream", json!(["a"])),
        ("scopes", json!(["admin"])),
    ] {
        let mut wrong = order.clone();
        wrong[key] = value;
        let (status, told) = operator.ask("POST", "/admin/keys", Some(&wrong));
        assert!([400, 422].contains(&status), "{key}: {status} {told}");
    }
    // Whoever could make keys would have all streams.
    let admin = json!({"name": "k", "scopes": ["admin"], "streams": ["a"]});
    let made = operator.expect(201, "POST", "/admin/keys", Some(&admin));
    let mut admin = Rest::with_key(server.address, made["key"].as_str().unwrap());
    admin.expect(403, "GET", "/admin/keys", None);
    admin.expect(403, "POST", "/admin/keys", Some(&order));
    admin.expect(200, "GET", "/v1/agents/agent-1", None);
}

#[test]
fn who_is_for_some_streams_has_its_own_agents_begin_what_waits_and_nothing_else() {
    let server = server();
    let mut all = operator(&server);
    for (agent, stream) in [("a-1", "a"), ("m-1", "main")] {
        let agent = json!({"agent_id": agent, "capabilities": ["x"], "stream": stream});
        all.expect(201, "POST", "/v1/agents", Some(&agent));
    }
    let waiting = json!({"type": "unknown-to-all"});
    let mut wait = || {
        let made = all.expect(201, "POST", "/api/v1/tasks", Some(&waiting));
        made["id"].as_str().unwrap().to_owned()
    };
    let key = json!({"name": "of a", "scopes": ["agents"], "streams": ["a"]});
    let key = operator(&server).expect(201, "POST", "/admin/keys", Some(&key));
    let mut some = Rest::with_key(server.address, key["key"].as_str().unwrap());
    for change in [
        json!({}),
        json!({"status": "cancelled"}),
        json!({"status": "completed", "result": {"forged": 1}}),
        json!({"priority": "low"}),
        json!({"agent_id": "a-1"}),
        json!({"agent_id": "m-1"}),
        json!({"status": "running", "agent_id": "m-1"}),
        json!({"status": "running", "agent_id": "nobody"}),
    ] {
        let target = format!("/v1/tasks/{}", wait());
        let (status, told) = some.ask("PATCH", &target, Some(&change));
        assert_eq!(status, 403, "{change}: {told}");
    }
    let target = format!("/v1/tasks/{}", wait());
    some.expect(403, "DELETE", &target, None);
    let begun = json!({"status": "running", "agent_id": "a-1"});
    some.expect(200, "PATCH", &target, Some(&begun));
    some.expect(200, "PATCH", &target, Some(&json!({"status": "completed"})));
}
