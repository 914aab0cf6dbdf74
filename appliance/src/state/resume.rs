//! With what time a bench goes on. Its time never goes behind what its ledger has seen, with one exception: a start under
//! a clock that was far ahead must not spoil the ledger for good.

use std::time::{SystemTime, UNIX_EPOCH};

use transload_pace::Pace;
use transload_provision::catalog::Catalog;
use transload_provision::time::Time;

use crate::state::ledger::{AHEAD, Marks, Unread};
use crate::system::clock::{self, Clock};
use crate::system::error::Failure;

/// What time to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The system's.
    System,
    /// The ledger's, which is later.
    Ledger,
    /// The system's, although the ledger's is later: that was wrong.
    SetBack,
}

/// The rule. The system's time counts where the ledger is more than a day ahead of it, and either the kernel vouches for
/// it, or it is later than this program and than all that the ledger is certain of.
pub fn base(marks: Marks, system: Time, trusted: bool, built: Time) -> Base {
    if system >= marks.high_water {
        Base::System
    } else if marks.high_water - system > AHEAD && (trusted || (system >= built && system >= marks.certain)) {
        Base::SetBack
    } else {
        Base::Ledger
    }
}

/// The base for the system's clock as it is.
pub fn base_now(marks: Marks) -> Base {
    base(marks, system(), clock::is_trusted(), built())
}

/// Whether the kernel vouches for a moment as the present one.
pub fn vouches_for(now: Time) -> bool {
    let system = system();
    clock::is_trusted() && (now - system).max(system - now) <= AHEAD
}

/// Starts the clock of a bench, and sets its ledger back where that is needed. A rehearsal runs ahead of the system's
/// clock on purpose.
///
/// # Errors
/// The ledger cannot be written.
pub fn start(unread: &mut Unread, pace: Pace) -> Result<Clock, Failure> {
    let real = !pace.is_rehearsed();
    let seen = unread.marks.high_water;
    match base_now(unread.marks) {
        Base::SetBack if real => {
            let now = system();
            tracing::warn!(
                ledger = %day(seen),
                clock = %day(now),
                "the ledger was written under a clock that was far ahead: what was told then counts as told just now"
            );
            unread.set_back(now)?;
        }
        Base::Ledger if real && seen - system() > AHEAD => tracing::warn!(
            ledger = %day(seen),
            clock = %day(system()),
            "the clock is far behind the ledger, whose time goes on; set the clock, and restart transload"
        ),
        _ => {}
    }
    Ok(Clock::start(unread.marks.high_water, pace))
}

fn system() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64)
}

/// The program is no older than its catalog, whose date may be a month alone.
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

    fn judged(ahead: u64, certain: Time, trusted: bool) -> Base {
        let marks = Marks { high_water: Time(NOW.0 + ahead), certain };
        base(marks, NOW, trusted, Time(NOW.0 - 100 * DAY))
    }

    #[test]
    fn a_ledger_that_is_a_little_ahead_is_right_whoever_vouches_for_the_clock() {
        for trusted in [true, false] {
            assert_eq!(judged(0, NOW, trusted), Base::System);
            assert_eq!(judged(DAY, Time(0), trusted), Base::Ledger);
        }
    }

    #[test]
    fn a_ledger_that_is_far_ahead_is_wrong_where_the_clock_is_vouched_for_or_plausible() {
        let forty_years = 40 * 365 * DAY;
        assert_eq!(judged(forty_years, Time(0), false), Base::SetBack);
        assert_eq!(judged(forty_years, Time(NOW.0 - 1), false), Base::SetBack);
        assert_eq!(judged(forty_years, Time(NOW.0 + forty_years), true), Base::SetBack);
        assert_eq!(
            judged(forty_years, Time(NOW.0 + 1), false),
            Base::Ledger,
            "the clock was once vouched for later than it says now: it woke up in the past"
        );
        let marks = Marks { high_water: Time(NOW.0 + forty_years), certain: Time(0) };
        assert_eq!(base(marks, Time(0), false, NOW), Base::Ledger, "no clock of 1970 is right");
    }

    #[test]
    fn the_program_knows_when_it_was_built() {
        assert!(built() > Time(1_600_000_000_000), "{:?}", built());
    }
}
