//! Reads the entries of a backup within bounds. Whoever made the file may have meant harm.

use std::io::{self, Read};
use std::iter::Peekable;

use tar::{Entries, Entry, EntryType};

/// The longest name of a file, in bytes.
const LONGEST: u64 = 4096;
/// All names together; the index of the largest state has less.
const NAMES: u64 = 64 << 20;

/// Entries one after another: plain files only, each with its whole name.
pub(super) struct Files<'a, R: Read> {
    entries: Peekable<Entries<'a, R>>,
    names: u64,
}

impl<'a, R: Read> Files<'a, R> {
    pub(super) fn of(archive: &'a mut tar::Archive<R>) -> io::Result<Self> {
        // The crate would read extension headers whole, however long.
        Ok(Self { entries: archive.entries()?.raw(true).peekable(), names: 0 })
    }

    /// Whether the next name begins so. The beginning is a short one.
    pub(super) fn next_is(&mut self, prefix: &str) -> bool {
        let next = self.entries.peek().and_then(|entry| entry.as_ref().ok());
        next.is_some_and(|entry| entry.path_bytes().starts_with(prefix.as_bytes()))
    }

    /// The next file; what is wrong with the archive otherwise.
    pub(super) fn next(&mut self) -> Result<Option<(String, Entry<'a, R>)>, String> {
        let mut long_name = None;
        for entry in self.entries.by_ref() {
            let mut entry = entry.map_err(|error| error.to_string())?;
            let kind = entry.header().entry_type();
            if kind == EntryType::GNULongName {
                let text = small(&mut entry, LONGEST).map_err(|error| error.to_string())?;
                long_name = Some(text.split(|byte| *byte == 0).next().unwrap_or_default().to_vec());
                continue;
            }
            let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            let name = String::from_utf8_lossy(&name).into_owned();
            if kind != EntryType::Regular {
                return Err(format!("{name:?} is a link, a folder or a device, which no backup holds"));
            }
            self.names += name.len() as u64 + 1;
            if self.names > NAMES {
                return Err("it holds more files than any state".to_owned());
            }
            return Ok(Some((name, entry)));
        }
        Ok(None)
    }
}

/// A small file's content.
pub(super) fn small(entry: &mut impl Read, largest: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    entry.take(largest + 1).read_to_end(&mut content)?;
    if content.len() as u64 > largest {
        return Err(io::Error::other("it is larger than it can be"));
    }
    Ok(content)
}
