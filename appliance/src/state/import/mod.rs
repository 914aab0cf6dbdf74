//! Takes what Cisco and the license portal deliver, as delivered, into the state folder.
//!
//! Everything is read, checked and hashed into a staging folder first, then compared with what is there, then put in
//! its place by renames, components before the `.loads` files that list them. So whatever ends it half-way leaves
//! nothing half visible, and a bench that runs meanwhile sees whole files only.

mod archive;
mod commit;
mod compare;
mod intake;
mod item;
mod roster;
mod sources;
mod tables;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use transload_provision::load::Direction;
use utoipa::ToSchema;

use crate::state::library::Shelf;
use crate::state::state_lock::import_lock;
use crate::system::error::Failure;

/// How to import.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Say what would happen, and change nothing.
    pub dry_run: bool,
    /// Of licenses whose folder tells none.
    pub direction: Option<Direction>,
    /// A different file of the same name takes the place of the one that is there.
    pub replace: bool,
}

/// What became of each file, in the order of reading.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportReport)]
pub struct Report {
    /// A line for each file.
    pub lines: Vec<Line>,
}

/// One file, or one line of a roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// The path or package that it came in.
    pub source: String,
    /// Which file of it; empty where the source itself is meant.
    pub file: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, and what to do; empty where there is nothing to say.
    pub note: String,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was not here.
    New,
    /// The same content was here.
    Same,
    /// What was here is damaged, and this is what it was.
    Mended,
    /// It took the place of a different file, as told.
    Replaced,
    /// A roster line that tells more or other than the roster did.
    Changed,
    /// A different file of the same name is here; it stays.
    Conflict,
    /// It cannot be used.
    Refused,
    /// Nothing that phones need.
    Skipped,
}

impl Report {
    /// Whether a user has to act: something is wrong, or all that was named is of no use.
    pub fn trouble(&self) -> bool {
        let wrong = |line: &Line| matches!(line.verdict, Verdict::Conflict | Verdict::Refused);
        let useless = |line: &Line| line.verdict == Verdict::Skipped;
        self.lines.iter().any(wrong) || !self.lines.is_empty() && self.lines.iter().all(useless)
    }
}

/// Imports files and folders into a state folder; `configured` is the migration's direction. Blocks.
///
/// # Errors
/// A path is not there, or the state folder cannot be written: nothing has become visible then. What is wrong with
/// single files stands in the report.
pub fn import(
    state: &Path,
    configured: Direction,
    options: Options,
    paths: &[PathBuf],
    bar: &ProgressBar,
) -> Result<Report, Failure> {
    let found = sources::sources(paths)?;
    bar.set_length(found.sources.iter().map(|source| source.size).sum());
    if !options.dry_run {
        commit::prepare(state)?;
    }
    let _lock = if state.is_dir() { Some(import_lock(state)?) } else { None };
    let staging = (!options.dry_run).then(|| commit::Staging::new(state)).transpose()?;
    let mut intake = intake::Intake::new(staging.as_ref(), options.direction, bar);
    let mut report = Report { lines: found.lines };
    intake.has_room(&found.sources)?;
    for source in &found.sources {
        intake.source(source)?;
    }
    let intake::Taken { items, rosters, lines } = intake.taken();
    report.lines.extend(lines);
    let shelf = Shelf::scan(state, configured)?;
    let decided = compare::compare(&shelf, items, options.replace);
    let merged = roster::merge(state, rosters, &mut report.lines)?;
    if staging.is_some() {
        commit::commit(state, &shelf.manifest, &decided, merged.as_deref())?;
    }
    report.lines.extend(decided.into_iter().map(|decided| decided.line));
    Ok(report)
}

/// Adds a table's phones and cells to a state folder's roster. Blocks.
///
/// # Errors
/// The roster cannot be read or written, and is as it was. What is wrong with single lines stands in the report.
pub fn add_to_roster(state: &Path, table: Vec<u8>) -> Result<Report, Failure> {
    let _lock = import_lock(state)?;
    let mut report = Report::default();
    let sent = intake::Roster { source: "roster".to_owned(), name: String::new(), file: table, sure: true };
    let merged = roster::merge(state, vec![sent], &mut report.lines)?;
    if let Some(text) = merged {
        commit::write_roster(state, &text)?;
    }
    Ok(report)
}
