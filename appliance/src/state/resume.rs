//! Decides with which time a bench starts. Time never runs behind the ledger, except if a start under a wrong clock far
//! ahead has spoiled it.

use transload_pace::Pace;
use transload_provision::catalog::Catalog;
use transload_provision::time::Time;

use crate::state::ledger::{AHEAD, TimeMarks, UnreadLedger};
use crate::system::clock::{self, Clock, system_time};
use crate::system::error::Failure;

/// The time source at a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeBase {
    /// The system's clock.
    System,
    /// The ledger's time, which is later.
    Ledger,
    /// The system's clock, although the ledger's time is later: the ledger is wrong.
    SetBack,
}

/// Chooses the time source. If the ledger is more than a day ahead, the system's clock wins in two cases. Either the
/// kernel vouches for it, or it is later than this program and all certain moments of the ledger.
pub fn base(marks: TimeMarks, system: Time, trusted: bool, built: Time) -> TimeBase {
    if system >= marks.high_water {
        TimeBase::System
    } else if marks.high_water - system > AHEAD && (trusted || (system >= built && system >= marks.certain)) {
        TimeBase::SetBack
    } else {
        TimeBase::Ledger
    }
}

/// Chooses the time source for the present system time.
pub fn base_now(marks: TimeMarks) -> TimeBase {
    base(marks, system_time(), clock::is_trusted(), built())
}

/// Whether the kernel vouches for `now` as the present moment.
pub fn vouches_for(now: Time) -> bool {
    let system = system_time();
    clock::is_trusted() && (now - system).max(system - now) <= AHEAD
}

/// Starts a bench's clock, and corrects its ledger if needed. A rehearsal runs ahead of the system's clock on purpose.
///
/// # Errors
/// The ledger cannot be written.
pub fn start(unread: &mut UnreadLedger, pace: Pace) -> Result<Clock, Failure> {
    let real = !pace.is_rehearsed();
    let seen = unread.marks.high_water;
    match base_now(unread.marks) {
        TimeBase::SetBack if real => {
            let now = system_time();
            tracing::warn!(
                ledger = %day(seen),
                clock = %day(now),
                "the ledger was written under a clock that was far ahead: what was told then counts as told just now"
            );
            unread.set_back(now)?;
        }
        TimeBase::Ledger if real && seen - system_time() > AHEAD => tracing::warn!(
            ledger = %day(seen),
            clock = %day(system_time()),
            "the clock is far behind the ledger, whose time goes on; set the clock, and restart transload"
        ),
        _ => {}
    }
    Ok(Clock::start(unread.marks.high_water, pace))
}

/// The program is no older than its catalog, whose date may lack the day.
fn built() -> Time {
    let date = format!("{}-01", Catalog::current().date);
    let day: Option<jiff::civil::Date> = date.get(..10).and_then(|day| day.parse().ok());
    let start = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    Time(start.map_or(0, |start| start.timestamp().as_millisecond().max(0).cast_unsigned()))
}

fn day(time: Time) -> String {
    let timestamp = i64::try_from(time.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    timestamp.map_or_else(|| format!("{} ms", time.0), |at| at.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;
    const NOW: Time = Time(20_000 * DAY);

    fn judged(ahead: u64, certain: Time, trusted: bool) -> TimeBase {
        let marks = TimeMarks { high_water: Time(NOW.0 + ahead), certain };
        base(marks, NOW, trusted, Time(NOW.0 - 100 * DAY))
    }

    #[test]
    fn a_ledger_that_is_a_little_ahead_is_right_whoever_vouches_for_the_clock() {
        for trusted in [true, false] {
            assert_eq!(judged(0, NOW, trusted), TimeBase::System);
            assert_eq!(judged(DAY, Time(0), trusted), TimeBase::Ledger);
        }
    }

    #[test]
    fn a_ledger_that_is_far_ahead_is_wrong_where_the_clock_is_vouched_for_or_plausible() {
        let forty_years = 40 * 365 * DAY;
        assert_eq!(judged(forty_years, Time(0), false), TimeBase::SetBack);
        assert_eq!(judged(forty_years, Time(NOW.0 - 1), false), TimeBase::SetBack);
        assert_eq!(judged(forty_years, Time(NOW.0 + forty_years), true), TimeBase::SetBack);
        assert_eq!(
            judged(forty_years, Time(NOW.0 + 1), false),
            TimeBase::Ledger,
            "the clock was once vouched for later than it says now: it woke up in the past"
        );
        let marks = TimeMarks { high_water: Time(NOW.0 + forty_years), certain: Time(0) };
        assert_eq!(base(marks, Time(0), false, NOW), TimeBase::Ledger, "no clock of 1970 is right");
    }

    #[test]
    fn the_program_knows_when_it_was_built() {
        assert!(built() > Time(1_600_000_000_000), "{:?}", built());
    }
}
