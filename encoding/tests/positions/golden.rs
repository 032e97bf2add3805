//! The golden vectors: sequences of frames that the Python implementation made and decoded.

use std::path::Path;

use agnt_codec::{AgentPosition, Frames};
use agnt_encoding::PositionDecoder;
use serde_json::Value;

use crate::support::{bits, records, unhex};

fn vectors() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/encodings.json");
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_sequence_decodes_as_python_does() {
    for vector in vectors() {
        let name = vector["name"].as_str().unwrap();
        let bytes = unhex(vector["hex"].as_str().unwrap());
        let expected = vector["decoded"].as_array().unwrap();
        let frames: Vec<_> = Frames::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(frames.len(), expected.len(), "{name}");
        let mut decoder = PositionDecoder::new();
        for (index, (frame, expected)) in frames.iter().zip(expected).enumerate() {
            let decoded = records(&mut decoder, frame);
            match expected["refused"].as_str() {
                Some(why) => {
                    let refused = decoded.expect_err(&format!("{name}, frame {index}: {why}"));
                    assert!(!refused.to_string().is_empty());
                }
                None => assert_eq!(
                    decoded.unwrap().iter().map(known).collect::<Vec<_>>(),
                    expected_records(expected),
                    "{name}, frame {index}"
                ),
            }
        }
    }
}

#[test]
fn there_are_sequences_of_every_codec() {
    let vectors = vectors();
    let starting = |with: &str| {
        let names = vectors
            .iter()
            .map(|vector| vector["name"].as_str().unwrap());
        names.filter(|name| name.starts_with(with)).count()
    };
    for (kind, least) in [
        ("shuffle", 3),
        ("predict", 4),
        ("box", 4),
        ("fixed", 5),
        ("refused", 40),
    ] {
        assert!(starting(kind) >= least, "{kind}");
    }
}

fn known(record: &AgentPosition) -> (u32, [u32; 6]) {
    (record.id.get(), bits(record))
}

fn expected_records(expected: &Value) -> Vec<(u32, [u32; 6])> {
    let records = expected["records"].as_array().unwrap().iter();
    let keys = ["x", "y", "z", "vx", "vy", "vz"];
    records
        .map(|record| {
            let id = record["id"].as_u64().unwrap() as u32;
            (id, keys.map(|key| float(&record[key])))
        })
        .collect()
}

fn float(value: &Value) -> u32 {
    match value["bits"].as_str() {
        Some(bits) => u32::from_str_radix(bits, 16).unwrap(),
        None => (value.as_f64().unwrap() as f32).to_bits(),
    }
}
