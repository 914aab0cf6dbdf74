//! The report for the customer: the end and the course of each phone's migration, and the phones that are left, by
//! reason.

mod data;
pub(in crate::bench) mod gather;
mod html;
mod sheet;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use clap::ValueEnum;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use transload_provision::catalog::Catalog;
use transload_provision::journey::Stage;
use transload_provision::load::Direction;
use transload_provision::mac::Mac;
use transload_provision::time::Time;
use utoipa::ToSchema;

use crate::bench::views::alike::{general, grouped, particular};
use crate::system::atomic;
use crate::system::error::{Exit, Failure};

pub use data::{
    ActReport, ForgottenReport, HoldReport, HoldSum, HopReport, LicenseReport, MigrationReport, PhoneReport,
};
use data::{Left, Totals};

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A page fit to print and hand over
    Html,
    /// A table for a spreadsheet, one row for each phone
    Csv,
    /// Everything, for programs
    #[default]
    Json,
    /// The phones that are left, by reason, one MAC address a line
    Macs,
}

impl MigrationReport {
    /// A report on `phones`, which are sorted by MAC.
    pub fn new(
        made: Time,
        direction: Direction,
        catalog: &Catalog,
        notes: Vec<String>,
        phones: Vec<PhoneReport>,
    ) -> Self {
        Self {
            made: Some(made),
            program: concat!("transload ", env!("CARGO_PKG_VERSION")).to_owned(),
            catalog: catalog.date.clone(),
            direction: direction.to_string(),
            totals: totals(&phones),
            left: left(&phones),
            notes,
            phones,
            forgotten: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Writes the report to a file in the format of the file's extension (HTML by default).
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path, title: Option<&str>) -> Result<(), Failure> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let formats = [Format::Csv, Format::Json, Format::Macs];
        let format = formats.into_iter().find(|format| format.extension() == ending).unwrap_or(Format::Html);
        save(path, &self.written(format, title, &TimeZone::system()))
    }

    /// The report as text. `title` and `zone` apply to the HTML page.
    pub fn written(&self, format: Format, title: Option<&str>, zone: &TimeZone) -> String {
        match format {
            Format::Html => html::page(self, title, zone),
            Format::Csv => sheet::table(self),
            // No part of a report can fail to serialize.
            Format::Json => serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
            Format::Macs => macs(self),
        }
    }
}

impl Format {
    /// The media type for HTTP.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
            Self::Macs => "text/plain; charset=utf-8",
        }
    }

    /// The file extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Macs => "txt",
        }
    }
}

fn totals(phones: &[PhoneReport]) -> Totals {
    let at = |stages: &[Stage]| phones.iter().filter(|phone| stages.contains(&phone.stage)).count();
    let hops = || phones.iter().flat_map(|phone| &phone.hops);
    Totals {
        phones: phones.len(),
        done: at(&[Stage::Done]),
        held: at(&[Stage::Held]),
        stuck: at(&[Stage::Stuck]),
        under_way: at(&[Stage::Seen, Stage::Moving, Stage::Crossing]),
        absent: at(&[Stage::Absent]),
        hops: hops().filter(|hop| hop.arrived).count(),
        bytes: phones.iter().map(|phone| phone.bytes).sum(),
        licenses_given: phones.iter().filter(|phone| phone.license.given.is_some()).count(),
        licenses_accepted: phones.iter().filter(|phone| phone.license.accepted).count(),
        began: hops().filter_map(|hop| hop.began).min(),
        done_last: phones.iter().filter_map(|phone| phone.done).max(),
    }
}

/// Phones that are left: held ones first, then those under way, then absent ones. Phones with the same code, cause and
/// actions are one entry.
fn left(phones: &[PhoneReport]) -> Vec<Left> {
    let why = |phone: &PhoneReport| {
        let (reason, cause, actions) = match (&phone.hold, phone.stage) {
            (Some(hold), _) => (hold.code.as_str(), hold.cause.as_str(), hold.actions.clone()),
            (None, stage @ Stage::Absent) => {
                (stage.as_str(), "it is in the roster and was never seen", Vec::new())
            }
            (None, stage) => (stage.as_str(), "it is on its way", Vec::new()),
        };
        let order = match phone.stage {
            Stage::Stuck | Stage::Held => 0,
            Stage::Absent => 2,
            _ => 1,
        };
        (order, reason.to_owned(), general(cause, phone.mac), actions)
    };
    let open = phones.iter().filter(|phone| phone.stage != Stage::Done);
    let mut groups = grouped(open.map(|phone| (why(phone), phone)));
    groups.sort_by_key(|((order, ..), phones)| (*order, std::cmp::Reverse(phones.len())));
    let group = |((_, reason, cause, _), phones): ((_, String, String, _), Vec<&PhoneReport>)| {
        let macs: Vec<Mac> = phones.iter().map(|phone| phone.mac).collect();
        let cure = phones.first().map(|first| general(to_do(first), first.mac)).unwrap_or_default();
        Left { reason, cause: particular(&cause, &macs), cure: particular(&cure, &macs), macs }
    };
    groups.into_iter().map(group).collect()
}

fn to_do(phone: &PhoneReport) -> &str {
    match (&phone.hold, phone.stage) {
        (Some(hold), _) => &hold.cure,
        (None, Stage::Absent) => "plug it in",
        (None, _) => "wait until it is done",
    }
}

/// Plain lists; a line with `#` describes the addresses below it.
fn macs(report: &MigrationReport) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let list = |left: &Left| {
        let head = {
            let count = words::counted(left.macs.len(), "phone", "phones");
            format!("# {}, {count}: {}", left.reason, line(&left.cause))
        };
        let macs = left.macs.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        format!("{head}\n# cure: {}\n{macs}\n", line(&left.cure))
    };
    report.left.iter().map(list).collect::<Vec<_>>().join("\n")
}

/// Writes a report into a file.
///
/// # Errors
/// The file cannot be written.
pub fn save(path: &Path, text: &str) -> Result<(), Failure> {
    atomic::write(path, text.as_bytes()).map_err(|error| {
        let cause = format!("cannot write {}: {error}", path.display());
        Failure::new(Exit::Act, cause, "name another file, or make room")
    })
}

/// Models among these phones, in order.
fn models(phones: &[PhoneReport]) -> BTreeSet<&str> {
    phones.iter().filter_map(|phone| phone.model.as_deref()).collect()
}
