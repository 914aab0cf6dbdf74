//! Rosters, merged into the one of the state folder.

use std::io::ErrorKind;
use std::path::Path;

use transload_provision::roster::{self, Change};

use super::intake::Roster;
use super::{Line, Verdict};
use crate::error::{Exit, Failure};
use crate::home::ROSTER;
use crate::plain_file::{self, Kind};

/// The merged roster, if anything in it is new, and what became of each line.
pub(super) fn merge(
    state: &Path,
    rosters: Vec<Roster>,
    lines: &mut Vec<Line>,
) -> Result<Option<Vec<u8>>, Failure> {
    let path = state.join(ROSTER);
    let mut file = match plain_file::read(&path, Kind::Roster) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|error| {
            let cause = format!("cannot read {}: {error}", path.display());
            let cure = "run the command as a user that may read it, or with sudo";
            Failure::new(Exit::Act, cause, plain_file::cure(&error, cure))
        })?,
    };
    let mut changed = false;
    for (source, new) in rosters {
        let mut say =
            |file: String, verdict, note| lines.push(Line { source: source.clone(), file, verdict, note });
        let there = roster::parse(&file);
        if let (true, Some(problem)) = (there.entries.is_empty(), there.problems.first()) {
            let note = format!("it cannot be merged into {}: {problem}; correct that first", path.display());
            say(String::new(), Verdict::Refused, note);
            continue;
        }
        let merged = roster::merge(&file, &new);
        for line in &merged.lines {
            let (verdict, note) = match &line.change {
                Change::New => (Verdict::New, String::new()),
                Change::Same => (Verdict::Same, String::new()),
                Change::Changed(cells) => {
                    let cells = cells.iter().map(|cell| match cell.before.as_str() {
                        "" => format!("{} is now {}", cell.column, cell.after),
                        before => format!("{} is now {} and was {before}", cell.column, cell.after),
                    });
                    (Verdict::Changed, cells.collect::<Vec<_>>().join(", "))
                }
            };
            say(format!("line {}, {}", line.line, line.mac), verdict, note);
        }
        for problem in &merged.problems {
            let verdict = if problem.left_out { Verdict::Refused } else { Verdict::Skipped };
            say(format!("line {}", problem.line), verdict, problem.what.clone());
        }
        if merged.lines.iter().any(|line| line.change != Change::Same) {
            changed = true;
            file = merged.file;
        }
    }
    Ok(changed.then_some(file))
}
