//! Tells the clock whether a virtual phone is working. The clock waits for a working phone, not for a waiting one.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use transload_pace::{Pace, WorkGuard};

/// One activity of a phone. It works from [`Awake::work`] until it rests.
#[derive(Debug, Clone)]
pub(super) struct Awake {
    pace: Pace,
    what: &'static str,
    hold: Arc<Mutex<WorkGuard>>,
}

impl Awake {
    /// An activity at rest.
    pub(super) fn new(pace: &Pace, what: &'static str) -> Self {
        Self { pace: pace.clone(), what, hold: Arc::new(Mutex::new(WorkGuard::none())) }
    }

    /// Starts to work, or goes on with the next step; each step may take as long as the clock allows.
    pub(super) fn work(&self) {
        self.put(self.pace.hold(self.what));
    }

    /// Rests, to wait for an event that may never come.
    pub(super) fn rest(&self) {
        self.put(WorkGuard::none());
    }

    /// Rests during `wait`, then works again.
    pub(super) async fn idle<T>(&self, wait: impl Future<Output = T>) -> T {
        self.rest();
        let came = wait.await;
        self.work();
        came
    }

    /// Sleeps for `span`, then works again.
    pub(super) async fn pause(&self, span: Duration) {
        self.pause_until(self.pace.elapsed().saturating_add(span)).await;
    }

    /// Sleeps until `at`, then works again.
    pub(super) async fn pause_until(&self, at: Duration) {
        // The wake-up is registered before the clock may go on.
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
