//! Returns the space of deleted rows to the disk: all of it at rest, a little at a time under load.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::file::beside;
use super::queue::WriteQueue;
use super::schema;

/// Free pages that stay for later writes.
const SPARE: u32 = 256;
/// The number of free pages that triggers freeing under load, and its step and pace.
const MANY: u32 = 4096;
const STEP: u32 = 256;
const APART: Duration = Duration::from_secs(1);
/// Log bytes that may stay. A new log is slower to write than an overwritten one.
const LOG_LEFT: u64 = 4 << 20;
/// The pause of long work after a failure.
const PAUSE: Duration = Duration::from_secs(600);
/// The mode that frees a few pages at a time (`PRAGMA auto_vacuum`).
const INCREMENTAL: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Tidy {
    last: Option<Instant>,
    failed: Option<Instant>,
}

impl Tidy {
    /// Runs after a second without writes.
    pub(super) fn at_rest(&mut self, connection: &Connection, path: &Path, queue: &WriteQueue) {
        if let Err(error) = self.shrink(connection, queue) {
            self.failed = Some(Instant::now());
            tracing::warn!(%error, "the ledger could not be made smaller; it works on as it is");
        }
        let log = std::fs::metadata(beside(path, "-wal")).map_or(0, |file| file.len());
        if let Err(error) = schema::checkpoint(connection, log > LOG_LEFT) {
            tracing::warn!(%error, "the ledger's log could not be folded into its file; it is kept");
        }
    }

    fn shrink(&self, connection: &Connection, queue: &WriteQueue) -> rusqlite::Result<()> {
        if free(connection)? <= SPARE || self.failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return Ok(());
        }
        if auto_vacuum(connection)? != INCREMENTAL {
            return rewrite(connection);
        }
        while queue.is_idle() {
            let free = free(connection)?;
            if free <= SPARE {
                break;
            }
            give_back(connection, STEP.min(free - SPARE))?;
        }
        Ok(())
    }

    /// Runs between two commits.
    pub(super) fn under_load(&mut self, connection: &Connection) {
        if self.last.is_some_and(|last| last.elapsed() < APART) {
            return;
        }
        self.last = Some(Instant::now());
        let many = free(connection).is_ok_and(|free| free > MANY);
        let able = || auto_vacuum(connection).is_ok_and(|mode| mode == INCREMENTAL);
        if many && able() {
            // A failure is harmless: a later run frees the pages.
            let _ = give_back(connection, STEP);
        }
    }
}

/// A ledger of an earlier release cannot free pages until it is rewritten once.
fn rewrite(connection: &Connection) -> rusqlite::Result<()> {
    // The copy may be large, so it goes to disk.
    connection.pragma_update(None, "temp_store", "FILE")?;
    connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    let result = connection.execute_batch("VACUUM");
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    result
}

fn give_back(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    // The statement frees one page for each row that is read.
    while rows.next()?.is_some() {}
    Ok(())
}

fn free(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))
}

fn auto_vacuum(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))
}
