//! Inventories of phones in whatever file they come: tables of text, and workbooks of spreadsheets. What a file is, its
//! content tells, and not its name.

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
pub struct Sheet {
    /// Its name, where the file has several; empty for a table of text.
    pub name: String,
    pub grid: Grid,
    pub roster: Roster,
}

/// Why a file is no inventory, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}; {cure}")]
pub struct Unusable {
    pub cause: String,
    pub cure: &'static str,
}

impl Unusable {
    fn new(cause: impl Into<String>, cure: &'static str) -> Self {
        Self { cause: cause.into(), cure }
    }
}

/// A kind of workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workbook {
    Xlsx,
    Xlsb,
    Ods,
}

const AS_XLSX: &str = "open it in a spreadsheet program, save it as .xlsx, and import that";

/// Reads an inventory: its tables, one at least, each with what it tells of phones.
///
/// # Errors
/// The file is none, or no table can be read from it.
pub fn read(file: &[u8]) -> Result<Vec<Sheet>, Unusable> {
    let (names, grids): (Vec<String>, Vec<Grid>) = grids(file)?.into_iter().unzip();
    let rosters = roster::read(&grids);
    let sheets = names.into_iter().zip(grids).zip(rosters);
    Ok(sheets.map(|((name, grid), roster)| Sheet { name, grid, roster }).collect())
}

fn grids(file: &[u8]) -> Result<Vec<(String, Grid)>, Unusable> {
    if file.starts_with(b"PK") {
        let cursor = || std::io::Cursor::new(file);
        return match workbook_kind(cursor()) {
            Some(kind) => workbook::read(file, kind),
            None => Err(Unusable::new("it is an archive and no workbook of a spreadsheet", AS_XLSX)),
        };
    }
    refuse_others(file)?;
    let grid =
        Grid::from_text(file).map_err(|error| Unusable::new(error.to_string(), "import what remains"))?;
    Ok(vec![(String::new(), grid)])
}

/// What workbook an archive is; none for any other archive.
pub fn workbook_kind(archive: impl Read + Seek) -> Option<Workbook> {
    let archive = bounds::directory(archive).ok()?;
    kind_of(&archive)
}

/// Whether a file's name is that of a table; those that may as well be anything else included.
pub fn is_table(name: &str) -> bool {
    is_sure(name) || ends(name, &["txt", "tab", "dif", "slk", "numbers"])
}

/// Whether a file's name is that of a table and of nothing else.
pub fn is_sure(name: &str) -> bool {
    ends(name, &["csv", "tsv", "xls", "xlsx", "xlsm", "xlsb", "ods"])
}

fn ends(name: &str, endings: &[&str]) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| endings.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

/// Whether a file that begins so may be a table of text: it has letters, or zeros between letters, and nothing else.
pub fn may_be_text(head: &[u8]) -> bool {
    let control = |byte: &&u8| **byte < b' ' && !matches!(**byte, b'\t' | b'\r' | b'\n' | 0 | b'\x0c');
    !head.is_empty() && !head.iter().any(|byte| control(&byte)) && !head.starts_with(b"%PDF")
}

fn kind_of<R: Read + Seek>(archive: &ZipArchive<R>) -> Option<Workbook> {
    let has = |name: &str| {
        archive.file_names().flatten().any(|known| known.replace('\\', "/").eq_ignore_ascii_case(name))
    };
    match () {
        () if has("xl/workbook.bin") => Some(Workbook::Xlsb),
        () if has("xl/workbook.xml") => Some(Workbook::Xlsx),
        () if has("content.xml") && has("mimetype") => Some(Workbook::Ods),
        () => None,
    }
}

/// Files that programs call tables, and that are none of text.
fn refuse_others(file: &[u8]) -> Result<(), Unusable> {
    let head = &file[..file.len().min(4096)];
    let text =
        String::from_utf8_lossy(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)).to_ascii_lowercase();
    let begins = text.trim_start();
    let refused = |cause: &str, cure| Err(Unusable::new(cause, cure));
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
