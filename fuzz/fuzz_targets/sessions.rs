//! Any sequence of messages of two sessions: envelopes and negotiations in every order.

#![no_main]

use std::time::Instant;

use agnt::dialect::visual::fuzzing::session;
use agnt::net::seal::ENCODERS;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| session(bytes, Instant::now(), ENCODERS));
