//! COP files: a signed header, then a compressed tape archive. Plain `.tar.gz` files are read alike.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::name::path;
use super::{Allowance, Bounded, Stop, Visit, broken};

/// The longest extension header of the archive that is read, in bytes.
const EXTENSION: u64 = 16 * 1024;

/// Reads the archive that begins `at` bytes into the file. `read` is told of bytes as they are read from the file.
pub(super) fn read(
    mut file: File,
    at: u64,
    allowance: &Allowance,
    read: &dyn Fn(u64),
    visit: &mut Visit<'_>,
) -> Result<(), Stop> {
    file.seek(SeekFrom::Start(at)).map_err(|error| broken(&error))?;
    let compressed = BufReader::with_capacity(128 * 1024, Measured { file, read });
    let unpacked = Bounded { inner: MultiGzDecoder::new(compressed), left: &allowance.bytes };
    let mut archive = Archive::new(unpacked);
    let entries = archive.entries().map_err(|error| broken(&error))?.raw(true);
    // Raw entries: the crate would read extension headers whole, however long.
    let mut long_name = None;
    for entry in entries {
        let mut entry = entry.map_err(|error| broken(&error))?;
        allowance.take_entry()?;
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let text = extension(&mut entry)?;
                long_name = Some(text.split(|byte| *byte == 0).next().unwrap_or_default().to_vec());
                continue;
            }
            EntryType::XHeader => {
                long_name = pax_path(&extension(&mut entry)?).or(long_name);
                continue;
            }
            EntryType::GNULongLink | EntryType::XGlobalHeader => continue,
            _ => {}
        }
        let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let path = path(&name)?;
        if !matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous)
            || path.is_empty()
        {
            continue;
        }
        let mut content = Whole { left: entry.header().entry_size().unwrap_or(0), inner: &mut entry };
        visit(&path, &mut content)?;
    }
    Ok(())
}

fn extension(entry: &mut impl Read) -> Result<Vec<u8>, Stop> {
    let mut text = Vec::new();
    entry.take(EXTENSION).read_to_end(&mut text).map_err(|error| broken(&error))?;
    Ok(text)
}

/// The path among the records of an extension header: `length path=value\n` (POSIX pax, "extended header").
fn pax_path(mut records: &[u8]) -> Option<Vec<u8>> {
    while !records.is_empty() {
        let space = records.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
        let record = records.get(space + 1..length)?;
        if let Some(value) = record.strip_prefix(b"path=") {
            return Some(value.strip_suffix(b"\n").unwrap_or(value).to_vec());
        }
        records = &records[length..];
    }
    None
}

/// Content that has to be as long as the archive says.
struct Whole<R> {
    left: u64,
    inner: R,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(length as u64);
        if length == 0 && !buffer.is_empty() && self.left > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off"));
        }
        Ok(length)
    }
}

/// A file that tells how much of it was read.
struct Measured<'m> {
    file: File,
    read: &'m dyn Fn(u64),
}

impl Read for Measured<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        (self.read)(length as u64);
        Ok(length)
    }
}
