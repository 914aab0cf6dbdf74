//! The writer thread: commits waiting jobs and reports the results. It bounds the file by requesting snapshots of busy
//! phones, and by freeing their space.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::commit::{RowChange, commit, covered};
use super::queue::{Work, WriteJob, WriteQueue};
use super::rows::RowCounts;
use super::schema;
use super::tidy::Tidy;
use super::{Commits, FoldHook, WriteFailed};

/// The longest wait of a busy phone's observations for its snapshot; its answers are late by this.
const ASIDE: Duration = Duration::from_millis(100);
/// The most appends that wait so.
const ASIDE_KEPT: usize = 4096;

/// The least time between two warnings about busy phones.
const TOLD_APART: Duration = Duration::from_secs(60);

/// The writer's data.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) high_water: Time,
    pub(super) rows: RowCounts,
    pub(super) queue: Arc<WriteQueue>,
    pub(super) commits: Commits,
    pub(super) folder: Arc<OnceLock<FoldHook>>,
    /// The time of the last warning about a busy phone.
    pub(super) told: Option<Instant>,
}

/// Appends that wait for their phone's snapshot, oldest first.
#[derive(Default)]
struct SetAsideJobs {
    jobs: Vec<WriteJob>,
    until: Option<Instant>,
}

impl Writer {
    /// Works until the queue is closed and empty, then closes the file.
    pub(super) fn run(mut self) -> Result<(), WriteFailed> {
        let long_ago = Instant::now().checked_sub(Duration::from_secs(1));
        let mut last = long_ago.unwrap_or_else(Instant::now);
        let mut shared = false;
        let mut aside = SetAsideJobs::default();
        let mut tidy = Tidy::default();
        loop {
            let batch = match self.queue.next(last, shared, aside.until) {
                Work::Commit(batch) => self.admit(batch, &mut aside, false),
                Work::Rest => {
                    shared = false;
                    self.rows.tidy();
                    tidy.at_rest(&self.connection, &self.path, &self.queue);
                    self.queue.rest();
                    continue;
                }
                Work::Close if aside.jobs.is_empty() => break,
                Work::Close => self.admit(Vec::new(), &mut aside, true),
            };
            last = Instant::now();
            if batch.is_empty() {
                // Every job waits already, so a new one need not wake the writer.
                shared = true;
                continue;
            }
            let awaited = batch.iter().filter(|job| job.is_awaited());
            shared = awaited.map(|job| job.records.len()).sum::<usize>() > 1;
            self.write(batch);
            tidy.under_load(&self.connection);
        }
        schema::close(self.connection).map_err(|error| failed(&self.path, &error))
    }

    /// Selects the jobs to write now. Observations of busy phones wait until their snapshots can replace them, and so
    /// do their callers.
    fn admit(&mut self, batch: Vec<WriteJob>, aside: &mut SetAsideJobs, closing: bool) -> Vec<WriteJob> {
        let now = Instant::now();
        let mut admitted = Vec::with_capacity(batch.len());
        // Records from before a snapshot or a forget must not follow it.
        let mut covers = false;
        for job in batch {
            let spent = job.phone().filter(|mac| !self.rows.affords(*mac, job.records.len(), now));
            if let Some(mac) = spent {
                self.tell_of(mac, now);
                aside.until.get_or_insert(now + ASIDE);
                aside.jobs.push(job);
            } else {
                covers |= job
                    .records
                    .iter()
                    .any(|record| covered(record).is_some_and(|mac| self.rows.is_aside(mac)));
                admitted.push(job);
            }
        }
        let due = aside.until.is_some_and(|until| until <= now) || aside.jobs.len() >= ASIDE_KEPT;
        if aside.jobs.is_empty() || !(due || closing || covers) {
            return admitted;
        }
        let phones: BTreeSet<Mac> = aside.jobs.iter().filter_map(WriteJob::phone).collect();
        self.ask_for(&phones.into_iter().collect::<Vec<_>>());
        let mut batch = std::mem::take(aside).jobs;
        batch.extend(admitted);
        batch.extend(self.queue.take());
        self.rows.none_aside();
        batch
    }

    fn tell_of(&mut self, mac: Mac, now: Instant) {
        if self.told.is_none_or(|told| now - told >= TOLD_APART) {
            self.told = Some(now);
            tracing::warn!(%mac, "this phone asks without end: its answers wait until what it does is on disk");
        }
    }

    /// Requests snapshots of these phones.
    fn ask_for(&self, macs: &[Mac]) {
        if let Some(FoldHook(fold)) = self.folder.get().filter(|_| !macs.is_empty()) {
            fold(macs);
        }
    }

    fn write(&mut self, batch: Vec<WriteJob>) {
        // An empty append shows that the writer works, but not the disk.
        if batch.iter().any(|job| !job.records.is_empty()) {
            let began = Instant::now();
            let result = commit(&mut self.connection, &batch, self.high_water, &self.rows);
            let result = result.map(|(latest, changes)| {
                self.high_water = latest;
                self.account(changes)
            });
            let full = |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::DiskFull);
            if result.as_ref().is_err_and(full) {
                // A checkpoint frees the log's space. A failure loses nothing.
                let _ = schema::checkpoint(&self.connection, false);
            }
            let result = result.map_err(|error| failed(&self.path, &error));
            let told = result.as_ref().map(|_| ()).map_err(Clone::clone);
            self.commits.count(began.elapsed(), &told);
            if let Err(error) = &told {
                tracing::error!(%error, appends = batch.len(), "nothing that depends on these records is answered");
            }
            for job in batch {
                job.answer(told.clone());
            }
            self.ask_for(&result.unwrap_or_default());
        } else {
            for job in batch {
                job.answer(Ok(()));
            }
        }
    }

    /// Counts written rows. Returns the phones that need a snapshot.
    fn account(&mut self, changes: Vec<RowChange>) -> Vec<Mac> {
        let mut macs = Vec::new();
        for change in changes {
            match change {
                RowChange::Wrote(mac, number) => {
                    self.rows.wrote(mac, number);
                    macs.push(mac);
                }
                RowChange::Folded { mac, keeps } => self.rows.folded(mac, keeps),
            }
        }
        macs.sort_unstable();
        macs.dedup();
        self.rows.overfull(&macs)
    }
}

fn failed(path: &std::path::Path, error: &rusqlite::Error) -> WriteFailed {
    let path = path.display();
    WriteFailed {
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
