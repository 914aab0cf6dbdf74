//! How many cells, and how much text, a table of an `.ods` file unfolds to: a few octets can repeat a cell or a row a million
//! times.

use std::io::{BufReader, Cursor};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Unusable;
use super::bounds::{damaged, directory};

/// The most cells that all tables of a document may unfold to.
const CELLS: u64 = 600_000;
/// The most octets of text in them.
const TEXT: u64 = 24 << 20;

#[derive(Default)]
struct Size {
    /// Rows up to the last that is filled, and rows since.
    rows: u64,
    empty_rows: u64,
    width: u64,
    /// Of the row that is read.
    repeats: u64,
    cells: u64,
    empty_cells: u64,
    all: u64,
    /// How often the cell that is read stands there.
    times: u64,
    cell_text: u64,
    row_text: u64,
    text: u64,
    /// A table and a row of it have begun and not ended.
    open_table: bool,
    open_row: bool,
    /// A table ended within a row.
    cut: bool,
}

/// # Errors
/// The document is damaged, or unfolds to more than any inventory.
pub(super) fn check(file: &[u8]) -> Result<(), Unusable> {
    let mut archive = directory(Cursor::new(file))?;
    let content = archive.by_name("content.xml").map_err(|error| damaged(&error))?;
    let mut reader = Reader::from_reader(BufReader::new(content));
    reader.config_mut().check_end_names = false;
    reader.config_mut().expand_empty_elements = true;
    let (mut size, mut buffer) = (Size::default(), Vec::new());
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| damaged(&error))? {
            Event::Start(element) => size.begin(&element),
            Event::End(element) => size.end(element.name().as_ref()),
            Event::Text(text) => size.cell_text = size.cell_text.saturating_add(text.len() as u64),
            Event::Eof => break,
            _ => {}
        }
        if size.text.saturating_add(size.row_text) > TEXT || size.all.saturating_add(size.now()) > CELLS {
            let cure = "delete columns and sheets that nobody needs, and import it again";
            return Err(Unusable::new(
                format!("its tables unfold to more than {CELLS} cells, or to too much text"),
                cure,
            ));
        }
    }
    // The reader looks for the end of a table and of a row for ever.
    if size.cut || size.open_table || size.open_row {
        Err(damaged(&"a table of it has no end"))
    } else {
        Ok(())
    }
}

impl Size {
    fn now(&self) -> u64 {
        self.rows.saturating_mul(self.width).max(self.cells)
    }

    fn begin(&mut self, element: &BytesStart<'_>) {
        match element.name().as_ref() {
            "table:table" => {
                self.finish();
                self.open_table = true;
            }
            "table:table-row" => {
                self.open_row = true;
                self.repeats = repeats(element, "table:number-rows-repeated");
                (self.cells, self.empty_cells, self.row_text) = (0, 0, 0);
            }
            "table:table-cell" | "table:covered-table-cell" => {
                self.times = repeats(element, "table:number-columns-repeated");
                self.cell_text = element.len() as u64;
                self.empty_cells = self.empty_cells.saturating_add(self.times);
                let filled = |name: &str| {
                    name.starts_with("office:") || name.starts_with("calcext:") || name == "table:formula"
                };
                if element.attributes().flatten().any(|attribute| filled(attribute.key.as_ref())) {
                    self.cells = self.cells.saturating_add(std::mem::take(&mut self.empty_cells));
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if name == "table:table-row" {
            self.open_row = false;
        }
        match name {
            "table:table-cell" | "table:covered-table-cell" => {
                let text = std::mem::take(&mut self.cell_text).saturating_mul(self.times);
                self.row_text = self.row_text.saturating_add(text);
            }
            "table:table-row" if self.cells > 0 => {
                let text = std::mem::take(&mut self.row_text).saturating_mul(self.repeats);
                self.text = self.text.saturating_add(text);
                let rows = std::mem::take(&mut self.empty_rows).saturating_add(self.repeats);
                self.rows = self.rows.saturating_add(rows);
                self.width = self.width.max(std::mem::take(&mut self.cells));
            }
            "table:table-row" => self.empty_rows = self.empty_rows.saturating_add(self.repeats),
            "table:table" => {
                self.cut |= self.open_row;
                self.finish();
            }
            _ => {}
        }
    }

    fn finish(&mut self) {
        self.all = self.all.saturating_add(self.now());
        let (open_row, cut) = (self.open_row, self.cut);
        *self = Self { all: self.all, text: self.text, open_row, cut, ..Self::default() };
    }
}

fn repeats(element: &BytesStart<'_>, name: &str) -> u64 {
    let attribute = element.attributes().flatten().find(|attribute| attribute.key.as_ref() == name);
    let number = attribute.map(|attribute| attribute.value.trim().parse());
    // What is no number is refused by the reader.
    number.and_then(Result::ok).unwrap_or(1)
}
