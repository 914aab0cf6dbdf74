//! What waits for the writer. It is woken only for what somebody waits for, and only if it sleeps.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use transload_provision::mac::Mac;

use super::{CommitFailed, Done, Record};

/// Jobs that may wait for the disk; further ones fail at once.
const BACKLOG: usize = 16_384;
/// Commits begin at least this far apart, so that under load many share one; a lone one never waits.
const APART: Duration = Duration::from_millis(4);
/// How long a record that nobody waits for may be kept back for company.
const KEPT_BACK: Duration = Duration::from_millis(100);
/// How long a lazy record may be kept back.
pub(super) const LAZY: Duration = Duration::from_secs(60);
/// So many lazy records are written at once, however young they are.
const LAZY_KEPT: usize = 4096;
/// Sleeps of that length without a job after which the writer has time for other work.
const QUIET: u32 = 10;

/// How soon records are to be on disk.
pub(super) enum Urgency {
    /// At once: somebody waits, and is told.
    Awaited(Done),
    /// In a tenth of a second.
    Soon,
    /// With the next commit of anything else, or a minute later.
    Lazy,
}

/// Records of one call, and who is to be told.
pub(super) struct Job {
    pub(super) records: Vec<Record>,
    pub(super) urgency: Urgency,
}

impl Job {
    /// Tells who waits.
    pub(super) fn answer(self, result: Result<(), CommitFailed>) {
        if let Urgency::Awaited(done) = self.urgency {
            done(result);
        }
    }

    pub(super) fn is_awaited(&self) -> bool {
        matches!(self.urgency, Urgency::Awaited(_))
    }

    /// The phone that all its records are observations of.
    pub(super) fn phone(&self) -> Option<Mac> {
        let of = |record: &Record| match record {
            Record::Observation { mac, .. } => Some(*mac),
            _ => None,
        };
        let first = of(self.records.first()?)?;
        self.records.iter().all(|record| of(record) == Some(first)).then_some(first)
    }
}

/// What the writer is to do next.
pub(super) enum Work {
    /// Write these, in one commit.
    Commit(Vec<Job>),
    /// Nothing was written for a second: tidy up.
    Rest,
    /// The end.
    Close,
}

pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// How long a lazy record may be kept back.
    lazy: Duration,
}

#[derive(Default)]
struct State {
    jobs: Vec<Job>,
    /// Those of them that are not lazy and have records.
    prompt: usize,
    /// Those of them that are lazy, and when the oldest came.
    lazy: usize,
    lazy_since: Option<Instant>,
    /// Somebody waits for one of them.
    awaited: bool,
    closed: bool,
    sleep: Sleep,
}

/// How the writer sleeps, and so what wakes it.
#[derive(Default, Clone, Copy, PartialEq)]
enum Sleep {
    /// It is awake, or will be by itself in a moment.
    #[default]
    None,
    /// For a tenth of a second at most: a job that is awaited wakes it.
    Light,
    /// Until there is a job that is not lazy.
    Deep,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl State {
    /// Nothing waits that is not lazy.
    fn is_idle(&self) -> bool {
        !self.awaited && self.prompt == 0 && !self.closed
    }

    /// When lazy records have waited for long enough.
    fn lazy_due(&self, patience: Duration) -> Option<Instant> {
        let since = self.lazy_since?;
        Some(if self.lazy >= LAZY_KEPT { since } else { since + patience })
    }

    fn take(&mut self) -> Vec<Job> {
        self.awaited = false;
        (self.prompt, self.lazy, self.lazy_since) = (0, 0, None);
        std::mem::take(&mut self.jobs)
    }

    /// Appends of nothing: where nothing else is due, lazy records need not come along.
    fn take_empty(&mut self) -> Vec<Job> {
        self.awaited = false;
        self.jobs.extract_if(.., |job| job.records.is_empty()).collect()
    }
}

impl Queue {
    pub(super) fn new(lazy: Duration) -> Self {
        Self { state: Mutex::default(), wake: Condvar::new(), lazy }
    }

    /// False where it was refused, which whoever waits for it is told.
    pub(super) fn push(&self, job: Job) -> bool {
        let mut state = self.state();
        let cause = if state.closed {
            "the ledger is closed"
        } else if state.jobs.len() >= BACKLOG {
            "the disk is too slow: too many commits are waiting"
        } else {
            let lazy = matches!(job.urgency, Urgency::Lazy);
            // The first of them tells the writer how long it may sleep.
            let first = lazy && state.lazy == 0;
            if lazy {
                state.lazy += 1;
                state.lazy_since.get_or_insert_with(Instant::now);
            } else {
                state.prompt += usize::from(!job.records.is_empty());
                state.awaited |= job.is_awaited();
            }
            let wakes = match state.sleep {
                Sleep::None => false,
                Sleep::Light => state.awaited,
                Sleep::Deep => first || !lazy || state.lazy >= LAZY_KEPT,
            };
            if wakes {
                state.sleep = Sleep::None;
            }
            state.jobs.push(job);
            drop(state);
            if wakes {
                self.wake.notify_one();
            }
            return true;
        };
        drop(state);
        job.answer(Err(CommitFailed { cause: cause.into() }));
        false
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_one();
    }

    /// Waits for what is to be done next, no longer than `until`. `last` is when the last commit began, and `shared`
    /// whether several waited for it. For the writer alone.
    pub(super) fn next(&self, last: Instant, shared: bool, until: Option<Instant>) -> Work {
        // Under load, nobody need wake it.
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
            state.sleep = Sleep::Light;
            let (woken, slept) = self.wake.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.sleep = Sleep::None;
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

    /// What waits at this moment.
    pub(super) fn take(&self) -> Vec<Job> {
        self.state().take()
    }

    /// Nothing waits that is not lazy.
    pub(super) fn is_idle(&self) -> bool {
        self.state().is_idle()
    }

    /// Sleeps until there is something to do.
    pub(super) fn rest(&self) {
        let mut state = self.state();
        while state.is_idle() {
            let patience = state.lazy_due(self.lazy).map(|at| at.saturating_duration_since(Instant::now()));
            state.sleep = Sleep::Deep;
            state = match patience {
                Some(patience) if patience.is_zero() => break,
                Some(patience) => {
                    let slept = self.wake.wait_timeout(state, patience);
                    slept.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.sleep = Sleep::None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
