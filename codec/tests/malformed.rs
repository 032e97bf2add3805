//! The malformed golden vectors: each has one error, and each error is a sentence.

use std::collections::HashSet;

use agnt_codec::Frame;

use crate::support::{error_fields, vectors};

#[test]
fn every_malformed_vector_has_its_error() {
    for vector in vectors("malformed") {
        let error = Frame::exactly(&vector.bytes).unwrap_err();
        assert_eq!(
            error_fields(&error),
            vector.json["error"],
            "{}",
            vector.name
        );
    }
}

#[test]
fn every_error_is_a_sentence_of_its_own() {
    let mut kinds = HashSet::new();
    let mut sentences = HashSet::new();
    for vector in vectors("malformed") {
        let error = Frame::exactly(&vector.bytes).unwrap_err();
        kinds.insert(error.kind);
        let sentence = error.to_string();
        assert!(sentence.contains("byte"), "{sentence}");
        assert!(
            !sentence.ends_with('.') && !sentence.contains('\n'),
            "{sentence}"
        );
        sentences.insert((
            error.kind,
            sentence.replace(|one: char| one.is_ascii_digit(), ""),
        ));
    }
    assert_eq!(kinds.len(), 13, "a kind has no malformed vector: {kinds:?}");
    assert!(sentences.len() >= kinds.len());
}

#[test]
fn the_reversed_magic_is_named() {
    let error = Frame::exactly(b"TNGA\x06\0\0\0").unwrap_err();
    assert!(error.to_string().contains("41 47 4e 54"), "{error}");
}

#[test]
fn bytes_behind_the_frame_are_refused_where_none_belong() {
    let error = Frame::exactly(b"AGNT\x06\0\0\0AG").unwrap_err();
    assert_eq!(error.to_string(), "2 bytes too many follow from byte 8 on");
}
