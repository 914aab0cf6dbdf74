//! The roster: a table of phones as a spreadsheet exports it.

mod merge;
mod table;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub use merge::{Cell, Change, Line, Merged, merge};
use table::{column_of, decode, reader};

use crate::catalog::Vid;
use crate::load::LoadName;
use crate::mac::Mac;
use crate::text;

/// A roster as it was read: the good rows, and what is wrong with the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// One per phone, in the file's order.
    pub entries: Vec<Entry>,
    /// What a user should correct, in the file's order.
    pub problems: Vec<Problem>,
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

/// Something wrong in a roster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("roster line {line}: {what}")]
pub struct Problem {
    /// The line in the file, from 1.
    pub line: u64,
    /// What, and what to do about it.
    pub what: String,
    /// Whether the row was left out because of it; otherwise it is a warning.
    pub left_out: bool,
}

/// The most phones read; beyond them the file is no roster.
pub const MAX_ENTRIES: usize = 100_000;
/// The longest cell kept, in characters.
const MAX_CELL: usize = 200;
/// The most columns of the user's own that are kept.
const MAX_MORE: usize = 16;
/// The columns, in the order of a table without a header.
const COLUMNS: [&str; 9] = ["mac", "model", "vid", "serial", "load", "location", "note", "address", "cda"];

/// Where columns are.
#[derive(Debug, Default)]
struct Layout {
    /// Those of [`COLUMNS`].
    known: [Option<usize>; COLUMNS.len()],
    /// The user's own, by lower-case name.
    more: Vec<(String, usize)>,
}

/// Reads a roster: comma or semicolon between cells, columns in any order by the names in the first row (MAC, model,
/// vid, serial, load, location, note, address, cda), MAC addresses in any common spelling, blank lines and a byte order mark
/// tolerated. A table whose first cell is a MAC address has no header, and its columns are in that order.
/// A row with a mistake is left out and reported; the others are kept.
pub fn parse(file: &[u8]) -> Roster {
    let mut roster = Roster::default();
    let Some((text, delimiter)) = decode(file) else {
        roster.report(1, "it is UTF-16; export it as CSV (UTF-8)".to_owned(), true);
        return roster;
    };
    let mut columns: Option<Layout> = None;
    let mut known = Known::default();
    let mut lines_read = Lines { text: &text, at: 0, line: 1 };
    for record in reader(&text, delimiter).records() {
        // Only I/O and encoding can fail with flexible rows, and neither can here.
        let Ok(record) = record else { continue };
        let line = lines_read.reach(record.position().map_or(0, |position| position.byte() as usize));
        if record.iter().all(str::is_empty) {
            continue;
        }
        let Some(columns) = &columns else {
            let has_header = record.get(0).is_none_or(|cell| shorten(cell).parse::<Mac>().is_err());
            let found = if has_header {
                roster.header(&record, line)
            } else {
                Layout { known: std::array::from_fn(Some), more: Vec::new() }
            };
            let [mac, ..] = found.known;
            if mac.is_none() {
                let what = "no column is named MAC; name the columns in the first row".to_owned();
                roster.report(line, what, true);
                return roster;
            }
            if !has_header {
                roster.row(&record, &found, line, &mut known);
            }
            columns = Some(found);
            continue;
        };
        if roster.entries.len() == MAX_ENTRIES {
            roster.report(line, format!("more than {MAX_ENTRIES} phones; split the file"), true);
            break;
        }
        roster.row(&record, columns, line, &mut known);
    }
    roster
}

/// Counts lines up to a record. The reader's own count begins before line ends and blank lines that it skips.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn reach(&mut self, offset: usize) -> u64 {
        let bytes = self.text.as_bytes();
        let skipped = bytes.iter().skip(offset).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let start = (offset + skipped).min(bytes.len());
        self.line += self.text.get(self.at..start).map_or(0, |span| span.matches('\n').count()) as u64;
        self.at = start;
        self.line
    }
}

fn blank(line: &str) -> bool {
    line.chars().all(|c| c.is_whitespace() || c == ',' || c == ';')
}

fn shorten(text: &str) -> String {
    text::line(text).trim().chars().take(MAX_CELL).collect()
}

impl Roster {
    fn report(&mut self, line: u64, what: String, left_out: bool) {
        self.problems.push(Problem { line, what, left_out });
    }

    fn header(&mut self, record: &csv::StringRecord, line: u64) -> Layout {
        let mut found = Layout::default();
        for (at, cell) in record.iter().map(shorten).enumerate() {
            let own = cell.to_ascii_lowercase();
            match column_of(&cell) {
                Some(column) if found.known[column].is_none() => found.known[column] = Some(at),
                Some(_) => {
                    self.report(line, format!("there are two columns named {cell}; the first counts"), false);
                }
                None if cell.is_empty() => {}
                None if found.more.len() < MAX_MORE && found.more.iter().all(|(name, _)| *name != own) => {
                    let what =
                        format!("column {cell:?} is not known; it can only fill placeholders of [after]");
                    self.report(line, what, false);
                    found.more.push((own, at));
                }
                None => self.report(
                    line,
                    format!("column {cell:?} comes twice or is one too many, and is left out"),
                    false,
                ),
            }
        }
        found
    }

    fn row(&mut self, record: &csv::StringRecord, columns: &Layout, line: u64, known: &mut Known) {
        let filled = |at: usize| record.get(at).map(shorten).filter(|cell| !cell.is_empty());
        let [mac, model, vid, serial, load, location, note, address, cda] =
            columns.known.map(|at| at.and_then(filled));
        let cells = entry(mac.as_deref(), vid.as_deref(), load.as_deref(), address.as_deref());
        let (mac, vid, load, mut address) = match cells {
            Ok(cells) => cells,
            Err(what) => return self.report(line, what, true),
        };
        if let Some(first) = known.macs.get(&mac) {
            return self.report(line, format!("{mac} is on line {first} already; remove one of them"), true);
        }
        known.macs.insert(mac, line);
        if let Some(first) = address.and_then(|address| known.addresses.get(&address)) {
            let what = format!("the address of {mac} is on line {first} already; give it another");
            self.report(line, what, false);
            address = None;
        }
        known.addresses.extend(address.map(|address| (address, line)));
        let assigned = cda.as_deref().map(yes_or_no);
        if assigned == Some(None) {
            let what = format!("cda of {mac} is neither yes nor no; it counts as no");
            self.report(line, what, false);
        }
        let cda = assigned.flatten().unwrap_or(false);
        let more = columns.more.iter().filter_map(|(name, at)| Some((name.clone(), filled(*at)?))).collect();
        self.entries.push(Entry { mac, model, vid, serial, load, location, note, address, cda, more, line });
    }
}

fn yes_or_no(cell: &str) -> Option<bool> {
    match cell.to_ascii_lowercase().as_str() {
        "yes" | "y" | "true" | "1" | "x" => Some(true),
        "no" | "n" | "false" | "0" | "-" => Some(false),
        _ => None,
    }
}

/// The lines on which MAC and other addresses were read.
#[derive(Default)]
struct Known {
    macs: BTreeMap<Mac, u64>,
    addresses: BTreeMap<Ipv4Addr, u64>,
}

type Formed = (Mac, Option<Vid>, Option<LoadName>, Option<Ipv4Addr>);

/// The cells that have a form of their own, or what is wrong with one of them.
fn entry(
    mac: Option<&str>,
    vid: Option<&str>,
    load: Option<&str>,
    address: Option<&str>,
) -> Result<Formed, String> {
    let mac = mac.ok_or("the MAC address is missing")?.parse::<Mac>().map_err(|error| error.to_string())?;
    let vid = vid.map(str::parse::<Vid>).transpose().map_err(|error| error.to_string())?;
    let load = load.map(str::parse::<LoadName>).transpose().map_err(|error| error.to_string())?;
    let address = address.map(|text| {
        text.parse().map_err(|_| format!("{text:?} is no address; write one such as 10.23.45.50"))
    });
    Ok((mac, vid, load, address.transpose()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn macs(roster: &Roster) -> Vec<String> {
        roster.entries.iter().map(|entry| entry.mac.to_string()).collect()
    }

    #[test]
    fn a_spreadsheets_export_reads_as_it_comes() {
        let roster = parse(
            "\u{feff}Location;MAC Address;VID;Model;Load;Note;Serial;IP Address\r\n\r\n\
             \"Room 1; left\";00:12:34:ab:45:de;V05;8851;sip88xx.12-5-1SR1-4;;FCH1;10.23.45.50\r\n;;;;;;\r\n\
             ;SEP001234AB45DF;;CP-7841;;spare;\r\n"
                .as_bytes(),
        );
        assert_eq!(roster.problems, []);
        assert_eq!(
            roster.entries[0],
            Entry {
                mac: "001234AB45DE".parse().unwrap(),
                model: Some("8851".into()),
                vid: Some(Vid(5)),
                serial: Some("FCH1".into()),
                load: Some("sip88xx.12-5-1SR1-4".parse().unwrap()),
                location: Some("Room 1; left".into()),
                note: None,
                address: Some(Ipv4Addr::new(10, 23, 45, 50)),
                cda: false,
                more: BTreeMap::new(),
                line: 3,
            }
        );
        let second = &roster.entries[1];
        assert_eq!((second.line, second.vid, second.note.as_deref()), (5, None, Some("spare")));
    }

    #[test]
    fn a_plain_list_of_addresses_is_a_roster() {
        let roster = parse(b"0012.34ab.45de\n00-12-34-AB-45-DF\n");
        assert_eq!(macs(&roster), ["001234AB45DE", "001234AB45DF"]);
        assert_eq!((roster.entries[0].line, roster.problems.len()), (1, 0));
        let roster = parse(b"001234ab45de,8851,V05\n");
        assert_eq!((roster.entries[0].model.as_deref(), roster.entries[0].vid), (Some("8851"), Some(Vid(5))));
    }

    #[test]
    fn bad_rows_are_named_and_good_ones_kept() {
        let roster = parse(
            b"mac,model,vid,load,color\n001234ab45de,8851,V05,,red\n1.23E+11,8851\n001234ab45df,8851,five\n\
              001234ab45e0,8851,,firmware\n,8851\nSEP001234AB45DE,8861\n001234ab45e1\n",
        );
        assert_eq!(macs(&roster), ["001234AB45DE", "001234AB45E1"]);
        let lines: Vec<(u64, bool)> =
            roster.problems.iter().map(|problem| (problem.line, problem.left_out)).collect();
        assert_eq!(lines, [(1, false), (3, true), (4, true), (5, true), (6, true), (7, true)]);
        let said = roster.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        for word in ["color", "1.23E+11", "five", "firmware", "missing", "line 2 already"] {
            assert!(said.contains(word), "{word} in:\n{said}");
        }
    }

    #[test]
    fn an_address_is_kept_for_one_phone() {
        let roster = parse(
            b"mac,address\n001234ab45de,10.23.45.50\n001234ab45df,10.23.45.50\n001234ab45e0,10.23.45\n",
        );
        assert_eq!(macs(&roster), ["001234AB45DE", "001234AB45DF"]);
        assert_eq!((roster.entries[0].address.is_some(), roster.entries[1].address), (true, None));
        let lines: Vec<(u64, bool)> = roster.problems.iter().map(|p| (p.line, p.left_out)).collect();
        assert_eq!(lines, [(3, false), (4, true)]);
    }

    #[test]
    fn what_cda_has_and_what_fills_placeholders_is_read() {
        let roster = parse(
            b"MAC,CDA,Extension\n001234ab45de,Yes,4711\n001234ab45df,no,\n001234ab45e0,maybe,4713\n001234ab45e1\n",
        );
        let cda: Vec<bool> = roster.entries.iter().map(|entry| entry.cda).collect();
        assert_eq!(cda, [true, false, false, false]);
        let extension = |at: usize| roster.entries[at].more.get("extension").map(String::as_str);
        assert_eq!((extension(0), extension(1), extension(2)), (Some("4711"), None, Some("4713")));
        let said: Vec<(u64, bool)> = roster.problems.iter().map(|p| (p.line, p.left_out)).collect();
        assert_eq!(said, [(1, false), (4, false)]);
    }

    #[test]
    fn hidden_characters_are_not_taken_over() {
        let roster = parse(
            "\u{200e}MAC,location,note,serial,Ext\u{202e}\n\u{202a}001234ab45de,Room\u{202e}1,\"two\nlines\",F\u{1b}[2J,\u{2066}47\u{2069}\n"
                .as_bytes(),
        );
        let entry = &roster.entries[0];
        assert_eq!(
            (entry.location.as_deref(), entry.note.as_deref(), entry.serial.as_deref()),
            (Some("Room1"), Some("two lines"), Some("F [2J"))
        );
        assert_eq!(entry.more.iter().collect::<Vec<_>>(), [(&"ext".to_owned(), &"47".to_owned())]);
        let merged = merge(b"", "mac,note\n001234ab45de,a\u{202e}b\n".as_bytes());
        assert_eq!(merged.file, b"mac,note\n001234ab45de,ab\n");
    }

    #[test]
    fn what_is_no_roster_is_said_once() {
        for file in [&b"model,vid\n8851,V05\n"[..], b"\xff\xfem\0a\0c\0", b"PK\x03\x04\x00\x00"] {
            let roster = parse(file);
            assert_eq!(
                (roster.entries.len(), roster.problems.last().map(|problem| problem.left_out)),
                (0, Some(true))
            );
        }
        assert_eq!(parse(b""), Roster::default());
    }

    proptest! {
        #[test]
        fn any_file_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(mac|vid|[,;\"\n]|001234ab45d[0-9]|\\PC){0,60}") {
            let _ = parse(&bytes);
            let roster = parse(text.as_bytes());
            let mut seen: Vec<Mac> = roster.entries.iter().map(|entry| entry.mac).collect();
            seen.sort();
            seen.dedup();
            prop_assert_eq!(seen.len(), roster.entries.len());
        }
    }
}
