//! The thread that writes: takes what is waiting, commits it at once, wakes those who wait for it.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};
use tokio::sync::oneshot;
use transload_provision::time::Time;

use super::schema::{self, key};
use super::{CommitFailed, Record};

/// Appends that share one commit at most.
const BATCH: usize = 512;
/// Under load, how long a commit waits for company in all, and for the next to arrive.
const LINGER: Duration = Duration::from_millis(2);
const GAP: Duration = Duration::from_micros(200);
/// The write-ahead log goes into the main file when nothing was written for so long.
const IDLE: Duration = Duration::from_secs(1);

/// One append, and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) records: Vec<Record>,
    pub(super) done: oneshot::Sender<Result<(), CommitFailed>>,
}

impl Job {
    /// Wakes the waiter, if there still is one.
    pub(super) fn answer(self, result: Result<(), CommitFailed>) {
        drop(self.done.send(result));
    }
}

/// Works until the last sender is gone, then closes the file.
pub(super) fn run(
    mut connection: Connection,
    path: &Path,
    mut high_water: Time,
    jobs: &Receiver<Job>,
) -> Result<(), CommitFailed> {
    while let Some(batch) = next_batch(&connection, jobs) {
        let result = commit(&mut connection, &batch, high_water);
        if let Ok(latest) = result {
            high_water = latest;
        }
        let result = result.map(|_| ()).map_err(|error| failed(path, &error));
        if let Err(error) = &result {
            tracing::error!(%error, appends = batch.len(), "nothing that depends on these records is answered");
        }
        for job in batch {
            job.answer(result.clone());
        }
    }
    schema::close(connection).map_err(|error| failed(path, &error))
}

/// What goes into the next commit; `None` at the end.
fn next_batch(connection: &Connection, jobs: &Receiver<Job>) -> Option<Vec<Job>> {
    let mut batch = vec![next_job(connection, jobs)?];
    batch.extend(jobs.try_iter().take(BATCH - 1));
    if batch.len() > 1 {
        let start = Instant::now();
        while batch.len() < BATCH && start.elapsed() < LINGER {
            match jobs.recv_timeout(GAP) {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
    }
    Some(batch)
}

fn next_job(connection: &Connection, jobs: &Receiver<Job>) -> Option<Job> {
    match jobs.recv_timeout(IDLE) {
        Ok(job) => Some(job),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => {
            if let Err(error) = schema::checkpoint(connection) {
                tracing::warn!(%error, "the ledger's log could not be folded into its file; it is kept");
            }
            jobs.recv().ok()
        }
    }
}

/// Writes all or nothing; returns the new high-water mark.
fn commit(connection: &mut Connection, batch: &[Job], high_water: Time) -> rusqlite::Result<Time> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut latest = high_water;
    for record in batch.iter().flat_map(|job| &job.records) {
        match record {
            Record::Observation { mac, at, json } => {
                latest = latest.max(*at);
                transaction
                    .prepare_cached("INSERT INTO observation (mac, at, json) VALUES (?1, ?2, ?3)")?
                    .execute(params![key(*mac), at.0.cast_signed(), json])?;
            }
            Record::Snapshot { mac, json } => {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO snapshot (mac, json) VALUES (?1, ?2)")?
                    .execute(params![key(*mac), json])?;
                transaction.prepare_cached("DELETE FROM observation WHERE mac = ?1")?.execute([key(*mac)])?;
            }
            Record::Lease { client, json } => {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO lease (client, json) VALUES (?1, ?2)")?
                    .execute(params![client, json])?;
            }
            Record::Mark(time) => latest = latest.max(*time),
        }
    }
    if latest > high_water {
        transaction.prepare_cached("UPDATE ledger SET high_water = ?1")?.execute([latest.0.cast_signed()])?;
    }
    transaction.commit()?;
    Ok(latest)
}

fn failed(path: &Path, error: &rusqlite::Error) -> CommitFailed {
    let path = path.display();
    CommitFailed {
        cause: match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                format!("the disk that holds {path} is full; free some space").into()
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                format!("another program holds {path}; close it").into()
            }
            Some(ErrorCode::ReadOnly) => format!("{path} is read-only; check its rights and the disk").into(),
            _ => format!("{path} cannot be written: {error}").into(),
        },
    }
}
