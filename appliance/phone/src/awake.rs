//! Whether a virtual phone is at work, which the clock waits for, or waits itself, which it does not.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use transload_pace::{Pace, WorkGuard};

/// What one activity of a phone does: it works from [`Awake::work`] on until it rests.
#[derive(Debug, Clone)]
pub(super) struct Awake {
    pace: Pace,
    what: &'static str,
    hold: Arc<Mutex<WorkGuard>>,
}

impl Awake {
    /// An activity that rests.
    pub(super) fn new(pace: &Pace, what: &'static str) -> Self {
        Self { pace: pace.clone(), what, hold: Arc::new(Mutex::new(WorkGuard::none())) }
    }

    /// Begins to work, or goes on with the next thing: each may take as long as the clock allows.
    pub(super) fn work(&self) {
        self.put(self.pace.hold(self.what));
    }

    /// Waits for something that may never come.
    pub(super) fn rest(&self) {
        self.put(WorkGuard::none());
    }

    /// Waits for something that may never come, and goes on working.
    pub(super) async fn idle<T>(&self, wait: impl Future<Output = T>) -> T {
        self.rest();
        let came = wait.await;
        self.work();
        came
    }

    /// Sleeps for so long, and goes on working.
    pub(super) async fn pause(&self, span: Duration) {
        self.pause_until(self.pace.elapsed().saturating_add(span)).await;
    }

    /// Sleeps until it is so late, and goes on working.
    pub(super) async fn pause_until(&self, at: Duration) {
        // It is known when this wakes up before the clock may go on.
        let sleep = self.pace.sleep_until(at);
        self.rest();
        self.put(sleep.await);
        self.work();
    }

    fn put(&self, hold: WorkGuard) {
        let mut present = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        drop(std::mem::replace(&mut *present, hold));
    }
}
