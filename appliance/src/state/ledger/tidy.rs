//! Gives the room of deleted rows back to the disk: all of it when nothing else is to be done, a little at a time under
//! load.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::file::beside;
use super::queue::Queue;
use super::schema;

/// Free pages that are kept for what is written next.
const SPARE: u32 = 256;
/// Free pages beyond which some are given back under load too, and how many, how often.
const MANY: u32 = 4096;
const STEP: u32 = 256;
const APART: Duration = Duration::from_secs(1);
/// Bytes of the log that may stay beside the file. A new log is slower to write than one that is written over.
const LOG_LEFT: u64 = 4 << 20;
/// After a failure, so long nothing is tried that takes long.
const PAUSE: Duration = Duration::from_secs(600);
/// The file can be made smaller a few pages at a time (`PRAGMA auto_vacuum`).
const INCREMENTAL: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Tidy {
    last: Option<Instant>,
    failed: Option<Instant>,
}

impl Tidy {
    /// Nothing was written for a second.
    pub(super) fn at_rest(&mut self, connection: &Connection, path: &Path, queue: &Queue) {
        if let Err(error) = self.shrink(connection, queue) {
            self.failed = Some(Instant::now());
            tracing::warn!(%error, "the ledger could not be made smaller; it works on as it is");
        }
        let log = std::fs::metadata(beside(path, "-wal")).map_or(0, |file| file.len());
        if let Err(error) = schema::checkpoint(connection, log > LOG_LEFT) {
            tracing::warn!(%error, "the ledger's log could not be folded into its file; it is kept");
        }
    }

    fn shrink(&self, connection: &Connection, queue: &Queue) -> rusqlite::Result<()> {
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

    /// Between two commits.
    pub(super) fn under_load(&mut self, connection: &Connection) {
        if self.last.is_some_and(|last| last.elapsed() < APART) {
            return;
        }
        self.last = Some(Instant::now());
        let many = free(connection).is_ok_and(|free| free > MANY);
        let able = || auto_vacuum(connection).is_ok_and(|mode| mode == INCREMENTAL);
        if many && able() {
            // What cannot be done now can be done later.
            let _ = give_back(connection, STEP);
        }
    }
}

/// A ledger of an earlier release cannot give pages back until it has been written anew, once.
fn rewrite(connection: &Connection) -> rusqlite::Result<()> {
    // It may be large: not in memory.
    connection.pragma_update(None, "temp_store", "FILE")?;
    connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    let result = connection.execute_batch("VACUUM");
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    result
}

fn give_back(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    // It gives back a page for each row that is asked for.
    while rows.next()?.is_some() {}
    Ok(())
}

fn free(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))
}

fn auto_vacuum(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))
}
