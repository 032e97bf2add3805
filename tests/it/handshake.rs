//! Proves how a session begins: what the handshake, the query and the header grant, who may do
//! what in which role, and that every mistake is named and can be mended.

use serde_json::{Value, json};

use crate::support::http;
use crate::support::server::{PATH, TestServer};
use crate::support::swarm::{next_tick, position_frames, state_tick};
use crate::support::wire::{self, Frame, KEYFRAME, Record};
use crate::support::ws::{self, Client, FIN, Message};

fn one(id: u32) -> Vec<u8> {
    wire::positions(0, &[Record::counted(id, 1)])
}

fn expect_error(client: &mut Client, code: &str, names: &str) {
    let error = client.json();
    assert_eq!(
        (&error["type"], &error["payload"]["code"]),
        (&json!("error"), &json!(code))
    );
    let text = error["payload"]["message"].as_str().unwrap();
    assert!(text.contains(names), "{text}");
}

#[test]
fn without_a_handshake_the_session_ends_with_4408() {
    let server = TestServer::with(|config| config.handshake_ms = 200);
    let mut silent = server.connect("");
    // Its heartbeat comes with the request, so that the time for a handshake can't pass before it.
    let beat = b"{\"type\":\"heartbeat\",\"timestamp\":1}";
    let beat = ws::frame(FIN | ws::TEXT, beat, [1, 2, 3, 4]);
    let target = format!("{PATH}?role=viewer&stream=s");
    let mut chatty = Client::upgrade(http::open(server.address), &target, "", &beat);
    assert_eq!(
        chatty.json()["type"],
        "heartbeat_ack",
        "a heartbeat is no handshake"
    );
    for client in [&mut silent, &mut chatty] {
        let (_, code, reason) = client.until_close();
        assert_eq!(code, 4408, "{reason}");
    }
    let sample = "agnt_handshakes_total{result=\"timed_out\"}";
    assert_eq!(server.metric(sample).to_bits(), 2.0f64.to_bits());
}

#[test]
fn before_the_handshake_little_is_listened_to() {
    let server = TestServer::start();
    let mut client = server.connect("");
    let long = json!({"type": "heartbeat", "timestamp": 1, "more": "x".repeat(17 << 10)});
    client.send_text(&long.to_string());
    expect_error(&mut client, "INVALID_MESSAGE", "before the handshake");
    for _ in 1..64 {
        client.send_text("{\"type\":\"heartbeat\",\"timestamp\":1}");
        assert_eq!(client.json()["type"], "heartbeat_ack");
    }
    client.send_text("{\"type\":\"heartbeat\",\"timestamp\":1}");
    let (_, code, reason) = client.until_close();
    assert_eq!(code, 1008, "{reason}");
    let mut after = server.connect("");
    after.shake_hands(&["binary"], Some("viewer"));
    state_tick(&mut after);
    after.send_text(&long.to_string());
    assert_eq!(after.json()["type"], "heartbeat_ack");
}

#[test]
fn the_answer_says_what_is_in_force() {
    let server = TestServer::with(|config| config.heartbeat_ms = 12_345);
    let mut client = server.connect("stream=blue");
    let capabilities = [
        "binary",
        "compression",
        "multiplexing",
        "state-metadata",
        "teleport",
    ];
    let ack = client.shake_hands(&capabilities, Some("viewer"));
    assert_eq!(ack["protocols"], json!(["binary", "json"]));
    assert_eq!(ack["heartbeatInterval"], 12_345);
    assert_eq!(ack["compression"], "zlib");
    assert_eq!(ack["protocolVersion"], "2.0");
    assert_eq!(ack["byteOrder"], "little");
    assert_eq!(
        (&ack["stream"], &ack["role"]),
        (&json!("blue"), &json!("viewer"))
    );
    assert_eq!(
        ack["capabilities"],
        json!(["binary", "compression", "multiplexing", "state-metadata"])
    );
    assert_eq!(ack["stateCodes"]["3"], "busy");
    assert_eq!(
        ack["limits"],
        json!({
            "messageBytes": 1 << 20, "frameBytes": 65_543, "inflateBytes": 1 << 20,
            "jsonBytes": 65_536,
        })
    );
    let time = ack["serverTime"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    let id = ack["sessionId"].as_str().unwrap();
    let mut other = server.connect("");
    assert_ne!(
        other.shake_hands(&[], None)["sessionId"],
        id,
        "each session has its own id"
    );
    assert_eq!(id.len(), 36, "{id}");
    assert_eq!(state_tick(&mut client), []);
}

#[test]
fn a_second_handshake_is_an_error_and_the_session_goes_on() {
    let server = TestServer::start();
    let mut client = server.connect("");
    client.shake_hands(&["binary"], None);
    state_tick(&mut client);
    for _ in 0..12 {
        client.send_text("{\"type\":\"handshake\",\"version\":\"1.0.0\",\"capabilities\":[]}");
        expect_error(&mut client, "INVALID_MESSAGE", "handshake");
    }
    server.publisher("main").send_binary(&one(3));
    assert_eq!(
        next_tick(&mut client).records,
        [Record::counted(3, 1)],
        "still a binary viewer"
    );
}

#[test]
fn a_bad_handshake_is_named_and_can_be_mended() {
    let server = TestServer::start();
    for (text, names) in [
        (json!({"type": "handshake", "role": "king"}), "king"),
        (
            json!({"type": "handshake", "capabilities": "binary"}),
            "capabilities: 'binary'",
        ),
        (
            json!({"type": "handshake", "capabilities": vec!["x"; 65]}),
            "capabilities",
        ),
        (
            json!({"type": "handshake", "clientId": "x".repeat(129)}),
            "clientId",
        ),
        (json!({"type": "handshake", "clientId": 7}), "clientId: 7"),
        (json!({"type": "hello"}), "before the handshake"),
    ] {
        let mut client = server.connect("");
        client.send_text(&text.to_string());
        expect_error(&mut client, "INVALID_MESSAGE", names);
        client.shake_hands(&["binary"], Some("publisher"));
    }
}

#[test]
fn a_viewer_may_not_publish() {
    let server = TestServer::start();
    let mut watcher = server.viewer("main");
    state_tick(&mut watcher);
    let mut viewer = server.connect("");
    viewer.shake_hands(&["binary"], Some("viewer"));
    state_tick(&mut viewer);
    let events = [
        wire::states(&[(1, 2)]),
        wire::metrics(1, 2),
        wire::coordination(1),
    ];
    for _ in 0..3 {
        for frame in [one(1)].iter().chain(&events) {
            viewer.send_binary(frame);
            expect_error(&mut viewer, "AUTH_FAILED", "role");
        }
    }
    assert_eq!(watcher.settle(), [], "nothing of it was published");
    let mut by_query = server.viewer("main");
    state_tick(&mut by_query);
    by_query.send_binary(&one(1));
    let (code, text) = Frame::read(&by_query.binary()).error();
    assert_eq!((code, text.contains("role")), (2, true), "{text}");
    server.publisher("main").send_binary(&one(4));
    for client in [&mut watcher, &mut viewer, &mut by_query] {
        assert_eq!(next_tick(client).records, [Record::counted(4, 1)]);
    }
}

#[test]
fn a_publisher_receives_nothing_but_answers() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut publisher = server.connect("");
    publisher.shake_hands(&["binary"], Some("publisher"));
    let mut other = server.publisher("main");
    for client in [&mut publisher, &mut other] {
        client.send_binary(&one(1));
        client.send_binary(&wire::states(&[(1, 3)]));
        // One of each, in either order: there is none between positions and states.
        viewer.binary();
        viewer.binary();
    }
    assert_eq!((publisher.settle(), other.settle()), (vec![], vec![]));
}

#[test]
fn without_a_role_a_session_receives_and_may_publish() {
    let server = TestServer::start();
    let mut both = [server.connect(""), server.connect("")];
    for client in &mut both {
        let ack = client.shake_hands(&["binary"], None);
        assert_eq!(ack["role"], Value::Null, "none was set");
        state_tick(client);
    }
    let [one_side, other_side] = &mut both;
    one_side.send_binary(&one(1));
    assert_eq!(next_tick(other_side).records, [Record::counted(1, 1)]);
    other_side.send_binary(&one(2));
    assert_eq!(next_tick(one_side).records, [Record::counted(2, 1)]);
}

#[test]
fn protocols_in_the_query_stands_in_for_a_handshake() {
    let server = TestServer::start();
    let first = |query: &str| {
        let mut client = server.connect(query);
        (client.message(), client.message_after())
    };
    let (state, _) = first("protocols=binary");
    let Message::Binary(state) = state else {
        panic!("{state:?}")
    };
    assert!(
        Frame::read(&state).has(KEYFRAME),
        "no ack, but the state at once"
    );
    for list in ["binary,json", "json,binary", "binary%2Cjson"] {
        let (ack, state) = first(&format!("protocols={list}"));
        let Message::Text(ack) = ack else {
            panic!("{ack:?}")
        };
        let ack: Value = serde_json::from_str(&ack).unwrap();
        assert_eq!(
            (&ack["type"], &ack["protocols"]),
            (&json!("handshake_ack"), &json!(["binary", "json"]))
        );
        assert!(
            matches!(state, Some(Message::Binary(_))),
            "{list}: {state:?}"
        );
    }
    let (ack, state) = first("protocols=json");
    assert!(matches!(ack, Message::Text(text) if text.contains("handshake_ack")));
    assert!(matches!(state, Some(Message::Text(text)) if text.contains("agent.position.batch")));
}

impl Client {
    /// The message after the first, where one comes at once.
    fn message_after(&mut self) -> Option<Message> {
        self.settle().into_iter().next()
    }
}

#[test]
fn the_handshake_goes_before_the_query_and_that_before_the_header() {
    let server = TestServer::start();
    let open = |query: &str, header: &str, capabilities: &[&str]| {
        let target = format!("{PATH}?role=viewer{query}");
        let mut client = Client::upgrade(http::open(server.address), &target, header, &[]);
        if query.contains("protocols") {
            let opened = client.settle();
            assert!(!opened.is_empty(), "the query opens the session");
        }
        client.shake_hands(capabilities, None)["protocols"].clone()
    };
    let (json_only, both) = (json!(["json"]), json!(["binary", "json"]));
    assert_eq!(
        open("", "", &[]),
        json_only,
        "where nobody names binary: JSON only"
    );
    assert_eq!(open("", "", &["binary"]), both);
    assert_eq!(
        open("", "X-Requested-Protocols: binary, json\r\n", &[]),
        both
    );
    assert_eq!(
        open("", "X-Requested-Protocols: json\r\n", &["binary"]),
        both
    );
    assert_eq!(
        open("", "X-Requested-Protocols: carrier-pigeon\r\n", &[]),
        json_only
    );
    assert_eq!(
        open(
            "&protocols=json",
            "X-Requested-Protocols: binary,json\r\n",
            &[]
        ),
        json_only
    );
    assert_eq!(open("&protocols=json", "", &["binary"]), both);
}

#[test]
fn a_bad_query_is_refused_before_the_upgrade_with_its_key_named() {
    let server = TestServer::start();
    let long = format!("stream={}", "x".repeat(129));
    for (query, key) in [
        ("stream=a%20b", "stream"),
        ("stream=", "stream"),
        ("stream=..%2Fmain", "stream"),
        (&long, "stream"),
        ("protocols=xml", "protocols"),
        ("protocols=", "protocols"),
        ("protocols=binary,xml", "protocols"),
        ("role=king", "role"),
        ("role=", "role"),
        ("stream=fine&role=VIEWER", "role"),
    ] {
        let target = format!("{PATH}?{query}");
        let answer = Client::try_upgrade(http::open(server.address), &target, "", &[]);
        let Err(answer) = answer else {
            panic!("{query} was taken")
        };
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().starts_with(key), "{query}: {}", answer.text());
        assert!(
            answer.text().contains("allowed"),
            "{query}: {}",
            answer.text()
        );
    }
    let mut client = server.connect("role=viewer&token=x&colour=blue&stream=A-z_09");
    assert_eq!(
        client.shake_hands(&[], None)["stream"],
        "A-z_09",
        "other keys are left alone"
    );
}

#[test]
fn what_json_only_clients_asked_for_never_turns_binary() {
    let server = TestServer::start();
    let mut client = server.connect("");
    client.shake_hands(&[], Some("viewer"));
    let mut publisher = server.publisher("main");
    publisher.send_binary(&one(1));
    publisher.send_binary(&wire::states(&[(1, 3)]));
    publisher.settle();
    assert_eq!(position_frames(&client.settle()), []);
}
