//! What waits for the writer. It is woken only for what somebody waits for, and only if it sleeps.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{CommitFailed, Done, Record};

/// Jobs that may wait for the disk; further ones fail at once.
const BACKLOG: usize = 16_384;
/// Commits begin at least this far apart, so that under load many share one; a lone one never waits.
const APART: Duration = Duration::from_millis(4);
/// How long a record that nobody waits for may be kept back for company.
const KEPT_BACK: Duration = Duration::from_millis(100);
/// Sleeps of that length without a job after which the writer has time for other work.
const QUIET: u32 = 10;

/// Records of one call, and who is to be told.
pub(super) struct Job {
    pub(super) records: Vec<Record>,
    /// Absent where nobody waits.
    pub(super) done: Option<Done>,
}

impl Job {
    /// Tells who waits.
    pub(super) fn answer(self, result: Result<(), CommitFailed>) {
        if let Some(done) = self.done {
            done(result);
        }
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

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: Vec<Job>,
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
    /// Until there is any job.
    Deep,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl Queue {
    /// False where it was refused, which whoever waits for it is told.
    pub(super) fn push(&self, job: Job) -> bool {
        let mut state = self.state();
        let cause = if state.closed {
            "the ledger is closed"
        } else if state.jobs.len() >= BACKLOG {
            "the disk is too slow: too many commits are waiting"
        } else {
            state.awaited |= job.done.is_some();
            let wakes = state.sleep == Sleep::Deep || (state.sleep == Sleep::Light && state.awaited);
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

    /// Waits for what is to be done next; `last` is when the last commit began, and `shared` whether several waited
    /// for it. For the writer alone.
    pub(super) fn next(&self, last: Instant, shared: bool) -> Work {
        // Under load, nobody need wake it.
        if shared {
            std::thread::sleep(APART.saturating_sub(last.elapsed()));
        }
        let mut state = self.state();
        let mut quiet = 0;
        while !state.awaited && !state.closed {
            state.sleep = Sleep::Light;
            let (woken, slept) =
                self.wake.wait_timeout(state, KEPT_BACK).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.sleep = Sleep::None;
            if slept.timed_out() {
                if !state.jobs.is_empty() {
                    break;
                }
                quiet += 1;
                if quiet == QUIET {
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
        state.awaited = false;
        Work::Commit(std::mem::take(&mut state.jobs))
    }

    /// Sleeps until there is something to do.
    pub(super) fn rest(&self) {
        let mut state = self.state();
        state.sleep = Sleep::Deep;
        while state.jobs.is_empty() && !state.closed {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.sleep = Sleep::None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
