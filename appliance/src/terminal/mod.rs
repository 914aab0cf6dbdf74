//! What people see on a terminal: tables and progress.

pub mod progress;
pub mod table;
