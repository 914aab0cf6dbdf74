//! Takes what Cisco and the license portal deliver, as delivered, into the state folder.
//!
//! Everything is read, checked and hashed into a staging folder, then compared, then renamed into place, components
//! before `.loads` files. An interrupted import leaves nothing half visible, and a running bench sees only whole files.

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

use crate::state::library::LibrarySnapshot;
use crate::state::state_lock::import_lock;
use crate::system::error::Failure;

/// Options of an import.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportOptions {
    /// Report the outcome without a change.
    pub dry_run: bool,
    /// The direction of licenses whose folder tells none.
    pub direction: Option<Direction>,
    /// Replace a different file of the same name.
    pub replace: bool,
}

/// What became of each file, in the order of reading.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    /// A line for each file.
    pub lines: Vec<ImportLine>,
}

/// One file, or one line of a roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Line)]
pub struct ImportLine {
    /// The path or package that it came in.
    pub source: String,
    /// Which file of it; empty where the source itself is meant.
    pub file: String,
    /// What became of it.
    pub verdict: ImportVerdict,
    /// Why, and what to do; empty where there is nothing to say.
    pub note: String,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Verdict)]
pub enum ImportVerdict {
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

impl ImportReport {
    /// Whether a user must act: a file is refused or in conflict, or no named file is useful.
    pub fn trouble(&self) -> bool {
        let wrong =
            |line: &ImportLine| matches!(line.verdict, ImportVerdict::Conflict | ImportVerdict::Refused);
        let useless = |line: &ImportLine| line.verdict == ImportVerdict::Skipped;
        self.lines.iter().any(wrong) || !self.lines.is_empty() && self.lines.iter().all(useless)
    }
}

/// Imports files and folders into a state folder; `configured` is the migration's direction. Blocks.
///
/// # Errors
/// A path is missing, or the state folder cannot be written. Nothing is visible then. Faults of single files are in the
/// report.
pub fn import(
    state: &Path,
    configured: Direction,
    options: ImportOptions,
    paths: &[PathBuf],
    bar: &ProgressBar,
) -> Result<ImportReport, Failure> {
    let found = sources::sources(paths)?;
    bar.set_length(found.sources.iter().map(|source| source.size).sum());
    if !options.dry_run {
        commit::prepare(state)?;
    }
    let _lock = if state.is_dir() { Some(import_lock(state)?) } else { None };
    let staging = (!options.dry_run).then(|| commit::Staging::new(state)).transpose()?;
    let mut intake = intake::Intake::new(staging.as_ref(), options.direction, bar);
    let mut report = ImportReport { lines: found.lines };
    intake.has_room(&found.sources)?;
    for source in &found.sources {
        intake.source(source)?;
    }
    let intake::TakenFiles { items, rosters, lines } = intake.taken();
    report.lines.extend(lines);
    let snapshot = LibrarySnapshot::scan(state, configured)?;
    let decided = compare::compare(&snapshot, items, options.replace);
    let merged = roster::merge(state, rosters, &mut report.lines)?;
    if staging.is_some() {
        commit::commit(state, &snapshot.manifest, &decided, merged.as_deref())?;
    }
    report.lines.extend(decided.into_iter().map(|decided| decided.line));
    Ok(report)
}

/// Adds a table's phones and cells to the roster. Blocks.
///
/// # Errors
/// The roster cannot be read or written, and is unchanged. Faults of single lines are in the report.
pub fn add_to_roster(state: &Path, table: Vec<u8>) -> Result<ImportReport, Failure> {
    let _lock = import_lock(state)?;
    let mut report = ImportReport::default();
    let sent =
        intake::RosterCandidate { source: "roster".to_owned(), name: String::new(), file: table, sure: true };
    let merged = roster::merge(state, vec![sent], &mut report.lines)?;
    if let Some(text) = merged {
        commit::write_roster(state, &text)?;
    }
    Ok(report)
}
