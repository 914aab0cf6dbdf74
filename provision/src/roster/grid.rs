//! A table as rows of cells, whatever file it came in, for reading and for writing it again.

use std::borrow::Cow;
use std::ops::Range;

use super::decode::{cut, decode, delimiter, ruled};
use crate::text;

/// The most columns of a table; what stands right of them is left out.
pub const MAX_COLUMNS: usize = 1024;
/// The most cells of a table, empty ones included.
pub const MAX_CELLS: usize = 3_000_000;
/// Lines that one cell in quotes may have; a quotation mark that nothing closes makes a cell of the whole rest.
const MAX_LINES: usize = 100;

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// Its rows, those without any content left out.
    pub rows: Vec<Row>,
    /// Lines at which a quotation mark opens and nothing closes it.
    pub(super) unclosed: Option<u64>,
    pub(super) style: Style,
}

/// How a table is written.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub mark: bool,
    pub carriage_returns: bool,
    pub delimiter: u8,
}

impl Default for Style {
    fn default() -> Self {
        Self { mark: false, carriage_returns: false, delimiter: b',' }
    }
}

/// One row and its line in the file, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// In the file or on the sheet, from 1.
    pub line: u64,
    /// From the leftmost column on.
    pub cells: Vec<String>,
}

/// The table has more cells than memory is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has more than {MAX_CELLS} cells")]
pub struct TooLarge;

impl TooLarge {
    /// What to do about it.
    pub const CURE: &str = "delete columns that nobody needs, or divide it";
}

impl Grid {
    /// Reads a table of text: any delimiter, any encoding.
    ///
    /// # Errors
    /// It is too large.
    pub fn from_text(file: &[u8]) -> Result<Self, TooLarge> {
        let decoded = decode(file);
        if let Some((rule, columns)) = ruled(&decoded.text) {
            return Self::printed(&decoded.text, rule, &columns);
        }
        let (delimiter, start) = delimiter(&decoded.text);
        let (mark, carriage_returns) = (decoded.mark, decoded.carriage_returns);
        let style = Style { mark, carriage_returns, delimiter };
        let mut grid = Self { style, ..Self::default() };
        let mut lines = Lines { text: &decoded.text, at: 0, line: 1 };
        let body = decoded.text.get(start..).unwrap_or_default();
        let mut cells_left = MAX_CELLS;
        for record in reader(body, delimiter).records().flatten() {
            let line = lines.reach(start + record.position().map_or(0, |position| position.byte() as usize));
            if record.iter().any(|cell| cell.matches('\n').count() > MAX_LINES) {
                grid.unclosed.get_or_insert(line);
            }
            grid.push(line, record.iter(), &mut cells_left)?;
        }
        Ok(grid)
    }

    /// A table printed in columns of characters.
    fn printed(text: &str, rule: usize, columns: &[Range<usize>]) -> Result<Self, TooLarge> {
        let mut grid = Self::default();
        let mut cells_left = MAX_CELLS;
        for (at, line) in text.lines().enumerate().filter(|(at, _)| *at != rule) {
            let cells = cut(line, columns);
            grid.push(at as u64 + 1, cells.iter().map(String::as_str), &mut cells_left)?;
        }
        Ok(grid)
    }

    /// A sheet of a workbook, from its rows and their numbers from 1.
    ///
    /// # Errors
    /// It is too large.
    pub fn from_rows<'r>(rows: impl IntoIterator<Item = (u64, Vec<Cow<'r, str>>)>) -> Result<Self, TooLarge> {
        let mut grid = Self::default();
        let mut cells_left = MAX_CELLS;
        for (line, cells) in rows {
            grid.push(line, cells.iter().map(AsRef::as_ref), &mut cells_left)?;
        }
        Ok(grid)
    }

    fn push<'c>(
        &mut self,
        line: u64,
        cells: impl Iterator<Item = &'c str>,
        cells_left: &mut usize,
    ) -> Result<(), TooLarge> {
        let mut cells: Vec<String> =
            cells.take(MAX_COLUMNS).map(|cell| text::line(cell).trim().to_owned()).collect();
        let filled = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        if filled == 0 {
            return Ok(());
        }
        cells.truncate(filled);
        *cells_left = cells_left.checked_sub(filled).ok_or(TooLarge)?;
        self.rows.push(Row { line, cells });
        Ok(())
    }

    /// The table as a file, in the manner in which it was read.
    pub(super) fn write(&self, columns: &[String], rows: &[Row]) -> Vec<u8> {
        let style = &self.style;
        let terminator =
            if style.carriage_returns { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mark: &[u8] = if style.mark { b"\xef\xbb\xbf" } else { b"" };
        let writer = |start: Vec<u8>, quotes| {
            csv::WriterBuilder::new()
                .delimiter(style.delimiter)
                .terminator(terminator)
                .flexible(true)
                .quote_style(quotes)
                .from_writer(start)
        };
        // A reader tells the delimiter from the header: in a column's name another one must not stand bare.
        let misleading = columns.iter().any(|name| name.contains([',', ';', '\t', '|']));
        let quotes = if misleading { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut header = writer(mark.to_vec(), quotes);
        // Writing to memory cannot fail.
        let _ = header.write_record(columns);
        let mut body = writer(header.into_inner().unwrap_or_default(), csv::QuoteStyle::Necessary);
        for row in rows {
            let missing = columns.len().saturating_sub(row.cells.len());
            let empty = std::iter::repeat_n("", missing);
            let _ = body.write_record(row.cells.iter().map(String::as_str).chain(empty));
        }
        body.into_inner().unwrap_or_default()
    }
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes())
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
        let skipped = bytes.iter().skip(offset).take_while(|byte| **byte == b'\n').count();
        let start = (offset + skipped).min(bytes.len());
        self.line += self.text.get(self.at..start).map_or(0, |span| span.matches('\n').count()) as u64;
        self.at = start;
        self.line
    }
}
