//! A transfer under way, with its timers.

use std::time::Instant;

use tokio::task::AbortHandle;

use crate::{event_loop::RequestHistory, session::TransferSession};

/// A transfer that holds a slot.
pub struct ActiveTransfer {
    /// The transfer itself.
    pub session: TransferSession,
    /// The requests that the client made for it.
    pub requested: RequestHistory,
    /// The earliest alarm that is set for it.
    pub alarm: Option<Instant>,
    /// The wait for the rate limit, if there is one.
    pub turn: Option<AbortHandle>,
}

impl ActiveTransfer {
    /// The alarm to be set, if none goes off in time; it then counts as set.
    pub fn earlier_alarm(&mut self) -> Option<Instant> {
        let due = self.session.deadline()?;
        if self.alarm.is_some_and(|alarm| alarm <= due) {
            return None;
        }
        self.alarm = Some(due);
        self.alarm
    }
}
