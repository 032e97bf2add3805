//! Proves that a peer's life is noticed in every form that the protocol knows, that each
//! heartbeat is answered in kind, and that a dead peer is pinged and then closed with 4408.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::server::TestServer;
use crate::support::swarm::state_tick;
use crate::support::wire::{self, u32_at, u64_at};
use crate::support::ws::{FIN, Message, PING, PONG};

/// Microseconds from 1970 to 2020: any real clock is behind it.
const YEAR_2020_US: u64 = 1_577_836_800_000_000;

#[test]
fn a_silent_peer_is_pinged_and_then_closed_with_4408() {
    let server = TestServer::with(|config| config.heartbeat_ms = 2000);
    let mut client = server.publisher("main");
    let mut pings = 0;
    let (code, reason) = loop {
        match client.next() {
            Message::Ping(_) => pings += 1,
            Message::Close(code, reason) => break (code, reason),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, Some(4408), "{reason}");
    assert!(pings > 0, "it was asked before");
    assert_eq!(client.next(), Message::End);
    let sample = "agnt_disconnects_total{reason=\"no_life\"}";
    assert_eq!(server.metric(sample).to_bits(), 1.0f64.to_bits());
}

#[test]
fn who_answers_pings_stays() {
    let server = TestServer::with(|config| config.heartbeat_ms = 4000);
    let mut client = server.publisher("main");
    for _ in 0..2 {
        let Message::Ping(payload) = client.next() else {
            panic!("a ping was due")
        };
        client.send_frame(FIN | PONG, &payload);
    }
    assert_eq!(client.settle(), []);
}

/// Keeps a session alive for more than 2.5 heartbeats with nothing but `beat`.
fn lives_by(query: &str, beat: impl Fn(&mut crate::support::ws::Client)) {
    let server = TestServer::with(|config| {
        config.heartbeat_ms = 3000;
        // Not every beat is a handshake.
        config.handshake_ms = 60_000;
    });
    let mut client = server.connect(query);
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(8100) {
        beat(&mut client);
        std::thread::sleep(Duration::from_millis(250));
    }
    client.settle();
}

#[test]
fn agnt_heartbeats_are_life() {
    lives_by("protocols=binary&role=publisher", |client| {
        client.send_binary(&wire::frame(wire::HEARTBEAT, 0, &[]));
        assert_eq!(client.binary(), wire::frame(wire::HEARTBEAT, 0, &[]));
    });
}

#[test]
fn json_heartbeats_are_life() {
    lives_by("", |client| {
        client.send_text("{\"type\":\"heartbeat\",\"timestamp\":1}");
        assert_eq!(client.json()["type"], "heartbeat_ack");
    });
}

#[test]
fn data_is_life() {
    lives_by("protocols=binary&role=publisher", |client| {
        client.send_binary(&wire::positions(0, &[]));
    });
}

#[test]
fn an_unasked_pong_is_life() {
    lives_by("protocols=binary&role=publisher", |client| {
        client.send_frame(FIN | PONG, b"here");
    });
}

#[test]
fn a_json_heartbeat_comes_back_with_the_clients_timestamp_as_it_was() {
    let server = TestServer::start();
    let mut client = server.connect("role=publisher");
    client.shake_hands(&[], None);
    for timestamp in [
        json!(1_736_510_400_123_u64),
        json!("2026-01-10T12:00:00Z"),
        json!(0.1),
        json!(u64::MAX),
        Value::Null,
    ] {
        client.send_text(&json!({"type": "heartbeat", "timestamp": timestamp}).to_string());
        let answer = client.json();
        assert_eq!(
            (&answer["type"], &answer["timestamp"]),
            (&json!("heartbeat_ack"), &timestamp)
        );
        let time = answer["serverTime"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    }
    client.send_text("{\"type\":\"heartbeat\"}");
    assert_eq!(client.json()["timestamp"], Value::Null);
}

#[test]
fn a_stamped_agnt_heartbeat_comes_back_with_the_servers_stamps() {
    let server = TestServer::start();
    let mut client = server.viewer("main");
    state_tick(&mut client);
    let mut payload = 0x0102_0304_0506_0708_u64.to_le_bytes().to_vec();
    payload.extend_from_slice(&[0; 16]);
    payload.extend_from_slice(&77u32.to_le_bytes());
    payload.extend_from_slice(&60u32.to_le_bytes());
    client.send_binary(&wire::frame(wire::HEARTBEAT, 0, &payload));
    let answer = client.binary();
    assert_eq!(answer[..8], wire::frame(wire::HEARTBEAT, 0, &payload)[..8]);
    let answer = &answer[8..];
    assert_eq!(
        (&answer[..8], &answer[24..]),
        (&payload[..8], &payload[24..]),
        "the client's own"
    );
    assert_eq!(u32_at(answer, 24), 77);
    let (received, sent) = (u64_at(answer, 8), u64_at(answer, 16));
    assert!(
        YEAR_2020_US < received && received <= sent,
        "{received}, {sent}"
    );
}

#[test]
fn a_ping_comes_back_as_a_pong_with_its_payload() {
    let server = TestServer::start();
    let mut client = server.publisher("main");
    for payload in [&b""[..], b"x", &[0xFF; 125]] {
        client.send_frame(FIN | PING, payload);
        assert_eq!(client.next(), Message::Pong(payload.to_vec()));
    }
}
