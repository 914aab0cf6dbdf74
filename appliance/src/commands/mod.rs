//! The commands, one file or folder each. `cli` defines their arguments.

pub mod backup;
pub mod check;
pub mod cli;
#[cfg(test)]
mod documents;
pub mod explain;
pub mod export;
pub mod import;
pub mod init;
pub mod manual;
pub mod operate;
pub mod rehearse;
pub mod reload;
pub mod report;
pub mod serve;
pub mod status;
