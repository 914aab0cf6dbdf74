//! The server on real interfaces: what shows only there. Needs root.

// Helpers of tests may fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
#[path = "../../../tests/rows/checks.rs"]
mod checks;
mod frames;
mod segment;

mod conflict;
mod coverage;
mod links;
mod rows;
