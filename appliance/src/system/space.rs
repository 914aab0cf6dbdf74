//! Keeps free space for leases and the ledger when imports, uploads, backups and restores write.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use indicatif::DecimalBytes;
use nix::sys::statvfs::statvfs;

/// The reserve is 1/20 of the file system, within the bounds below.
const PART: u64 = 20;
/// Bounds of the reserve, in bytes.
const LEAST: u64 = 200_000_000;
const MOST: u64 = 1_000_000_000;
/// The reserve is at most 1/10 of a small file system.
const SMALL_PART: u64 = 10;

/// Too little space is free. It travels within an [`io::Error`] of the kind [`io::ErrorKind::StorageFull`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no room: {} more are needed, {} are free, and {} must stay free for leases and the ledger",
    DecimalBytes(*needed), DecimalBytes(*free), DecimalBytes(*reserve))]
pub struct TooLittleSpace {
    needed: u64,
    free: u64,
    reserve: u64,
}

impl From<TooLittleSpace> for io::Error {
    fn from(scarce: TooLittleSpace) -> Self {
        Self::new(io::ErrorKind::StorageFull, scarce)
    }
}

/// The space that may be used in one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSpace {
    folder: PathBuf,
    reserve: u64,
}

impl DiskSpace {
    /// The space in `folder`. Only the state folder's file system has a reserve.
    pub fn of(folder: &Path, state: &Path) -> Self {
        let device = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.dev());
        let same = device(folder) == device(state);
        let size = statvfs(folder).map_or(0, |disk| disk.blocks().saturating_mul(disk.fragment_size()));
        Self { folder: folder.to_owned(), reserve: if same { reserve(size) } else { 0 } }
    }

    /// Refuses `more` bytes, unless the reserve stays free afterwards.
    pub fn check(&self, more: u64) -> io::Result<()> {
        let free = free(&self.folder)?;
        if free < more.saturating_add(self.reserve) {
            return Err(TooLittleSpace { needed: more, free, reserve: self.reserve }.into());
        }
        Ok(())
    }
}

/// Free bytes of the file system for unprivileged users.
pub fn free(folder: &Path) -> io::Result<u64> {
    let disk = statvfs(folder)?;
    Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

/// The reserve for a file system of `size` bytes: 5 %, from 200 MB to 1 GB, and never more than a tenth.
fn reserve(size: u64) -> u64 {
    (size / PART).clamp(LEAST, MOST).min(size / SMALL_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_disks_keep_less_and_large_ones_no_more_than_is_useful() {
        let megabytes = |size: u64| reserve(size * 1_000_000) / 1_000_000;
        let kept = [64, 1000, 2000, 4000, 8000, 32_000, 1_000_000].map(megabytes);
        assert_eq!(kept, [6, 100, 200, 200, 400, 1000, 1000]);
    }

    #[test]
    fn what_is_needed_and_what_is_free_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let room = DiskSpace::of(folder.path(), folder.path());
        let why = room.check(u64::MAX).unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::StorageFull);
        let text = why.to_string();
        assert!(
            text.contains("no room") && text.contains("are free") && text.contains("stay free"),
            "{text}"
        );
        assert_eq!(DiskSpace::of(Path::new("/proc"), folder.path()).reserve, 0, "another file system");
    }
}
