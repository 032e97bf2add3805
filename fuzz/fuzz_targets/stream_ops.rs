//! Any script of the engine's operations: the stream and a plain model of it agree.

#![no_main]

use std::time::Instant;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agnt::engine::fuzzing::stream_ops(bytes, Instant::now()));
