//! The file: its tables and versions, what is checked before it is trusted, and what is read from it.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row};
use transload_dhcp::lease::{LeaseRecord, LeaseState};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::{LedgerError, Restored, forgotten};

/// Pages of the write-ahead log after which it goes into the main file even under load, which delays one commit. When
/// there is time, it goes there earlier.
const LOG_PAGES: u32 = 4096;
/// Bytes of such a log.
const LOG_SIZE: u32 = LOG_PAGES * (4096 + 24);

/// Kilobytes of the file that are kept in memory: a bench reads it once, when it starts.
const CACHED: i32 = 1024;

/// Step n makes a ledger of version n into one of version n + 1; step 0 makes an empty file into the first.
/// A released step never changes.
pub(super) const STEPS: &[&str] = &[
    "
    CREATE TABLE ledger (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        version INTEGER NOT NULL,
        clean INTEGER NOT NULL,       -- 0 while a bench runs
        high_water INTEGER NOT NULL   -- ms since the epoch
    ) STRICT;
    INSERT INTO ledger VALUES (1, 1, 1, 0);
    CREATE TABLE observation (
        number INTEGER PRIMARY KEY,   -- in the order of appending
        mac INTEGER NOT NULL,
        at INTEGER NOT NULL,          -- ms since the epoch
        json TEXT NOT NULL
    ) STRICT;
    CREATE TABLE snapshot (mac INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT;
    CREATE TABLE lease (
        address INTEGER PRIMARY KEY,
        mac INTEGER NOT NULL,
        client_id BLOB,
        state TEXT NOT NULL,
        since INTEGER NOT NULL,       -- ms since the epoch
        expires INTEGER NOT NULL      -- likewise
    ) STRICT;
",
    forgotten::STEP,
    #[cfg(feature = "next-ledger")]
    "CREATE TABLE to_come (number INTEGER PRIMARY KEY) STRICT",
];

/// Findings of a check that are told.
const FINDINGS: u32 = 5;
/// How long a stranger's lock on the file is waited out.
const BUSY: Duration = Duration::from_secs(1);

/// Opens for writing, up to date, marked as in use.
pub(super) fn open(path: &Path) -> Result<(Connection, Restored), LedgerError> {
    open_with(path, STEPS)
}

pub(super) fn open_with(path: &Path, steps: &[&str]) -> Result<(Connection, Restored), LedgerError> {
    let created = !path.exists();
    let attempt = || -> Result<(Connection, Restored), Trouble> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let version = trusted_version(&connection, steps.len())?;
        migrate(&mut connection, path, version, steps)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        connection.pragma_update(None, "journal_size_limit", LOG_SIZE)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // A negative number is one of kilobytes, not of pages.
        connection.pragma_update(None, "cache_size", -CACHED)?;
        connection.execute(FOLDED, [])?;
        connection.execute("UPDATE ledger SET clean = 0", [])?;
        if created {
            sync_folder(path)?;
        }
        let restored = restore(&connection)?;
        Ok((connection, restored))
    };
    attempt().map_err(|trouble| trouble.about(path))
}

/// Reads without changing anything.
pub(super) fn read(path: &Path) -> Result<Restored, LedgerError> {
    look(path, |connection| match trusted_version(connection, STEPS.len())? {
        0 => Ok(Restored::default()),
        version if version < STEPS.len() => Err(Trouble::Finding(format!(
            "it is of version {version}, and this release brings it up to {} when `transload serve` starts",
            STEPS.len()
        ))),
        _ => Ok(restore(connection)?),
    })
}

/// Copies it as it is at one moment, whoever writes to it, and returns its version.
pub(super) fn copy(path: &Path, to: &Path) -> Result<u32, LedgerError> {
    look(path, |connection| {
        let version = trusted_version(connection, STEPS.len())?;
        connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
        Ok(version as u32)
    })
}

/// Its version, after a check of the whole file.
pub(super) fn examine(path: &Path) -> Result<u32, LedgerError> {
    look(path, |connection| {
        let version = trusted_version(connection, STEPS.len())?;
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

/// Folds the log into the main file as far as readers allow.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Where a commit notes which observations its snapshots cover. An index by phone would find them sooner, and cost
/// every observation a page more to write.
pub(super) const FOLDED: &str =
    "CREATE TEMP TABLE folded (mac INTEGER PRIMARY KEY, through INTEGER NOT NULL) STRICT";

/// Marks the file as cleanly closed, and closes it.
pub(super) fn close(connection: Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE ledger SET clean = 1", [])?;
    connection.close().map_err(|(_, error)| error)
}

/// A phone as a key: integers keep the tables small.
pub(super) fn key(mac: Mac) -> i64 {
    mac.0.iter().fold(0, |key, octet| key << 8 | i64::from(*octet))
}

/// A lease's state, as the table has it.
pub(super) fn state(state: LeaseState) -> &'static str {
    match state {
        LeaseState::Bound => "bound",
        LeaseState::Released => "released",
        LeaseState::Declined => "declined",
    }
}

pub(super) fn mac(key: i64) -> Mac {
    let [_, _, mac @ ..] = key.to_be_bytes();
    Mac(mac)
}

/// The file's version, 0 if it is empty; checks the whole file if nobody closed it.
fn trusted_version(connection: &Connection, known: usize) -> Result<usize, Trouble> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(0);
    }
    let state = connection
        .query_row("SELECT version, clean FROM ledger WHERE id = 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional();
    let (version, clean): (u32, bool) = match state {
        Ok(Some(state)) => state,
        Ok(None) => return Err(Trouble::Finding("it does not say its version".into())),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            return Err(Trouble::Finding("it is another program's database".into()));
        }
        Err(error) => return Err(error.into()),
    };
    if version as usize > known {
        return Err(Trouble::Newer(version, known as u32));
    }
    if !clean {
        check(connection)?;
    }
    Ok(version as usize)
}

fn check(connection: &Connection) -> Result<(), Trouble> {
    let findings: Vec<String> = connection
        .prepare(&format!("PRAGMA quick_check({FINDINGS})"))?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if findings == ["ok"] {
        Ok(())
    } else {
        Err(Trouble::Finding(format!("it is damaged: {}", findings.join("; "))))
    }
}

fn migrate(connection: &mut Connection, path: &Path, version: usize, steps: &[&str]) -> Result<(), Trouble> {
    let Some(missing) = steps.get(version..).filter(|missing| !missing.is_empty()) else {
        return Ok(());
    };
    if version > 0 {
        keep_copy(connection, path, version)?;
    }
    let transaction = connection.transaction()?;
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.execute("UPDATE ledger SET version = ?1", [steps.len() as u32])?;
    transaction.commit()?;
    Ok(())
}

/// Leaves `ledger.db.v1` beside `ledger.db`: complete, or not there.
fn keep_copy(connection: &Connection, path: &Path, version: usize) -> Result<(), Trouble> {
    let copy = beside(path, &format!(".v{version}"));
    let part = beside(path, ".part");
    if part.exists() {
        std::fs::remove_file(&part)?;
    }
    connection.execute("VACUUM INTO ?1", [part.to_string_lossy()])?;
    File::open(&part)?.sync_all()?;
    std::fs::rename(&part, &copy)?;
    sync_folder(path)?;
    tracing::info!(copy = %copy.display(), "the ledger is brought up to date; it is kept as it was");
    Ok(())
}

fn restore(connection: &Connection) -> rusqlite::Result<Restored> {
    let time = |value: i64| Time(value.cast_unsigned());
    let latest = "SELECT max(high_water, ifnull((SELECT max(at) FROM observation), 0),
                  ifnull((SELECT max(since) FROM lease), 0)) FROM ledger";
    Ok(Restored {
        leases: connection
            .prepare("SELECT address, mac, client_id, state, since, expires FROM lease ORDER BY address")?
            .query_map([], lease)?
            .collect::<Result<_, _>>()?,
        snapshots: connection
            .prepare("SELECT mac, json FROM snapshot")?
            .query_map([], |row| Ok((mac(row.get(0)?), row.get(1)?)))?
            .collect::<Result<_, _>>()?,
        observations: connection
            .prepare("SELECT mac, at, json FROM observation ORDER BY number")?
            .query_map([], |row| Ok((mac(row.get(0)?), time(row.get(1)?), row.get(2)?)))?
            .collect::<Result<_, _>>()?,
        forgotten: forgotten::read(connection)?,
        high_water: time(connection.query_row(latest, [], |row| row.get(0))?),
    })
}

fn lease(row: &Row<'_>) -> rusqlite::Result<LeaseRecord> {
    let time = |value: i64| value.cast_unsigned();
    let written = row.get_ref(3)?.as_str()?;
    let states = [LeaseState::Bound, LeaseState::Released, LeaseState::Declined];
    let known = states.into_iter().find(|known| state(*known) == written);
    Ok(LeaseRecord {
        address: Ipv4Addr::from_bits(row.get(0)?),
        mac: mac(row.get(1)?).0,
        client_id: row.get(2)?,
        // Only a newer release knows more states, and its ledger is refused.
        state: known.ok_or_else(|| rusqlite::Error::InvalidColumnType(3, "state".into(), Type::Text))?,
        since: time(row.get(4)?),
        expires: time(row.get(5)?),
    })
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// For the database's URI form of a file name.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

/// What went wrong, before the file's name is added.
#[derive(Debug)]
enum Trouble {
    Newer(u32, u32),
    Finding(String),
    Database(rusqlite::Error),
    System(std::io::Error),
}

impl Trouble {
    fn about(self, path: &Path) -> LedgerError {
        let path = path.to_owned();
        match self {
            Self::Newer(found, known) => LedgerError::Newer { path, found, known },
            Self::Finding(finding) => LedgerError::Damaged { path, finding },
            Self::Database(error) => match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    LedgerError::Damaged { path, finding: error.to_string() }
                }
                _ => LedgerError::Refused { path, cause: error.to_string() },
            },
            Self::System(error) => LedgerError::Refused { path, cause: error.to_string() },
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::System(error)
    }
}
