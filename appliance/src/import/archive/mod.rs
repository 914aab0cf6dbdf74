//! Archives, read entry by entry within bounds. Nothing is written here, and names are only looked at.

mod cop;
mod name;
mod zip;

use std::fs::File;
use std::io::{self, Read};

pub(super) use cop::read as read_cop;
pub(super) use name::is_archive;
pub(super) use zip::read as read_zip;

use crate::error::Failure;

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

/// What an archive of such a size may unpack to.
fn budget(file: &File) -> io::Result<u64> {
    let size = file.metadata()?.len();
    Ok(size.saturating_mul(RATIO).saturating_add(UNPACKED).min(MOST))
}

/// A reader that ends in an error beyond its budget.
struct Bounded<'b, R> {
    inner: R,
    left: &'b mut u64,
}

/// The error of [`Bounded`].
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to far more than packages do; it was made to fill disks")]
struct TooMuch;

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        *self.left = self.left.checked_sub(length as u64).ok_or_else(|| io::Error::other(TooMuch))?;
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

fn nested(path: &[String]) -> Stop {
    Stop::Refused(format!(
        "it holds another archive, {}; unpack it, and import what is inside",
        path.last().map_or("", String::as_str)
    ))
}
