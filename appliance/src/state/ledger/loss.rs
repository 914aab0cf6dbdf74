//! Signs that a ledger has lost something since it was written last: `SQLite` takes a file without its log for whole, and
//! an empty file for a new one.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::file::{beside, sync_folder};

/// Lies beside a ledger from its first use on.
const BEGUN: &str = ".begun";

/// What was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    path: PathBuf,
    what: Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// The log with the newest records.
    Log,
    /// All content.
    Content,
    /// The file.
    File,
}

impl Loss {
    /// For the technician.
    pub fn cause(&self) -> String {
        let path = self.path.display();
        match self.what {
            Lost::Log => format!(
                "{path} was not closed, and its log {path}-wal is gone: the newest leases and facts may be lost"
            ),
            Lost::Content => format!("{path} is empty, although it was in use: leases and facts are lost"),
            Lost::File => format!("{path} is gone, although it was in use: leases and facts are lost"),
        }
    }

    /// What to do about it.
    pub fn cure(&self) -> String {
        let restore = "stop transload and restore a backup (`transload restore`), if there is one";
        match self.what {
            Lost::Log => format!("put the log back, or {restore}; otherwise phones are recognized anew"),
            Lost::Content | Lost::File => format!("{restore}; otherwise phones are recognized anew"),
        }
    }
}

/// What lay in the folder before the ledger was opened.
#[derive(Debug)]
pub(super) struct Before {
    path: PathBuf,
    pub(super) present: bool,
    empty: bool,
    log: bool,
    used: bool,
}

impl Before {
    pub(super) fn of(path: &Path) -> Self {
        let size = std::fs::metadata(path).ok().map(|file| file.len());
        Self {
            path: path.to_owned(),
            present: size.is_some(),
            empty: size == Some(0),
            // A program that only looked may have left an empty one.
            log: std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0),
            used: beside(path, BEGUN).exists(),
        }
    }

    /// `version` and `clean` are what the file says.
    pub(super) fn loss(&self, version: usize, clean: bool) -> Option<Loss> {
        let what = match version {
            0 if self.empty && (self.used || self.has_company()) => Lost::Content,
            0 if !self.present && self.used => Lost::File,
            0 => return None,
            _ if !clean && !self.log => Lost::Log,
            _ => return None,
        };
        Some(Loss { path: self.path.clone(), what })
    }

    /// Whether a bench was here, as files tell that no import makes.
    fn has_company(&self) -> bool {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.into_iter().any(|other| other != name && other.starts_with(&name) || other == "licenses")
    }
}

/// Leaves word that this ledger is in use.
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
