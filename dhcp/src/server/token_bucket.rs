//! How much may be done at once, and how fast after that.

use std::time::{Duration, Instant};

/// So many at once after a quiet time; one more each time `every` has passed.
pub(super) struct TokenBucket {
    burst: u32,
    every: Duration,
    left: u32,
    since: Instant,
}

impl TokenBucket {
    pub(super) fn full(burst: u32, every: Duration) -> Self {
        Self { burst, every, left: burst, since: Instant::now() }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let more = now.saturating_duration_since(self.since).as_nanos() / self.every.as_nanos().max(1);
        let more = u32::try_from(more).unwrap_or(self.burst).min(self.burst);
        self.left = (self.left + more).min(self.burst);
        self.since = if self.left == self.burst { now } else { self.since + self.every * more };
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_tried_no_faster_than_allowed_and_a_quiet_time_restores_it() {
        const EVERY: Duration = Duration::from_millis(60);
        let mut allowance = TokenBucket::full(256, EVERY);
        let start = allowance.since;
        let mut taken = |at: Duration| (0..1000).filter(|_| allowance.take(start + at)).count();
        assert_eq!(taken(Duration::ZERO), 256);
        assert_eq!(taken(EVERY / 2), 0);
        assert_eq!(taken(EVERY), 1);
        assert_eq!(taken(EVERY * 11), 10);
        assert_eq!(taken(Duration::from_secs(3600)), 256);
    }
}
