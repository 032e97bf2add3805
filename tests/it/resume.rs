//! Proves honest resume: a session that comes back within the log's bound gets every event once
//! and in order, however often and wherever it was cut off; beyond the bound it gets exactly one
//! gap that says exactly what is missing; critical events have a log of their own; and what has
//! expired is not sent.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::server::TestServer;
use crate::support::ws::{Client, Message};

fn event(nth: u64, metadata: &Value) -> String {
    json!({
        "id": format!("m-{nth}"), "type": "agent.state.changed", "metadata": metadata,
        "payload": {"agentId": "agent-001", "newState": if nth.is_multiple_of(2) { "IDLE" } else { "EXECUTING" }, "nth": nth},
    })
    .to_string()
}

fn publisher(server: &TestServer) -> Client {
    let mut client = server.connect("");
    client.send_text(
        r#"{"type":"handshake","role":"publisher","clientId":"source","capabilities":[]}"#,
    );
    assert_eq!(client.json()["type"], "handshake_ack");
    client
}

/// What a client keeps from one connection to the next.
struct Listener {
    epoch: String,
    events: u64,
    critical: u64,
    seen: Vec<u64>,
    gaps: Vec<(u64, u64)>,
}

impl Listener {
    fn first(server: &TestServer) -> (Self, Client) {
        let mut client = server.connect("");
        client.send_text(r#"{"type":"handshake","role":"viewer","capabilities":["resume"]}"#);
        let ack = client.json();
        let listener = Self {
            epoch: ack["epoch"].as_str().unwrap().to_owned(),
            events: ack["resume"]["events"]["sequence"].as_u64().unwrap(),
            critical: ack["resume"]["critical"]["sequence"].as_u64().unwrap(),
            seen: Vec::new(),
            gaps: Vec::new(),
        };
        (listener, client)
    }

    fn again(&self, server: &TestServer) -> Client {
        let mut client = server.connect("");
        let handshake = json!({
            "type": "handshake", "role": "viewer", "capabilities": ["resume"],
            "resume": {"sessionId": "s", "epoch": self.epoch,
                "channels": {"events": self.events, "critical": self.critical}},
        });
        client.send_text(&handshake.to_string());
        let ack = client.json();
        assert_eq!(ack["type"], "handshake_ack", "{ack}");
        assert!(ack["resumed"]["events"]["from"].is_u64(), "{ack}");
        client
    }

    /// Takes one message in, if it is an event or a gap.
    fn take(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap();
        if message["type"] == "gap" {
            let payload = &message["payload"];
            assert_eq!(payload["channel"], "events");
            assert_eq!(payload["reason"], "log bound");
            let (from, to) = (
                payload["from"].as_u64().unwrap(),
                payload["to"].as_u64().unwrap(),
            );
            assert_eq!(from, self.events + 1, "a gap begins behind what was seen");
            self.gaps.push((from, to));
            self.events = to;
        }
        if message["type"] == "agent.state.changed" {
            let sequence = message["sequence"].as_u64().unwrap();
            assert_eq!(sequence, self.events + 1, "in order, each once");
            self.events = sequence;
            self.seen.push(message["payload"]["nth"].as_u64().unwrap());
        }
    }

    /// Reads events until it has seen the one with that number, or about `count` of them.
    fn listen(&mut self, client: &mut Client, until: Option<u64>, count: usize) {
        let enough = self.seen.len() + count;
        while self.seen.len() < enough && self.seen.last() != until.as_ref() {
            match client.message() {
                Message::Text(text) => self.take(&text),
                Message::Binary(_) => panic!("nothing binary was asked for"),
                other => panic!("the end: {other:?}"),
            }
        }
    }
}

#[test]
fn a_hundred_reconnects_lose_and_double_nothing() {
    let server = TestServer::with(|config| config.system_metrics_ms = 0);
    let (mut listener, mut client) = Listener::first(&server);
    let mut source = publisher(&server);
    let events: u64 = 3000;
    let sending = std::thread::spawn(move || {
        let begin = Instant::now();
        for nth in 1..=events {
            source.send_text(&event(nth, &json!({})));
            // About 1000 a second, however the threads are scheduled.
            let due = begin + Duration::from_millis(nth);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        source
    });
    let mut random = 7u64;
    for _ in 0..100 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        listener.listen(&mut client, Some(events), (random >> 33) as usize % 50 + 1);
        // Cut off without a word, perhaps in the middle of a message.
        drop(client);
        client = listener.again(&server);
    }
    listener.listen(&mut client, Some(events), usize::MAX / 2);
    let _source = sending.join().unwrap();
    assert_eq!(listener.seen, (1..=events).collect::<Vec<_>>());
    assert_eq!(listener.gaps, []);
}

#[test]
fn beyond_the_bound_there_is_one_gap_and_it_is_exact() {
    let server = TestServer::with(|config| {
        config.resume_bytes_max = 65_600;
        config.system_metrics_ms = 0;
    });
    let (mut listener, mut client) = Listener::first(&server);
    let mut source = publisher(&server);
    for nth in 1..=10 {
        source.send_text(&event(nth, &json!({})));
    }
    listener.listen(&mut client, Some(10), 10);
    drop(client);
    let events = 20_000;
    for nth in 11..=events {
        source.send_text(&event(nth, &json!({})));
    }
    // What the source is answered proves that all of it has arrived.
    source.send_text(r#"{"type":"heartbeat","timestamp":1}"#);
    assert_eq!(source.json()["type"], "heartbeat_ack");
    let mut client = listener.again(&server);
    listener.listen(&mut client, Some(events), usize::MAX / 2);
    let [(from, to)] = listener.gaps[..] else {
        panic!("{:?}", listener.gaps);
    };
    assert_eq!(from, 11);
    assert!(to < events, "something is kept");
    let expected: Vec<u64> = (1..=10).chain(to + 1..=events).collect();
    assert_eq!(listener.seen, expected);
}

#[test]
fn another_epoch_is_said_and_what_is_kept_comes() {
    let server = TestServer::with(|config| config.system_metrics_ms = 0);
    let (mut listener, _client) = Listener::first(&server);
    let mut source = publisher(&server);
    for nth in 1..=3 {
        source.send_text(&event(nth, &json!({})));
    }
    source.send_text(r#"{"type":"heartbeat","timestamp":1}"#);
    source.json();
    listener.epoch = "1".to_owned();
    listener.events = 40;
    let mut client = listener.again(&server);
    let gaps: Vec<Value> = (0..2).map(|_| client.json()).collect();
    assert_eq!(gaps[0]["payload"]["reason"], "epoch");
    assert_eq!(
        (&gaps[0]["payload"]["from"], &gaps[0]["payload"]["to"]),
        (&json!(41), &Value::Null)
    );
    let seen: Vec<u64> = (0..3)
        .map(|_| {
            loop {
                let message = client.json();
                if let Some(nth) = message["payload"]["nth"].as_u64() {
                    return nth;
                }
            }
        })
        .collect();
    assert_eq!(seen, [1, 2, 3]);
}

#[test]
fn critical_events_have_a_log_of_their_own() {
    let server = TestServer::with(|config| config.system_metrics_ms = 0);
    let (_, mut client) = Listener::first(&server);
    let mut source = publisher(&server);
    source.send_text(&event(1, &json!({})));
    source.send_text(&event(2, &json!({"priority": "critical"})));
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let message = client.json();
        if let Some(nth) = message["payload"]["nth"].as_u64() {
            assert_eq!(message["sequence"], 1, "each log counts by itself");
            seen.push((nth, message["log"] == "critical"));
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [(1, false), (2, true)]);
}

#[test]
fn what_has_expired_is_not_sent() {
    let server = TestServer::with(|config| config.system_metrics_ms = 0);
    let (mut listener, client) = Listener::first(&server);
    drop(client);
    let mut source = publisher(&server);
    source.send_text(&event(1, &json!({"ttl": 1})));
    source.send_text(&event(2, &json!({"ttl": 3_600_000})));
    source.send_text(&event(3, &json!({})));
    source.send_text(r#"{"type":"heartbeat","timestamp":1}"#);
    source.json();
    std::thread::sleep(Duration::from_millis(50));
    let mut client = listener.again(&server);
    // The first is left out, which the sequence shows.
    listener.events = 1;
    listener.listen(&mut client, Some(3), 2);
    assert_eq!(listener.seen, [2, 3]);
}
