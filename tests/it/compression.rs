//! Proves what compression does to a viewer and to a publisher: batches that an independent
//! decoder opens, the same agents as plain frames, one batch for all; and that a batch that lies, is
//! cut short, of another algorithm or a bomb is refused by name while memory stays flat.

use std::io::{Read, Write};

use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::server::TestServer;
use crate::support::wire::{self, Record};
use crate::support::ws::{self, Client, FIN, Message};

const COMPRESSED_BATCH: u8 = 5;

fn swarm(agents: u32, tick: u32) -> Vec<Record> {
    (1..=agents).map(|id| Record::counted(id, tick)).collect()
}

/// A session with the handshake's keys beside type and role.
fn session(server: &TestServer, role: &str, keys: &Value) -> (Client, Value) {
    let mut client = server.connect("");
    let mut handshake = json!({"type": "handshake", "role": role});
    handshake
        .as_object_mut()
        .unwrap()
        .extend(keys.as_object().unwrap().clone());
    client.send_text(&handshake.to_string());
    let ack = client.json();
    assert_eq!(ack["type"], "handshake_ack", "{ack}");
    (client, ack)
}

fn inflated(algorithm: &str, batch: &[u8]) -> Vec<u8> {
    assert_eq!(&batch[..5], b"AGNT\x05");
    let original = u32::from_le_bytes(batch[5..9].try_into().unwrap()) as usize;
    let mut frames = Vec::new();
    match algorithm {
        "gzip" => GzDecoder::new(&batch[9..])
            .read_to_end(&mut frames)
            .unwrap(),
        _ => ZlibDecoder::new(&batch[9..])
            .read_to_end(&mut frames)
            .unwrap(),
    };
    assert_eq!(frames.len(), original);
    frames
}

/// The frames of a message, whether it is compressed or not.
fn frames(algorithm: &str, message: &[u8]) -> Vec<wire::Frame> {
    let opened = match message[4] {
        COMPRESSED_BATCH => inflated(algorithm, message),
        _ => message.to_vec(),
    };
    let mut rest = &opened[..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let bytes = 8 + usize::from(u16::from_le_bytes([rest[6], rest[7]]));
        frames.push(wire::Frame::read(&rest[..bytes]));
        rest = &rest[bytes..];
    }
    frames
}

fn next_batch(client: &mut Client, algorithm: &str) -> Vec<wire::Frame> {
    loop {
        match client.message() {
            Message::Binary(bytes) => return frames(algorithm, &bytes),
            Message::Text(_) => {}
            other => panic!("not a batch: {other:?}"),
        }
    }
}

fn expect_error(client: &mut Client, code: &str, names: &str) {
    let error = client.json();
    assert_eq!(error["payload"]["code"], code, "{error}");
    let text = error["payload"]["message"].as_str().unwrap();
    assert!(text.contains(names), "{text}");
}

fn batch(original: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"AGNT\x05".to_vec();
    bytes.extend_from_slice(&original.to_le_bytes());
    bytes.extend_from_slice(data);
    bytes
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn viewers_get_the_same_agents_in_batches() {
    let server = TestServer::start();
    let handshake = json!({"capabilities": ["binary", "compression"]});
    let gzip = json!({"capabilities": ["binary"], "compression": {"algorithms": ["gzip"]}});
    let mut viewers = Vec::new();
    for (keys, algorithm) in [(&handshake, "zlib"), (&gzip, "gzip"), (&handshake, "zlib")] {
        let (mut viewer, ack) = session(&server, "viewer", keys);
        assert_eq!(ack["compression"], algorithm);
        // The state of an empty stream is far below what is worth a batch.
        let state = next_batch(&mut viewer, algorithm);
        assert_eq!(state.len(), 1);
        viewers.push((viewer, algorithm));
    }
    let mut publisher = server.publisher("main");
    let before = server.metric("agnt_encoder_batches_total");
    for tick in 1..=5 {
        publisher.send_tick(&swarm(500, tick));
        for (viewer, algorithm) in &mut viewers {
            let got = next_batch(viewer, algorithm);
            assert_eq!(got.len(), 1);
            assert_eq!(got[0].records(), swarm(500, tick));
        }
    }
    // The encoder tells its numbers once it has nothing to do, which may be after the viewers read.
    eventually("ten batches, for 5 ticks and two algorithms", || {
        let made = server.metric("agnt_encoder_batches_total") - before;
        assert!(made < 10.5, "{made} batches");
        (made > 9.5).then_some(())
    });
    // Who joins now gets the state in one batch too.
    let (mut late, _) = session(&server, "viewer", &handshake);
    let state = next_batch(&mut late, "zlib");
    assert_eq!(state[0].records(), swarm(500, 5));
    assert!(state[0].has(wire::KEYFRAME));
}

#[test]
fn compression_is_negotiated_and_again_and_refused_by_name() {
    let server = TestServer::start();
    let (mut viewer, ack) = session(&server, "viewer", &json!({"capabilities": ["binary"]}));
    assert_eq!(ack["compression"], "none");
    next_batch(&mut viewer, "none");
    let mut publisher = server.publisher("main");
    let asks = [
        (json!(["gzip", "deflate", "brotli"]), "gzip"),
        (json!(["unheard-of", "deflate"]), "deflate"),
        (json!(["unheard-of"]), "none"),
        (json!([]), "none"),
        (json!(["zlib"]), "zlib"),
    ];
    for (tick, (algorithms, expected)) in asks.into_iter().enumerate() {
        let ask = json!({"type": "compression.negotiate", "algorithms": algorithms, "preferredLevel": 6, "id": "n"});
        viewer.send_text(&ask.to_string());
        let selected = viewer.json();
        assert_eq!(selected["type"], "compression.selected");
        assert_eq!(selected["algorithm"], expected);
        assert_eq!(selected["metadata"]["correlationId"], "n");
        let tick = tick as u32 + 1;
        publisher.send_tick(&swarm(300, tick));
        // A state tick may come between; the tick comes after it, once.
        loop {
            let got = next_batch(&mut viewer, expected);
            if got[0].records() == swarm(300, tick) {
                break;
            }
            assert!(got[0].has(wire::KEYFRAME));
        }
    }
    for (ask, names) in [
        (
            json!({"algorithms": ["gzip"], "preferredLevel": 10}),
            "preferredLevel: 10",
        ),
        (json!({"algorithms": "gzip"}), "algorithms"),
    ] {
        let mut ask = ask;
        ask["type"] = json!("compression.negotiate");
        viewer.send_text(&ask.to_string());
        loop {
            match viewer.message() {
                Message::Text(text) => {
                    let error: Value = serde_json::from_str(&text).unwrap();
                    assert!(
                        error["payload"]["message"]
                            .as_str()
                            .unwrap()
                            .contains(names),
                        "{error}"
                    );
                    break;
                }
                Message::Binary(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_publisher_may_compress() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    viewer.binary();
    let keys = json!({"capabilities": ["binary", "compression"]});
    let (mut publisher, ack) = session(&server, "publisher", &keys);
    assert_eq!(ack["compression"], "zlib");
    let ticks: Vec<Vec<u8>> = wire::tick(&swarm(3000, 1));
    let whole = ticks.concat();
    publisher.send_binary(&batch(whole.len() as u32, &zlib(&whole)));
    let mut seen = Vec::new();
    for frame in &ticks {
        let got = viewer.binary();
        assert_eq!(&got, frame, "as it was before it was compressed");
        seen.extend(wire::Frame::read(&got).records());
    }
    assert_eq!(seen, swarm(3000, 1));
}

#[test]
fn batches_that_lie_are_refused_by_name() {
    let server = TestServer::start();
    let keys = json!({"capabilities": ["binary", "compression"]});
    let frame = wire::positions(0, &swarm(200, 1));
    let data = zlib(&frame);
    let length = frame.len() as u32;
    let mut gz = GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    gz.write_all(&frame).unwrap();
    let gz = gz.finish().unwrap();
    let nested = batch(length, &data);
    for (what, message) in [
        ("too small", batch(length - 1, &data)),
        ("too large", batch(length + 1, &data)),
        ("cut short", batch(length, &data[..data.len() / 2])),
        ("empty", batch(length, &[])),
        ("another algorithm", batch(length, &gz)),
        ("rubbish", batch(length, &[0x78, 0x9C, 0xFF, 0xFF, 0xFF])),
        ("behind the end", batch(length, &[&data[..], b"x"].concat())),
        ("nested", batch(nested.len() as u32, &zlib(&nested))),
    ] {
        let (mut publisher, _) = session(&server, "publisher", &keys);
        publisher.send_binary(&message);
        let error = publisher.json();
        assert_eq!(
            error["payload"]["code"], "INVALID_MESSAGE",
            "{what}: {error}"
        );
        // The connection is kept, and a good batch is taken.
        publisher.send_binary(&nested);
        publisher.send_text(r#"{"type":"heartbeat","timestamp":1}"#);
        assert_eq!(publisher.json()["type"], "heartbeat_ack", "{what}");
    }
    let (mut plain, _) = session(&server, "publisher", &json!({"capabilities": ["binary"]}));
    plain.send_binary(&nested);
    expect_error(
        &mut plain,
        "INVALID_MESSAGE",
        "no compression was negotiated",
    );
}

#[test]
fn a_bomb_is_refused_by_its_head_or_stopped_at_what_it_announced() {
    let gigabyte: u32 = 1 << 30;
    let zeros = vec![0u8; 1 << 20];
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::new(9));
    for _ in 0..900 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let server = TestServer::start();
    let keys = json!({"capabilities": ["binary", "compression"]});
    let (mut publisher, _) = session(&server, "publisher", &keys);
    for (announced, names) in [
        (gigabyte, "original"),
        (1 << 20, "original"),
        (0, "original"),
    ] {
        publisher.send_binary(&batch(announced, &bomb));
        expect_error(&mut publisher, "INVALID_MESSAGE", names);
    }
    // A budget of inflated bytes a second stands behind the bound of one batch.
    let small = TestServer::with(|config| config.inflate_bytes_per_s = 100_000);
    let (mut publisher, _) = session(&small, "publisher", &keys);
    let frame = wire::positions(0, &swarm(2000, 1));
    let message = batch(frame.len() as u32, &zlib(&frame));
    // The budget of many seconds at once, however late the server looks.
    publisher.send_raw(&ws::frame(FIN | ws::BINARY, &message, [1; 4]).repeat(20));
    expect_error(
        &mut publisher,
        "RATE_LIMIT_EXCEEDED",
        "left of 100000 a second",
    );
}

#[test]
fn tick_info_and_frame_concat_come_when_asked_for() {
    let server = TestServer::start();
    let keys = json!({"capabilities": ["binary", "tick-info", "frame-concat"]});
    let (mut viewer, ack) = session(&server, "viewer", &keys);
    assert_eq!(
        ack["capabilities"],
        json!(["binary", "frame-concat", "tick-info"])
    );
    let state = next_batch(&mut viewer, "none");
    assert_eq!(state[0].kind, 0x10, "the state is a tick too");
    let mut publisher = server.publisher("main");
    let mut numbers = Vec::new();
    for tick in 1..=4 {
        publisher.send_tick(&swarm(5000, tick));
        let got = next_batch(&mut viewer, "none");
        assert_eq!(
            got.iter().map(|frame| frame.kind).collect::<Vec<_>>(),
            [0x10, 1, 1, 1]
        );
        let info = &got[0].payload;
        assert_eq!(info.len(), 16);
        numbers.push(u32::from_le_bytes(info[..4].try_into().unwrap()));
        assert_eq!(
            u32::from_le_bytes(info[4..8].try_into().unwrap()).to_string(),
            ack["epoch"].as_str().unwrap()
        );
        let records: Vec<Record> = got[1..].iter().flat_map(wire::Frame::records).collect();
        assert_eq!(records, swarm(5000, tick));
    }
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn the_grid_rounds_once_for_everybody() {
    let server = TestServer::with(|config| {
        config.position_grid = agnt::domain::PositionGrid::parse("main=0.25").unwrap();
    });
    let (mut on, mut off) = (server.viewer("main"), server.viewer("other"));
    on.binary();
    off.binary();
    let record = Record::new(1, [0.3, -0.3, 7.0, 0.3, -0.3, 0.1]);
    for (stream, viewer, expected) in [
        (
            "main",
            &mut on,
            Record::new(1, [0.25, -0.25, 7.0, 0.3, -0.3, 0.1]),
        ),
        ("other", &mut off, record),
    ] {
        server.publisher(stream).send_tick(&[record]);
        let frame = wire::Frame::read(&viewer.binary());
        assert_eq!(frame.records(), [expected]);
    }
}
