//! Bounds for workbooks, checked before any of their content is believed: a small file can unpack to any size, and can
//! ask for any amount of memory.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use zip::ZipArchive;

use super::Unusable;

/// The most files in a workbook.
const FILES: usize = 2_000;
/// What a workbook may unpack to, in bytes; 100,000 phones have less.
const UNPACKED: u64 = 192 << 20;
/// The same of what a reader keeps whole: the table of strings, styles, names of sheets.
const KEPT: u64 = 24 << 20;
/// The most elements of the parts that a reader keeps whole; each costs some memory.
const ELEMENTS: u64 = 1_500_000;
/// The most strings that the table of strings may announce.
const STRINGS: u64 = 1_000_000;
/// The end record, its comment, and the locator of 64-bit sizes before it (APPNOTE.TXT §4.3.15, §4.3.16).
const TAIL: u64 = 22 + 65_535 + 20;
const BLOCK: usize = 64 * 1024;

const CURE: &str = "copy the rows of the phones into a new workbook, and import that";

/// Reads an archive's directory. Memory for it is set aside by the number of files that the end record tells; only
/// records with 64-bit numbers can tell more than 65,535.
pub(super) fn directory<R: Read + Seek>(mut reader: R) -> Result<ZipArchive<R>, Unusable> {
    match claims_64_bit(&mut reader) {
        Ok(false) => {}
        Ok(true) => return Err(Unusable::new("it is a ZIP64 archive, which is not read", CURE)),
        Err(error) => return Err(damaged(&error)),
    }
    let archive = ZipArchive::new(reader).map_err(|error| damaged(&error))?;
    if archive.len() > FILES {
        return Err(Unusable::new(
            format!("it holds more than {FILES} files, which no inventory does"),
            CURE,
        ));
    }
    Ok(archive)
}

fn claims_64_bit(reader: &mut (impl Read + Seek)) -> io::Result<bool> {
    let size = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    reader.take(TAIL).read_to_end(&mut tail)?;
    reader.seek(SeekFrom::Start(0))?;
    Ok(tail.windows(4).any(|window| window == b"PK\x06\x07"))
}

pub(super) fn damaged(error: &dyn std::fmt::Display) -> Unusable {
    Unusable::new(
        format!("it is damaged ({error})"),
        "open it in a spreadsheet program, save it again, and import that",
    )
}

/// Unpacks everything once, and keeps nothing.
///
/// # Errors
/// It is damaged, or larger than any inventory.
pub(super) fn check(file: &[u8]) -> Result<(), Unusable> {
    let mut archive = directory(Cursor::new(file))?;
    let mut left = UNPACKED;
    let mut block = vec![0; BLOCK];
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| damaged(&error))?;
        let name = String::from_utf8_lossy(entry.name_raw()).replace('\\', "/").to_ascii_lowercase();
        let streamed = name.starts_with("xl/worksheets/") || name.ends_with("content.xml");
        let mut part = Part::new(!streamed);
        loop {
            let length = match entry.read(&mut block) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) => return Err(damaged(&error)),
            };
            left = left.checked_sub(length as u64).ok_or_else(too_large)?;
            part.see(&block[..length])?;
        }
    }
    Ok(())
}

fn too_large() -> Unusable {
    Unusable::new("it unpacks to more than any inventory", CURE)
}

/// One file of a workbook, as it passes.
struct Part {
    kept: bool,
    size: u64,
    elements: u64,
    /// The end of what passed, for a number that lies across two blocks.
    before: Vec<u8>,
}

impl Part {
    /// How long an attribute with its number may be.
    const OVERLAP: usize = 64;

    fn new(kept: bool) -> Self {
        Self { kept, size: 0, elements: 0, before: Vec::new() }
    }

    fn see(&mut self, block: &[u8]) -> Result<(), Unusable> {
        if !self.kept {
            return Ok(());
        }
        self.size += block.len() as u64;
        self.elements += block.split(|byte| *byte == b'<').skip(1).count() as u64;
        if self.size > KEPT || self.elements > ELEMENTS {
            return Err(too_large());
        }
        self.before.extend_from_slice(block);
        if self
            .before
            .windows(COUNT.len())
            .enumerate()
            .any(|(at, window)| window == COUNT && announces_many(&self.before[at + COUNT.len()..]))
        {
            return Err(Unusable::new("it announces more texts than any inventory has", CURE));
        }
        let end = self.before.len().saturating_sub(Self::OVERLAP);
        self.before.drain(..end);
        Ok(())
    }
}

/// By this attribute a reader sets memory aside (ECMA-376, 18.4.9 sst).
const COUNT: &[u8] = b"uniqueCount";

fn announces_many(after: &[u8]) -> bool {
    let digits = after
        .iter()
        .skip_while(|byte| !byte.is_ascii_digit() && **byte != b'>')
        .take_while(|byte| byte.is_ascii_digit());
    digits.fold(0_u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
        > STRINGS
}
