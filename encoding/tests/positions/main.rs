//! Tests of the codecs for positions.
//!
//! Oracles: the Python implementation and the golden vectors, which it made; bytes written by hand; a
//! plain map of the newest record of each agent.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

/// The fuzz corpus, each file and its first half.
mod corpus;
/// Rust against Python, on what the encoder makes and on what becomes of it by chance.
mod differential;
/// The golden vectors: what is decoded, to the bit, and what is refused.
mod golden;
/// Frames typed by hand from the document.
mod hand_made;
/// Any swarm survives any codec, to the bit or within its bounds, and viewers may enter at any time.
mod properties;
/// How many bytes a tick takes when all goes well.
mod sizes;
/// What several test files need.
mod support;
