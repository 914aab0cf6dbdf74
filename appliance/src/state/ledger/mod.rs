//! The durable record: observations, snapshots and leases in order.
//!
//! One thread owns the database. Records that arrive during a commit share the next one, so that a slow card can serve
//! a full bench. The file is bounded: the thread requests snapshots of phones with many observations.

mod commit;
mod correct;
mod error;
mod file;
mod forgotten;
mod key;
mod look;
mod loss;
mod queue;
mod rows;
mod schema;
mod tidy;
mod writer;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use correct::Correction;
pub use error::LedgerError;
pub use loss::Loss;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::oneshot;
use transload_dhcp::lease::LeaseRecord;
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use crate::system::latencies;
pub use forgotten::FORGOTTEN_KEPT;
use queue::{Urgency, WriteJob, WriteQueue};
use rusqlite::Connection;
use writer::Writer;

/// The ledger may be so far ahead of the system's clock before it is asked which of them is wrong.
pub const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// One thing to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A fact about a phone.
    Observation {
        mac: Mac,
        at: Time,
        /// The fact.
        json: String,
    },
    /// A snapshot of all earlier observations of a phone. Those since the previous snapshot stay with that one; older
    /// ones are deleted.
    Snapshot {
        mac: Mac,
        /// The snapshot.
        json: String,
        /// Every observation since the previous snapshot was appended. Otherwise none of them stays.
        whole: bool,
    },
    /// The newest state of an address, which replaces the earlier one.
    Lease(LeaseRecord),
    /// The operator forgot a phone: this record replaces all earlier ones, except leases.
    Forget { mac: Mac, at: Time },
    /// A phone gave way to others: all its records are deleted without a trace, except leases.
    Evict { mac: Mac },
    /// The present time, which must not run backwards after a restart.
    Mark {
        at: Time,
        /// The kernel vouches for this time.
        vouched: bool,
    },
}

/// The latest moments in a ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeMarks {
    /// The latest moment of any record, deleted ones included.
    pub high_water: Time,
    /// The latest moment that was vouched for, or followed one without a jump. Later moments may come from a wrong
    /// clock.
    pub certain: Time,
}

/// Receives the phones of a ledger: all snapshots, then observations in order, then forgotten phones.
pub trait Replay {
    /// Takes a phone's newest snapshot. Returns whether its covered observations are wanted too.
    fn snapshot(&mut self, mac: Mac, json: &str) -> bool;
    /// Takes the previous snapshot, if covered observations are wanted.
    fn snapshot_before(&mut self, mac: Mac, json: &str);
    /// Takes an observation; `covered` by the newest snapshot, or later.
    fn observation(&mut self, mac: Mac, json: &str, covered: bool);
    /// Takes a forgotten phone, with the latest moment.
    fn forgotten(&mut self, mac: Mac, at: Time);
}

/// Ignores all phones.
impl Replay for () {
    fn snapshot(&mut self, _: Mac, _: &str) -> bool {
        false
    }
    fn snapshot_before(&mut self, _: Mac, _: &str) {}
    fn observation(&mut self, _: Mac, _: &str, _: bool) {}
    fn forgotten(&mut self, _: Mac, _: Time) {}
}

/// The records are not on disk, or their fate is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not recorded: {cause}")]
pub struct WriteFailed {
    /// The cause, for the technician.
    pub cause: Arc<str>,
}

/// Statistics of the ledger's commits.
#[derive(Debug, Clone)]
pub struct Commits {
    /// The duration of each commit, in seconds.
    pub took: Histogram,
    /// Failed commits, and appends refused because too many waited.
    pub failed: Counter,
    /// The failure of the last commit, if it failed.
    failing: Arc<Mutex<Option<WriteFailed>>>,
}

impl Commits {
    /// The failure of the last commit, if it failed.
    pub fn failing(&self) -> Option<WriteFailed> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, took: Duration, result: &Result<(), WriteFailed>) {
        self.took.observe(took.as_secs_f64());
        if result.is_err() {
            self.failed.inc();
        }
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = result.clone().err();
    }
}

/// Called by the writer with the result of a commit.
pub type CommitDone = Box<dyn FnOnce(Result<(), WriteFailed>) + Send>;

/// Appends snapshots of these phones; see [`Ledger::fold_by`].
pub type FoldRequest = Box<dyn Fn(&[Mac]) + Send + Sync>;

struct FoldHook(FoldRequest);

impl std::fmt::Debug for FoldHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Folder")
    }
}

/// An open ledger whose phones are not read yet.
#[derive(Debug)]
pub struct UnreadLedger {
    connection: Connection,
    path: PathBuf,
    lazy: Duration,
    /// The newest state of every address, in order of address.
    pub leases: Vec<LeaseRecord>,
    /// The latest moments.
    pub marks: TimeMarks,
    /// Data lost since the last write.
    pub loss: Option<Loss>,
}

impl UnreadLedger {
    /// Moves every moment after `now`, which a wrong clock wrote, to just before `now`. The change is on disk on
    /// return.
    pub fn set_back(&mut self, now: Time) -> Result<(), LedgerError> {
        let correction = Correction { last: self.marks.high_water, now };
        correction.apply(&mut self.connection).map_err(|error| self.unusable(error))?;
        self.leases = schema::leases(&self.connection).map_err(|error| self.unusable(error))?;
        self.marks = schema::marks(&self.connection).map_err(|error| self.unusable(error))?;
        Ok(())
    }

    /// Reads the phones, and accepts appends afterwards.
    pub fn replay(self, into: &mut dyn Replay) -> Result<Ledger, LedgerError> {
        let rows = schema::replay(&self.connection, into).map_err(|error| self.unusable(error))?;
        schema::begin(&self.connection).map_err(|error| self.unusable(error))?;
        if let Err(error) = loss::mark_used(&self.path) {
            tracing::warn!(%error, "it could not be left on record that the ledger is in use");
        }
        let Self { connection, path, lazy, marks, loss, .. } = self;
        let queue = Arc::new(WriteQueue::new(lazy));
        let folder = Arc::new(OnceLock::new());
        let commits =
            Commits { took: latencies::seconds(), failed: Counter::default(), failing: Arc::default() };
        let writer = Writer {
            connection,
            path: path.clone(),
            high_water: marks.high_water,
            rows,
            queue: Arc::clone(&queue),
            commits: commits.clone(),
            folder: Arc::clone(&folder),
            told: None,
        };
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || writer.run())
            .map_err(|error| LedgerError::Refused { path, cause: error.to_string() })?;
        Ok(Ledger { queue, commits, folder, loss, writer: Mutex::new(Some(thread)) })
    }

    fn unusable(&self, error: rusqlite::Error) -> LedgerError {
        schema::SchemaError::from(error).about(&self.path)
    }
}

/// The open ledger. Any thread may append.
#[derive(Debug)]
pub struct Ledger {
    queue: Arc<WriteQueue>,
    commits: Commits,
    folder: Arc<OnceLock<FoldHook>>,
    loss: Option<Loss>,
    /// `None` once closed.
    writer: Mutex<Option<JoinHandle<Result<(), WriteFailed>>>>,
}

impl Ledger {
    /// Opens or creates the ledger. An older file is upgraded, and a copy of it is kept. After an unclean stop the
    /// whole file is checked.
    ///
    /// The caller holds the state folder's lock.
    pub fn open(path: &Path) -> Result<UnreadLedger, LedgerError> {
        let (connection, loss) = schema::open(path)?;
        let about = |error: rusqlite::Error| schema::SchemaError::from(error).about(path);
        let (marks, leases) = (schema::marks(&connection), schema::leases(&connection));
        let (marks, leases) = (marks.map_err(about)?, leases.map_err(about)?);
        Ok(UnreadLedger { connection, path: path.to_owned(), lazy: queue::LAZY, leases, marks, loss })
    }

    /// Sets the function that appends snapshots of phones with too many observations. It must neither block for long
    /// nor wait for the ledger. Such a phone's observations reach the disk with its next snapshot.
    pub fn fold_by(&self, fold: FoldRequest) {
        // A ledger has one such function for life.
        let _ = self.folder.set(FoldHook(fold));
    }

    /// Data lost before the ledger was opened.
    pub fn loss(&self) -> Option<&Loss> {
        self.loss.as_ref()
    }

    /// Statistics of commits.
    pub fn commits(&self) -> &Commits {
        &self.commits
    }

    /// Queues records without blocking. They are written together or not at all, after earlier appends. An empty append
    /// completes after them. Observations of a very busy phone wait up to a tenth of a second for its snapshot, and
    /// other records may overtake them.
    pub fn append(&self, records: Vec<Record>) -> Ticket {
        let (done, ticket) = oneshot::channel();
        self.append_then(records, Box::new(|result| drop(done.send(result))));
        Ticket(ticket)
    }

    /// Appends like [`Self::append`]. The writer itself calls `done`, which must not block, so that an answer needs no
    /// other thread.
    pub fn append_then(&self, records: Vec<Record>, done: CommitDone) {
        self.push(WriteJob { records, urgency: Urgency::Awaited(done) });
    }

    /// Queues a record that may be lost. It is written with the next append, or after a tenth of a second.
    pub fn note(&self, record: Record) {
        self.push(WriteJob { records: vec![record], urgency: Urgency::Soon });
    }

    /// Queues a frequent record that may be lost. It is written with the next commit, or after a minute, so that 1,000
    /// phones at rest share one commit a minute.
    pub fn note_lazily(&self, record: Record) {
        self.push(WriteJob { records: vec![record], urgency: Urgency::Lazy });
    }

    fn push(&self, job: WriteJob) {
        if !self.queue.push(job) {
            self.commits.failed.inc();
        }
    }

    /// Commits all appends, marks the file as cleanly closed, and closes it. Later appends fail.
    pub fn close(&self) -> Result<(), WriteFailed> {
        self.queue.close();
        match self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The writer's own thread may drop the ledger's last owner.
            Some(thread) if thread.thread().id() == std::thread::current().id() => Ok(()),
            Some(thread) => thread.join().unwrap_or_else(|_| Err(WriteFailed::stopped())),
            None => Ok(()),
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the ledger was not closed cleanly");
        }
    }
}

/// Reads a ledger without changing it; its phones go to `into`.
pub fn read(path: &Path, into: &mut dyn Replay) -> Result<(Vec<LeaseRecord>, TimeMarks), LedgerError> {
    let into = std::cell::RefCell::new(into);
    let all = look::read(path, |connection| {
        schema::replay(connection, &mut **into.borrow_mut())?;
        Ok((schema::leases(connection)?, schema::marks(connection)?))
    })?;
    Ok(all.unwrap_or_default())
}

/// The latest moments of a ledger.
pub fn marks(path: &Path) -> Result<TimeMarks, LedgerError> {
    Ok(look::read(path, schema::marks)?.unwrap_or_default())
}

/// Whether the ledger of a stopped bench lost data since its last write.
pub fn loss(path: &Path) -> Result<Option<Loss>, LedgerError> {
    look::loss(path)
}

/// The ledger version that this release writes. Older ledgers are upgraded, newer ones refused.
pub const VERSION: u32 = schema::STEPS.len() as u32;

/// Copies a ledger at this moment to a new file, also while a bench writes it. Returns its version.
pub fn copy(path: &Path, to: &Path) -> Result<u32, LedgerError> {
    look::copy(path, to)
}

/// Checks a ledger that no bench uses, and returns its version.
pub fn examine(path: &Path) -> Result<u32, LedgerError> {
    look::examine(path)
}

impl WriteFailed {
    fn stopped() -> Self {
        Self { cause: "the ledger's writer has stopped".into() }
    }
}

/// Completes when the records of one append are on disk. Drop it if they may be lost.
#[derive(Debug)]
#[must_use = "a reply that depends on the records must wait for this; drop it where they may be lost"]
pub struct Ticket(oneshot::Receiver<Result<(), WriteFailed>>);

impl Future for Ticket {
    type Output = Result<(), WriteFailed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|result| result.unwrap_or_else(|_| Err(WriteFailed::stopped())))
    }
}
