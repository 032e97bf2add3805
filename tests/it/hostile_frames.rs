//! Proves that a malformed AGNT frame earns a clear error, costs its sender nothing but a count,
//! and disturbs nobody: the connection is kept and a good frame afterwards reaches the viewer.

use serde_json::Value;

use crate::support::server::TestServer;
use crate::support::swarm::{next_tick, state_tick};
use crate::support::wire::{self, Frame, Record};
use crate::support::ws::{Client, Message};

/// Ten malformed messages in a row close a connection (`docs/protocol.md`, section 6).
const MALFORMED_MAX: usize = 10;

/// A `POSITION_UPDATE` whose length says `length` and whose count says `count`.
fn lying(count: u32, length: u16) -> Vec<u8> {
    let mut payload = vec![0; usize::from(length)];
    payload[..4].copy_from_slice(&count.to_le_bytes());
    wire::frame(wire::POSITION_UPDATE, 0, &payload)
}

fn good() -> Vec<u8> {
    wire::positions(0, &[Record::counted(1, 1)])
}

fn with_byte(at: usize, byte: u8) -> Vec<u8> {
    let mut frame = good();
    frame[at] = byte;
    frame
}

/// Malformed messages, and what the error must name.
fn malformed() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let mut with_garbage = good();
    with_garbage.extend_from_slice(b"garbage!");
    let mut with_partial = good();
    with_partial.extend_from_slice(&good()[..20]);
    let mut compressed = b"AGNT\x05".to_vec();
    compressed.extend_from_slice(&40u32.to_le_bytes());
    compressed.extend_from_slice(&[1, 2, 3]);
    vec![
        ("bad magic", with_byte(0, b'B'), "AGNT"),
        ("reversed magic", [b"TNGA", &good()[4..]].concat(), "TNGA"),
        (
            "text bytes as a frame",
            b"{\"type\":\"heartbeat\"}".to_vec(),
            "AGNT",
        ),
        ("count 0x40000001", lying(0x4000_0001, 32), "count"),
        ("count 0x80000001", lying(0x8000_0001, 32), "count"),
        ("count 0xc0000001", lying(0xC000_0001, 32), "count"),
        ("count 0x0924924a", lying(0x0924_924A, 28), "count"),
        ("count one too many", lying(2, 32), "count"),
        ("count one too few", lying(0, 32), "count"),
        ("count 0xffffffff", lying(u32::MAX, 4), "count"),
        (
            "no room for the count",
            wire::frame(wire::POSITION_UPDATE, 0, &[0; 3]),
            "payload",
        ),
        (
            "length one too long",
            with_byte(6, 33),
            "needs 41 bytes and has 40",
        ),
        ("length one too short", with_byte(6, 31), "count"),
        ("length at its greatest", with_byte(7, 0xFF), "needs"),
        (
            "truncated head",
            good()[..7].to_vec(),
            "needs 8 bytes and has 7",
        ),
        (
            "truncated payload",
            good()[..39].to_vec(),
            "needs 40 bytes and has 39",
        ),
        ("trailing garbage", with_garbage, "AGNT"),
        (
            "partial frame at the end",
            with_partial,
            "needs 40 bytes and has 20",
        ),
        ("no byte at all", Vec::new(), "0 bytes"),
        ("compressed batch", compressed, "COMPRESSED_BATCH"),
        ("flag COMPRESSED", with_byte(5, 0x01), "flags"),
        ("flag HAS_CHANNEL", with_byte(5, 0x20), "flags"),
        ("flag CODEC", with_byte(5, 0x40), "flags"),
        ("flag EXT_LENGTH", with_byte(5, 0x80), "flags"),
        (
            "metrics: half a record",
            wire::frame(wire::PERFORMANCE_METRICS, 0, &[0; 14]),
            "payload",
        ),
        (
            "states: unknown record flags",
            states_with_flags(4),
            "record flags",
        ),
        (
            "heartbeat of 31 bytes",
            wire::frame(wire::HEARTBEAT, 0, &[0; 31]),
            "payload",
        ),
    ]
}

fn states_with_flags(flags: u8) -> Vec<u8> {
    let mut frame = wire::states(&[(1, 2)]);
    let last = frame.len() - 1;
    frame[last] = flags;
    frame
}

/// Sends a good frame and proves that the viewer gets exactly it.
fn prove_alive(sender: &mut Client, viewer: &mut Client, id: u32, after: &str) {
    let record = Record::counted(id, 1);
    sender.send_binary(&wire::positions(0, &[record]));
    loop {
        let tick = next_tick(viewer);
        // Where a good frame stood before the error, it counts.
        if tick.records != [Record::counted(1, 1)] {
            assert_eq!(tick.records, [record], "after {after}");
            return;
        }
    }
}

fn read_json_error(sender: &mut Client, case: &str) -> String {
    let error = sender.json();
    assert_eq!(error["type"], "error", "{case}: {error}");
    assert!(
        error["id"].is_string() && error["timestamp"].is_string(),
        "{case}: {error}"
    );
    let payload = &error["payload"];
    assert_eq!(payload["code"], "INVALID_MESSAGE", "{case}: {error}");
    assert_eq!(payload["recoverable"], Value::Bool(true), "{case}: {error}");
    assert!(payload["suggestedAction"].is_string(), "{case}: {error}");
    payload["message"].as_str().unwrap().to_owned()
}

fn read_binary_error(sender: &mut Client, case: &str) -> String {
    let (code, text) = Frame::read(&sender.binary()).error();
    assert_eq!(code, 3, "{case}: {text}");
    text
}

#[test]
fn a_json_speaker_is_told_in_json_and_kept() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut sender = server.connect("stream=main");
    sender.shake_hands(&["binary"], Some("publisher"));
    for (at, (case, bytes, names)) in malformed().into_iter().enumerate() {
        sender.send_binary(&bytes);
        let text = read_json_error(&mut sender, case);
        assert!(text.contains(names), "{case}: {text}");
        prove_alive(&mut sender, &mut viewer, 1000 + at as u32, case);
    }
}

#[test]
fn a_binary_speaker_is_told_in_an_error_frame_and_kept() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut sender = server.publisher("main");
    for (at, (case, bytes, names)) in malformed().into_iter().enumerate() {
        sender.send_binary(&bytes);
        let text = read_binary_error(&mut sender, case);
        assert!(text.contains(names), "{case}: {text}");
        prove_alive(&mut sender, &mut viewer, 1000 + at as u32, case);
    }
}

#[test]
fn every_golden_malformed_buffer_is_refused() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/malformed.json");
    let vectors: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(vectors.len() > 40, "the golden file is whole");
    let server = TestServer::start();
    let mut sender = server.publisher("main");
    for vector in vectors {
        let (name, hex) = (
            vector["name"].as_str().unwrap(),
            vector["hex"].as_str().unwrap(),
        );
        let digits = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).unwrap());
        let bytes: Vec<u8> = digits
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect();
        sender.send_binary(&bytes);
        read_binary_error(&mut sender, name);
        sender.send_binary(&wire::frame(wire::HEARTBEAT, 0, &[]));
        assert_eq!(
            sender.binary(),
            wire::frame(wire::HEARTBEAT, 0, &[]),
            "after {name}"
        );
    }
}

#[test]
fn frames_before_an_error_count_and_what_follows_is_dropped() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut sender = server.publisher("main");
    let record = |id| Record::counted(id, 1);
    let bytes = [
        wire::positions(0, &[record(1)]),
        wire::positions(0, &[record(2)]),
        lying(2, 32),
        wire::positions(0, &[record(3)]),
    ];
    sender.send_binary(&bytes.concat());
    read_binary_error(&mut sender, "a lie in the middle");
    sender.send_binary(&wire::positions(0, &[record(4)]));
    for id in [1, 2, 4] {
        assert_eq!(next_tick(&mut viewer).records, [record(id)]);
    }
}

#[test]
fn unknown_types_are_skipped_by_their_length() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut sender = server.publisher("main");
    let record = Record::counted(5, 1);
    for kind in [0x00, 0x07, 0x12, 0x7F, 0xFE] {
        let unknown = wire::frame(kind, 0, b"AGNT\x01 not a frame");
        sender.send_binary(&unknown);
        sender.send_binary(&[unknown, wire::positions(0, &[record])].concat());
        assert_eq!(next_tick(&mut viewer).records, [record], "type {kind}");
    }
    assert_eq!(sender.settle(), [], "an unknown type is no error");
}

#[test]
fn ten_malformed_messages_in_a_row_close_with_1008() {
    let server = TestServer::start();
    let mut sender = server.publisher("main");
    for _ in 0..MALFORMED_MAX {
        sender.send_binary(b"AGN");
    }
    let (before, code, reason) = sender.until_close();
    assert_eq!(
        before.len(),
        MALFORMED_MAX,
        "each has its error: {before:?}"
    );
    assert!(
        before
            .iter()
            .all(|message| matches!(message, Message::Binary(_)))
    );
    assert_eq!(code, 1008, "{reason}");
    assert!(reason.contains("10 malformed"), "{reason}");
}

#[test]
fn a_good_message_begins_the_count_anew() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut sender = server.publisher("main");
    for round in 0..3 {
        for _ in 1..MALFORMED_MAX {
            sender.send_binary(b"BAD!");
            read_binary_error(&mut sender, "nine in a row");
        }
        prove_alive(&mut sender, &mut viewer, 100 + round, "nine in a row");
    }
}
