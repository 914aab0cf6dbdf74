//! Writes one commit: all of a batch, or nothing.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::key::key;
use super::queue::WriteJob;
use super::rows::{OF_A_PHONE, RowCounts};
use super::schema;
use super::{AHEAD, Record, forgotten};

/// A change of row counts, in the order of the commit.
pub(super) enum RowChange {
    Wrote(Mac, i64),
    Folded { mac: Mac, keeps: bool },
}

/// The last record of a batch that replaces all earlier ones of its phone.
struct Cover {
    at: usize,
    /// Keep the observations since the previous snapshot.
    keeps: bool,
}

/// A running commit.
struct Commit<'a> {
    transaction: Transaction<'a>,
    rows: &'a RowCounts,
    latest: Time,
    changes: Vec<RowChange>,
}

/// Writes a batch whole or not at all. Returns the new high-water mark, which is stored only if no row implies it.
pub(super) fn commit(
    connection: &mut Connection,
    batch: &[WriteJob],
    high_water: Time,
    rows: &RowCounts,
) -> rusqlite::Result<(Time, Vec<RowChange>)> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut commit = Commit { transaction, rows, latest: high_water, changes: Vec::new() };
    let (mut mark, mut forgot) = (None, false);
    let records = || batch.iter().flat_map(|job| &job.records).enumerate();
    let covers = covers(records());
    let cover_of = |mac: &Mac, at: usize| covers.get(mac).filter(|cover| cover.at > at);
    for (at, record) in records() {
        match record {
            Record::Observation { mac, at: time, json } => {
                commit.latest = commit.latest.max(*time);
                if cover_of(mac, at).is_none_or(|cover| cover.keeps) {
                    commit.observation(*mac, *time, json)?;
                }
            }
            Record::Snapshot { mac, .. } | Record::Evict { mac } if cover_of(mac, at).is_some() => {}
            Record::Snapshot { mac, json, .. } => {
                commit.snapshot(*mac, json, covers.get(mac).is_some_and(|cover| cover.keeps))?;
            }
            Record::Forget { mac, at: time } => {
                commit.latest = commit.latest.max(*time);
                forgotten::write(&commit.transaction, *mac, *time)?;
                forgot = true;
                if cover_of(mac, at).is_none() {
                    commit.remove(*mac)?;
                }
            }
            Record::Evict { mac } => commit.remove(*mac)?,
            Record::Lease(record) => {
                commit.latest = commit.latest.max(Time(record.since));
                schema::write_lease(&commit.transaction, record)?;
            }
            Record::Mark { at: time, vouched } => {
                commit.latest = commit.latest.max(*time);
                mark = mark.max(Some(*vouched));
            }
        }
    }
    if forgot {
        forgotten::bound(&commit.transaction)?;
    }
    let Commit { transaction, latest, changes, .. } = commit;
    let folded = changes.iter().any(|change| matches!(change, RowChange::Folded { .. }));
    write_marks(&transaction, latest, mark, forgot || folded)?;
    transaction.commit()?;
    Ok((latest, changes))
}

/// The phone whose earlier records this record replaces.
pub(super) fn covered(record: &Record) -> Option<Mac> {
    match record {
        Record::Snapshot { mac, .. } | Record::Forget { mac, .. } | Record::Evict { mac } => Some(*mac),
        _ => None,
    }
}

/// A large batch skips observations that its own snapshot covers.
fn covers<'a>(records: impl Iterator<Item = (usize, &'a Record)>) -> HashMap<Mac, Cover> {
    let mut told: HashMap<Mac, usize> = HashMap::new();
    let mut covers: HashMap<Mac, Cover> = HashMap::new();
    for (at, record) in records {
        if let Record::Observation { mac, .. } = record {
            *told.entry(*mac).or_default() += 1;
        }
        let Some(mac) = covered(record) else { continue };
        let whole = matches!(record, Record::Snapshot { whole: true, .. })
            && told.get(&mac).is_none_or(|told| *told <= OF_A_PHONE);
        let keeps = whole && covers.get(&mac).is_none_or(|earlier| earlier.keeps);
        covers.insert(mac, Cover { at, keeps });
    }
    covers
}

impl Commit<'_> {
    fn observation(&mut self, mac: Mac, at: Time, json: &str) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached("INSERT INTO observation (mac, at, json) VALUES (?1, ?2, ?3)")?
            .execute(params![key(mac), at.0.cast_signed(), json])?;
        self.changes.push(RowChange::Wrote(mac, self.transaction.last_insert_rowid()));
        Ok(())
    }

    /// A phone's observations after its snapshot, in the file and in this batch.
    fn uncovered(&self, mac: Mac) -> Vec<i64> {
        let written = self.changes.iter().filter_map(|change| match change {
            RowChange::Wrote(of, number) if *of == mac => Some(*number),
            _ => None,
        });
        self.rows.of(mac).iter().copied().chain(written).collect()
    }

    fn snapshot(&mut self, mac: Mac, json: &str, keeps: bool) -> rusqlite::Result<()> {
        let numbers = self.uncovered(mac);
        let keeps = keeps && self.rows.may_keep(mac, numbers.len());
        let through = numbers.last().copied().filter(|_| keeps);
        if keeps && through.is_none() {
            return self.update_snapshot(mac, json);
        }
        if keeps {
            self.run(
                "INSERT OR REPLACE INTO snapshot_before (mac, json)
                 SELECT mac, json FROM snapshot WHERE mac = ?1",
                mac,
            )?;
        } else {
            self.run("DELETE FROM snapshot_before WHERE mac = ?1", mac)?;
            self.delete(&numbers)?;
        }
        self.delete(self.rows.kept_of(mac))?;
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO snapshot (mac, json, through) VALUES (?1, ?2, ?3)")?
            .execute(params![key(mac), json, through.unwrap_or(0)])?;
        self.changes.push(RowChange::Folded { mac, keeps });
        Ok(())
    }

    /// The snapshot covers no additional observations.
    fn update_snapshot(&self, mac: Mac, json: &str) -> rusqlite::Result<()> {
        let sql = "INSERT INTO snapshot (mac, json) VALUES (?1, ?2)
                   ON CONFLICT (mac) DO UPDATE SET json = excluded.json";
        self.transaction.prepare_cached(sql)?.execute(params![key(mac), json]).map(drop)
    }

    fn remove(&mut self, mac: Mac) -> rusqlite::Result<()> {
        self.run("DELETE FROM snapshot WHERE mac = ?1", mac)?;
        self.run("DELETE FROM snapshot_before WHERE mac = ?1", mac)?;
        self.delete(&self.uncovered(mac))?;
        self.delete(self.rows.kept_of(mac))?;
        self.changes.push(RowChange::Folded { mac, keeps: false });
        Ok(())
    }

    fn run(&self, sql: &str, mac: Mac) -> rusqlite::Result<()> {
        self.transaction.prepare_cached(sql)?.execute([key(mac)]).map(drop)
    }

    fn delete(&self, numbers: &[i64]) -> rusqlite::Result<()> {
        let mut gone = self.transaction.prepare_cached("DELETE FROM observation WHERE number = ?1")?;
        numbers.iter().try_for_each(|number| gone.execute([number]).map(drop))
    }
}

/// The time of a deleted row must stay known.
fn write_marks(
    transaction: &Transaction<'_>,
    latest: Time,
    mark: Option<bool>,
    folded: bool,
) -> rusqlite::Result<()> {
    if mark.is_some() || folded {
        let sql = "UPDATE ledger SET high_water = ?1,
                   certain = iif(?2 OR (certain > 0 AND ?1 <= certain + ?3), ?1, certain)";
        let mut update = transaction.prepare_cached(sql)?;
        let leap = AHEAD.as_millis() as i64;
        update.execute(params![latest.0.cast_signed(), mark == Some(true), leap])?;
    }
    Ok(())
}
