//! Tells a repeated request from a new one. A client that sends other bytes wants a new transfer.

use std::time::{Duration, Instant};

use super::requests::SILENCE;

/// A replaced request that comes so soon after the one in its place was late on its way. Later, its client has gone back to
/// it: phones ask again after half a second.
const LATE: Duration = Duration::from_millis(400);
/// Most replaced requests that are remembered for one transfer; the oldest go first.
const REMEMBERED: usize = 4;

/// The requests that one port made for one file, by their digests.
#[derive(Clone, Debug)]
pub struct RequestHistory {
    served: u64,
    since: Instant,
    /// Requests that the served one replaced. Late on their way, they may arrive a second time.
    replaced: Vec<u64>,
}

/// The meaning of another request from the same port for the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestMeaning {
    /// The transfer under way answers it.
    Duplicate,
    /// Its client has left the transfer, which it never answered.
    Instead,
    /// Its client may have left the transfer. The transfer ends once the client answers the new one.
    Beside,
}

impl RequestHistory {
    /// The first request.
    pub fn new(digest: u64, now: Instant) -> RequestHistory {
        RequestHistory { served: digest, since: now, replaced: Vec::new() }
    }

    /// The next request, which is served from now on.
    pub fn replaced_by(&self, digest: u64, now: Instant) -> RequestHistory {
        let mut replaced = self.replaced.clone();
        replaced.push(self.served);
        replaced.retain(|known| *known != digest);
        let surplus = replaced.len().saturating_sub(REMEMBERED);
        replaced.drain(..surplus);
        RequestHistory { served: digest, since: now, replaced }
    }

    /// The meaning of a request from a client that was `heard` last at that time.
    pub fn again(&self, digest: u64, heard: Option<Instant>, now: Instant) -> RequestMeaning {
        let known = digest == self.served || self.replaced.contains(&digest);
        let since = |then| now.saturating_duration_since(then);
        match heard {
            Some(heard) if !known || since(heard) >= SILENCE => RequestMeaning::Beside,
            None if !known || (digest != self.served && since(self.since) >= LATE) => RequestMeaning::Instead,
            _ => RequestMeaning::Duplicate,
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
        let first = RequestHistory::new(1, began);
        for seconds in [0.0, 0.5, 29.0] {
            assert_eq!(
                first.again(1, None, at(seconds)),
                RequestMeaning::Duplicate,
                "the timer sends it again"
            );
            assert_eq!(first.again(2, None, at(seconds)), RequestMeaning::Instead);
            assert_eq!(first.again(2, Some(at(seconds)), at(seconds)), RequestMeaning::Beside);
        }
        assert_eq!(first.again(1, Some(at(1.0)), at(3.9)), RequestMeaning::Duplicate);
        assert_eq!(first.again(1, Some(at(1.0)), at(4.0)), RequestMeaning::Beside);
    }

    #[test]
    fn a_replaced_request_counts_anew_once_it_cannot_be_late_any_more() {
        let began = Instant::now();
        let at = |seconds: f64| began + Duration::from_secs_f64(seconds);
        let second = RequestHistory::new(1, began).replaced_by(2, at(1.0));
        assert_eq!(second.again(1, None, at(1.1)), RequestMeaning::Duplicate);
        assert_eq!(second.again(1, Some(at(1.1)), at(1.2)), RequestMeaning::Duplicate);
        assert_eq!(second.again(1, Some(at(1.1)), at(1.6)), RequestMeaning::Duplicate);
        assert_eq!(second.again(1, None, at(1.5)), RequestMeaning::Instead);
        assert_eq!(second.again(2, None, at(29.0)), RequestMeaning::Duplicate);
        assert_eq!(second.again(3, None, at(1.1)), RequestMeaning::Instead);
    }

    #[test]
    fn a_bounded_number_of_requests_is_remembered() {
        let now = Instant::now();
        let last =
            (2..100).fold(RequestHistory::new(1, now), |before, digest| before.replaced_by(digest, now));
        assert_eq!((last.served, last.replaced), (99, vec![95, 96, 97, 98]));
        let back = RequestHistory::new(1, now).replaced_by(2, now).replaced_by(1, now);
        assert_eq!((back.served, back.replaced), (1, vec![2]));
    }
}
