//! Reads the user's catalog rows and the roster from the state folder.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use transload_provision::catalog::Catalog;
use transload_provision::roster::{self, Entry};

use crate::config::{CatalogChoice, Config};
use crate::state::inventory;
use crate::system::error::{Exit, Failure, Problem};
use crate::system::plain_file::{self, FileKind};

/// The configured catalog with the user's rows from `catalog.toml`.
pub fn catalog(config: &Config) -> Result<Catalog, Failure> {
    let catalog = match config.bench.catalog {
        CatalogChoice::Current => Catalog::current(),
        CatalogChoice::Seed2019 => Catalog::seed_2019(),
    };
    let path = config.bench.state.join("catalog.toml");
    let Some(text) = read(&path, FileKind::Catalog)? else {
        return Ok(catalog);
    };
    let text = String::from_utf8_lossy(&text);
    catalog.with_user(&text).map_err(|error| {
        Failure::new(Exit::Usage, format!("{}:{}: {}", path.display(), error.line, error.cause), error.cure)
    })
}

/// The roster's name in the state folder.
pub const ROSTER: &str = "roster.csv";

/// The roster with notes, each of which names the file.
#[derive(Debug, Default)]
pub struct RosterFile {
    pub entries: Vec<Entry>,
    /// Unusable rows and cells.
    pub wrong: Vec<Problem>,
    /// Rows and cells that are left out or kept on purpose.
    pub notes: Vec<String>,
}

/// Reads the state folder's roster.
pub fn roster(state: &Path) -> Result<RosterFile, Failure> {
    let path = state.join(ROSTER);
    let Some(bytes) = read(&path, FileKind::Roster)? else {
        return Ok(RosterFile::default());
    };
    Ok(read_roster(&path, &bytes))
}

/// Reads a roster file's content.
pub fn read_roster(path: &Path, bytes: &[u8]) -> RosterFile {
    let mut roster = RosterFile::default();
    if bytes.is_empty() {
        return roster;
    }
    let sheets = match inventory::read(bytes) {
        Ok(sheets) => sheets,
        Err(error) => {
            roster.wrong.push(Problem::new(format!("{}: {}", path.display(), error.cause), error.cure));
            return roster;
        }
    };
    let listed = sheets.iter().any(|sheet| sheet.roster.lists_phones());
    for sheet in sheets {
        let name = if sheet.name.is_empty() { String::new() } else { format!(" sheet {:?}:", sheet.name) };
        if listed && !sheet.roster.lists_phones() {
            roster
                .notes
                .push(format!("{}:{name} no column holds MAC addresses, so it is left out", path.display()));
            continue;
        }
        roster.entries.extend(sheet.roster.entries);
        for problem in sheet.roster.problems {
            if problem.severity == roster::Severity::Note {
                roster.notes.push(format!("{}:{name} {problem}", path.display()));
            } else {
                let place = format!("{}:{name} roster line {}", path.display(), problem.line);
                let cure = problem.cure.unwrap_or("correct the row in the spreadsheet and export it again");
                roster.wrong.push(Problem::new(format!("{place}: {}", problem.cause), cure));
            }
        }
    }
    roster
}

/// Identifies a file's content without reading it: size, time and inode.
pub type RosterStamp = (u64, SystemTime, u64);

/// The roster's stamp, if it exists.
pub fn roster_stamp(state: &Path) -> Option<RosterStamp> {
    let metadata = std::fs::metadata(state.join(ROSTER)).ok()?;
    Some((metadata.len(), metadata.modified().ok()?, metadata.ino()))
}

fn read(path: &Path, kind: FileKind) -> Result<Option<Vec<u8>>, Failure> {
    match plain_file::read(path, kind) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(
            Exit::Usage,
            format!("cannot read {}: {error}", path.display()),
            plain_file::cure(&error, "make it readable for the user that Transload runs as"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_told_with_its_cause_and_its_cure() {
        let table = b"MAC,VID,CDA\n001234AB45DE,\"4; 5\",\n001234AB45DF,,maybe\n";
        let RosterFile { wrong, .. } = read_roster(Path::new("roster.csv"), table);
        let wrong: Vec<(&str, &str)> =
            wrong.iter().map(|problem| (problem.cause.as_str(), problem.cure.as_str())).collect();
        assert_eq!(
            wrong,
            [
                (
                    "roster.csv: roster line 2: \"4; 5\" is not a VID",
                    "it is on the label and in the UDI, as in V05"
                ),
                (
                    "roster.csv: roster line 3: cda of 001234AB45DF is neither yes nor no; it counts as no",
                    "correct the row in the spreadsheet and export it again"
                ),
            ]
        );
    }
}
