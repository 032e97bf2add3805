//! What decodes is emitted again to the same bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agnt_codec::fuzzing::roundtrip(bytes));
