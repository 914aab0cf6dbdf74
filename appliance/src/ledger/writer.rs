//! The thread that writes: takes what is waiting, commits it at once, tells those who wait for it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::queue::{Job, Queue, Work};
use super::schema::{self, key};
use super::{CommitFailed, Commits, Record, forgotten};

/// Works until the queue is closed and empty, then closes the file.
pub(super) fn run(
    mut connection: Connection,
    path: &Path,
    mut high_water: Time,
    queue: &Queue,
    commits: &Commits,
) -> Result<(), CommitFailed> {
    let long_ago = Instant::now().checked_sub(Duration::from_secs(1));
    let mut last = long_ago.unwrap_or_else(Instant::now);
    let mut shared = false;
    loop {
        let batch = match queue.next(last, shared) {
            Work::Commit(batch) => batch,
            Work::Rest => {
                shared = false;
                if let Err(error) = schema::checkpoint(&connection) {
                    tracing::warn!(%error, "the ledger's log could not be folded into its file; it is kept");
                }
                queue.rest();
                continue;
            }
            Work::Close => break,
        };
        last = Instant::now();
        let awaited = batch.iter().filter(|job| job.done.is_some());
        shared = awaited.map(|job| job.records.len()).sum::<usize>() > 1;
        let result = commit(&mut connection, &batch, high_water);
        if let Ok(latest) = result {
            high_water = latest;
        }
        let result = result.map(|_| ()).map_err(|error| failed(path, &error));
        commits.count(last.elapsed(), &result);
        if let Err(error) = &result {
            tracing::error!(%error, appends = batch.len(), "nothing that depends on these records is answered");
        }
        for job in batch {
            job.answer(result.clone());
        }
    }
    schema::close(connection).map_err(|error| failed(path, &error))
}

/// Writes all or nothing; returns the new high-water mark. It is written only where no row tells as much.
fn commit(connection: &mut Connection, batch: &[Job], high_water: Time) -> rusqlite::Result<Time> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut latest = high_water;
    let (mut mark, mut folded, mut forgot) = (false, false, false);
    {
        let mut lease = transaction.prepare_cached(
            "INSERT OR REPLACE INTO lease (address, mac, client_id, state, since, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let mut observation =
            transaction.prepare_cached("INSERT INTO observation (mac, at, json) VALUES (?1, ?2, ?3)")?;
        for record in batch.iter().flat_map(|job| &job.records) {
            match record {
                Record::Observation { mac, at, json } => {
                    latest = latest.max(*at);
                    observation.execute(params![key(*mac), at.0.cast_signed(), json])?;
                }
                Record::Snapshot { mac, json, first } => {
                    transaction
                        .prepare_cached("INSERT OR REPLACE INTO snapshot (mac, json) VALUES (?1, ?2)")?
                        .execute(params![key(*mac), json])?;
                    if !first {
                        transaction
                            .prepare_cached(
                                "INSERT OR REPLACE INTO folded
                                 SELECT ?1, ifnull(max(number), 0) FROM observation",
                            )?
                            .execute([key(*mac)])?;
                        folded = true;
                    }
                }
                Record::Lease(record) => {
                    latest = latest.max(Time(record.since));
                    lease.execute(params![
                        record.address.to_bits(),
                        key(Mac(record.mac)),
                        record.client_id,
                        schema::state(record.state),
                        record.since.cast_signed(),
                        record.expires.cast_signed()
                    ])?;
                }
                Record::Forget { mac, at } => {
                    latest = latest.max(*at);
                    forgotten::write(&transaction, *mac, *at)?;
                    (folded, forgot) = (true, true);
                }
                Record::Mark(time) => {
                    latest = latest.max(*time);
                    mark = true;
                }
            }
        }
        if folded {
            transaction.execute_batch(
                "DELETE FROM observation
                 WHERE number <= (SELECT through FROM folded WHERE folded.mac = observation.mac);
                 DELETE FROM folded;",
            )?;
        }
        if forgot {
            forgotten::bound(&transaction)?;
        }
        if mark || folded {
            transaction
                .prepare_cached("UPDATE ledger SET high_water = ?1")?
                .execute([latest.0.cast_signed()])?;
        }
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
