//! Verifies the library: reads every file again, and finds damage that size and time do not show.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use transload_provision::load::Direction;

use super::LibrarySnapshot;
use super::manifest::{self, Manifest, ManifestEntry};
use crate::config::Config;
use crate::state::state_lock::import_lock;
use crate::system::error::{Exit, Failure};
use crate::system::privilege;
use crate::terminal::progress;

/// The result of a verification.
#[derive(Debug, Default)]
pub struct Verification {
    /// Unchanged files.
    pub intact: usize,
    /// Files without an import, whose content is recorded now.
    pub adopted: usize,
    /// Changed or unreadable files.
    pub damaged: Vec<PathBuf>,
}

/// Verifies, and prints the result on standard error.
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

/// Reads every firmware file and license, and records the result for later scans. `total` is called with all bytes,
/// `progress` with the bytes read. Blocks.
pub fn verify(
    state: &Path,
    direction: Direction,
    total: impl FnOnce(u64),
    mut progress: impl FnMut(u64),
) -> Result<Verification, Failure> {
    let _lock = import_lock(state)?;
    let snapshot = LibrarySnapshot::scan(state, direction)?;
    let mut manifest = snapshot.manifest.clone();
    let mut verification = Verification::default();
    // A license of wrong size is already left out, and counts as damaged without a read.
    total(snapshot.known_files().map(|(_, found)| found.stamp.size).sum());
    for (key, found) in snapshot.known_files() {
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
                manifest.files.insert(
                    key,
                    ManifestEntry { sha256, size, modified, package: None, since, spoiled: None },
                );
                verification.adopted += 1;
            }
            (None, None) => verification.damaged.push(found.path.clone()),
        }
    }
    keep(&manifest, state)?;
    Ok(verification)
}

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
