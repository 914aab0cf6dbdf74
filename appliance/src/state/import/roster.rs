//! Merges rosters into the state folder's roster.

use std::io::ErrorKind;
use std::path::Path;

use transload_provision::roster::{self, Change, Grid, Severity};

use super::intake::RosterCandidate;
use super::{ImportLine, ImportVerdict};
use crate::state::inventory::{self, InventorySheet};
use crate::state::state_folder::ROSTER;
use crate::system::error::{Exit, Failure};
use crate::system::plain_file::{self, FileKind};

/// Merges rosters. Returns the new text if anything changed, and adds a line for each row.
pub(super) fn merge(
    state: &Path,
    rosters: Vec<RosterCandidate>,
    lines: &mut Vec<ImportLine>,
) -> Result<Option<Vec<u8>>, Failure> {
    if rosters.is_empty() {
        return Ok(None);
    }
    let path = state.join(ROSTER);
    let file = match plain_file::read(&path, FileKind::Roster) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|error| {
            let cause = format!("cannot read {}: {error}", path.display());
            let cure = "run the command as a user that may read it, or with sudo";
            Failure::new(Exit::Act, cause, plain_file::cure(&error, cure))
        })?,
    };
    let mut there = there(&file);
    let mut merged = None;
    for new in rosters {
        let mut told = RosterNotes { source: &new.source, name: &new.name, lines };
        let sheets = match inventory::read(&new.file) {
            Ok(sheets) => sheets,
            Err(_) if !new.sure => {
                told.say("", ImportVerdict::Skipped, "phones do not need it".to_owned());
                continue;
            }
            Err(error) => {
                told.say("", ImportVerdict::Refused, error.to_string());
                continue;
            }
        };
        if !new.sure && sheets.iter().all(|sheet| sheet.roster.entries.is_empty()) {
            told.say("", ImportVerdict::Skipped, "it lists no phone".to_owned());
            continue;
        }
        match &there {
            Ok(old) => {
                if let Some(file) = take(old, &sheets, &mut told) {
                    there = self::there(&file);
                    merged = Some(file);
                }
            }
            Err(why) => {
                let note = format!("it cannot be merged into {}: {why}; correct that first", path.display());
                told.say("", ImportVerdict::Refused, note);
            }
        }
    }
    Ok(merged)
}

/// The present table; empty without a roster.
///
/// # Errors
/// The table lists no phone, with the reason.
fn there(file: &[u8]) -> Result<Grid, String> {
    if file.is_empty() {
        return Ok(Grid::default());
    }
    let sheets = inventory::read(file).map_err(|error| error.to_string())?;
    let mut problems = sheets.iter().flat_map(|sheet| &sheet.roster.problems);
    let wrong = problems.find(|problem| problem.severity != Severity::Note).map(ToString::to_string);
    let mut all = sheets.into_iter().filter(|sheet| !sheet.roster.entries.is_empty());
    let Some(first) = all.next() else {
        return wrong.map_or_else(|| Ok(Grid::default()), Err);
    };
    all.try_fold(first.grid, |grid, sheet| {
        let merged = roster::merge(&grid, &sheet.grid, &sheet.roster);
        Grid::from_text(&merged.file).map_err(|error| error.to_string())
    })
}

/// Merges the sheets of one file; `None` if nothing is new or the result is too large.
fn take(old: &Grid, sheets: &[InventorySheet], told: &mut RosterNotes<'_>) -> Option<Vec<u8>> {
    let listed = |sheet: &&InventorySheet| !sheet.roster.entries.is_empty();
    let used: Vec<&str> = sheets.iter().filter(listed).map(|sheet| sheet.name.as_str()).collect();
    let mut grid = std::borrow::Cow::Borrowed(old);
    let mut file = None;
    let mut lines = Vec::new();
    for sheet in sheets.iter().filter(listed) {
        let merged = roster::merge(&grid, &sheet.grid, &sheet.roster);
        if merged.file.len() as u64 > FileKind::Roster.largest() {
            let most = FileKind::Roster.largest() >> 20;
            let note = format!(
                "with it the roster would have more than {most} MB; delete columns that nobody needs"
            );
            told.say("", ImportVerdict::Refused, note);
            return None;
        }
        let changes = merged.lines.iter().any(|line| line.change != Change::Same);
        lines.push((sheet, merged.lines));
        if changes {
            if let Ok(next) = Grid::from_text(&merged.file) {
                grid = std::borrow::Cow::Owned(next);
            }
            file = Some(merged.file);
        }
    }
    for (sheet, lines) in lines {
        for line in &lines {
            told.line(sheet, line);
        }
    }
    for sheet in sheets {
        told.problems(sheet, &used);
    }
    if used.is_empty() {
        told.say(
            "",
            ImportVerdict::Refused,
            "it lists no phone; import a table with the MAC addresses of the phones".to_owned(),
        );
    }
    file
}

/// Collects the report lines of one file.
struct RosterNotes<'t> {
    source: &'t str,
    name: &'t str,
    lines: &'t mut Vec<ImportLine>,
}

impl RosterNotes<'_> {
    fn say(&mut self, place: &str, verdict: ImportVerdict, note: String) {
        let file: Vec<&str> = [self.name, place].into_iter().filter(|part| !part.is_empty()).collect();
        let file = file.join(", ");
        self.lines.push(ImportLine { source: self.source.to_owned(), file, verdict, note });
    }

    fn line(&mut self, sheet: &InventorySheet, line: &roster::Line) {
        let (verdict, note) = match &line.change {
            Change::New => (ImportVerdict::New, String::new()),
            Change::Same => (ImportVerdict::Same, String::new()),
            Change::Changed(cells) => {
                let cells = cells.iter().map(|cell| match cell.before.as_str() {
                    "" => format!("{} is now {}", cell.column, cell.after),
                    before => format!("{} is now {} and was {before}", cell.column, cell.after),
                });
                (ImportVerdict::Changed, cells.collect::<Vec<_>>().join(", "))
            }
        };
        self.say(&place(sheet, &format!("line {}, {}", line.line, line.mac)), verdict, note);
    }

    /// Reports the problems of a sheet. `used` names the sheets with phones.
    fn problems(&mut self, sheet: &InventorySheet, used: &[&str]) {
        if !sheet.roster.lists_phones() && !used.is_empty() {
            let used = used.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
            let note =
                format!("no column holds MAC addresses, so it is left out; the phones come from {used}");
            return self.say(&place(sheet, ""), ImportVerdict::Skipped, note);
        }
        for problem in &sheet.roster.problems {
            let verdict = match problem.severity {
                Severity::RowLeftOut => ImportVerdict::Refused,
                Severity::CellLeftOut | Severity::Note => ImportVerdict::Skipped,
            };
            self.say(&place(sheet, &format!("line {}", problem.line)), verdict, problem.words());
        }
    }
}

fn place(sheet: &InventorySheet, line: &str) -> String {
    match (sheet.name.as_str(), line) {
        ("", line) => line.to_owned(),
        (name, "") => format!("sheet {name:?}"),
        (name, line) => format!("sheet {name:?}, {line}"),
    }
}
