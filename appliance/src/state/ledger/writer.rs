//! The thread that writes: takes what is waiting, commits it at once, tells those who wait for it. It keeps the file
//! small: it asks for the journeys of phones with many observations, and gives back the room that they took.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::commit::{Change, commit, covered};
use super::queue::{Job, Queue, Work};
use super::rows::Rows;
use super::schema;
use super::tidy::Tidy;
use super::{CommitFailed, Commits, Folder};

/// How long observations of a phone that writes too many wait for its journey: it gets its answers so much later.
const ASIDE: Duration = Duration::from_millis(100);
/// Appends that may wait so.
const ASIDE_KEPT: usize = 4096;

/// How often the log tells that phones write too many.
const TOLD_APART: Duration = Duration::from_secs(60);

/// What the thread works with.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) high_water: Time,
    pub(super) rows: Rows,
    pub(super) queue: Arc<Queue>,
    pub(super) commits: Commits,
    pub(super) folder: Arc<OnceLock<Folder>>,
    /// When it was told last that a phone writes too many.
    pub(super) told: Option<Instant>,
}

/// Appends that wait for the journey of the phone that they are about, oldest first.
#[derive(Default)]
struct Aside {
    jobs: Vec<Job>,
    until: Option<Instant>,
}

impl Writer {
    /// Works until the queue is closed and empty, then closes the file.
    pub(super) fn run(mut self) -> Result<(), CommitFailed> {
        let long_ago = Instant::now().checked_sub(Duration::from_secs(1));
        let mut last = long_ago.unwrap_or_else(Instant::now);
        let mut shared = false;
        let mut aside = Aside::default();
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
                // All of it waits; no need to be woken for each that joins it.
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

    /// What is written now. Observations of phones that write too many are set aside until their journeys can be written
    /// in their place; those who wait for them are told then.
    fn admit(&mut self, batch: Vec<Job>, aside: &mut Aside, closing: bool) -> Vec<Job> {
        let now = Instant::now();
        let mut admitted = Vec::with_capacity(batch.len());
        // What came before a journey, or was forgotten, must not be written after it.
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
        let phones: BTreeSet<Mac> = aside.jobs.iter().filter_map(Job::phone).collect();
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

    /// Has the journeys of these phones appended.
    fn ask_for(&self, macs: &[Mac]) {
        if let Some(Folder(fold)) = self.folder.get().filter(|_| !macs.is_empty()) {
            fold(macs);
        }
    }

    fn write(&mut self, batch: Vec<Job>) {
        // An append of nothing tells that the writer works, and not that the disk does.
        if batch.iter().any(|job| !job.records.is_empty()) {
            let began = Instant::now();
            let result = commit(&mut self.connection, &batch, self.high_water, &self.rows);
            let result = result.map(|(latest, changes)| {
                self.high_water = latest;
                self.account(changes)
            });
            let full = |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::DiskFull);
            if result.as_ref().is_err_and(full) {
                // The log's own room is there again once it is in the file. Where that cannot be done, nothing is lost.
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

    /// Counts what was written, and tells whose journeys are to take its place.
    fn account(&mut self, changes: Vec<Change>) -> Vec<Mac> {
        let mut macs = Vec::new();
        for change in changes {
            match change {
                Change::Wrote(mac, number) => {
                    self.rows.wrote(mac, number);
                    macs.push(mac);
                }
                Change::Folded { mac, keeps } => self.rows.folded(mac, keeps),
            }
        }
        macs.sort_unstable();
        macs.dedup();
        self.rows.overfull(&macs)
    }
}

fn failed(path: &std::path::Path, error: &rusqlite::Error) -> CommitFailed {
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
