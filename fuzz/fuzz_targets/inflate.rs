//! Any batch of any algorithm: inflated exactly or refused; and what is compressed comes back.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agnt_encoding::compression::fuzzing::inflate(bytes));
