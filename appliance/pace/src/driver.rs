//! What moves the clock of a rehearsal: a task that gets its turn only when the machine has time for the run.

use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Shared;

/// The least pause between two looks, and while time stands still; in real time.
const SHORTEST: Duration = Duration::from_millis(1);
const STANDING: Duration = Duration::from_millis(4);

/// Lets time go on and wakes sleepers, until nobody has the clock any more.
pub(super) async fn drive(shared: Weak<Shared>, changed: Arc<Notify>) {
    let mut watch = Watch { at: Duration::ZERO, begun: (0, Instant::now()) };
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

/// What the driver saw when it looked last.
struct Watch {
    at: Duration,
    /// Counts what was begun, and when that changed last.
    begun: (u64, Instant),
}

impl Watch {
    /// Looks for work that never ends. Returns the least pause before the next look.
    fn look(&mut self, shared: &Shared) -> Duration {
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
