//! The golden vectors: bytes that the Python implementation made, with what they mean.

use std::process::Command;

use agnt_codec::{Frame, fuzzing};

use crate::support::{VALID_FILES, fields, root, valid_vectors, vectors};

#[test]
fn every_vector_decodes_to_its_fields() {
    for vector in valid_vectors() {
        let frame = Frame::exactly(&vector.bytes)
            .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        assert_eq!(fields(&frame), vector.json["fields"], "{}", vector.name);
        assert_eq!(frame.bytes(), vector.bytes, "{}", vector.name);
    }
}

#[test]
fn every_vector_is_written_again_to_the_same_bytes() {
    for vector in valid_vectors() {
        fuzzing::roundtrip(&vector.bytes);
    }
}

#[test]
fn every_type_has_two_vectors_and_more() {
    for file in VALID_FILES {
        assert!(vectors(file).len() >= 2, "{file}");
    }
}

#[test]
fn python_makes_the_same_files() {
    let output = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(root().join("tests/python/make_golden.py"))
        .arg("--check")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
