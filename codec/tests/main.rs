//! Tests of the wire format against bytes that the codec didn't make.
//!
//! Oracles: bytes written by hand, the golden vectors, and the Python implementation.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

/// The fuzz corpus, each file and each of its prefixes.
mod corpus;
/// Counts that wrap when multiplied, and counts that lie by one.
mod count_traps;
/// Rust against Python, on mutated frames.
mod differential;
/// What the encoder refuses to write.
mod emit_refusals;
/// Floats of every kind, bit for bit.
mod floats;
/// The golden vectors, read and written again; whether Python still makes the same.
mod golden;
/// Frames typed by hand from the document.
mod hand_made;
/// Where things lie: the first record at byte 12, the stride 28.
mod layout;
/// The malformed golden vectors, and that each error is a sentence.
mod malformed;
/// Anything that can be said survives the wire.
mod properties;
/// What several test files need: hex, golden files, frames as JSON.
mod support;
/// Frames cut at every byte.
mod truncation;
/// Types that don't exist yet.
mod unknown_types;
/// Several frames in one buffer, and a partial one at its end.
mod walk;
