//! See the module.

#![no_main]

#[path = "../../../tftp/tests/fuzz/transfer.rs"]
mod transfer;

libfuzzer_sys::fuzz_target!(|input: &[u8]| transfer::check(input));
