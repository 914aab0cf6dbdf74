//! What lies in the state folder beside the ledger and the library: the user's catalog rows and the roster.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use transload_provision::catalog::Catalog;
use transload_provision::roster::{self, Entry};

use crate::config::{CatalogChoice, Config};
use crate::state::inventory;
use crate::system::error::{Exit, Failure};
use crate::system::plain_file::{self, Kind};

/// The chosen catalog, with the user's rows from `catalog.toml` in the state folder.
pub fn catalog(config: &Config) -> Result<Catalog, Failure> {
    let catalog = match config.bench.catalog {
        CatalogChoice::Current => Catalog::current(),
        CatalogChoice::Seed2019 => Catalog::seed_2019(),
    };
    let path = config.bench.state.join("catalog.toml");
    let Some(text) = read(&path, Kind::Catalog)? else {
        return Ok(catalog);
    };
    let text = String::from_utf8_lossy(&text);
    catalog.with_user(&text).map_err(|error| {
        Failure::new(Exit::Usage, format!("{}:{}: {}", path.display(), error.line, error.cause), error.cure)
    })
}

/// The roster's name in the state folder.
pub const ROSTER: &str = "roster.csv";

/// The roster, and what is to be said of it, each in a line that names the file.
#[derive(Debug, Default)]
pub struct RosterFile {
    pub entries: Vec<Entry>,
    /// Rows and cells that cannot be used.
    pub wrong: Vec<String>,
    /// What is left out or kept on purpose.
    pub notes: Vec<String>,
}

/// The roster of the state folder.
pub fn roster(state: &Path) -> Result<RosterFile, Failure> {
    let path = state.join(ROSTER);
    let Some(bytes) = read(&path, Kind::Roster)? else {
        return Ok(RosterFile::default());
    };
    Ok(read_roster(&path, &bytes))
}

/// What a roster file tells.
pub fn read_roster(path: &Path, bytes: &[u8]) -> RosterFile {
    let mut roster = RosterFile::default();
    if bytes.is_empty() {
        return roster;
    }
    let sheets = match inventory::read(bytes) {
        Ok(sheets) => sheets,
        Err(error) => {
            roster.wrong.push(format!("{}: {error}", path.display()));
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
            let said = format!("{}:{name} {problem}", path.display());
            let wrong = problem.severity != roster::Severity::Note;
            if wrong { &mut roster.wrong } else { &mut roster.notes }.push(said);
        }
    }
    roster
}

/// Tells the content of a file from another without reading it: size, time and place on disk.
pub type Stamp = (u64, SystemTime, u64);

/// The roster's, if there is one.
pub fn roster_stamp(state: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(state.join(ROSTER)).ok()?;
    Some((metadata.len(), metadata.modified().ok()?, metadata.ino()))
}

fn read(path: &Path, kind: Kind) -> Result<Option<Vec<u8>>, Failure> {
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
