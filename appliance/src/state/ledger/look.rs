//! Reads a ledger without changing it, also while a bench writes it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::LedgerError;
use super::file::beside;
use super::loss::{EarlierFiles, Loss};
use super::schema::{BUSY, STEPS, SchemaError, check, trusted_version, version, whole_copy};

/// Whether the ledger lost something, as an open for writing would find.
pub(super) fn loss(path: &Path) -> Result<Option<Loss>, LedgerError> {
    let before = EarlierFiles::of(path);
    if !before.present {
        return Ok(before.loss(0, true));
    }
    look(path, |connection| {
        let (version, clean) = version(connection, STEPS.len())?;
        Ok(before.loss(version, clean))
    })
}

/// Runs `work` on the ledger, opened for reading.
pub(super) fn read<T>(
    path: &Path,
    work: impl Fn(&Connection) -> rusqlite::Result<T>,
) -> Result<Option<T>, LedgerError> {
    look(path, |connection| match trusted_version(connection, STEPS.len())?.0 {
        0 => Ok(None),
        version if version < STEPS.len() => Err(SchemaError::Finding(format!(
            "it is of version {version}, and this release brings it up to {} when `transload serve` starts",
            STEPS.len()
        ))),
        _ => Ok(Some(work(connection)?)),
    })
}

/// Copies the ledger at one moment, also while a bench writes it. Returns its version.
pub(super) fn copy(path: &Path, to: &Path) -> Result<u32, LedgerError> {
    look(path, |connection| {
        let (version, _) = trusted_version(connection, STEPS.len())?;
        whole_copy(connection, to)?;
        Ok(version as u32)
    })
}

/// Checks the whole file, and returns its version.
pub(super) fn examine(path: &Path) -> Result<u32, LedgerError> {
    look(path, |connection| {
        let (version, _) = trusted_version(connection, STEPS.len())?;
        check(connection)?;
        Ok(version as u32)
    })
}

/// Opens the ledger for reading.
fn look<T>(path: &Path, work: impl Fn(&Connection) -> Result<T, SchemaError>) -> Result<T, LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Absent(path.to_owned()));
    }
    let attempt = |connection: Connection| -> Result<T, SchemaError> {
        connection.busy_timeout(BUSY)?;
        work(&connection)
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let first = Connection::open_with_flags(path, flags).map_err(SchemaError::from).and_then(attempt);
    // A cleanly closed ledger has no log, and is readable even on a read-only disk.
    let result = match first {
        Err(SchemaError::Database(_)) if !beside(path, "-wal").exists() => {
            let uri = format!("file:{}?immutable=1", escaped(path));
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
                .map_err(SchemaError::from)
                .and_then(attempt)
        }
        other => other,
    };
    result.map_err(|trouble| trouble.about(path))
}

/// Escapes a path for the database's URI form.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}
