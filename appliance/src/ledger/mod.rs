//! The durable record: observations, snapshots and leases, in the order they were told.
//!
//! One thread owns the database. What arrives while a commit is under way goes to disk together in the next one,
//! so that a box with a slow card still answers a bench full of phones that were switched on at once.

mod forgotten;
mod queue;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::oneshot;
use transload_dhcp::lease::LeaseRecord;
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use crate::error::{Exit, Failure};
use crate::metrics;
pub use forgotten::FORGOTTEN_KEPT;
use queue::{Job, Queue};

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
    /// What all earlier observations of a phone come to; they are deleted with it.
    Snapshot {
        /// The phone.
        mac: Mac,
        /// What they come to.
        json: String,
        /// Whether it is the first record of this phone: then there are none to delete, and none are looked for.
        first: bool,
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
    /// Time has come this far, and must not run backwards after a restart.
    Mark(Time),
}

/// What the ledger knew when it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// The newest state of every address, in the order of the addresses.
    pub leases: Vec<LeaseRecord>,
    /// The newest snapshot of every phone that has one.
    pub snapshots: BTreeMap<Mac, String>,
    /// Observations that no snapshot covers, in the order they were appended.
    pub observations: Vec<(Mac, Time, String)>,
    /// The phones that the operator forgot, and when that was last.
    pub forgotten: BTreeMap<Mac, Time>,
    /// The latest moment told by a mark, a lease or an observation, deleted ones included.
    pub high_water: Time,
}

/// The records are not on disk, or nothing tells whether they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not recorded: {cause}")]
pub struct CommitFailed {
    /// Why, for the technician.
    pub cause: Arc<str>,
}

/// The ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Nothing has been recorded yet (only for [`read`]).
    #[error("there is no ledger at {}", .0.display())]
    Absent(PathBuf),
    /// A newer release wrote it.
    #[error("{} was written by a newer release of transload (ledger version {found}, this one knows {known})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// The file is damaged, or is something else.
    #[error("{} cannot be used as a ledger: {finding}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        finding: String,
    },
    /// The operating system or the database refused.
    #[error("cannot open the ledger {}: {cause}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let cure = match &error {
            LedgerError::Absent(_) => "start `transload serve` with this configuration first".into(),
            LedgerError::Newer { .. } => {
                "run the newer release, or start afresh with another state folder".into()
            }
            LedgerError::Damaged { path, .. } => format!(
                "move {} and its -wal file aside; phones are then recognized anew and asked for their leases",
                path.display()
            ),
            LedgerError::Refused { .. } => "check the folder's owner, rights and free space".into(),
        };
        Self::new(Exit::Act, error.to_string(), cure)
    }
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

/// The open ledger. Appends may come from any thread.
#[derive(Debug)]
pub struct Ledger {
    queue: Arc<Queue>,
    commits: Commits,
    /// Gone once closed.
    writer: Mutex<Option<JoinHandle<Result<(), CommitFailed>>>>,
}

impl Ledger {
    /// Opens or creates the ledger, and tells what it knows. An older file is brought up to date, and kept as it was
    /// beside the new one. After an unclean stop the whole file is checked first.
    ///
    /// The caller holds the state folder's lock.
    pub fn open(path: &Path) -> Result<(Self, Restored), LedgerError> {
        let (connection, restored) = schema::open(path)?;
        let path = path.to_owned();
        let queue = Arc::new(Queue::default());
        let commits =
            Commits { took: metrics::latencies(), failed: Counter::default(), failing: Arc::default() };
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn({
                let (path, queue, high_water) = (path.clone(), Arc::clone(&queue), restored.high_water);
                let commits = commits.clone();
                move || writer::run(connection, &path, high_water, &queue, &commits)
            })
            .map_err(|error| LedgerError::Refused { path, cause: error.to_string() })?;
        Ok((Self { queue, commits, writer: Mutex::new(Some(thread)) }, restored))
    }

    /// How commits went.
    pub fn commits(&self) -> &Commits {
        &self.commits
    }

    /// Hands the records over; never blocks. They go to disk together or not at all, after those of earlier calls.
    /// An append of nothing is answered once those are through.
    pub fn append(&self, records: Vec<Record>) -> Ticket {
        let (done, ticket) = oneshot::channel();
        self.append_then(records, Box::new(|result| drop(done.send(result))));
        Ticket(ticket)
    }

    /// As [`Self::append`], and has the writer itself call `done`, which must not block: what leaves then need not
    /// wait for another thread to wake up.
    pub fn append_then(&self, records: Vec<Record>, done: Done) {
        self.push(Job { records, done: Some(done) });
    }

    /// Hands over a record that may be lost: it goes to disk with the next append, or a tenth of a second later.
    pub fn note(&self, record: Record) {
        self.push(Job { records: vec![record], done: None });
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

/// What a ledger knows, without changing it, for a program that only looks.
pub fn read(path: &Path) -> Result<Restored, LedgerError> {
    schema::read(path)
}

/// The version of the ledgers that this release writes; it brings older ones up to date, and refuses newer ones.
pub const VERSION: u32 = schema::STEPS.len() as u32;

/// Copies a ledger as it is at this moment to a file that is not there yet, and returns its version. A bench may work on
/// it meanwhile.
pub fn copy(path: &Path, to: &Path) -> Result<u32, LedgerError> {
    schema::copy(path, to)
}

/// The version of a ledger that no bench works on, all of which is checked.
pub fn examine(path: &Path) -> Result<u32, LedgerError> {
    schema::examine(path)
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
