//! Formats times, durations and amounts for the report.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use transload_provision::journey::LicenseState;
use transload_provision::time::Time;

/// `2026-01-31 09:30`; empty where there is no time.
pub(super) fn moment(at: Option<Time>, zone: &TimeZone) -> String {
    formatted(at, zone, "%Y-%m-%d %H:%M")
}

/// As [`moment`], with the zone.
pub(super) fn moment_in_zone(at: Option<Time>, zone: &TimeZone) -> String {
    formatted(at, zone, "%Y-%m-%d %H:%M %Z")
}

/// Formats moments for one line: each date stands once.
pub(super) struct Moments<'a> {
    zone: &'a TimeZone,
    day: String,
}

impl<'a> Moments<'a> {
    pub(super) fn new(zone: &'a TimeZone) -> Self {
        Self { zone, day: String::new() }
    }

    pub(super) fn next(&mut self, at: Option<Time>) -> String {
        let day = formatted(at, self.zone, "%Y-%m-%d");
        let form = if day == self.day { "%H:%M" } else { "%Y-%m-%d %H:%M" };
        self.day = day;
        formatted(at, self.zone, form)
    }
}

/// `2026-01-31T09:30:00Z`; empty where there is no time.
pub(super) fn exact(at: Option<Time>) -> String {
    at.and_then(stamp).map_or_else(String::new, |stamp| stamp.to_string())
}

fn formatted(at: Option<Time>, zone: &TimeZone, form: &str) -> String {
    let zoned = at.and_then(stamp).map(|stamp| stamp.to_zoned(zone.clone()));
    zoned.map_or_else(String::new, |zoned| zoned.strftime(form).to_string())
}

fn stamp(at: Time) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()
}

/// `48 s`, `3 min 12 s`, `2 h 05 min`, `3 d 4 h`.
pub(super) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {:02} s", seconds % 60),
        3600..86_400 => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// `912 B`, `41.2 MB`.
pub(super) fn amount(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// A license's state, in words.
pub(super) fn license(state: LicenseState) -> &'static str {
    match state {
        LicenseState::Absent => "none at hand",
        LicenseState::Present => "at hand, not used",
        LicenseState::Fetched => "given",
        LicenseState::Accepted => "accepted",
        LicenseState::Unwitnessed => "not used here",
    }
}

/// `1 phone`, `7 phones`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
