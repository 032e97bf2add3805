//! Proves that our reader and the one of fastwebsockets understand legal input alike: random
//! sequences of messages, fragmented at will, with control frames between the fragments, fed to
//! ours in random pieces.

use agnt::net::ws::{Incoming, ReadLimits, Reader};
use fastrand::Rng;
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};
use tokio::io::AsyncWriteExt;

use crate::support::ws::{self, FIN};

const SEEDS: u64 = 150;

/// A message as either reader tells of it: its opcode and payload.
type Told = (u8, Vec<u8>);

/// Bytes of some messages, as a client may send them.
fn legal_input(random: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(1..20) {
        let is_text = random.bool();
        let payload = payload(random, is_text);
        let fragments = random.usize(1..6);
        let mut rest = &payload[..];
        for at in 0..fragments {
            while random.u8(..) < 60 {
                control(random, &mut bytes);
            }
            let is_last = at + 1 == fragments;
            let part_bytes = if is_last {
                rest.len()
            } else {
                random.usize(0..=rest.len())
            };
            let (part, after) = rest.split_at(part_bytes);
            rest = after;
            let opcode = match (at, is_text) {
                (0, true) => ws::TEXT,
                (0, false) => ws::BINARY,
                _ => ws::CONTINUATION,
            };
            let first = if is_last { FIN | opcode } else { opcode };
            bytes.extend(ws::frame(first, part, random.u32(..).to_be_bytes()));
        }
    }
    bytes
}

fn payload(random: &mut Rng, is_text: bool) -> Vec<u8> {
    let length = match random.u8(0..10) {
        0 => 0,
        1 => random.usize(120..130),
        2 => random.usize(65_530..65_540),
        _ => random.usize(0..400),
    };
    if is_text {
        let characters = ['a', '\u{E9}', '\u{20AC}', '\u{1F41D}', '\0'];
        (0..length / 2)
            .map(|_| characters[random.usize(..characters.len())])
            .collect::<String>()
            .into()
    } else {
        (0..length).map(|_| random.u8(..)).collect()
    }
}

fn control(random: &mut Rng, bytes: &mut Vec<u8>) {
    let opcode = if random.bool() { ws::PING } else { ws::PONG };
    let payload: Vec<u8> = (0..random.usize(0..=125)).map(|_| random.u8(..)).collect();
    bytes.extend(ws::frame(
        FIN | opcode,
        &payload,
        random.u32(..).to_be_bytes(),
    ));
}

fn told_by_ours(input: &[u8], random: &mut Rng) -> Vec<Told> {
    let limits = ReadLimits {
        message_bytes_max: 1 << 20,
        fragments_max: 128,
    };
    let mut reader = Reader::default();
    let mut told = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let piece_max = if random.bool() { 8 } else { 5000 };
        let (piece, after) = rest.split_at(random.usize(1..=piece_max.min(rest.len())));
        rest = after;
        let mut sink = |message: Incoming<'_>| {
            told.push(match message {
                Incoming::Text(text) => (ws::TEXT, text.as_bytes().to_vec()),
                Incoming::Binary(bytes) => (ws::BINARY, bytes.to_vec()),
                Incoming::Ping(payload) => (ws::PING, payload.to_vec()),
                // Ours doesn't hand out what a pong holds.
                Incoming::Pong => (ws::PONG, Vec::new()),
                Incoming::Close(code) => panic!("close {code:?}"),
            });
        };
        reader.feed(&mut piece.to_vec(), limits, &mut sink).unwrap();
    }
    told
}

async fn told_by_theirs(input: Vec<u8>) -> Vec<Told> {
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let writing = tokio::spawn(async move {
        client.write_all(&input).await.unwrap();
    });
    let mut socket = WebSocket::after_handshake(server, Role::Server);
    socket.set_auto_pong(false);
    socket.set_auto_close(false);
    let mut reader = FragmentCollector::new(socket);
    let mut told = Vec::new();
    while let Ok(frame) = reader.read_frame().await {
        told.push(match frame.opcode {
            OpCode::Text => (ws::TEXT, frame.payload.to_vec()),
            OpCode::Binary => (ws::BINARY, frame.payload.to_vec()),
            OpCode::Ping => (ws::PING, frame.payload.to_vec()),
            OpCode::Pong => (ws::PONG, Vec::new()),
            other => panic!("{other:?}"),
        });
    }
    writing.await.unwrap();
    told
}

#[test]
fn both_readers_tell_the_same_of_legal_input() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for seed in 0..SEEDS {
        let mut random = Rng::with_seed(seed);
        let input = legal_input(&mut random);
        let ours = told_by_ours(&input, &mut random);
        let theirs = runtime.block_on(told_by_theirs(input));
        let same = ours.len() == theirs.len() && ours == theirs;
        assert!(
            same,
            "seed {seed}: {} messages against {}",
            ours.len(),
            theirs.len()
        );
        assert!(!ours.is_empty(), "seed {seed}");
    }
}
