//! Tells a request sent twice from one made anew: a client that sends other bytes wants something else.

use std::time::{Duration, Instant};

use super::requests::SILENCE;

/// A replaced request that comes so soon after the one in its place was late on its way. Later, its client has gone back to
/// it: phones ask again after half a second.
const LATE: Duration = Duration::from_millis(400);
/// Replaced requests that are remembered of one transfer, the latest.
const REMEMBERED: usize = 4;

/// The requests that one port made for one file, by their digests.
#[derive(Clone, Debug)]
pub struct Requested {
    served: u64,
    since: Instant,
    /// Requests that the served one replaced. Late on their way, they may arrive a second time.
    replaced: Vec<u64>,
}

/// What another request of the same port for the same file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// The transfer under way answers it.
    Duplicate,
    /// Its client has left the transfer, which it never answered.
    Instead,
    /// Its client may have left the transfer. The transfer ends once the client answers the new one.
    Beside,
}

impl Requested {
    /// The first request.
    pub fn new(digest: u64, now: Instant) -> Requested {
        Requested { served: digest, since: now, replaced: Vec::new() }
    }

    /// The next request, which is served from now on.
    pub fn replaced_by(&self, digest: u64, now: Instant) -> Requested {
        let mut replaced = self.replaced.clone();
        replaced.push(self.served);
        replaced.retain(|known| *known != digest);
        let surplus = replaced.len().saturating_sub(REMEMBERED);
        replaced.drain(..surplus);
        Requested { served: digest, since: now, replaced }
    }

    /// What a request means, where the client was `heard` last at that time.
    pub fn again(&self, digest: u64, heard: Option<Instant>, now: Instant) -> Again {
        let known = digest == self.served || self.replaced.contains(&digest);
        let since = |then| now.saturating_duration_since(then);
        match heard {
            Some(heard) if !known || since(heard) >= SILENCE => Again::Beside,
            None if !known || (digest != self.served && since(self.since) >= LATE) => Again::Instead,
            _ => Again::Duplicate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_are_a_new_request_and_the_same_bytes_are_a_repetition() {
        let began = Instant::now();
        let at = |seconds: f64| began + Duration::from_secs_f64(seconds);
        let first = Requested::new(1, began);
        for seconds in [0.0, 0.5, 29.0] {
            assert_eq!(first.again(1, None, at(seconds)), Again::Duplicate, "the timer sends it again");
            assert_eq!(first.again(2, None, at(seconds)), Again::Instead);
            assert_eq!(first.again(2, Some(at(seconds)), at(seconds)), Again::Beside);
        }
        assert_eq!(first.again(1, Some(at(1.0)), at(3.9)), Again::Duplicate);
        assert_eq!(first.again(1, Some(at(1.0)), at(4.0)), Again::Beside);
    }

    #[test]
    fn a_replaced_request_counts_anew_once_it_cannot_be_late_any_more() {
        let began = Instant::now();
        let at = |seconds: f64| began + Duration::from_secs_f64(seconds);
        let second = Requested::new(1, began).replaced_by(2, at(1.0));
        assert_eq!(second.again(1, None, at(1.1)), Again::Duplicate);
        assert_eq!(second.again(1, Some(at(1.1)), at(1.2)), Again::Duplicate);
        assert_eq!(second.again(1, Some(at(1.1)), at(1.6)), Again::Duplicate);
        assert_eq!(second.again(1, None, at(1.5)), Again::Instead);
        assert_eq!(second.again(2, None, at(29.0)), Again::Duplicate);
        assert_eq!(second.again(3, None, at(1.1)), Again::Instead);
    }

    #[test]
    fn a_bounded_number_of_requests_is_remembered() {
        let now = Instant::now();
        let last = (2..100).fold(Requested::new(1, now), |before, digest| before.replaced_by(digest, now));
        assert_eq!((last.served, last.replaced), (99, vec![95, 96, 97, 98]));
        let back = Requested::new(1, now).replaced_by(2, now).replaced_by(1, now);
        assert_eq!((back.served, back.replaced), (1, vec![2]));
    }
}
