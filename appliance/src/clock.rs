//! The one clock. A rehearsal runs it faster than real time, so that waits of half an hour are seen in seconds.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use transload_provision::time::Time;

/// Tells the time to everything that decides.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    start: Time,
    speed: u32,
}

impl Clock {
    /// Starts at the system's time, but never before `not_before` (a box without a battery wakes up in the past).
    pub fn start(not_before: Time, speed: u32) -> Self {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = Time(system.as_millis() as u64).max(not_before);
        Self { origin: Instant::now(), start, speed }
    }

    /// Now, on this clock; never runs backwards.
    pub fn now(&self) -> Time {
        self.start + self.origin.elapsed() * self.speed
    }
}
