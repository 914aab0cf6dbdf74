//! Merging a roster into another: nothing that either of them tells is lost.

use std::collections::BTreeMap;

use super::cell::{Owner, clean, owner};
use super::columns::{Found, MEANINGS, Meaning, NAMES, find, says_nothing, squeeze};
use super::grid::{Grid, Row};
use super::layout::Layout;
use super::{Entry, Roster};
use crate::mac::Mac;

/// What the merged roster is, and what became of each line of the new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// The merged file, written as the old one was: columns, their order, delimiter and byte order mark.
    pub file: Vec<u8>,
    /// The new roster's good lines, in its order.
    pub lines: Vec<Line>,
}

/// One good line of the new roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// In its file, from 1.
    pub line: u64,
    /// The phone.
    pub mac: Mac,
    /// What it adds.
    pub change: Change,
}

/// What a line adds to the old roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The phone was not in it.
    New,
    /// Nothing.
    Same,
    /// These cells.
    Changed(Vec<Cell>),
}

/// A cell that is another now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The column's name.
    pub column: String,
    /// What was there.
    pub before: String,
    /// What is there now.
    pub after: String,
}

/// Merges a new table, which was read as `roster`, into an old one. Lines are of the same phone if their MAC addresses are; a cell that
/// the new line fills takes the place of the old one, and one that it leaves empty leaves the old one as it is. Columns
/// that only one of them has are kept, those that Transload does not know included.
pub fn merge(old: &Grid, new: &Grid, roster: &Roster) -> Merged {
    let Some(layout) = &roster.layout else {
        let file = Target::of(old, Layout::of(old)).map(Target::write).unwrap_or_default();
        return Merged { file, lines: Vec::new() };
    };
    let rows: BTreeMap<u64, &Row> = new.rows.iter().map(|row| (row.line, row)).collect();
    let with_rows = || roster.entries.iter().filter_map(|entry| Some((entry, *rows.get(&entry.line)?)));
    let Some(mut target) = Target::of(old, Layout::of(old)) else {
        return first(new, layout, with_rows());
    };
    let add = |(entry, row)| {
        let change = target.add(entry, row, layout);
        Line { line: entry.line, mac: entry.mac, change }
    };
    let lines = with_rows().map(add).collect();
    Merged { file: target.write(), lines }
}

/// The first roster is kept as it came, less what is above its header and rows that are no phone's.
fn first<'r>(new: &Grid, layout: &Layout, rows: impl Iterator<Item = (&'r Entry, &'r Row)>) -> Merged {
    let mut kept = Vec::new();
    let mut lines = Vec::new();
    for (entry, row) in rows {
        kept.push(row.clone());
        lines.push(Line { line: entry.line, mac: entry.mac, change: Change::New });
    }
    let width = kept.iter().map(|row| row.cells.len()).max().unwrap_or_default();
    let mut names = named(&layout.names, width);
    if let Some(name) = layout.found_by_content.and_then(|at| names.get_mut(at)) {
        "MAC".clone_into(name);
    }
    let file = new.write(&names, &kept);
    Merged { file, lines }
}

/// Every column has a name.
fn named(names: &[String], width: usize) -> Vec<String> {
    let name = |at: usize| match names.get(at) {
        Some(name) if !name.is_empty() => name.clone(),
        _ => format!("column {}", at + 1),
    };
    (0..width.max(names.len())).map(name).collect()
}

/// The roster that is merged into.
struct Target<'g> {
    grid: &'g Grid,
    layout: Layout,
    rows: Vec<Row>,
    known: BTreeMap<Mac, usize>,
    /// Where the new table's columns without a known meaning go, by their place in it.
    more: BTreeMap<usize, usize>,
}

impl<'g> Target<'g> {
    /// `None` where there is no roster to merge into.
    fn of(grid: &'g Grid, layout: Option<Layout>) -> Option<Self> {
        let mut layout = layout?;
        let rows: Vec<Row> = grid.rows.iter().skip(layout.first).cloned().collect();
        let width = rows.iter().map(|row| row.cells.len()).max().unwrap_or_default();
        layout.names = named(&layout.names, width);
        let mut known = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            if let Owner::Phone(mac) = layout.owner(row) {
                known.entry(mac).or_insert(at);
            }
        }
        Some(Self { grid, layout, rows, known, more: BTreeMap::new() })
    }

    fn add(&mut self, entry: &Entry, row: &Row, layout: &Layout) -> Change {
        let told: Vec<(Meaning, (usize, String))> = MEANINGS
            .into_iter()
            .skip(1)
            .filter_map(|meaning| Some((meaning, layout.cell(row, meaning)?)))
            .collect();
        let mut filled: BTreeMap<usize, String> = BTreeMap::new();
        for (meaning, (at, cell)) in &told {
            let place = self.place(*meaning, layout.names.get(*at));
            filled.entry(place).or_insert_with(|| cell.clone());
        }
        let used: Vec<usize> = told.iter().map(|(_, (at, _))| *at).collect();
        for (at, cell) in row.cells.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
            let cell = clean(cell);
            let tells_mac = layout.tells_phones(at) && owner(&cell) == Owner::Phone(entry.mac);
            if !says_nothing(&cell) && !tells_mac {
                let place = self.own(at, layout);
                filled.entry(place).or_insert(cell);
            }
        }
        let Some(at) = self.known.get(&entry.mac).copied() else {
            let mac = self.place(Meaning::Mac, None);
            filled.insert(mac, entry.mac.to_string());
            let mut cells = vec![String::new(); self.layout.names.len()];
            for (at, cell) in filled {
                if let Some(place) = cells.get_mut(at) {
                    *place = cell;
                }
            }
            self.known.insert(entry.mac, self.rows.len());
            self.rows.push(Row { line: 0, cells });
            return Change::New;
        };
        match self.rows.get_mut(at) {
            Some(row) => change(&self.layout.names, &mut row.cells, filled),
            None => Change::Same,
        }
    }

    /// The column for a meaning; where there is none, one is added, named as in the new table if no export names it so:
    /// one such name makes an export of the whole roster.
    fn place(&mut self, meaning: Meaning, name: Option<&String>) -> usize {
        if let Some(at) = self.layout.writable(meaning) {
            return at;
        }
        let own =
            |found: Found| found.meaning == meaning && !found.form && !found.export && !found.own_table_only;
        let name = name.filter(|name| find(name).is_some_and(own));
        let plain = NAMES.get(meaning as usize).copied().unwrap_or_default();
        let name = name.map_or(plain, String::as_str).to_owned();
        self.layout.add(&name)
    }

    /// The column for one that tells nothing of the phone in the new table; it must tell nothing in this one either.
    fn own(&mut self, at: usize, layout: &Layout) -> usize {
        if let Some(place) = self.more.get(&at) {
            return *place;
        }
        let name = named(&layout.names, at + 1).swap_remove(at);
        let found = find(&name);
        let address = found.is_some_and(|found| found.own_table_only) && !self.layout.export;
        let first = |at: &usize| found.is_some_and(|found| self.layout.writable(found.meaning) == Some(*at));
        let there = self.named_so(&name).filter(|at| !address && !first(at));
        let place = if let Some(place) = there {
            place
        } else {
            let name = if found.is_some() { format!("exported {name}") } else { name };
            self.named_so(&name).unwrap_or_else(|| self.layout.add(&name))
        };
        self.more.insert(at, place);
        place
    }

    fn named_so(&self, name: &str) -> Option<usize> {
        self.layout.names.iter().position(|other| squeeze(other) == squeeze(name))
    }

    fn write(self) -> Vec<u8> {
        self.grid.write(&self.layout.names, &self.rows)
    }
}

fn change(columns: &[String], cells: &mut Vec<String>, filled: BTreeMap<usize, String>) -> Change {
    cells.resize(cells.len().max(columns.len()), String::new());
    let mut changed = Vec::new();
    for (at, after) in filled {
        let Some(cell) = cells.get_mut(at).filter(|cell| **cell != after) else { continue };
        let before = std::mem::replace(cell, after.clone());
        changed.push(Cell { column: columns.get(at).cloned().unwrap_or_default(), before, after });
    }
    if changed.is_empty() { Change::Same } else { Change::Changed(changed) }
}

#[cfg(test)]
mod tests;
