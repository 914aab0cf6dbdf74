//! Reads a table's rows into a roster, and tells what is left out.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::cell::{Owner, clean, told};
use super::columns::{Meaning, is_footer};
use super::grid::{Grid, MAX_COLUMNS, Row};
use super::layout::Layout;
use super::{Entry, MAX_CELL, MAX_ENTRIES, MAX_MORE, Mistake, Roster, Severity};
use crate::catalog::{NotAVid, Vid};
use crate::load::{LoadName, NotALoad};
use crate::mac::{Mac, NotAMac};

/// [`MAX_MORE`] in words.
const FIRST: &str = "the first 16";
/// The most runs of lines that one note names.
const MAX_RUNS: usize = 40;

/// What cells have to be where only those of the right form count.
const FORMS: [(Meaning, &str); 3] = [
    (Meaning::Model, "model of a phone"),
    (Meaning::Vid, "VID such as V05"),
    (Meaning::Load, "name of a load"),
];

/// What the sheets of one file told already.
#[derive(Default)]
pub(super) struct Known {
    /// The phones, and the sheet on which each was read, from 0.
    phones: BTreeMap<Mac, (usize, Entry)>,
    addresses: BTreeMap<Ipv4Addr, u64>,
    sheet: usize,
}

/// Lines of which the same is to be said.
#[derive(Default)]
struct Aside {
    /// Of other devices, by kind, with the beginnings of their names.
    other: BTreeMap<&'static str, (Vec<&'static str>, Vec<u64>)>,
    /// Without anything that could be a phone.
    nobody: Vec<u64>,
    repeated: Vec<u64>,
    wide: Vec<u64>,
    /// With a cell that has not the form of what its column tells, by column and what that is.
    formless: BTreeMap<(String, &'static str), Vec<u64>>,
}

pub(super) fn read(grid: &Grid, known: &mut Known) -> Roster {
    known.sheet += 1;
    let Some(first) = grid.rows.first() else {
        return Roster::default();
    };
    let Some(layout) = Layout::of(grid) else {
        let cause = "no column holds MAC addresses or device names such as SEP001234AB45DE";
        return Roster::refused(first.line, Mistake::new(cause, "name one MAC in the first row"));
    };
    let mut roster = Roster::default();
    if let Some(line) = grid.unclosed {
        let cause = "a quotation mark is opened here and not closed, so the lines below it count as one cell";
        roster.report(line, Severity::RowLeftOut, Mistake::new(cause, "close it"));
    }
    let mut aside = Aside::default();
    let own: Vec<(String, usize)> = layout.own();
    let line = layout.header.unwrap_or(first.line);
    notes(&mut roster, grid, &layout, &own, line);
    for row in grid.rows.iter().skip(layout.first) {
        if roster.entries.len() == MAX_ENTRIES {
            let mistake = Mistake::new(format!("more than {MAX_ENTRIES} phones"), "split the file");
            roster.report(row.line, Severity::RowLeftOut, mistake);
            break;
        }
        roster.row(row, &layout, &own, known, &mut aside);
    }
    aside.report(&mut roster);
    roster.layout = Some(layout);
    roster
}

impl Roster {
    fn row(
        &mut self,
        row: &Row,
        layout: &Layout,
        own: &[(String, usize)],
        known: &mut Known,
        aside: &mut Aside,
    ) {
        let line = row.line;
        let mac = match layout.owning_cell(row) {
            (_, Owner::Phone(mac)) => mac,
            (_, Owner::Other(prefix, kind)) => return aside.other(kind, prefix, line),
            (_, Owner::Damaged(mistake)) => return self.report(line, Severity::RowLeftOut, mistake),
            (text, Owner::Neither { meant }) => {
                return match nobody(&text, meant, row, layout) {
                    Nobody::Header => {}
                    Nobody::Aside => aside.nobody.push(line),
                    Nobody::Mistake(mistake) => self.report(line, Severity::RowLeftOut, mistake),
                };
            }
        };
        if row.cells.len() > layout.names.len() && layout.header.is_some() {
            aside.wide.push(line);
        }
        let entry = match entry(mac, row, layout, own) {
            Ok(entry) => entry,
            Err(mistake) => return self.report(line, Severity::RowLeftOut, mistake),
        };
        // Another column may have told it.
        let told = [entry.model.is_some(), entry.vid.is_some(), entry.load.is_some()];
        for (meaning, what) in FORMS.into_iter().zip(told).filter_map(|(form, told)| (!told).then_some(form))
        {
            for name in layout.formless(row, meaning) {
                aside.formless.entry((shorten(name), what)).or_default().push(line);
            }
        }
        self.take(entry, layout, row, known, aside);
    }

    fn take(&mut self, mut entry: Entry, layout: &Layout, row: &Row, known: &mut Known, aside: &mut Aside) {
        let (mac, line) = (entry.mac, entry.line);
        if let Some((sheet, first)) = known.phones.get(&mac) {
            let Some((what, here, there)) = contradiction(&entry, first) else {
                return aside.repeated.push(line);
            };
            let place = if *sheet == known.sheet { "" } else { " of an earlier sheet" };
            let cause = format!(
                "{mac} is on line {}{place} already, and {what} is {here} here and {there} there",
                first.line
            );
            return self.report(line, Severity::RowLeftOut, Mistake::new(cause, "remove one of them"));
        }
        if let Some(first) = entry.address.and_then(|address| known.addresses.get(&address)) {
            let cause = format!("the address of {mac} is on line {first} already");
            self.report(line, Severity::CellLeftOut, Mistake::new(cause, "give it another"));
            entry.address = None;
        }
        known.addresses.extend(entry.address.map(|address| (address, line)));
        if layout.cell(row, Meaning::Cda).is_some_and(|(_, cell)| yes_or_no(&cell).is_none()) {
            let cause = format!("cda of {mac} is neither yes nor no; it counts as no");
            self.report(line, Severity::CellLeftOut, Mistake { cause, cure: None });
        }
        known.phones.insert(mac, (known.sheet, entry.clone()));
        self.entries.push(entry);
    }
}

/// What a row is that names no device.
enum Nobody {
    /// The header, again.
    Header,
    /// No phone's.
    Aside,
    /// A phone's, of which this is wrong.
    Mistake(Mistake),
}

/// In an export a row without a MAC address is of something else; in a list of phones it is a mistake.
fn nobody(text: &str, meant: bool, row: &Row, layout: &Layout) -> Nobody {
    let tells = || Meaning::DETAILS.iter().any(|meaning| layout.cell(row, *meaning).is_some());
    match text {
        _ if layout.is_header(row) => Nobody::Header,
        "" if !layout.export && tells() => {
            Nobody::Mistake(Mistake { cause: "the MAC address is missing".to_owned(), cure: None })
        }
        "" => Nobody::Aside,
        _ if !meant && (layout.export || is_footer(text) && !tells()) => Nobody::Aside,
        text => {
            let error = NotAMac(text.chars().take(40).collect());
            Nobody::Mistake(Mistake::new(error.cause(), NotAMac::CURE))
        }
    }
}

/// The row's phone, or what is wrong with a cell that has a form of its own.
fn entry(mac: Mac, row: &Row, layout: &Layout, own: &[(String, usize)]) -> Result<Entry, Mistake> {
    let text = |meaning| layout.cell(row, meaning).map(|(_, cell)| shorten(&cell));
    let vid = text(Meaning::Vid).map(|vid| vid.parse::<Vid>());
    let vid = vid.transpose().map_err(|error| Mistake::new(error.cause(), NotAVid::CURE))?;
    let load = text(Meaning::Load).map(|load| load.parse::<LoadName>());
    let load = load.transpose().map_err(|error| Mistake::new(error.cause(), NotALoad::CURE))?;
    let address = text(Meaning::Address).map(|text| {
        let mistake = |_| Mistake::new(format!("{text:?} is no address"), "write one such as 10.23.45.50");
        text.parse().map_err(mistake)
    });
    let filled = |(name, at): &(String, usize)| {
        let cell = shorten(&clean(row.cells.get(*at)?));
        (!cell.is_empty()).then(|| (shorten(name).to_lowercase(), cell))
    };
    Ok(Entry {
        mac,
        model: text(Meaning::Model),
        vid,
        serial: text(Meaning::Serial),
        load,
        location: text(Meaning::Location),
        note: text(Meaning::Note),
        address: address.transpose()?,
        cda: text(Meaning::Cda).is_some_and(|cell| yes_or_no(&cell) == Some(true)),
        more: own.iter().take(MAX_MORE).filter_map(filled).collect(),
        line: row.line,
    })
}

/// What a row tells of a phone that an earlier row does not tell: its name, here and there.
fn contradiction(entry: &Entry, first: &Entry) -> Option<(&'static str, String, String)> {
    let show = |entry: &Entry| {
        [
            ("model", entry.model.clone()),
            ("vid", entry.vid.map(|vid| vid.to_string())),
            ("serial", entry.serial.clone()),
            ("load", entry.load.as_ref().map(ToString::to_string)),
            ("location", entry.location.clone()),
            ("note", entry.note.clone()),
            ("address", entry.address.map(|address| address.to_string())),
        ]
    };
    let pairs = show(entry).into_iter().zip(show(first));
    pairs.into_iter().find_map(|((name, here), (_, there))| {
        let here = here?;
        let same = there.as_ref().is_some_and(|there| there.eq_ignore_ascii_case(&here));
        (!same).then(|| (name, here, there.unwrap_or_else(|| "not told".to_owned())))
    })
}

fn shorten(text: &str) -> String {
    text.chars().take(MAX_CELL).collect()
}

fn yes_or_no(cell: &str) -> Option<bool> {
    match cell.to_ascii_lowercase().as_str() {
        "yes" | "y" | "true" | "1" | "x" => Some(true),
        "no" | "n" | "false" | "0" | "-" => Some(false),
        _ => None,
    }
}

/// What is said once of a whole table.
fn notes(roster: &mut Roster, grid: &Grid, layout: &Layout, own: &[(String, usize)], line: u64) {
    if let Some(name) = layout.doubled() {
        roster.note(line, format!("there are two columns named {name}; the first that a row fills counts"));
    }
    if layout.found_by_content.is_some() {
        roster.note(line, "no column is named MAC; the one whose cells look like MAC addresses counts");
    }
    if let Some(at) = layout.models_by_content {
        let name = layout.names.get(at).filter(|name| !name.is_empty());
        let name = name.map_or_else(|| format!("column {}", at + 1), |name| format!("{:?}", shorten(name)));
        let cause = format!(
            "some phones have no model in a column of models; {name}, whose cells name models, counts"
        );
        roster.note(line, cause);
    }
    let filled = |at: usize| {
        grid.rows
            .iter()
            .skip(layout.first)
            .any(|row| row.cells.get(at).is_some_and(|cell| told(cell).is_some()))
    };
    let unknown = layout.unknown();
    let kept: Vec<&str> =
        unknown.iter().filter(|(_, at)| filled(*at)).map(|(name, _)| name.as_str()).collect();
    if !kept.is_empty() {
        let names: Vec<String> =
            kept.iter().take(MAX_RUNS).map(|name| format!("{:?}", shorten(name))).collect();
        let more = kept.len().saturating_sub(MAX_RUNS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (columns, verbs, they) = match kept.len() {
            1 => ("column", "is kept and has", "it"),
            _ if own.len() > MAX_MORE => ("columns", "are kept and have", FIRST),
            _ => ("columns", "are kept and have", "they"),
        };
        let names = names.join(", ");
        let cause = format!(
            "{columns} {names}{more} {verbs} no meaning to Transload; {they} can fill placeholders of [after]"
        );
        roster.note(line, cause);
    }
    if grid.rows.iter().any(|row| row.cells.len() == MAX_COLUMNS) {
        roster.note(line, format!("only the first {MAX_COLUMNS} columns are read"));
    }
}

impl Aside {
    fn other(&mut self, kind: &'static str, prefix: &'static str, line: u64) {
        let (prefixes, lines) = self.other.entry(kind).or_default();
        if !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
        lines.push(line);
    }

    fn report(self, roster: &mut Roster) {
        for ((name, form), lines) in self.formless {
            let what = format!("whose {name:?} is no {form}, so it is kept and does not count");
            note(roster, &counted(&lines, &what), &lines);
        }
        for (kind, (prefixes, lines)) in self.other {
            let what = format!("of {kind} ({}…), left out", prefixes.join("…, "));
            note(roster, &counted(&lines, &what), &lines);
        }
        note(roster, &counted(&self.nobody, "without a phone, left out"), &self.nobody);
        note(
            roster,
            &counted(&self.repeated, "of phones listed already, left out: they tell nothing else"),
            &self.repeated,
        );
        note(
            roster,
            &counted(&self.wide, "with more cells than the header names, those left out"),
            &self.wide,
        );
    }
}

fn counted(lines: &[u64], what: &str) -> String {
    format!("{} row{} {what}", lines.len(), if lines.len() == 1 { "" } else { "s" })
}

fn note(roster: &mut Roster, what: &str, lines: &[u64]) {
    if let Some(first) = lines.first() {
        let word = if lines.len() == 1 { "line" } else { "lines" };
        roster.note(*first, format!("{what} ({word} {})", runs(lines)));
    }
}

/// Lines in words: `2, 4 to 7 and 9`.
fn runs(lines: &[u64]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for line in lines {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *line => *last = *line,
            _ => runs.push((*line, *line)),
        }
    }
    let run = |(first, last): &(u64, u64)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    };
    let shown = runs.iter().take(MAX_RUNS).map(run).collect::<Vec<_>>().join(", ");
    if runs.len() > MAX_RUNS { format!("{shown} and more") } else { shown }
}
