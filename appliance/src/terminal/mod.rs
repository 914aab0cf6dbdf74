//! Output for a terminal: tables and progress.

pub mod progress;
pub mod table;
