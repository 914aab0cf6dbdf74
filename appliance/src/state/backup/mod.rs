//! Backups: the whole state as one file, a tar archive.
//!
//! It begins with [`Header`], so that what cannot be restored is refused at once, goes on with the configuration and the
//! state, and ends with [`Index`], by which each file is verified, and the archive known to be whole.

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
pub use restore::{Wanted, restore};
pub use write::backup;

/// The first entry.
const HEADER: &str = "backup.json";
/// The last one.
const INDEX: &str = "index.json";
/// Where the configuration lies in the archive.
const CONFIGURATION: &str = "configuration/transload.toml";
/// Where the page's token lies.
const TOKEN: &str = "configuration/token";
/// The folder of the state in it.
const STATE: &str = "state";
/// The ledger's name in the state folder.
const LEDGER: &str = "ledger.db";
/// The only folder that may be left out: it can be imported again.
const FIRMWARE: &str = "firmware";
/// How what a restore replaced is called; the moment follows.
const REPLACED: &str = "replaced-";
/// The version of the archive's form that this program writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// What a backup is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    /// The version of the archive's form.
    format: u32,
    /// The release that wrote it.
    transload: String,
    /// The ledger's version; 0 where there was none yet.
    ledger: u32,
    /// When.
    made: Timestamp,
    /// Firmware is in it.
    firmware: bool,
}

/// What each file is to be.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Index {
    /// By name in the archive.
    files: BTreeMap<String, Entry>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Of its content, in lower-case hexadecimal digits.
    sha256: String,
    /// Bytes.
    size: u64,
    /// When it was last written, in nanoseconds since 1970: the manifest knows files by it.
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

/// Completes a restore that a power cut interrupted. The caller holds the state folder's lock.
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
