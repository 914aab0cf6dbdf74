//! The commands, as a technician runs them: what they print and which status they end with.

// Clippy takes helpers outside of #[test] functions for program code.
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
