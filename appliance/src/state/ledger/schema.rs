//! Defines the file's tables and versions, and checks the file before it is trusted.

use std::collections::HashMap;
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};
use transload_dhcp::lease::{LeaseRecord, LeaseState};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::file::{beside, sync_folder};
use super::key::{key, mac};
use super::loss::{EarlierFiles, Loss};
use super::rows::RowCounts;
use super::{LedgerError, Replay, TimeMarks, forgotten};

/// Log pages that force a checkpoint under load, which delays one commit. At rest the checkpoint comes earlier.
const LOG_PAGES: u32 = 4096;
/// The size of such a log in bytes.
const LOG_SIZE: u32 = LOG_PAGES * (4096 + 24);

/// Kilobytes of page cache: a bench reads the file once, at its start.
const CACHED: i32 = 1024;

/// Step n upgrades a ledger from version n to n + 1; step 0 creates the first version. A released step never changes.
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
    SECOND,
    THIRD,
    #[cfg(feature = "next-ledger")]
    "CREATE TABLE to_come (number INTEGER PRIMARY KEY) STRICT",
];

/// Adds `certain`, after which no moment is vouched for (0 if unknown), and forgotten phones.
const SECOND: &str = "
    ALTER TABLE ledger ADD COLUMN certain INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE forgotten (
        mac INTEGER PRIMARY KEY,
        at INTEGER NOT NULL           -- ms since the epoch
    ) STRICT;
";

/// Keeps the facts behind a snapshot, back to the previous one, so that another version of the model can read them
/// again.
const THIRD: &str = "
    -- The last observation that it covers, which is there as long as it is; 0 if none of them is kept.
    ALTER TABLE snapshot ADD COLUMN through INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE snapshot_before (mac INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT;
";

/// Findings of a check that are reported.
const FINDINGS: u32 = 5;
/// The longest wait for another program's lock.
pub(super) const BUSY: Duration = Duration::from_secs(1);

/// Opens and upgrades the file. Tells whether data was lost.
pub(super) fn open(path: &Path) -> Result<(Connection, Option<Loss>), LedgerError> {
    open_with(path, STEPS)
}

pub(super) fn open_with(path: &Path, steps: &[&str]) -> Result<(Connection, Option<Loss>), LedgerError> {
    let before = EarlierFiles::of(path);
    let attempt = || -> Result<_, SchemaError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        keep_log(&connection, true)?;
        let (version, clean) = trusted_version(&connection, steps.len())?;
        keep_log(&connection, !clean)?;
        if version == 0 {
            // This setting works only before the first table. An older ledger is rewritten at rest.
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        }
        migrate(&mut connection, path, version, steps)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        connection.pragma_update(None, "journal_size_limit", LOG_SIZE)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // A negative number is in kilobytes.
        connection.pragma_update(None, "cache_size", -CACHED)?;
        if !before.present {
            sync_folder(path)?;
        }
        Ok((connection, before.loss(version, clean)))
    };
    attempt().map_err(|trouble| trouble.about(path))
}

/// Marks the file as in use.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    keep_log(connection, true)?;
    connection.execute("UPDATE ledger SET clean = 0", [])?;
    write_something(connection)
}

/// The log of a ledger in use is never empty, so an empty log reveals a loss. An update without change writes nothing.
fn write_something(connection: &Connection) -> rusqlite::Result<()> {
    let count: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    connection.pragma_update(None, "user_version", count.wrapping_add(1))
}

/// A copy is complete, so it counts as cleanly closed.
pub(super) fn whole_copy(connection: &Connection, to: &Path) -> rusqlite::Result<()> {
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    let copy = Connection::open(to)?;
    if version_and_state(&copy)?.is_some() {
        copy.execute("UPDATE ledger SET clean = 1", [])?;
    }
    copy.close().map_err(|(_, error)| error)
}

/// Writes the log into the main file as far as readers permit; `shorten` cuts it.
pub(super) fn checkpoint(connection: &Connection, shorten: bool) -> rusqlite::Result<()> {
    if !shorten {
        return connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
    // A reader is not waited for; a later checkpoint succeeds.
    connection.busy_timeout(Duration::ZERO)?;
    let result = shorten_log(connection);
    connection.busy_timeout(BUSY)?;
    match result {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        result => result,
    }
}

/// `TRUNCATE` leaves an empty log until the next write, so a kill between them would look like a loss. Here the next
/// write starts the log anew, and the log is cut behind it.
fn shorten_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))?;
    connection.pragma_update(None, "journal_size_limit", 0)?;
    let written = write_something(connection);
    connection.pragma_update(None, "journal_size_limit", LOG_SIZE)?;
    written
}

/// Sets whether the log stays after a close. A ledger in use must keep its log, also if a start fails or the writer
/// stops.
fn keep_log(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep).map(drop)
}

/// Marks the file as cleanly closed, and closes it.
pub(super) fn close(connection: Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE ledger SET clean = 1", [])?;
    keep_log(&connection, false)?;
    connection.close().map_err(|(_, error)| error)
}

/// A lease's state, as the table has it.
fn state(state: LeaseState) -> &'static str {
    match state {
        LeaseState::Bound => "bound",
        LeaseState::Released => "released",
        LeaseState::Declined => "declined",
    }
}

/// The file's version, 0 if it is empty, and whether it was closed; checks the whole file if it was not.
pub(super) fn trusted_version(connection: &Connection, known: usize) -> Result<(usize, bool), SchemaError> {
    let (version, clean) = version(connection, known)?;
    if !clean {
        check(connection)?;
    }
    Ok((version, clean))
}

pub(super) fn version(connection: &Connection, known: usize) -> Result<(usize, bool), SchemaError> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok((0, true));
    }
    let (version, clean) = match version_and_state(connection) {
        Ok(Some(state)) => state,
        Ok(None) => return Err(SchemaError::Finding("it does not say its version".into())),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            return Err(SchemaError::Finding("it is another program's database".into()));
        }
        Err(error) => return Err(error.into()),
    };
    if version as usize > known {
        return Err(SchemaError::Newer(version, known as u32));
    }
    Ok((version as usize, clean))
}

fn version_and_state(connection: &Connection) -> rusqlite::Result<Option<(u32, bool)>> {
    let sql = "SELECT version, clean FROM ledger WHERE id = 1";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

pub(super) fn check(connection: &Connection) -> Result<(), SchemaError> {
    let findings: Vec<String> = connection
        .prepare(&format!("PRAGMA quick_check({FINDINGS})"))?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if findings == ["ok"] {
        Ok(())
    } else {
        Err(SchemaError::Finding(format!("it is damaged: {}", findings.join("; "))))
    }
}

fn migrate(
    connection: &mut Connection,
    path: &Path,
    version: usize,
    steps: &[&str],
) -> Result<(), SchemaError> {
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

/// Copies the ledger to `ledger.db.vN`, with N its version: complete, or not at all.
fn keep_copy(connection: &Connection, path: &Path, version: usize) -> Result<(), SchemaError> {
    let copy = beside(path, &format!(".v{version}"));
    let part = beside(path, ".part");
    if part.exists() {
        std::fs::remove_file(&part)?;
    }
    whole_copy(connection, &part)?;
    File::open(&part)?.sync_all()?;
    std::fs::rename(&part, &copy)?;
    sync_folder(path)?;
    tracing::info!(copy = %copy.display(), "the ledger is brought up to date; it is kept as it was");
    Ok(())
}

/// The latest moments.
pub(super) fn marks(connection: &Connection) -> rusqlite::Result<TimeMarks> {
    let sql = "SELECT max(high_water, ifnull((SELECT max(at) FROM observation), 0),
               ifnull((SELECT max(since) FROM lease), 0)), certain FROM ledger";
    let time = |value: i64| Time(value.cast_unsigned());
    connection
        .query_row(sql, [], |row| Ok(TimeMarks { high_water: time(row.get(0)?), certain: time(row.get(1)?) }))
}

/// The newest state of every address, in order of address.
pub(super) fn leases(connection: &Connection) -> rusqlite::Result<Vec<LeaseRecord>> {
    connection
        .prepare("SELECT address, mac, client_id, state, since, expires FROM lease ORDER BY address")?
        .query_map([], lease)?
        .collect()
}

/// The rows that a snapshot covers.
struct Covered {
    through: i64,
    /// The receiver wants the covered observations.
    wanted: bool,
}

/// Reads phones row by row, and counts their rows.
pub(super) fn replay(connection: &Connection, into: &mut dyn Replay) -> rusqlite::Result<RowCounts> {
    let mut covered: HashMap<Mac, Covered> = HashMap::new();
    let mut statement = connection.prepare("SELECT mac, json, through FROM snapshot")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mac = mac(row.get(0)?);
        let wanted = into.snapshot(mac, row.get_ref(1)?.as_str()?);
        covered.insert(mac, Covered { through: row.get(2)?, wanted });
    }
    let mut statement = connection.prepare("SELECT mac, json FROM snapshot_before")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mac = mac(row.get(0)?);
        if covered.get(&mac).is_some_and(|of| of.wanted) {
            into.snapshot_before(mac, row.get_ref(1)?.as_str()?);
        }
    }
    let mut counted = RowCounts::default();
    let mut statement = connection.prepare("SELECT mac, json, number FROM observation ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (mac, number) = (mac(row.get(0)?), row.get(2)?);
        let of = covered.get(&mac).filter(|of| number <= of.through);
        if of.is_none_or(|of| of.wanted) {
            into.observation(mac, row.get_ref(1)?.as_str()?, of.is_some());
        }
        counted.read(mac, number, of.is_some());
    }
    forgotten::replay(connection, into)?;
    Ok(counted)
}

/// Replaces the state of an address.
pub(super) fn write_lease(connection: &Connection, record: &LeaseRecord) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO lease (address, mac, client_id, state, since, expires)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let written = connection.prepare_cached(sql)?.execute(params![
        record.address.to_bits(),
        key(Mac(record.mac)),
        record.client_id,
        state(record.state),
        record.since.cast_signed(),
        record.expires.cast_signed()
    ]);
    written.map(drop)
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
        // Only newer releases know other states, and their ledgers are refused.
        state: known.ok_or_else(|| rusqlite::Error::InvalidColumnType(3, "state".into(), Type::Text))?,
        since: time(row.get(4)?),
        expires: time(row.get(5)?),
    })
}

/// What went wrong, before the file's name is added.
#[derive(Debug)]
pub(super) enum SchemaError {
    Newer(u32, u32),
    Finding(String),
    Database(rusqlite::Error),
    System(std::io::Error),
}

impl SchemaError {
    pub(super) fn about(self, path: &Path) -> LedgerError {
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

impl From<rusqlite::Error> for SchemaError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<std::io::Error> for SchemaError {
    fn from(error: std::io::Error) -> Self {
        Self::System(error)
    }
}
