//! Any payloads: the decoder of positions holds its invariants; any ticks: every codec keeps them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    agnt_encoding::fuzzing::decode(bytes);
    agnt_encoding::fuzzing::roundtrip(bytes);
});
