//! Reads workbooks with the `calamine` crate, cell by cell within bounds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, DataRef, Ods, Reader, SheetType, Xlsb, Xlsx};
use transload_provision::roster::{Grid, MAX_COLUMNS};
use transload_provision::text;

use super::bounds::{self, damaged};
use super::guarded::guarded;
use super::{UnusableInventory, WorkbookKind, ods};

/// The most sheets that are read.
const SHEETS: usize = 100;
/// The most filled cells of all sheets.
const CELLS: usize = 600_000;
/// The most octets of text in all cells, as in a roster.
const TEXT: usize = 16 << 20;
/// The longest text of a cell, in characters; known columns hold less.
const LONGEST: usize = 2_000;

/// The sheets of a workbook of this format, cell by cell. The crate's readers are alike and share no trait.
macro_rules! by_cell {
    ($format:ident, $file:expr) => {{
        let mut book = $format::new(Cursor::new($file)).map_err(|error| damaged(&error))?;
        sheets(names(&book), |name, put| {
            let mut cells = book.worksheet_cells_reader(name).map_err(|error| damaged(&error))?;
            while let Some(cell) = cells.next_cell().map_err(|error| damaged(&error))? {
                put(cell.get_position(), cell.get_value())?;
            }
            Ok(())
        })
    }};
}

/// Reads the sheets that are not empty.
pub(super) fn read(file: &[u8], kind: WorkbookKind) -> Result<Vec<(String, Grid)>, UnusableInventory> {
    bounds::check(file)?;
    if kind == WorkbookKind::Ods {
        ods::check(file)?;
    }
    // The input is untrusted: a panic in the crate must cost only this file.
    let read = guarded(|| match kind {
        WorkbookKind::Xlsx => by_cell!(Xlsx, file),
        WorkbookKind::Xlsb => by_cell!(Xlsb, file),
        WorkbookKind::Ods => open_document(file),
    });
    let sheets = read.unwrap_or_else(|| Err(damaged(&"its structure is wrong")))?;
    if sheets.is_empty() {
        return Err(UnusableInventory::new(
            "all of its sheets are empty",
            "import the workbook that lists the phones",
        ));
    }
    Ok(sheets)
}

fn open_document(file: &[u8]) -> Result<Vec<(String, Grid)>, UnusableInventory> {
    let mut book: Ods<_> = Ods::new(Cursor::new(file)).map_err(|error| damaged(&error))?;
    sheets(names(&book), |name, put| {
        let range = book.worksheet_range(name).map_err(|error| damaged(&error))?;
        let (top, left) = range.start().unwrap_or_default();
        for (row, column, value) in range.used_cells() {
            put((top.saturating_add(row as u32), left.saturating_add(column as u32)), &borrowed(value))?;
        }
        Ok(())
    })
}

type PutCell<'p> = &'p mut dyn FnMut((u32, u32), &DataRef<'_>) -> Result<(), UnusableInventory>;

/// Gathers the cells of all sheets, within the bounds of a workbook. `fill` puts the cells of one sheet.
fn sheets(
    names: Vec<String>,
    mut fill: impl FnMut(&str, PutCell<'_>) -> Result<(), UnusableInventory>,
) -> Result<Vec<(String, Grid)>, UnusableInventory> {
    let (mut room, mut sheets) = (CellBudget::default(), Vec::new());
    for name in names {
        let mut cells = SheetCells::default();
        fill(&name, &mut |position, value| cells.put(position, &shown(value), &mut room))?;
        sheets.extend(cells.sheet(&name)?);
    }
    Ok(sheets)
}

fn names<'f, R: Reader<Cursor<&'f [u8]>>>(book: &R) -> Vec<String> {
    let tables = book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    tables.map(|sheet| sheet.name.clone()).take(SHEETS).collect()
}

fn borrowed(value: &Data) -> DataRef<'_> {
    match value {
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => DataRef::SharedString(text),
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::Bool(truth) => DataRef::Bool(*truth),
        Data::DateTime(time) => DataRef::DateTime(*time),
        Data::Error(_) | Data::Empty => DataRef::Empty,
    }
}

/// The value as a person sees it. Numbers keep all digits, so that a MAC address stored as one is visible.
fn shown<'v>(value: &'v DataRef<'_>) -> Cow<'v, str> {
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            Cow::Borrowed(text)
        }
        DataRef::SharedString(text) => Cow::Borrowed(text),
        DataRef::Int(number) => Cow::Owned(number.to_string()),
        DataRef::Float(number) => Cow::Owned(written(*number)),
        DataRef::Bool(truth) => Cow::Borrowed(if *truth { "yes" } else { "no" }),
        DataRef::DateTime(time) if time.is_duration() => Cow::Owned(written(time.as_f64())),
        DataRef::DateTime(time) => {
            let (year, month, day, hour, minute, ..) = time.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            Cow::Owned(if (hour, minute) == (0, 0) { date } else { format!("{date} {hour:02}:{minute:02}") })
        }
        DataRef::Error(_) | DataRef::Empty => Cow::Borrowed(""),
    }
}

fn written(number: f64) -> String {
    const EXACT: f64 = 1e15;
    if number.abs() < EXACT { number.to_string() } else { format!("{number:e}") }
}

/// The remaining cells and text of all sheets.
struct CellBudget {
    cells: usize,
    text: usize,
}

impl Default for CellBudget {
    fn default() -> Self {
        Self { cells: CELLS, text: TEXT }
    }
}

/// The filled cells of a sheet, by row and column from 0.
#[derive(Default)]
struct SheetCells {
    rows: BTreeMap<u32, Vec<(u32, String)>>,
}

impl SheetCells {
    fn put(
        &mut self,
        (row, column): (u32, u32),
        value: &str,
        room: &mut CellBudget,
    ) -> Result<(), UnusableInventory> {
        if value.is_empty() || column as usize >= MAX_COLUMNS {
            return Ok(());
        }
        let value = text::line(&value.chars().take(LONGEST).collect::<String>());
        let fits = || Some((room.cells.checked_sub(1)?, room.text.checked_sub(value.len())?));
        let Some((cells, text)) = fits() else {
            let cure = "delete columns and sheets that nobody needs, and import it again";
            return Err(UnusableInventory::new("it holds more than a roster can", cure));
        };
        *room = CellBudget { cells, text };
        self.rows.entry(row).or_default().push((column, value));
        Ok(())
    }

    fn sheet(self, name: &str) -> Result<Option<(String, Grid)>, UnusableInventory> {
        let rows = self.rows.into_iter().map(|(row, cells)| {
            let width = cells.iter().map(|(column, _)| *column as usize + 1).max().unwrap_or_default();
            let mut line = vec![Cow::Borrowed(""); width];
            for (column, value) in cells {
                if let Some(cell) = line.get_mut(column as usize) {
                    *cell = Cow::Owned(value);
                }
            }
            (u64::from(row) + 1, line)
        });
        let cure = "delete columns that nobody needs, and import it again";
        let grid = Grid::from_rows(rows).map_err(|error| UnusableInventory::new(error.to_string(), cure))?;
        Ok((!grid.rows.is_empty()).then(|| (text::line(name), grid)))
    }
}
