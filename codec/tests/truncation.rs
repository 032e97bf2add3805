//! Frames cut at every byte: more bytes could complete them, and the error says how many.

use agnt_codec::{DecodeErrorKind, Frame, Frames};

use crate::support::valid_vectors;

#[test]
fn a_frame_cut_at_any_byte_is_partial() {
    for vector in valid_vectors() {
        let whole = &vector.bytes;
        let is_compressed = whole[4] == 5;
        for cut in 0..whole.len() {
            let context = format!("{} at {cut}", vector.name);
            let need = match cut {
                0..5 => 8,
                5..9 if is_compressed => 9,
                // This layout has no length: what is there is taken for all of the data.
                _ if is_compressed => continue,
                5..8 => 8,
                _ => whole.len(),
            };
            let error = Frame::first(&whole[..cut]).unwrap_err();
            assert_eq!(error.kind, DecodeErrorKind::Partial, "{context}");
            assert!(error.is_partial(), "{context}");
            assert_eq!(
                (error.offset, error.need, error.have),
                (0, need, cut),
                "{context}"
            );
            assert_eq!(Frame::exactly(&whole[..cut]), Err(error), "{context}");
        }
    }
}

#[test]
fn a_compressed_batch_takes_whatever_is_there() {
    for vector in valid_vectors().iter().filter(|vector| vector.bytes[4] == 5) {
        for cut in 9..vector.bytes.len() {
            let frame = Frame::exactly(&vector.bytes[..cut]).unwrap();
            assert_eq!(frame.payload_bytes(), &vector.bytes[9..cut]);
        }
    }
}

#[test]
fn a_cut_after_a_whole_frame_points_at_the_second() {
    for vector in valid_vectors().iter().filter(|vector| vector.bytes[4] != 5) {
        let two = vector.bytes.repeat(2);
        for cut in vector.bytes.len() + 1..two.len() {
            let mut frames = Frames::new(&two[..cut]);
            assert!(frames.next().unwrap().is_ok());
            let error = frames.next().unwrap().unwrap_err();
            assert!(error.is_partial(), "{}", vector.name);
            assert_eq!(error.offset, vector.bytes.len(), "{}", vector.name);
            assert_eq!(error.have, cut - vector.bytes.len(), "{}", vector.name);
            assert_eq!(frames.offset(), vector.bytes.len(), "{}", vector.name);
        }
    }
}
