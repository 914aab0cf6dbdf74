//! Reads a ledger without changing it, whoever works on it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::LedgerError;
use super::file::beside;
use super::loss::{Before, Loss};
use super::schema::{BUSY, STEPS, Trouble, check, trusted_version, version, whole_copy};

/// Whether something was lost, as an open for writing would find.
pub(super) fn loss(path: &Path) -> Result<Option<Loss>, LedgerError> {
    let before = Before::of(path);
    if !before.present {
        return Ok(before.loss(0, true));
    }
    look(path, |connection| {
        let (version, clean) = version(connection, STEPS.len())?;
        Ok(before.loss(version, clean))
    })
}

/// Reads without changing anything.
pub(super) fn read<T>(
    path: &Path,
    work: impl Fn(&Connection) -> rusqlite::Result<T>,
) -> Result<Option<T>, LedgerError> {
    look(path, |connection| match trusted_version(connection, STEPS.len())?.0 {
        0 => Ok(None),
        version if version < STEPS.len() => Err(Trouble::Finding(format!(
            "it is of version {version}, and this release brings it up to {} when `transload serve` starts",
            STEPS.len()
        ))),
        _ => Ok(Some(work(connection)?)),
    })
}

/// Copies it as it is at one moment, whoever writes to it, and returns its version.
pub(super) fn copy(path: &Path, to: &Path) -> Result<u32, LedgerError> {
    look(path, |connection| {
        let (version, _) = trusted_version(connection, STEPS.len())?;
        whole_copy(connection, to)?;
        Ok(version as u32)
    })
}

/// Its version, after a check of the whole file.
pub(super) fn examine(path: &Path) -> Result<u32, LedgerError> {
    look(path, |connection| {
        let (version, _) = trusted_version(connection, STEPS.len())?;
        check(connection)?;
        Ok(version as u32)
    })
}

/// Opens for reading only.
fn look<T>(path: &Path, work: impl Fn(&Connection) -> Result<T, Trouble>) -> Result<T, LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Absent(path.to_owned()));
    }
    let attempt = |connection: Connection| -> Result<T, Trouble> {
        connection.busy_timeout(BUSY)?;
        work(&connection)
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let first = Connection::open_with_flags(path, flags).map_err(Trouble::from).and_then(attempt);
    // A cleanly closed ledger has no log beside it, and is readable even where none can be made.
    let result = match first {
        Err(Trouble::Database(_)) if !beside(path, "-wal").exists() => {
            let uri = format!("file:{}?immutable=1", escaped(path));
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
                .map_err(Trouble::from)
                .and_then(attempt)
        }
        other => other,
    };
    result.map_err(|trouble| trouble.about(path))
}

/// For the database's URI form of a file name.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}
