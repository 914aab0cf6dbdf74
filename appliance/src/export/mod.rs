//! `transload export`: what others need to know, as files in their own formats.

mod licenses;

use crate::cli::{ExportArgs, ExportWhat};
use crate::config::Config;
use crate::error::Failure;

/// Writes what is asked for, and says where.
pub fn run(config: &Config, args: &ExportArgs) -> Result<(), Failure> {
    match &args.what {
        ExportWhat::Licenses { output } => licenses::run(config, output),
    }
}
