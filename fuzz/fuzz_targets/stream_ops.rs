//! Any script of the engine's operations: the stream and a plain model of it agree.

#![no_main]

use std::time::Instant;

use agnt::engine::fuzzing::stream_ops;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stream_ops(bytes, Instant::now()));
