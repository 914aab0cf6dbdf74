//! Tests the commands as a technician runs them: output and exit status.

// Clippy treats helpers outside of #[test] functions as program code.
#![allow(clippy::unwrap_used, clippy::panic)]

mod after;
mod bench;
mod check;
mod command_line;
mod export;
mod files;
mod hooks;
mod operate;
mod report;
mod status;
