//! Rust against Python: frames that the Rust encoder made, as they are and with bytes changed, mean
//! the same to both decoders, to the bit.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use agnt_codec::{Flags, Frames, Payload};
use agnt_encoding::{CodecSpec, PositionDecoder, PositionEncoder, Precision};
use serde_json::{Value, json};

use crate::support::{Swarm, bits};

/// The payloads of a key and of some ticks, in which agents come, go, jump and are silent.
fn sequence(spec: CodecSpec, agents: u32, seed: u64) -> Vec<Vec<u8>> {
    let mut swarm = Swarm::new(agents, seed);
    let mut encoder = PositionEncoder::new(spec);
    encoder.seed(swarm.records().iter());
    let mut bytes = Vec::new();
    encoder.write_key(&[], &mut bytes);
    for tick in 0..6 {
        swarm.step();
        swarm.enter(500 + tick);
        let left = swarm.random.usize(0..swarm.agents.len());
        swarm.agents.swap_remove(left);
        let mut records = swarm.records();
        records.retain(|record| record.id.get() % 5 != tick % 7);
        encoder.encode(&records, Flags::NONE, &mut bytes);
    }
    let frames = Frames::new(&bytes).map(Result::unwrap);
    frames
        .filter_map(|frame| match frame.payload() {
            Payload::Encoded(payload) => Some(payload.to_vec()),
            _ => None,
        })
        .collect()
}

/// Sequences of every codec, and each again with a few bytes changed.
fn sequences() -> Vec<Vec<Vec<u8>>> {
    let fine = Precision::new(1.0 / 1024.0, 1.0 / 256.0).unwrap();
    let coarse = Precision::new(3.0, 0.3).unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut sequences = Vec::new();
    for spec in [
        CodecSpec::Shuffle,
        CodecSpec::Predict,
        CodecSpec::Box,
        CodecSpec::Fixed(fine),
        CodecSpec::Fixed(coarse),
    ] {
        for agents in [5, 33, 90] {
            let sound = sequence(spec, agents, agents.into());
            for _ in 0..12 {
                let mut changed = sound.clone();
                let payload = random.usize(0..changed.len());
                let payload = &mut changed[payload];
                for _ in 0..random.usize(1..4) {
                    // Most of what can be wrong is in the head and shortly behind it.
                    let end = payload.len().min([24, 64, 4096][random.usize(0..3)]);
                    let at = random.usize(0..end);
                    let any = random.u8(..);
                    payload[at] = [0, 1, any, payload[at] ^ 1][random.usize(0..4)];
                }
                sequences.push(changed);
            }
            sequences.push(sound);
        }
    }
    sequences
}

fn lines(sequences: &[Vec<Vec<u8>>]) -> String {
    let mut lines = String::new();
    for sequence in sequences {
        for payload in sequence {
            for byte in payload {
                write!(lines, "{byte:02x}").unwrap();
            }
            lines.push('\n');
        }
        lines.push('\n');
    }
    lines
}

/// What Python makes of the payloads.
fn asked(lines: String) -> Vec<Value> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/agnt_encoding.py");
    let mut python = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn rust_and_python_decode_the_same() {
    let sequences = sequences();
    let mut answers = asked(lines(&sequences)).into_iter();
    let mut refused = 0;
    for (number, sequence) in sequences.iter().enumerate() {
        let mut decoder = PositionDecoder::new();
        for (index, payload) in sequence.iter().enumerate() {
            let mut records = Vec::new();
            let result = decoder.decode(payload, &mut records);
            let decoded = match result {
                Ok(()) => records
                    .iter()
                    .map(|record| {
                        let bits = bits(record);
                        json!([
                            record.id.get(),
                            bits[0],
                            bits[1],
                            bits[2],
                            bits[3],
                            bits[4],
                            bits[5]
                        ])
                    })
                    .collect(),
                Err(_) => Value::Null,
            };
            refused += usize::from(decoded.is_null());
            let expected = answers.next().unwrap();
            assert_eq!(
                decoded, expected,
                "sequence {number}, payload {index}: {result:?}"
            );
        }
    }
    assert_eq!(answers.next(), None);
    assert!((50..600).contains(&refused), "{refused} were refused");
}
