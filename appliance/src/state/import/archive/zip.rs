//! Zip archives, by the `zip` crate, whose appetite for memory is bounded before and while it reads the directory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::ZipArchive;
use zip::result::ZipError;

use super::name::path;
use super::{Allowance, Bounded, ENTRIES, Stop, Visit, broken, too_many};

/// Bytes read until the directory is known; that of 10,000 files has less than two million.
const DIRECTORY: u64 = 8 << 20;
/// The end record, its comment, and the locator of 64-bit sizes before it (APPNOTE.TXT §4.3.15, §4.3.16).
const TAIL: u64 = 22 + 65_535 + 20;

/// Reads a zip archive. `read` is told of bytes as they are read from the file.
pub(super) fn read(
    mut file: File,
    allowance: &Allowance,
    read: &dyn Fn(u64),
    visit: &mut Visit<'_>,
) -> Result<(), Stop> {
    refuse_64_bit(&mut file).map_err(|error| broken(&error))??;
    let bound = Rc::new(Cell::new(DIRECTORY));
    let reader =
        Measured { file: io::BufReader::with_capacity(128 * 1024, file), bound: Rc::clone(&bound), read };
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
        visit(&path, &mut Bounded { inner: &mut entry, left: &allowance.bytes })?;
    }
    Ok(())
}

/// The crate sets memory aside by the number of files that the end record tells; only records with 64-bit numbers
/// can tell more than 65,535, and no package needs one.
fn refuse_64_bit(file: &mut File) -> io::Result<Result<(), Stop>> {
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    let locator = tail.windows(4).any(|window| window == b"PK\x06\x07");
    Ok(if locator {
        Err(Stop::Refused("it is a ZIP64 archive, which is not read; unpack it and import its folder".into()))
    } else {
        Ok(())
    })
}

fn damaged(error: ZipError) -> Stop {
    match error {
        ZipError::Io(error) => broken(&error),
        ZipError::UnsupportedArchive(what) => {
            Stop::Refused(format!("it cannot be read ({what}); unpack it and import its folder"))
        }
        error => Stop::Refused(format!("it is damaged ({error}); download it again")),
    }
}

/// A file that tells how much of it was read, and ends in an error beyond a bound.
struct Measured<'m> {
    file: io::BufReader<File>,
    bound: Rc<Cell<u64>>,
    read: &'m dyn Fn(u64),
}

impl Read for Measured<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        let left = self.bound.get().checked_sub(length as u64);
        self.bound.set(left.ok_or_else(|| io::Error::other("its directory is larger than any package's"))?);
        (self.read)(length as u64);
        Ok(length)
    }
}

impl Seek for Measured<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            // Within what is buffered already, nothing is read again.
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
