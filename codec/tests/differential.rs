//! Rust against Python: golden frames with bytes changed, cut and put together mean the same to
//! both implementations, to the last field of an error.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

use agnt_codec::Frames;
use serde_json::{Value, json};

use crate::support::{error_fields, fields, hex, root, valid_vectors, vectors};

const BUFFERS: usize = 3000;

/// A small generator of numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % bound
    }
}

fn buffers() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = valid_vectors()
        .into_iter()
        .map(|vector| vector.bytes)
        .collect();
    seeds.extend(vectors("malformed").into_iter().map(|vector| vector.bytes));
    let mut numbers = Numbers(2);
    (0..BUFFERS)
        .map(|_| {
            let mut buffer = Vec::new();
            for _ in 0..=numbers.below(3) {
                buffer.extend(&seeds[numbers.below(seeds.len())]);
            }
            for _ in 0..numbers.below(4) {
                if !buffer.is_empty() {
                    let at = numbers.below(buffer.len());
                    // Small numbers are counts, lengths, types and flags: they go further.
                    buffer[at] = if numbers.below(2) == 0 {
                        numbers.below(8) as u8
                    } else {
                        numbers.below(256) as u8
                    };
                }
            }
            let end = numbers.below(2 * buffer.len() + 1).min(buffer.len());
            buffer.truncate(end);
            buffer
        })
        .collect()
}

#[test]
fn rust_and_python_read_the_same() {
    let buffers = buffers();
    let lines = buffers.iter().fold(String::new(), |mut lines, buffer| {
        writeln!(lines, "{}", hex(buffer)).unwrap();
        lines
    });
    let mut python = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(root().join("tests/python/agnt_codec.py"))
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
    assert_eq!(answers.lines().count(), buffers.len());
    for (buffer, answer) in buffers.iter().zip(answers.lines()) {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let mut frames = Vec::new();
        let mut error = Value::Null;
        for next in Frames::new(buffer) {
            match next {
                Ok(frame) => frames.push(fields(&frame)),
                Err(met) => error = error_fields(&met),
            }
        }
        assert_eq!(
            json!({"frames": frames, "error": error}),
            answer,
            "{}",
            hex(buffer)
        );
    }
}
