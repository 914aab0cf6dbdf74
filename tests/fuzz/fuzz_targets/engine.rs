//! Sequences of messages; see the module.

#![no_main]

#[path = "../../../dhcp/tests/fuzz/engine.rs"]
mod engine;
#[path = "../../../dhcp/tests/fuzz/rules.rs"]
mod rules;

libfuzzer_sys::fuzz_target!(|input: &[u8]| engine::check(input));
