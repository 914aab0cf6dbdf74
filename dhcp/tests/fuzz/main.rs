//! What the fuzz targets check, with their corpus and mutations of it: a short run that needs no fuzzer.

// Helpers of tests may fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod decoder;
mod engine;
#[path = "../../../tests/fuzz/mutations.rs"]
mod mutations;
mod rules;

use mutations::run;

#[test]
fn d35_the_decoder_survives_its_corpus_and_mutations_of_it() {
    run("decoder", decoder::check);
}

#[test]
fn d32_the_engine_survives_its_corpus_and_mutations_of_it() {
    run("engine", engine::check);
}
