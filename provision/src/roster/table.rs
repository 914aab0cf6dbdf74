//! A roster as the table that it is, for writing it again.

use std::borrow::Cow;

use super::{COLUMNS, Lines, blank};
use crate::mac::Mac;
use crate::text;

/// Rows and columns as written.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
    mark: bool,
    carriage_returns: bool,
    delimiter: u8,
}

/// One row and its line in the file, from 1.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub line: u64,
    pub cells: Vec<String>,
}

/// A table's text, without the byte order mark, and what stands between its cells. `None` for UTF-16.
pub(super) fn decode(file: &[u8]) -> Option<(Cow<'_, str>, u8)> {
    if file.starts_with(&[0xff, 0xfe]) || file.starts_with(&[0xfe, 0xff]) {
        return None;
    }
    let text = String::from_utf8_lossy(file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file));
    let first = text.lines().find(|line| !blank(line)).unwrap_or_default();
    // What stands in quotes separates nothing.
    let count =
        |delimiter| first.split('"').step_by(2).map(|plain| plain.matches(delimiter).count()).sum::<usize>();
    let delimiter = if count(';') > count(',') { b';' } else { b',' };
    Some((text, delimiter))
}

/// Reads rows of any length.
pub(super) fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes())
}

/// The place of a column in [`COLUMNS`], by its name in a first row.
pub(super) fn column_of(cell: &str) -> Option<usize> {
    let name = cell.trim().to_ascii_lowercase();
    let name = match name.strip_suffix(" address") {
        Some("ip" | "ipv4") => "address",
        Some(name) => name,
        None => &name,
    };
    COLUMNS.iter().position(|column| *column == name)
}

impl Table {
    pub(super) fn read(file: &[u8]) -> Self {
        let Some((text, delimiter)) = decode(file) else {
            return Self::default();
        };
        let mark = file.starts_with(b"\xef\xbb\xbf");
        let mut table = Self { mark, carriage_returns: text.contains("\r\n"), delimiter, ..Self::default() };
        let mut lines = Lines { text: &text, at: 0, line: 1 };
        for record in reader(&text, delimiter).records().flatten() {
            let line = lines.reach(record.position().map_or(0, |position| position.byte() as usize));
            if record.iter().all(str::is_empty) {
                continue;
            }
            let cells: Vec<String> = record.iter().map(|cell| text::line(cell).trim().to_owned()).collect();
            if table.columns.is_empty() {
                if cells.first().is_none_or(|cell| cell.parse::<Mac>().is_err()) {
                    table.columns = cells;
                    continue;
                }
                table.columns = COLUMNS.iter().take(cells.len()).map(|name| (*name).to_owned()).collect();
            }
            table.rows.push(Row { line, cells });
        }
        table
    }

    /// Where a column of this name is; it is added if there is none.
    pub(super) fn column(&mut self, name: &str) -> usize {
        let same = |other: &String| match column_of(name) {
            Some(known) => column_of(other) == Some(known),
            None => other.eq_ignore_ascii_case(name),
        };
        self.columns.iter().position(same).unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        })
    }

    /// The table as a file, in the manner in which it was read.
    pub(super) fn write(&self) -> Vec<u8> {
        let terminator =
            if self.carriage_returns { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mark: &[u8] = if self.mark { b"\xef\xbb\xbf" } else { b"" };
        let writer = |start: Vec<u8>, quotes| {
            csv::WriterBuilder::new()
                .delimiter(self.delimiter)
                .terminator(terminator)
                .flexible(true)
                .quote_style(quotes)
                .from_writer(start)
        };
        // A reader tells the delimiter from the first row: in a column's name it must not stand bare.
        let misleading = self.columns.iter().any(|name| name.contains([',', ';']));
        let quotes = if misleading { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut header = writer(mark.to_vec(), quotes);
        // Writing to memory cannot fail.
        let _ = header.write_record(&self.columns);
        let mut rows = writer(header.into_inner().unwrap_or_default(), csv::QuoteStyle::Necessary);
        for row in &self.rows {
            let _ = rows.write_record(&row.cells);
        }
        rows.into_inner().unwrap_or_default()
    }
}
