//! Reads inventories of phones: text tables and workbooks. The content decides what a file is, not its name.

#[cfg(test)]
pub mod books;
mod bounds;
mod guarded;
mod ods;
#[cfg(test)]
mod tests;
mod workbook;

use std::io::{Read, Seek};

use transload_provision::roster::{self, Grid, Roster};
use zip::ZipArchive;

/// A table of an inventory.
#[derive(Debug)]
pub struct InventorySheet {
    /// The table's name; empty for a text table.
    pub name: String,
    pub grid: Grid,
    pub roster: Roster,
}

/// Why a file is no inventory, with a cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}; {cure}")]
pub struct UnusableInventory {
    pub cause: String,
    pub cure: &'static str,
}

impl UnusableInventory {
    fn new(cause: impl Into<String>, cure: &'static str) -> Self {
        Self { cause: cause.into(), cure }
    }
}

/// A workbook format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkbookKind {
    Xlsx,
    Xlsb,
    Ods,
}

const AS_XLSX: &str = "open it in a spreadsheet program, save it as .xlsx, and import that";

/// Reads an inventory: at least one table, each with its phones.
///
/// # Errors
/// The file is no inventory, or no table is readable.
pub fn read(file: &[u8]) -> Result<Vec<InventorySheet>, UnusableInventory> {
    let (names, grids): (Vec<String>, Vec<Grid>) = grids(file)?.into_iter().unzip();
    let rosters = roster::read(&grids);
    let sheets = names.into_iter().zip(grids).zip(rosters);
    Ok(sheets.map(|((name, grid), roster)| InventorySheet { name, grid, roster }).collect())
}

fn grids(file: &[u8]) -> Result<Vec<(String, Grid)>, UnusableInventory> {
    if file.starts_with(b"PK") {
        let cursor = || std::io::Cursor::new(file);
        return match workbook_kind(cursor()) {
            Some(kind) => workbook::read(file, kind),
            None => Err(UnusableInventory::new("it is an archive and no workbook of a spreadsheet", AS_XLSX)),
        };
    }
    refuse_others(file)?;
    let cure = "delete columns that nobody needs, or divide it, and import what remains";
    let grid = Grid::from_text(file).map_err(|error| UnusableInventory::new(error.to_string(), cure))?;
    Ok(vec![(String::new(), grid)])
}

/// The workbook format of an archive; `None` for other archives.
pub fn workbook_kind(archive: impl Read + Seek) -> Option<WorkbookKind> {
    let archive = bounds::directory(archive).ok()?;
    kind_of(&archive)
}

/// Whether a file's name may be a table's.
pub fn is_table(name: &str) -> bool {
    is_sure(name) || ends(name, &["txt", "tab", "dif", "slk", "numbers"])
}

/// Whether a file's name can only be a table's.
pub fn is_sure(name: &str) -> bool {
    ends(name, &["csv", "tsv", "xls", "xlsx", "xlsm", "xlsb", "ods"])
}

fn ends(name: &str, endings: &[&str]) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| endings.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

/// Whether a file's head may be a text table: letters, perhaps with zeros between them, and nothing else.
pub fn may_be_text(head: &[u8]) -> bool {
    let control = |byte: &&u8| **byte < b' ' && !matches!(**byte, b'\t' | b'\r' | b'\n' | 0 | b'\x0c');
    !head.is_empty() && !head.iter().any(|byte| control(&byte)) && !head.starts_with(b"%PDF")
}

fn kind_of<R: Read + Seek>(archive: &ZipArchive<R>) -> Option<WorkbookKind> {
    let has = |name: &str| {
        archive.file_names().flatten().any(|known| known.replace('\\', "/").eq_ignore_ascii_case(name))
    };
    match () {
        () if has("xl/workbook.bin") => Some(WorkbookKind::Xlsb),
        () if has("xl/workbook.xml") => Some(WorkbookKind::Xlsx),
        () if has("content.xml") && has("mimetype") => Some(WorkbookKind::Ods),
        () => None,
    }
}

/// Refuses formats that programs call tables, but that are no text tables.
fn refuse_others(file: &[u8]) -> Result<(), UnusableInventory> {
    let head = &file[..file.len().min(4096)];
    let text =
        String::from_utf8_lossy(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)).to_ascii_lowercase();
    let begins = text.trim_start();
    let refused = |cause: &str, cure| Err(UnusableInventory::new(cause, cure));
    match () {
        () if head.starts_with(b"\xd0\xcf\x11\xe0") => refused(
            "it is a workbook of Excel 97 to 2003, or one with a password",
            "open it in a spreadsheet program, save it as .xlsx without a password, and import that",
        ),
        () if begins.contains("urn:schemas-microsoft-com:office:spreadsheet") => {
            refused("it is a spreadsheet in XML of 2003", AS_XLSX)
        }
        () if begins.starts_with("<!doctype html")
            || begins.starts_with("<html")
            || begins.contains("<table") =>
        {
            refused("it is a web page, whatever its name says", AS_XLSX)
        }
        () if begins.starts_with('<') => refused("it is XML and no table", AS_XLSX),
        () if head.starts_with(b"%PDF") => {
            refused("it is a PDF", "export the table as .csv or .xlsx from the program that made it")
        }
        () if begins.starts_with("{\\rtf") => refused("it is a text document", AS_XLSX),
        () if head.starts_with(b"\x1f\x8b") || head.starts_with(b"7z\xbc\xaf") => {
            refused("it is a compressed archive", "unpack it, and import what is inside")
        }
        () => Ok(()),
    }
}
