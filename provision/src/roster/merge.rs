//! Merging a roster into another: nothing that either of them tells is lost.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Row, Table};
use super::{Problem, parse};
use crate::mac::Mac;

/// What the merged roster is, and what became of each line of the new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// The merged file, written as the old one was: columns, their order, delimiter and byte order mark.
    pub file: Vec<u8>,
    /// The new roster's good lines, in its order.
    pub lines: Vec<Line>,
    /// What is wrong with others of its lines.
    pub problems: Vec<Problem>,
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

/// Merges `new` into `old`. Lines are of the same phone if their MAC addresses are; a cell that the new line fills
/// takes the place of the old one, and one that it leaves empty leaves the old one as it is. Columns that only one of
/// them has are kept, those that Transload does not know included.
pub fn merge(old: &[u8], new: &[u8]) -> Merged {
    let roster = parse(new);
    let (mut merged, added) = (Table::read(old), Table::read(new));
    if merged.columns.is_empty() {
        merged = added.clone();
        merged.rows.clear();
    }
    // Where each column of the new table is in the merged one; of two with one name, the first counts.
    let mut taken = BTreeSet::new();
    let places: Vec<Option<usize>> =
        added.columns.iter().map(|name| Some(merged.column(name)).filter(|at| taken.insert(*at))).collect();
    let mac_at = merged.column("MAC");
    let mut known: BTreeMap<Mac, usize> = BTreeMap::new();
    for (at, row) in merged.rows.iter_mut().enumerate() {
        row.cells.resize(row.cells.len().max(merged.columns.len()), String::new());
        if let Some(Ok(mac)) = row.cells.get(mac_at).map(|cell| cell.parse()) {
            known.entry(mac).or_insert(at);
        }
    }
    let rows: BTreeMap<u64, &Row> = added.rows.iter().map(|row| (row.line, row)).collect();
    let mut lines = Vec::new();
    for entry in &roster.entries {
        let Some(row) = rows.get(&entry.line) else { continue };
        let filled = row
            .cells
            .iter()
            .zip(&places)
            .filter_map(|(cell, at)| Some((cell, (*at)?)))
            .filter(|(cell, _)| !cell.is_empty());
        let change = if let Some(at) = known.get(&entry.mac) {
            change(&merged.columns, &mut merged.rows[*at].cells, filled.filter(|(_, at)| *at != mac_at))
        } else {
            let mut cells = vec![String::new(); merged.columns.len()];
            filled.for_each(|(cell, at)| cells[at].clone_from(cell));
            known.insert(entry.mac, merged.rows.len());
            merged.rows.push(Row { line: 0, cells });
            Change::New
        };
        lines.push(Line { line: entry.line, mac: entry.mac, change });
    }
    Merged { file: merged.write(), lines, problems: roster.problems }
}

fn change<'c>(
    columns: &[String],
    cells: &mut [String],
    filled: impl Iterator<Item = (&'c String, usize)>,
) -> Change {
    let mut changed = Vec::new();
    for (cell, at) in filled.filter(|(cell, at)| cells[*at] != **cell).collect::<Vec<_>>() {
        let before = std::mem::replace(&mut cells[at], cell.clone());
        changed.push(Cell { column: columns[at].clone(), before, after: cell.clone() });
    }
    if changed.is_empty() { Change::Same } else { Change::Changed(changed) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: &str = "MAC;model;switch port;note\r\n00:12:34:ab:45:de;8851;1/0/1;\r\nSEP001234AB45DF;7841;1/0/2;spare\r\nno phone;;;kept\r\n";

    fn merged(old: &str, new: &str) -> (String, Vec<String>) {
        let merged = merge(old.as_bytes(), new.as_bytes());
        let word = |line: &Line| match &line.change {
            Change::New => format!("{} new", line.line),
            Change::Same => format!("{} same", line.line),
            Change::Changed(cells) => {
                let cell = |cell: &Cell| format!("{} {:?} {:?}", cell.column, cell.before, cell.after);
                format!("{} {}", line.line, cells.iter().map(cell).collect::<Vec<_>>().join(", "))
            }
        };
        (String::from_utf8(merged.file).unwrap(), merged.lines.iter().map(word).collect())
    }

    #[test]
    fn lines_are_new_the_same_or_changed_and_no_column_is_lost() {
        let new =
            "vid,note,MAC address,floor\nV05,,001234AB45DE,2\n,spare,0012.34ab.45df,\n,,001234AB45E0,3\n";
        let (text, lines) = merged(OLD, new);
        assert_eq!(lines, [r#"2 vid "" "V05", floor "" "2""#, "3 same", "4 new"]);
        assert_eq!(
            text,
            "MAC;model;switch port;note;vid;floor\r\n00:12:34:ab:45:de;8851;1/0/1;;V05;2\r\n\
             SEP001234AB45DF;7841;1/0/2;spare;;\r\nno phone;;;kept;;\r\n001234AB45E0;;;;;3\r\n"
        );
        let (again, lines) = merged(&text, new);
        assert_eq!((again, lines), (text, vec!["2 same".into(), "3 same".into(), "4 same".into()]));
    }

    #[test]
    fn the_first_roster_is_kept_as_it_came_less_its_bad_lines() {
        let new = "\u{feff}note;mac\r\n\"a;b\";001234ab45de\r\n;nonsense\r\n";
        let (text, lines) = merged("", new);
        assert_eq!(
            (text.as_str(), lines),
            ("\u{feff}note;mac\r\n\"a;b\";001234ab45de\r\n", vec!["2 new".to_owned()])
        );
        let (text, _) = merged("", "001234ab45de,8851\n");
        assert_eq!(text, "mac,model\n001234ab45de,8851\n");
        assert_eq!(merge(b"", b"\xff\xfem\0").problems.len(), 1);
    }

    #[test]
    fn a_column_named_after_many_separators_hides_no_phone() {
        let (text, _) = merged("mac,note\n001234567890,\n", "mac,\"a;b;c;d\"\n001234567891,x\n");
        assert_eq!(parse(text.as_bytes()).entries.len(), 2, "{text}");
    }

    proptest! {
        #[test]
        fn what_either_tells_is_in_the_merged_one(
            old in "mac,model,note\n(00123456789[0-3],[a-z]{0,3},[a-z;]{0,3}\n){0,4}",
            new in "(note;mac|mac;vid;extra|mac;mac|\\PC{0,5})\n(V0[1-9];00123456789[0-5]|00123456789[0-5];V0[1-9];x\n){0,4}",
        ) {
            let merged = merge(old.as_bytes(), new.as_bytes());
            let (before, added, after) = (parse(old.as_bytes()), parse(new.as_bytes()), parse(&merged.file));
            let macs = |roster: &super::super::Roster| roster.entries.iter().map(|entry| entry.mac).collect::<BTreeSet<_>>();
            let expected: BTreeSet<Mac> = macs(&before).union(&macs(&added)).copied().collect();
            prop_assert_eq!(macs(&after), expected, "{}", String::from_utf8_lossy(&merged.file));
            prop_assert_eq!(merged.lines.len(), added.entries.len());
        }
    }
}
