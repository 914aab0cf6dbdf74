//! Queues jobs for the writer, which is woken only if it sleeps and somebody waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use transload_provision::mac::Mac;

use super::{CommitDone, Record, WriteFailed};

/// The most waiting jobs; further ones fail at once.
const BACKLOG: usize = 16_384;
/// The least time between two commits under load, so that many jobs share one. A single commit never waits.
const APART: Duration = Duration::from_millis(4);
/// The longest delay of a record that nobody waits for.
const KEPT_BACK: Duration = Duration::from_millis(100);
/// The longest delay of a lazy record.
pub(super) const LAZY: Duration = Duration::from_secs(60);
/// The number of lazy records that forces a commit.
const LAZY_KEPT: usize = 4096;
/// The number of idle sleeps before the writer does other work.
const QUIET: u32 = 10;

/// When records must be on disk.
pub(super) enum Urgency {
    /// At once: somebody waits for the result.
    Awaited(CommitDone),
    /// Within a tenth of a second.
    Soon,
    /// With the next commit, or within a minute.
    Lazy,
}

/// The records of one append, and the receiver of the result.
pub(super) struct WriteJob {
    pub(super) records: Vec<Record>,
    pub(super) urgency: Urgency,
}

impl WriteJob {
    /// Reports the result to the waiting caller.
    pub(super) fn answer(self, result: Result<(), WriteFailed>) {
        if let Urgency::Awaited(done) = self.urgency {
            done(result);
        }
    }

    pub(super) fn is_awaited(&self) -> bool {
        matches!(self.urgency, Urgency::Awaited(_))
    }

    /// The phone, if all records are its observations.
    pub(super) fn phone(&self) -> Option<Mac> {
        let of = |record: &Record| match record {
            Record::Observation { mac, .. } => Some(*mac),
            _ => None,
        };
        let first = of(self.records.first()?)?;
        self.records.iter().all(|record| of(record) == Some(first)).then_some(first)
    }
}

/// The writer's next work.
pub(super) enum Work {
    /// Write these jobs in one commit.
    Commit(Vec<WriteJob>),
    /// Nothing was written for a second: free space.
    Rest,
    /// Close the file.
    Close,
}

pub(super) struct WriteQueue {
    state: Mutex<QueueState>,
    wake: Condvar,
    /// The longest delay of a lazy record.
    lazy: Duration,
}

#[derive(Default)]
struct QueueState {
    jobs: Vec<WriteJob>,
    /// The number of jobs that are not lazy and have records.
    prompt: usize,
    /// The number of lazy jobs, and the age of the oldest.
    lazy: usize,
    lazy_since: Option<Instant>,
    /// Somebody waits for a job.
    awaited: bool,
    closed: bool,
    sleep: WriterSleep,
}

/// The writer's sleep, which decides what wakes it.
#[derive(Default, Clone, Copy, PartialEq)]
enum WriterSleep {
    /// The writer is awake, or wakes in a moment by itself.
    #[default]
    None,
    /// The writer sleeps for a tenth of a second; an awaited job wakes it.
    Light,
    /// The writer sleeps until a job is not lazy.
    Deep,
}

impl std::fmt::Debug for WriteQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl QueueState {
    /// Whether only lazy jobs wait.
    fn is_idle(&self) -> bool {
        !self.awaited && self.prompt == 0 && !self.closed
    }

    /// The moment at which lazy records are due.
    fn lazy_due(&self, patience: Duration) -> Option<Instant> {
        let since = self.lazy_since?;
        Some(if self.lazy >= LAZY_KEPT { since } else { since + patience })
    }

    fn take(&mut self) -> Vec<WriteJob> {
        self.awaited = false;
        (self.prompt, self.lazy, self.lazy_since) = (0, 0, None);
        std::mem::take(&mut self.jobs)
    }

    /// Takes empty appends; lazy records stay if nothing else is due.
    fn take_empty(&mut self) -> Vec<WriteJob> {
        self.awaited = false;
        self.jobs.extract_if(.., |job| job.records.is_empty()).collect()
    }
}

impl WriteQueue {
    pub(super) fn new(lazy: Duration) -> Self {
        Self { state: Mutex::default(), wake: Condvar::new(), lazy }
    }

    /// Queues a job. Returns false after a refusal, which a waiting caller is told.
    pub(super) fn push(&self, job: WriteJob) -> bool {
        let mut state = self.state();
        let cause = if state.closed {
            "the ledger is closed"
        } else if state.jobs.len() >= BACKLOG {
            "the disk is too slow: too many commits are waiting"
        } else {
            let lazy = matches!(job.urgency, Urgency::Lazy);
            // The first lazy job sets the end of the writer's sleep.
            let first = lazy && state.lazy == 0;
            if lazy {
                state.lazy += 1;
                state.lazy_since.get_or_insert_with(Instant::now);
            } else {
                state.prompt += usize::from(!job.records.is_empty());
                state.awaited |= job.is_awaited();
            }
            let wakes = match state.sleep {
                WriterSleep::None => false,
                WriterSleep::Light => state.awaited,
                WriterSleep::Deep => first || !lazy || state.lazy >= LAZY_KEPT,
            };
            if wakes {
                state.sleep = WriterSleep::None;
            }
            state.jobs.push(job);
            drop(state);
            if wakes {
                self.wake.notify_one();
            }
            return true;
        };
        drop(state);
        job.answer(Err(WriteFailed { cause: cause.into() }));
        false
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_one();
    }

    /// Waits for the writer's next work, at most until `until`. `last` is the start of the last commit; `shared` tells
    /// whether several callers waited for it.
    pub(super) fn next(&self, last: Instant, shared: bool, until: Option<Instant>) -> Work {
        // Under load, the writer need not be woken.
        if shared {
            std::thread::sleep(APART.saturating_sub(last.elapsed()));
        }
        let mut state = self.state();
        let mut quiet = 0;
        let mut due = false;
        while !state.awaited && !state.closed {
            let now = Instant::now();
            due = [until, state.lazy_due(self.lazy)].into_iter().flatten().any(|at| at <= now);
            if due {
                break;
            }
            let nap = until.map_or(KEPT_BACK, |at| KEPT_BACK.min(at - now));
            state.sleep = WriterSleep::Light;
            let (woken, slept) = self.wake.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.sleep = WriterSleep::None;
            if slept.timed_out() {
                if state.prompt > 0 {
                    break;
                }
                quiet += 1;
                if quiet >= QUIET && until.is_none() {
                    return Work::Rest;
                }
            }
        }
        let early = APART.saturating_sub(last.elapsed());
        if !early.is_zero() && !state.closed {
            drop(state);
            std::thread::sleep(early);
            state = self.state();
        }
        if state.jobs.is_empty() && state.closed {
            return Work::Close;
        }
        let all = due || state.closed || state.prompt > 0;
        Work::Commit(if all { state.take() } else { state.take_empty() })
    }

    /// Takes all waiting jobs.
    pub(super) fn take(&self) -> Vec<WriteJob> {
        self.state().take()
    }

    /// Whether only lazy jobs wait.
    pub(super) fn is_idle(&self) -> bool {
        self.state().is_idle()
    }

    /// Sleeps until a job needs the writer.
    pub(super) fn rest(&self) {
        let mut state = self.state();
        while state.is_idle() {
            let patience = state.lazy_due(self.lazy).map(|at| at.saturating_duration_since(Instant::now()));
            state.sleep = WriterSleep::Deep;
            state = match patience {
                Some(patience) if patience.is_zero() => break,
                Some(patience) => {
                    let slept = self.wake.wait_timeout(state, patience);
                    slept.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.sleep = WriterSleep::None;
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
