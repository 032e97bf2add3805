//! Any bytes: the walk over their frames holds its invariants.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agnt_codec::fuzzing::decode(bytes));
