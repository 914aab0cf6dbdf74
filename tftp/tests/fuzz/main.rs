//! What the fuzz targets check, with their corpus and mutations of it: a short run that needs no fuzzer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../../../tests/fuzz/mutations.rs"]
mod mutations;
mod request;
mod transfer;

use mutations::run;

#[test]
fn t03_t14_t15_the_request_parser_survives_its_corpus_and_mutations_of_it() {
    run("tftp-request", request::check);
}

#[test]
fn t07_t09_t21_the_transfer_machine_survives_its_corpus_and_mutations_of_it() {
    run("tftp-transfer", transfer::check);
}
