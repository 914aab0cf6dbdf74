//! Reads archives entry by entry within bounds. It writes nothing, and only inspects names.

mod cop;
mod name;
mod zip;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};

use transload_provision::package;

pub(super) use name::is_archive;

use crate::system::error::Failure;

/// The most entries of an archive. Cisco's have dozens, the portal's one for each phone.
const ENTRIES: usize = 10_000;
/// Unpacked bytes that any archive may have; firmware hardly compresses.
const UNPACKED: u64 = 16 << 20;
/// Additional unpacked bytes, as a multiple of the archive's size.
const RATIO: u64 = 20;
/// The most unpacked bytes of any archive.
const MOST: u64 = 8 << 30;

/// Why an import of a source ends early.
#[derive(Debug)]
pub(super) enum ImportStop {
    /// The source is faulty: cause and cure. Other sources continue.
    Refused(String),
    /// The state folder fails, which ends the whole import.
    Failed(Failure),
}

/// Called for each file of an archive with folders and name, and content.
pub(super) type VisitFile<'v> = dyn FnMut(&[String], &mut dyn Read) -> Result<(), ImportStop> + 'v;

/// The bytes and entries that one source may still unpack, nested archives included.
pub(super) struct UnpackAllowance {
    bytes: Cell<u64>,
    entries: Cell<usize>,
}

impl UnpackAllowance {
    /// The allowance for a source of this size.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let bytes = size.saturating_mul(RATIO).saturating_add(UNPACKED).min(MOST);
        Ok(Self { bytes: Cell::new(bytes), entries: Cell::new(ENTRIES) })
    }

    fn take_entry(&self) -> Result<(), ImportStop> {
        let left = self.entries.get().checked_sub(1).ok_or_else(too_many)?;
        self.entries.set(left);
        Ok(())
    }
}

/// The format of an archive.
#[derive(Debug, Clone, Copy)]
pub(super) enum ArchiveForm {
    Zip,
    /// A COP file or a compressed tape archive, and its offset.
    Tape(u64),
}

impl ArchiveForm {
    /// Detects the format by the file's head and name. The name matters, because any file may contain the two bytes
    /// that start a compressed archive.
    pub(super) fn of(head: &[u8], name: &str) -> Option<Self> {
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            return Some(Self::Zip);
        }
        let begins = package::archive(head).filter(|at| *at == 0 || is_archive(name));
        begins.map(|at| Self::Tape(at as u64))
    }
}

/// Reads an archive. `read` is called with the bytes read from the file.
pub(super) fn read(
    file: File,
    form: ArchiveForm,
    allowance: &UnpackAllowance,
    read: &dyn Fn(u64),
    visit: &mut VisitFile<'_>,
) -> Result<(), ImportStop> {
    match form {
        ArchiveForm::Zip => zip::read(file, allowance, read, visit),
        ArchiveForm::Tape(at) => cop::read(file, at, allowance, read, visit),
    }
}

/// A reader that fails beyond its allowance.
struct BoundedReader<'b, R> {
    inner: R,
    left: &'b Cell<u64>,
}

/// The error of [`BoundedReader`].
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to far more than packages do; it was made to fill disks")]
struct UnpackedTooMuch;

impl<R: Read> Read for BoundedReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let left =
            self.left.get().checked_sub(length as u64).ok_or_else(|| io::Error::other(UnpackedTooMuch))?;
        self.left.set(left);
        Ok(length)
    }
}

/// The refusal of a broken archive, with a cure.
pub(super) fn broken(error: &io::Error) -> ImportStop {
    if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<UnpackedTooMuch>) {
        return ImportStop::Refused(UnpackedTooMuch.to_string());
    }
    ImportStop::Refused(format!("it is damaged ({error}); download it again"))
}

fn too_many() -> ImportStop {
    ImportStop::Refused(format!(
        "it holds more than {ENTRIES} files, which no package does; unpack it and import what is needed"
    ))
}
