//! The clock of everything that decides. A rehearsal runs it faster than real time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use transload_dhcp::lease::LeaseRecord;
use transload_pace::Pace;
use transload_provision::time::Time;

/// A gap no longer than this ends no lease that its phone would not have renewed before, and costs no writes.
const SHORT_GAP: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub struct Clock {
    pace: Pace,
    /// The pace's elapsed time at `start`.
    origin: Duration,
    start: Time,
}

impl Clock {
    /// Starts at the system's time, but never before `not_before`: a box without a battery boots in the past.
    pub fn start(not_before: Time, pace: Pace) -> Self {
        Self { origin: pace.elapsed(), pace, start: system_time().max(not_before) }
    }

    /// The present time on this clock, which never runs backwards.
    pub fn now(&self) -> Time {
        self.start + self.pace.elapsed().saturating_sub(self.origin)
    }

    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Converts a span on this clock to real time.
    pub fn in_reality(&self, span: Duration) -> Duration {
        span / self.pace.speed()
    }
}

/// The system's time.
pub fn system_time() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64)
}

/// A file's time in nanoseconds since 1970; 0 for one before.
pub fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Whether the kernel synchronizes the system's clock with a time source (`adjtimex(2)`).
// No crate in use wraps this call.
#[allow(unsafe_code)]
pub fn is_trusted() -> bool {
    // SAFETY: `timex` is plain data, and all zeros ask for nothing to be changed.
    let (state, timex) = unsafe {
        let mut timex: nix::libc::timex = std::mem::zeroed();
        (nix::libc::adjtimex(&raw mut timex), timex)
    };
    state >= 0 && timex.status & nix::libc::STA_UNSYNC == 0
}

/// Extends leases after a start whose time is untrusted: the clock may have jumped forward since `last_seen`. Each
/// lease that ran then keeps its remaining time. Returns the changed leases, to be recorded.
pub fn keep_running(leases: &mut [LeaseRecord], last_seen: Time, now: Time) -> Vec<LeaseRecord> {
    let gap = now.0.saturating_sub(last_seen.0);
    if u128::from(gap) <= SHORT_GAP.as_millis() {
        return Vec::new();
    }
    let running = leases.iter_mut().filter(|lease| lease.expires > last_seen.0);
    running
        .map(|lease| {
            lease.expires = lease.expires.saturating_add(gap);
            lease.clone()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use transload_dhcp::lease::LeaseState;

    use super::*;

    const HOUR: u64 = 3_600_000;

    fn lease(last: u8, expires: u64) -> LeaseRecord {
        LeaseRecord {
            address: Ipv4Addr::new(10, 0, 0, last),
            mac: [0, 0x12, 0x34, 0, 0, last],
            client_id: None,
            state: LeaseState::Bound,
            since: 0,
            expires,
        }
    }

    #[test]
    fn a_clock_that_jumped_while_nobody_looked_ends_no_lease() {
        let ten_years = 10 * 365 * 24 * HOUR;
        let (last_seen, now) = (Time(5 * HOUR), Time(5 * HOUR + ten_years));
        let mut leases = [lease(1, 5 * HOUR + 1), lease(2, 6 * HOUR), lease(3, 5 * HOUR)];
        let changed = keep_running(&mut leases, last_seen, now);
        assert_eq!(leases.each_ref().map(|lease| lease.is_bound(now.0)), [true, true, false]);
        assert_eq!(leases[1].expires - now.0, HOUR, "what was left is left");
        assert_eq!(changed, leases[..2], "and is written down, for the next start");
    }

    #[test]
    fn a_short_gap_or_a_clock_set_back_changes_nothing() {
        let mut leases = [lease(1, 6 * HOUR)];
        for now in [Time(5 * HOUR), Time(5 * HOUR + 60_000), Time(0)] {
            assert_eq!(keep_running(&mut leases, Time(5 * HOUR), now), []);
            assert_eq!(leases, [lease(1, 6 * HOUR)]);
        }
    }

    #[test]
    fn time_never_runs_behind_what_was_seen() {
        let late = Time(u64::from(u32::MAX) * 10_000);
        assert!(Clock::start(late, Pace::system()).now() >= late);
    }
}
