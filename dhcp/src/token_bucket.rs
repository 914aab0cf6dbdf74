//! Limits how much may be done at once, and how fast after that.

use std::time::{Duration, Instant};

/// Tokens of one kind: `burst` at once after a quiet time, and one more each time `every` has passed.
#[derive(Debug)]
pub struct TokenBucket {
    burst: u32,
    every: Duration,
    left: u32,
    since: Instant,
}

impl TokenBucket {
    /// All of `burst` tokens.
    pub fn full(burst: u32, every: Duration) -> Self {
        Self { burst, every, left: burst, since: Instant::now() }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// There is none; the next one comes after this time.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let more = self.since_then(now);
        self.left = (self.left + more).min(self.burst);
        self.since = if self.left == self.burst { now } else { self.since + self.every * more };
        let Some(rest) = self.left.checked_sub(1) else {
            return Err((self.since + self.every).saturating_duration_since(now));
        };
        self.left = rest;
        Ok(())
    }

    /// Whether all tokens are there again, so that nothing is lost if this is forgotten.
    pub fn is_full(&self, now: Instant) -> bool {
        self.left + self.since_then(now) >= self.burst
    }

    fn since_then(&self, now: Instant) -> u32 {
        let more = now.saturating_duration_since(self.since).as_nanos() / self.every.as_nanos().max(1);
        u32::try_from(more).unwrap_or(self.burst).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(60);

    #[test]
    fn a_flood_is_tried_no_faster_than_allowed_and_a_quiet_time_restores_it() {
        let mut bucket = TokenBucket::full(256, EVERY);
        let start = bucket.since;
        let mut taken = |at: Duration| (0..1000).filter(|_| bucket.take(start + at).is_ok()).count();
        assert_eq!(taken(Duration::ZERO), 256);
        assert_eq!(taken(EVERY / 2), 0);
        assert_eq!(taken(EVERY), 1);
        assert_eq!(taken(EVERY * 11), 10);
        assert_eq!(taken(Duration::from_secs(3600)), 256);
    }

    #[test]
    fn the_wait_told_is_as_long_as_needed_and_no_longer() {
        let mut bucket = TokenBucket::full(2, EVERY);
        let start = bucket.since;
        assert_eq!((bucket.take(start), bucket.take(start)), (Ok(()), Ok(())));
        assert_eq!(bucket.take(start + EVERY / 3), Err(EVERY * 2 / 3));
        assert_eq!(bucket.take(start + EVERY), Ok(()));
        assert!(!bucket.is_full(start + EVERY * 2) && bucket.is_full(start + EVERY * 3));
    }
}
