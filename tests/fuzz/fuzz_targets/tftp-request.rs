//! See the module.

#![no_main]

#[path = "../../../tftp/tests/fuzz/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|input: &[u8]| request::check(input));
