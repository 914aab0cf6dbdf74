//! Advances a rehearsal's clock. Its task gets a turn only if the machine has time, so a busy machine stops the clock.

use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::RunClock;

/// The least real time between two checks, while the clock runs and while it stands.
const SHORTEST: Duration = Duration::from_millis(1);
const STANDING: Duration = Duration::from_millis(4);

/// Advances the clock and wakes sleepers, until the clock is dropped.
pub(super) async fn drive(shared: Weak<RunClock>, changed: Arc<Notify>) {
    let mut watch = StallWatch { at: Duration::ZERO, begun: (0, Instant::now()) };
    loop {
        let pause = {
            let Some(shared) = shared.upgrade() else { return };
            let (woken, pause) = shared.turn();
            woken.into_iter().for_each(Waker::wake);
            pause.max(watch.look(&shared))
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = changed.notified() => {}
        }
    }
}

/// Detects work that never ends.
struct StallWatch {
    at: Duration,
    /// The number of works begun, and when it last changed.
    begun: (u64, Instant),
}

impl StallWatch {
    /// Reports stuck work. Returns the least pause before the next check.
    fn look(&mut self, shared: &RunClock) -> Duration {
        let state = shared.state();
        let (at, begun) = (state.at, state.next);
        let what = state.holds.first_key_value().map(|(_, (_, what))| *what);
        drop(state);
        let stands = std::mem::replace(&mut self.at, at) == at;
        if begun != self.begun.0 || !stands || !shared.waits {
            self.begun = (begun, Instant::now());
        } else if let Some(what) = what
            && self.begun.1.elapsed() > shared.patience
            && shared.stuck.send_replace(Some(what)).is_none()
        {
            tracing::error!(what, "the rehearsal stands still: this work does not end");
        }
        if stands { STANDING } else { SHORTEST }
    }
}
