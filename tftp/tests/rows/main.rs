//! The requirements of the RFCs, row by row; each test is named by its row.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[macro_use]
#[path = "../../../tests/rows/checks.rs"]
mod checks;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/running.rs"]
mod running;

mod anew;
mod coverage;
mod netascii;
mod requests;
mod sockets;
mod transfer;
