//! The report as a table for spreadsheets (RFC 4180): one row for each phone.

use transload_provision::text;

use super::words::exact;
use super::{HopReport, MigrationReport, PhoneReport};
use crate::bench::views::phone::Stage;

const COLUMNS: [&str; 25] = [
    "mac",
    "model",
    "vid",
    "serial",
    "location",
    "stage",
    "reason",
    "cause",
    "cure",
    "from",
    "to",
    "target",
    "first_seen",
    "done",
    "seconds",
    "bytes",
    "hops",
    "license",
    "license_file",
    "license_given",
    "holds",
    "held_seconds",
    "acts",
    "last_seen",
    "attempts",
];

pub(super) fn table(report: &MigrationReport) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let rows = report.phones.iter().map(|phone| cells(phone).map(|cell| harmless(&cell)));
    // Writing to memory cannot fail, and every row has as many cells as the first.
    let _ =
        std::iter::once(COLUMNS.map(str::to_owned)).chain(rows).try_for_each(|row| writer.write_record(row));
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

fn cells(phone: &PhoneReport) -> [String; 25] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let hold = phone.hold.as_ref();
    let reason =
        hold.map(|hold| hold.code.as_str()).or((phone.stage != Stage::Done).then(|| phone.stage.as_str()));
    let held = phone.holds.iter().map(|hold| hold.seconds).sum::<u64>()
        + phone.earlier_holds.iter().map(|sum| sum.seconds).sum::<u64>();
    let earlier =
        phone.earlier_holds.iter().map(|sum| format!("{} {} times, {} s", sum.code, sum.times, sum.seconds));
    let holds =
        phone.holds.iter().map(|hold| format!("{} {} {} s", exact(hold.from), hold.code, hold.seconds));
    let acts = phone.acts.iter().map(|act| format!("{} {}", exact(act.at), act.act.as_str()));
    [
        address(phone),
        text(&phone.model),
        text(&phone.vid),
        text(&phone.serial),
        text(&phone.location),
        phone.stage.to_string(),
        reason.unwrap_or_default().to_owned(),
        hold.map(|hold| hold.cause.clone()).unwrap_or_default(),
        hold.map(|hold| hold.cure.clone()).unwrap_or_default(),
        text(&phone.from),
        text(&phone.to),
        text(&phone.target),
        exact(phone.first_seen),
        exact(phone.done),
        phone.seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
        phone.bytes.to_string(),
        joined(phone.hops.iter().map(hop)),
        serde_word(phone),
        text(&phone.license.file),
        exact(phone.license.given),
        joined(earlier.chain(holds)),
        held.to_string(),
        joined(acts),
        exact(phone.last_seen),
        phone.hops.iter().map(|hop| hop.attempts).sum::<u32>().to_string(),
    ]
}

fn serde_word(phone: &PhoneReport) -> String {
    let word = serde_json::to_value(phone.license.state).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

fn hop(hop: &HopReport) -> String {
    let time = hop.seconds.map_or_else(String::new, |seconds| format!(" {seconds} s"));
    let end = if hop.arrived { "" } else { " (not arrived)" };
    format!("{}{time} {} bytes{end}", hop.load, hop.bytes)
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}

/// Twelve digits; with colons if a spreadsheet would read the digits as a number.
fn address(phone: &PhoneReport) -> String {
    let bare = phone.mac.to_string();
    let number = bare.parse::<f64>().is_ok();
    if number { phone.mac.colons() } else { bare }
}

/// Prefixes an apostrophe to text that a spreadsheet would read as a formula, and drops hidden characters.
fn harmless(text: &str) -> String {
    let printable = text::line(text);
    let formula = printable.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if formula { format!("'{printable}") } else { printable }
}
