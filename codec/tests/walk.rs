//! Several frames in one buffer, and a partial one at its end.

use agnt_codec::{Frame, Frames};
use serde_json::Value;

use crate::support::{error_fields, fields, valid_vectors, vectors};

#[test]
fn every_buffer_of_several_frames_is_walked() {
    for vector in vectors("several_frames") {
        let mut met = Vec::new();
        let mut ended = Value::Null;
        for next in Frames::new(&vector.bytes) {
            match next {
                Ok(frame) => met.push(fields(&frame)),
                Err(error) => ended = error_fields(&error),
            }
        }
        assert_eq!(Value::from(met), vector.json["frames"], "{}", vector.name);
        assert_eq!(ended, vector.json["error"], "{}", vector.name);
    }
}

#[test]
fn all_vectors_in_a_row_are_what_they_are_alone() {
    let (compressed, others): (Vec<_>, Vec<_>) = valid_vectors()
        .into_iter()
        .partition(|vector| vector.bytes[4] == 5);
    let row: Vec<_> = others.iter().chain(&compressed[..1]).collect();
    let buffer: Vec<u8> = row
        .iter()
        .flat_map(|vector| vector.bytes.iter().copied())
        .collect();
    let mut frames = Frames::new(&buffer);
    for vector in row {
        assert_eq!(
            frames.next().unwrap().unwrap().bytes(),
            vector.bytes,
            "{}",
            vector.name
        );
    }
    assert!(frames.next().is_none());
    assert_eq!(frames.offset(), buffer.len());
}

#[test]
fn an_empty_buffer_has_no_frame_and_no_error() {
    assert!(Frames::new(&[]).next().is_none());
    assert!(Frame::first(&[]).unwrap_err().is_partial());
}

#[test]
fn nothing_follows_an_error() {
    let buffer = b"AGNT\x06\0\0\0AGNX\x06\0\0\0AGNT\x06\0\0\0";
    let mut frames = Frames::new(buffer);
    assert!(frames.next().unwrap().is_ok());
    assert_eq!(frames.next().unwrap().unwrap_err().offset, 8);
    assert!(frames.next().is_none());
    assert!(frames.next().is_none());
    assert_eq!(frames.offset(), 8);
}
