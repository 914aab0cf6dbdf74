//! Verification: reads every file again and compares it with what was imported. Finds what size and time do not tell.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use transload_provision::load::Direction;

use super::Shelf;
use super::manifest::{self, Known, Manifest};
use crate::config::Config;
use crate::state::state_lock::import_lock;
use crate::system::error::{Exit, Failure};
use crate::system::privilege;
use crate::terminal::progress;

/// What verification found.
#[derive(Debug, Default)]
pub struct Verification {
    /// Files whose content is what it was.
    pub intact: usize,
    /// Files that no import brought; from now on their content is known too.
    pub adopted: usize,
    /// Files whose content is another than it was, or that cannot be read.
    pub damaged: Vec<PathBuf>,
}

/// Verifies, and says on standard error what was found.
pub fn run(config: &Config) -> Result<(), Failure> {
    if !config.bench.state.is_dir() {
        return Ok(());
    }
    let bar = progress::bytes("verifying");
    let direction = config.migration.direction;
    let state = &config.bench.state;
    let verified = privilege::as_owner(state, || {
        verify(state, direction, |total| bar.set_length(total), |read| bar.inc(read))
    });
    bar.finish_and_clear();
    let Verification { intact, adopted, damaged } = verified??;
    eprintln!(
        "verified: {intact} files as they were, {adopted} for the first time, {} damaged",
        damaged.len()
    );
    for path in damaged {
        eprintln!("  damaged: {}", path.display());
    }
    Ok(())
}

/// Reads every firmware file and license, compares and writes down the outcome, which scans then take into account.
/// `progress` is told of all bytes first, and then of bytes as they are read. Blocks.
pub fn verify(
    state: &Path,
    direction: Direction,
    total: impl FnOnce(u64),
    mut progress: impl FnMut(u64),
) -> Result<Verification, Failure> {
    let _lock = import_lock(state)?;
    let shelf = Shelf::scan(state, direction)?;
    let mut manifest = shelf.manifest.clone();
    let mut verification = Verification::default();
    // Licenses of a wrong size are not on the shelf any more, and are damaged without a look.
    total(shelf.known_files().map(|(_, found)| found.stamp.size).sum());
    for (key, found) in shelf.known_files() {
        let digest = manifest::digest(&found.path, &mut progress).ok();
        let modified = found.stamp.nanoseconds();
        match (digest, manifest.files.get_mut(&key)) {
            (Some(sha256), Some(known)) if known.sha256 == sha256 => {
                known.modified = modified;
                known.spoiled = None;
                verification.intact += 1;
            }
            (_, Some(known)) => {
                known.spoiled = Some(modified);
                verification.damaged.push(found.path.clone());
            }
            (Some(sha256), None) => {
                let (size, since) = (found.stamp.size, Timestamp::now());
                manifest
                    .files
                    .insert(key, Known { sha256, size, modified, package: None, since, spoiled: None });
                verification.adopted += 1;
            }
            (None, None) => verification.damaged.push(found.path.clone()),
        }
    }
    keep(&manifest, state)?;
    Ok(verification)
}

/// Writes the manifest.
pub fn keep(manifest: &Manifest, state: &Path) -> Result<(), Failure> {
    manifest.write(state).map_err(|error| {
        let path = state.join(manifest::NAME);
        Failure::new(
            Exit::Act,
            format!("cannot write {}: {error}", path.display()),
            "make room, or run the command as a user that may write there",
        )
    })
}
