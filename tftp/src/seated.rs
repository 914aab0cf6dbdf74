//! A client that is being served, and when it has to be looked after next.

use std::time::Instant;

use tokio::task::AbortHandle;

use crate::{desk::Requested, session::Session};

/// A transfer in its seat.
pub struct Seated {
    /// The transfer itself.
    pub session: Session,
    /// The request that it answers.
    pub requested: Requested,
    /// The earliest alarm that is set for it.
    pub alarm: Option<Instant>,
    /// What it waits for, unless the file's reader.
    pub turn: Option<AbortHandle>,
}

impl Seated {
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
