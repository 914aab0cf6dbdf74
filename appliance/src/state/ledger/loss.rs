//! Detects a ledger that lost data since its last write: `SQLite` accepts a file without its log as whole, and an empty
//! file as new.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::file::{beside, sync_folder};

/// The suffix of a file that exists from the ledger's first use.
const BEGUN: &str = ".begun";

/// A loss of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    path: PathBuf,
    what: LossKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LossKind {
    /// The log with the newest records is missing.
    Log,
    /// The file is empty.
    Content,
    /// The file is missing.
    File,
}

impl Loss {
    /// The cause, for the technician.
    pub fn cause(&self) -> String {
        let path = self.path.display();
        match self.what {
            LossKind::Log => format!(
                "{path} was not closed, and its log {path}-wal is gone: the newest leases and facts may be lost"
            ),
            LossKind::Content => {
                format!("{path} is empty, although it was in use: leases and facts are lost")
            }
            LossKind::File => format!("{path} is gone, although it was in use: leases and facts are lost"),
        }
    }

    /// The cure, for the technician.
    pub fn cure(&self) -> String {
        let restore = "stop transload and restore a backup (`transload restore`), if there is one";
        match self.what {
            LossKind::Log => format!("put the log back, or {restore}; otherwise phones are recognized anew"),
            LossKind::Content | LossKind::File => format!("{restore}; otherwise phones are recognized anew"),
        }
    }
}

/// The ledger's files before it was opened.
#[derive(Debug)]
pub(super) struct EarlierFiles {
    path: PathBuf,
    pub(super) present: bool,
    empty: bool,
    log: bool,
    used: bool,
}

impl EarlierFiles {
    pub(super) fn of(path: &Path) -> Self {
        let size = std::fs::metadata(path).ok().map(|file| file.len());
        Self {
            path: path.to_owned(),
            present: size.is_some(),
            empty: size == Some(0),
            // A read-only program may have left an empty log.
            log: std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0),
            used: beside(path, BEGUN).exists(),
        }
    }

    /// The loss, if any; `version` and `clean` come from the file.
    pub(super) fn loss(&self, version: usize, clean: bool) -> Option<Loss> {
        let what = match version {
            0 if self.empty && (self.used || self.has_company()) => LossKind::Content,
            0 if !self.present && self.used => LossKind::File,
            0 => return None,
            _ if !clean && !self.log => LossKind::Log,
            _ => return None,
        };
        Some(Loss { path: self.path.clone(), what })
    }

    /// Whether files exist that only a bench creates.
    fn has_company(&self) -> bool {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.into_iter().any(|other| other != name && other.starts_with(&name) || other == "licenses")
    }
}

/// Records that this ledger is in use.
pub(super) fn mark_used(path: &Path) -> std::io::Result<()> {
    let mark = beside(path, BEGUN);
    if mark.exists() {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut file = std::fs::File::create(&mark)?;
    writeln!(file, "{name} is in use. If it is missing or empty, transload says so when it starts.")?;
    file.sync_all()?;
    sync_folder(path)
}
