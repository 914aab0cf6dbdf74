//! The retransmission timeout, adapted to the client as in RFC 6298 (RFC 1123 §4.2.3.2 demands an adaptive one).

use std::time::Duration;

/// Before anything was measured (RFC 6298 §2.1).
const FIRST: Duration = Duration::from_secs(1);
/// TFTP clients acknowledge at once, so the floor can be far below RFC 6298's second; it covers scheduling noise.
const SHORTEST: Duration = Duration::from_millis(50);
/// However long the client was silent, it is asked again this often.
const LONGEST: Duration = Duration::from_secs(5);

/// A doubled timeout outlives the client's progress up to this multiple of the measured one.
const KEPT: u32 = 4;

/// How long to wait for an ACK before sending again.
#[derive(Debug)]
pub enum Timer {
    /// As the client demanded (RFC 2349).
    Fixed(Duration),
    /// Measured.
    Adaptive {
        /// Smoothed round-trip time and its variation, once there was a sample.
        measured: Option<(Duration, Duration)>,
        /// The timeout that follows from the measurement.
        computed: Duration,
        /// The present timeout: the computed one, or doubled from there.
        timeout: Duration,
    },
}

impl Timer {
    /// `seconds` is the client's `timeout` option, where it was agreed on.
    pub fn new(seconds: Option<u8>) -> Timer {
        match seconds {
            Some(seconds) => Timer::Fixed(Duration::from_secs(u64::from(seconds))),
            None => Timer::Adaptive { measured: None, computed: FIRST, timeout: FIRST },
        }
    }

    /// The time to wait from now on.
    pub fn timeout(&self) -> Duration {
        match self {
            Timer::Fixed(timeout) | Timer::Adaptive { timeout, .. } => *timeout,
        }
    }

    /// Takes in the round-trip time of a packet that was sent only once (Karn's rule, RFC 6298 §3).
    pub fn sample(&mut self, round_trip: Duration) {
        let Timer::Adaptive { measured, computed, timeout } = self else {
            return;
        };
        let (smoothed, variation) = match *measured {
            None => (round_trip, round_trip / 2),
            Some((smoothed, variation)) => {
                ((smoothed * 7 + round_trip) / 8, (variation * 3 + smoothed.abs_diff(round_trip)) / 4)
            }
        };
        *measured = Some((smoothed, variation));
        *computed = (smoothed + variation * 4).clamp(SHORTEST, LONGEST);
        *timeout = *computed;
    }

    /// Doubles the timeout after it ran out; the next sample takes that back (RFC 6298 §5.5).
    pub fn back_off(&mut self) {
        if let Timer::Adaptive { timeout, .. } = self {
            *timeout = (*timeout * 2).min(LONGEST);
        }
    }

    /// Notes that the client came further, though nothing could be measured. The doubled timeout stays, as it may be
    /// the right one, but only within reason: where much is lost, there may be nothing to measure for long.
    pub fn progress(&mut self) {
        if let Timer::Adaptive { computed, timeout, .. } = self {
            *timeout = (*timeout).min(*computed * KEPT);
        }
    }
}
