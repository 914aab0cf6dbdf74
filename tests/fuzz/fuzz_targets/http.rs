//! Anything that a connection brings; see the module.

#![no_main]

#[path = "../../../appliance/http/tests/fuzz/stream.rs"]
mod stream;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stream::check(bytes));
