//! `transload backup` and `transload restore`: the whole state into a file, and back.

use std::path::Path;

use indicatif::DecimalBytes;

use super::cli::{BackupArgs, RestoreArgs};
use crate::config::Config;
use crate::state::backup::{self, RestoreRequest};
use crate::system::error::Failure;

/// Writes a backup, and tells what is in it.
///
/// # Errors
/// Something cannot be read, or the file cannot be written; there is none then.
pub fn backup(config: &Config, args: &BackupArgs) -> Result<(), Failure> {
    let (files, bytes) = backup::backup(config, &args.file, !args.without_firmware)?;
    println!("{}: {files} files, {}", args.file.display(), DecimalBytes(bytes));
    Ok(())
}

/// Restores a backup. `named` is what `--config` said.
///
/// # Errors
/// The backup is damaged or of a newer release, the state folder holds something else, or a bench is running: nothing
/// has changed then.
pub fn restore(named: Option<&Path>, args: &RestoreArgs) -> Result<(), Failure> {
    let wanted =
        RestoreRequest { named, state: args.state.as_deref(), configuration: !args.without_configuration };
    backup::restore(&args.file, &wanted, |line| {
        println!("{line}");
    })
}
