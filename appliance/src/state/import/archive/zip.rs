//! Reads zip archives with the `zip` crate, and bounds its memory for the directory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::ZipArchive;
use zip::result::ZipError;

use super::name::path;
use super::{BoundedReader, ENTRIES, ImportStop, UnpackAllowance, VisitFile, broken, too_many};

/// The most bytes read for the directory; that of 10,000 files needs less than two million.
const DIRECTORY: u64 = 8 << 20;
/// The end record, its comment, and the locator of 64-bit sizes before it (APPNOTE.TXT §4.3.15, §4.3.16).
const TAIL: u64 = 22 + 65_535 + 20;

/// Reads a zip archive. `read` is called with the bytes read from the file.
pub(super) fn read(
    mut file: File,
    allowance: &UnpackAllowance,
    read: &dyn Fn(u64),
    visit: &mut VisitFile<'_>,
) -> Result<(), ImportStop> {
    refuse_64_bit(&mut file).map_err(|error| broken(&error))??;
    let bound = Rc::new(Cell::new(DIRECTORY));
    let reader =
        BoundedFile { file: io::BufReader::with_capacity(128 * 1024, file), bound: Rc::clone(&bound), read };
    let mut archive = ZipArchive::new(reader).map_err(damaged)?;
    bound.set(u64::MAX);
    if archive.len() > ENTRIES {
        return Err(too_many());
    }
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        allowance.take_entry()?;
        let path = path(entry.name_raw())?;
        if entry.is_dir() || entry.is_symlink() || path.is_empty() {
            continue;
        }
        visit(&path, &mut BoundedReader { inner: &mut entry, left: &allowance.bytes })?;
    }
    Ok(())
}

/// The crate allocates memory by the announced number of files. Only 64-bit records can announce more than 65,535, and
/// no package needs them.
fn refuse_64_bit(file: &mut File) -> io::Result<Result<(), ImportStop>> {
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    let locator = tail.windows(4).any(|window| window == b"PK\x06\x07");
    Ok(if locator {
        Err(ImportStop::Refused(
            "it is a ZIP64 archive, which is not read; unpack it and import its folder".into(),
        ))
    } else {
        Ok(())
    })
}

fn damaged(error: ZipError) -> ImportStop {
    match error {
        ZipError::Io(error) => broken(&error),
        ZipError::UnsupportedArchive(what) => {
            ImportStop::Refused(format!("it cannot be read ({what}); unpack it and import its folder"))
        }
        error => ImportStop::Refused(format!("it is damaged ({error}); download it again")),
    }
}

/// A file that reports the bytes read, and fails beyond a bound.
struct BoundedFile<'m> {
    file: io::BufReader<File>,
    bound: Rc<Cell<u64>>,
    read: &'m dyn Fn(u64),
}

impl Read for BoundedFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        let left = self.bound.get().checked_sub(length as u64);
        self.bound.set(left.ok_or_else(|| io::Error::other("its directory is larger than any package's"))?);
        (self.read)(length as u64);
        Ok(length)
    }
}

impl Seek for BoundedFile<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            // A seek within the buffer reads nothing again.
            SeekFrom::Start(to) => {
                let at = self.file.stream_position()?;
                let step = i64::try_from(i128::from(to) - i128::from(at)).map_err(io::Error::other)?;
                self.file.seek_relative(step)?;
                Ok(to)
            }
            other => self.file.seek(other),
        }
    }
}
