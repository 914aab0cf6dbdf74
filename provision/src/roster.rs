//! The roster: a table of phones, as a person writes it or as any program exports it.
//!
//! Columns are known by their meaning (`catalog/columns.toml`), in any order. What is no phone's row is told by line.

mod cell;
mod columns;
mod decode;
mod grid;
mod layout;
mod merge;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub use grid::{Grid, MAX_CELLS, MAX_COLUMNS, Row, TooLarge};
use layout::Layout;
pub use merge::{Cell, Change, Line, Merged, merge};

use crate::catalog::Vid;
use crate::load::LoadName;
use crate::mac::Mac;

/// A roster as it was read: the good rows, and what is to be said of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// One per phone, in the file's order.
    pub entries: Vec<Entry>,
    /// What is to be said, in the file's order; notes come last.
    pub problems: Vec<Problem>,
    /// None where no column tells phones.
    layout: Option<Layout>,
}

/// One phone's row. What the row leaves empty is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The phone.
    pub mac: Mac,
    /// Its model, as written.
    pub model: Option<String>,
    /// Its hardware version.
    pub vid: Option<Vid>,
    /// Its serial number.
    pub serial: Option<String>,
    /// The load it runs.
    pub load: Option<LoadName>,
    /// Where it stands.
    pub location: Option<String>,
    /// Anything.
    pub note: Option<String>,
    /// The address kept for it.
    pub address: Option<Ipv4Addr>,
    /// Somebody has seen to it that CDA has the phone assigned to the redirection profile.
    pub cda: bool,
    /// Further columns that the row fills, by lower-case name, for placeholders.
    pub more: BTreeMap<String, String>,
    /// The line in the file, from 1.
    pub line: u64,
}

/// Something to be said of a roster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("roster line {line}: {}", self.words())]
pub struct Problem {
    /// The line in the file, from 1.
    pub line: u64,
    /// What is so.
    pub cause: String,
    /// What to do about it; `None` if the cause leaves no question.
    pub cure: Option<&'static str>,
    /// What it means for the row.
    pub severity: Severity,
}

/// What is wrong with a row or a table, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mistake {
    cause: String,
    cure: Option<&'static str>,
}

/// What a [`Problem`] means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A row was left out, and a user should correct it.
    RowLeftOut,
    /// A cell was left out, and a user should correct it.
    CellLeftOut,
    /// Nothing is wrong.
    Note,
}

/// The most phones read; beyond them the file is no roster.
pub const MAX_ENTRIES: usize = 100_000;
/// The longest cell kept, in characters.
const MAX_CELL: usize = 200;
/// The most columns of the user's own that fill placeholders.
const MAX_MORE: usize = 16;

/// Reads a roster of text: any delimiter, any encoding, columns in any order by their names, MAC addresses and device
/// names in any common spelling, lines above the header and blank ones tolerated. A table whose first cell is a MAC
/// address has no header; its columns are mac, model, vid, serial, load, location, note, address, cda.
/// A row with a mistake is left out and reported; the others are kept.
pub fn parse(file: &[u8]) -> Roster {
    match Grid::from_text(file) {
        Ok(grid) => read(std::slice::from_ref(&grid)).pop().unwrap_or_default(),
        Err(error) => Roster::refused(1, Mistake::new(error.to_string(), TooLarge::CURE)),
    }
}

/// Reads the sheets of one file, each as [`parse`] does. A phone that an earlier sheet lists is not taken from a later one.
pub fn read(sheets: &[Grid]) -> Vec<Roster> {
    let mut known = rows::Known::default();
    sheets.iter().map(|grid| rows::read(grid, &mut known)).collect()
}

impl Problem {
    /// Cause and cure, in one line.
    pub fn words(&self) -> String {
        match self.cure {
            Some(cure) => format!("{}; {cure}", self.cause),
            None => self.cause.clone(),
        }
    }
}

impl Mistake {
    fn new(cause: impl Into<String>, cure: &'static str) -> Self {
        Self { cause: cause.into(), cure: Some(cure) }
    }
}

impl Roster {
    /// A roster of which nothing can be read.
    fn refused(line: u64, mistake: Mistake) -> Self {
        let mut roster = Self::default();
        roster.report(line, Severity::RowLeftOut, mistake);
        roster
    }

    fn report(&mut self, line: u64, severity: Severity, Mistake { cause, cure }: Mistake) {
        self.problems.push(Problem { line, cause, cure, severity });
    }

    fn note(&mut self, line: u64, cause: impl Into<String>) {
        self.problems.push(Problem { line, cause: cause.into(), cure: None, severity: Severity::Note });
    }

    /// Whether a column tells phones.
    pub fn lists_phones(&self) -> bool {
        self.layout.is_some()
    }
}
