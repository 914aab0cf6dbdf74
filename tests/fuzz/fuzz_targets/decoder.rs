//! Any datagram; see the module.

#![no_main]

#[path = "../../../dhcp/tests/fuzz/decoder.rs"]
mod decoder;

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| decoder::check(datagram));
