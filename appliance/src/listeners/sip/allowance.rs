//! How much an address, or a connection, may say in how long.

use std::time::{Duration, Instant};

/// How much somebody may say: so much at once, and so much more each second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refill {
    pub(super) burst: f64,
    pub(super) rate: f64,
}

/// How much somebody may say now.
pub(super) struct Allowance {
    left: f64,
    pub(super) at: Instant,
}

impl Allowance {
    pub(super) fn of(refill: Refill) -> Self {
        Self { left: refill.burst, at: Instant::now() }
    }

    /// One message, or how long it has to wait.
    pub(super) fn take(&mut self, now: Instant, refill: Refill) -> Result<(), Duration> {
        self.left = (self.left + now.saturating_duration_since(self.at).as_secs_f64() * refill.rate)
            .min(refill.burst);
        self.at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.left) / refill.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_comes_back_with_time() {
        let refill = Refill { burst: 60.0, rate: 20.0 };
        let mut allowance = Allowance::of(refill);
        let now = allowance.at;
        let said = (0..1000).filter(|_| allowance.take(now, refill).is_ok()).count();
        assert_eq!(said, 60);
        let wait = allowance.take(now, refill).unwrap_err();
        assert!(wait <= Duration::from_millis(50), "{wait:?}");
        assert_eq!(allowance.take(now + wait + Duration::from_millis(1), refill), Ok(()));
    }
}
