//! Archives, read entry by entry within bounds. Nothing is written here, and names are only looked at.

mod cop;
mod name;
mod zip;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};

use transload_provision::package;

pub(super) use name::is_archive;

use crate::system::error::Failure;

/// The most entries of one archive; Cisco's have some dozens, the portal's one for each phone.
const ENTRIES: usize = 10_000;
/// What any archive may unpack to; firmware hardly shrinks.
const UNPACKED: u64 = 16 << 20;
/// What an archive may unpack to, as a multiple of its own size, beyond that.
const RATIO: u64 = 20;
/// What even the largest archive may unpack to.
const MOST: u64 = 8 << 30;

/// Why reading ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The source is at fault: why, and what to do. The others go on.
    Refused(String),
    /// The state folder is: everything ends.
    Failed(Failure),
}

/// Takes the files of an archive, one after another: folders and name, and content.
pub(super) type Visit<'v> = dyn FnMut(&[String], &mut dyn Read) -> Result<(), Stop> + 'v;

/// What may still be unpacked of one source, with all archives within it.
pub(super) struct Allowance {
    bytes: Cell<u64>,
    entries: Cell<usize>,
}

impl Allowance {
    /// That of a source, by its size.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let bytes = size.saturating_mul(RATIO).saturating_add(UNPACKED).min(MOST);
        Ok(Self { bytes: Cell::new(bytes), entries: Cell::new(ENTRIES) })
    }

    fn take_entry(&self) -> Result<(), Stop> {
        let left = self.entries.get().checked_sub(1).ok_or_else(too_many)?;
        self.entries.set(left);
        Ok(())
    }
}

/// What kind of archive a file is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Zip,
    /// A COP file, or a plain compressed tape archive: where it begins.
    Tape(u64),
}

impl Form {
    /// By the beginning of the file, and by its name: anything may hold two bytes that look like an archive's beginning,
    /// so that only what is called one is searched for it.
    pub(super) fn of(head: &[u8], name: &str) -> Option<Self> {
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            return Some(Self::Zip);
        }
        let begins = package::archive(head).filter(|at| *at == 0 || is_archive(name));
        begins.map(|at| Self::Tape(at as u64))
    }
}

/// Reads an archive. `read` is told of bytes as they are read from the file.
pub(super) fn read(
    file: File,
    form: Form,
    allowance: &Allowance,
    read: &dyn Fn(u64),
    visit: &mut Visit<'_>,
) -> Result<(), Stop> {
    match form {
        Form::Zip => zip::read(file, allowance, read, visit),
        Form::Tape(at) => cop::read(file, at, allowance, read, visit),
    }
}

/// A reader that ends in an error beyond its allowance.
struct Bounded<'b, R> {
    inner: R,
    left: &'b Cell<u64>,
}

/// The error of [`Bounded`].
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to far more than packages do; it was made to fill disks")]
struct TooMuch;

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(length as u64).ok_or_else(|| io::Error::other(TooMuch))?;
        self.left.set(left);
        Ok(length)
    }
}

/// Says of a broken archive what a technician can do about it.
pub(super) fn broken(error: &io::Error) -> Stop {
    if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooMuch>) {
        return Stop::Refused(TooMuch.to_string());
    }
    Stop::Refused(format!("it is damaged ({error}); download it again"))
}

fn too_many() -> Stop {
    Stop::Refused(format!(
        "it holds more than {ENTRIES} files, which no package does; unpack it and import what is needed"
    ))
}
