//! Backups: the whole state as one file, a tar archive.
//!
//! [`Header`] comes first, so that an unusable backup is refused at once. Configuration and state follow. [`Index`]
//! comes last, verifies each file, and proves that the archive is whole.

mod archive;
mod contents;
mod exchange;
mod restore;
mod settings;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::system::error::{Exit, Failure};
pub use restore::{RestoreRequest, restore};
pub use write::backup;

/// The name of the first entry.
const HEADER: &str = "backup.json";
/// The name of the last entry.
const INDEX: &str = "index.json";
/// The configuration's name in the archive.
const CONFIGURATION: &str = "configuration/transload.toml";
/// The token's name in the archive.
const TOKEN: &str = "configuration/token";
/// The state's folder in the archive.
const STATE: &str = "state";
/// The ledger's name in the state folder.
const LEDGER: &str = "ledger.db";
/// The only folder that may be left out, because it can be imported again.
const FIRMWARE: &str = "firmware";
/// The prefix of a replaced file's name; the moment follows.
const REPLACED: &str = "replaced-";
/// The format version that this program writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// Describes a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    /// The format version.
    format: u32,
    /// The release that wrote the backup.
    transload: String,
    /// The ledger's version; 0 without a ledger.
    ledger: u32,
    /// When the backup was made.
    made: Timestamp,
    /// Whether the backup has firmware.
    firmware: bool,
}

/// The expected content of each file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Index {
    /// Files by their name in the archive.
    files: BTreeMap<String, IndexedFile>,
}

/// The expected content of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct IndexedFile {
    /// The content's SHA-256 in lower-case hexadecimal.
    sha256: String,
    /// The size in bytes.
    size: u64,
    /// The modification time in nanoseconds since 1970. The manifest identifies files by it.
    modified: u64,
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    let cure = match error.kind() {
        std::io::ErrorKind::StorageFull => "make room there, and try again",
        std::io::ErrorKind::PermissionDenied => "run it with sudo, or name a place that you may write to",
        _ => "see that the disk is well, and try again",
    };
    Failure::new(Exit::Act, format!("cannot {what} {}: {error}", path.display()), cure)
}

/// Completes an interrupted restore. The caller holds the state folder's lock.
pub fn complete(state: &Path) -> Result<(), Failure> {
    match exchange::finish(state) {
        Ok(None) => Ok(()),
        Ok(Some(kept)) => {
            tracing::info!(kept = %kept.display(), "a restore that was interrupted is complete");
            Ok(())
        }
        Err(error) => Err(failed("complete the restore in", state, &error)),
    }
}
