//! The durable record: observations, snapshots and leases, in the order they were told.
//!
//! One thread owns the database. What arrives while a commit is under way goes to disk together in the next one,
//! so that a box with a slow card still answers a bench full of phones that were switched on at once. The file is
//! bounded, whatever phones do: the thread asks for the journeys of phones with many observations, which take their place.

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
use queue::{Job, Queue, Urgency};
use rusqlite::Connection;
use writer::Writer;

/// The ledger may be so far ahead of the system's clock before it is asked which of them is wrong.
pub const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// One thing to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A fact about a phone.
    Observation {
        /// The phone.
        mac: Mac,
        /// When.
        at: Time,
        /// What.
        json: String,
    },
    /// What all earlier observations of a phone come to. Those since the snapshot before it are kept with that one, and older
    /// ones are deleted.
    Snapshot {
        /// The phone.
        mac: Mac,
        /// What they come to.
        json: String,
        /// Every observation since the snapshot before it was handed over. Otherwise none is kept.
        whole: bool,
    },
    /// The newest state of an address: it replaces the earlier one.
    Lease(LeaseRecord),
    /// The operator forgot a phone: all earlier records of it, save its leases, are deleted with this one.
    Forget {
        /// The phone.
        mac: Mac,
        /// When.
        at: Time,
    },
    /// A phone gave way to others: all earlier records of it, save its leases, are deleted, and none is kept of that.
    Evict {
        /// The phone.
        mac: Mac,
    },
    /// Time has come this far, and must not run backwards after a restart.
    Mark {
        /// So far.
        at: Time,
        /// The kernel vouches for it.
        vouched: bool,
    },
}

/// How far time has come, as a ledger tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// The latest moment told by a mark, a lease or an observation, deleted ones included.
    pub high_water: Time,
    /// The latest moment that was vouched for, or followed one without a leap. What is later may come from a clock that
    /// leapt ahead.
    pub certain: Time,
}

/// Takes in what a ledger tells of phones, row by row: all snapshots first, then observations in the order they were
/// appended, then the phones that the operator forgot.
pub trait Replay {
    /// The newest snapshot of a phone. Tells whether the observations that it covers are wanted too, as far as they are kept.
    fn snapshot(&mut self, mac: Mac, json: &str) -> bool;
    /// The snapshot before it, where they are wanted.
    fn snapshot_before(&mut self, mac: Mac, json: &str);
    /// An observation; `covered` by the newest snapshot, or later.
    fn observation(&mut self, mac: Mac, json: &str, covered: bool);
    /// The operator forgot this phone, at that moment for the last time.
    fn forgotten(&mut self, mac: Mac, at: Time);
}

/// For those that want nothing of phones.
impl Replay for () {
    fn snapshot(&mut self, _: Mac, _: &str) -> bool {
        false
    }
    fn snapshot_before(&mut self, _: Mac, _: &str) {}
    fn observation(&mut self, _: Mac, _: &str, _: bool) {}
    fn forgotten(&mut self, _: Mac, _: Time) {}
}

/// The records are not on disk, or nothing tells whether they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not recorded: {cause}")]
pub struct CommitFailed {
    /// Why, for the technician.
    pub cause: Arc<str>,
}

/// How the ledger's commits went.
#[derive(Debug, Clone)]
pub struct Commits {
    /// What each took, in seconds.
    pub took: Histogram,
    /// Those that failed, and what was refused because too many waited.
    pub failed: Counter,
    /// Why the last one failed; `None` where it did not.
    failing: Arc<Mutex<Option<CommitFailed>>>,
}

impl Commits {
    /// Why the last one failed, if it did.
    pub fn failing(&self) -> Option<CommitFailed> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, took: Duration, result: &Result<(), CommitFailed>) {
        self.took.observe(took.as_secs_f64());
        if result.is_err() {
            self.failed.inc();
        }
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = result.clone().err();
    }
}

/// Called by the writer with the outcome of a commit.
pub type Done = Box<dyn FnOnce(Result<(), CommitFailed>) + Send>;

/// Appends snapshots of these phones, as [`Ledger::fold_by`] says.
pub type Fold = Box<dyn Fn(&[Mac]) + Send + Sync>;

struct Folder(Fold);

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Folder")
    }
}

/// A ledger that is open, and whose phones have not been read.
#[derive(Debug)]
pub struct Unread {
    connection: Connection,
    path: PathBuf,
    lazy: Duration,
    /// The newest state of every address, in the order of the addresses.
    pub leases: Vec<LeaseRecord>,
    /// How far time has come.
    pub marks: Marks,
    /// What was lost since it was written last.
    pub loss: Option<Loss>,
}

impl Unread {
    /// All that was told at moments later than `now`, which a wrong clock told, was told just before `now`. It is on disk
    /// when this returns.
    pub fn set_back(&mut self, now: Time) -> Result<(), LedgerError> {
        let correction = Correction { last: self.marks.high_water, now };
        correction.apply(&mut self.connection).map_err(|error| self.unusable(error))?;
        self.leases = schema::leases(&self.connection).map_err(|error| self.unusable(error))?;
        self.marks = schema::marks(&self.connection).map_err(|error| self.unusable(error))?;
        Ok(())
    }

    /// Reads the phones, and takes appends from then on.
    pub fn replay(self, into: &mut dyn Replay) -> Result<Ledger, LedgerError> {
        let rows = schema::replay(&self.connection, into).map_err(|error| self.unusable(error))?;
        schema::begin(&self.connection).map_err(|error| self.unusable(error))?;
        if let Err(error) = loss::mark_used(&self.path) {
            tracing::warn!(%error, "it could not be left on record that the ledger is in use");
        }
        let Self { connection, path, lazy, marks, loss, .. } = self;
        let queue = Arc::new(Queue::new(lazy));
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
        schema::Trouble::from(error).about(&self.path)
    }
}

/// The open ledger. Appends may come from any thread.
#[derive(Debug)]
pub struct Ledger {
    queue: Arc<Queue>,
    commits: Commits,
    folder: Arc<OnceLock<Folder>>,
    loss: Option<Loss>,
    /// Gone once closed.
    writer: Mutex<Option<JoinHandle<Result<(), CommitFailed>>>>,
}

impl Ledger {
    /// Opens or creates the ledger. An older file is brought up to date, and kept as it was beside the new one. After an
    /// unclean stop the whole file is checked first.
    ///
    /// The caller holds the state folder's lock.
    pub fn open(path: &Path) -> Result<Unread, LedgerError> {
        let (connection, loss) = schema::open(path)?;
        let about = |error: rusqlite::Error| schema::Trouble::from(error).about(path);
        let (marks, leases) = (schema::marks(&connection), schema::leases(&connection));
        let (marks, leases) = (marks.map_err(about)?, leases.map_err(about)?);
        Ok(Unread { connection, path: path.to_owned(), lazy: queue::LAZY, leases, marks, loss })
    }

    /// The writer has `fold` append a snapshot of each phone that has written too many observations. It must not block for
    /// long, nor wait for the ledger. Observations of such a phone are on disk with its next snapshot.
    pub fn fold_by(&self, fold: Fold) {
        // There is one in the life of a ledger.
        let _ = self.folder.set(Folder(fold));
    }

    /// What was lost before it was opened.
    pub fn loss(&self) -> Option<&Loss> {
        self.loss.as_ref()
    }

    /// How commits went.
    pub fn commits(&self) -> &Commits {
        &self.commits
    }

    /// Hands the records over; never blocks. They go to disk together or not at all, after those of earlier calls.
    /// An append of nothing is answered once those are through. Observations of a phone that writes very many wait for its
    /// snapshot, for a tenth of a second, and records of others may pass them.
    pub fn append(&self, records: Vec<Record>) -> Ticket {
        let (done, ticket) = oneshot::channel();
        self.append_then(records, Box::new(|result| drop(done.send(result))));
        Ticket(ticket)
    }

    /// As [`Self::append`], and has the writer itself call `done`, which must not block: what leaves then need not
    /// wait for another thread to wake up.
    pub fn append_then(&self, records: Vec<Record>, done: Done) {
        self.push(Job { records, urgency: Urgency::Awaited(done) });
    }

    /// Hands over a record that may be lost: it goes to disk with the next append, or a tenth of a second later.
    pub fn note(&self, record: Record) {
        self.push(Job { records: vec![record], urgency: Urgency::Soon });
    }

    /// Hands over a record that may be lost and comes again and again: it goes to disk with the next commit of anything
    /// else, or a minute later, so that a thousand phones at rest share one commit a minute.
    pub fn note_lazily(&self, record: Record) {
        self.push(Job { records: vec![record], urgency: Urgency::Lazy });
    }

    fn push(&self, job: Job) {
        if !self.queue.push(job) {
            self.commits.failed.inc();
        }
    }

    /// Commits what was appended, marks the file as cleanly closed, and closes it. Later appends fail.
    pub fn close(&self) -> Result<(), CommitFailed> {
        self.queue.close();
        match self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The writer itself may be the last to let go of whoever owns the ledger.
            Some(thread) if thread.thread().id() == std::thread::current().id() => Ok(()),
            Some(thread) => thread.join().unwrap_or_else(|_| Err(CommitFailed::stopped())),
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

/// What a ledger knows, without changing it, for a program that only looks: its phones go to `into`.
pub fn read(path: &Path, into: &mut dyn Replay) -> Result<(Vec<LeaseRecord>, Marks), LedgerError> {
    let into = std::cell::RefCell::new(into);
    let all = look::read(path, |connection| {
        schema::replay(connection, &mut **into.borrow_mut())?;
        Ok((schema::leases(connection)?, schema::marks(connection)?))
    })?;
    Ok(all.unwrap_or_default())
}

/// How far time has come in a ledger.
pub fn marks(path: &Path) -> Result<Marks, LedgerError> {
    Ok(look::read(path, schema::marks)?.unwrap_or_default())
}

/// Whether the ledger of a bench that does not run has lost something since it was written last.
pub fn loss(path: &Path) -> Result<Option<Loss>, LedgerError> {
    look::loss(path)
}

/// The version of the ledgers that this release writes; it brings older ones up to date, and refuses newer ones.
pub const VERSION: u32 = schema::STEPS.len() as u32;

/// Copies a ledger as it is at this moment to a file that is not there yet, and returns its version. A bench may work on
/// it meanwhile.
pub fn copy(path: &Path, to: &Path) -> Result<u32, LedgerError> {
    look::copy(path, to)
}

/// The version of a ledger that no bench works on, all of which is checked.
pub fn examine(path: &Path) -> Result<u32, LedgerError> {
    look::examine(path)
}

impl CommitFailed {
    fn stopped() -> Self {
        Self { cause: "the ledger's writer has stopped".into() }
    }
}

/// Tells when the records of one append are on disk. Drop it where they may be lost.
#[derive(Debug)]
#[must_use = "a reply that depends on the records must wait for this; drop it where they may be lost"]
pub struct Ticket(oneshot::Receiver<Result<(), CommitFailed>>);

impl Future for Ticket {
    type Output = Result<(), CommitFailed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|result| result.unwrap_or_else(|_| Err(CommitFailed::stopped())))
    }
}
