//! The requirements of the RFCs, row by row; each test is named by its row.

// Helpers of tests may fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
#[path = "../../../tests/rows/checks.rs"]
mod checks;
mod lab;

mod aside;
mod binding;
mod choice;
mod codec;
mod conflict;
mod coverage;
mod delivery;
mod messages;
mod reply_options;
mod saving;
