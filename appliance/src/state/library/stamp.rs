//! How a file is known without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::system::clock::nanoseconds;

/// Tells a file's content from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl FileStamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: metadata.modified().unwrap_or(UNIX_EPOCH),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    pub(super) fn etag(&self) -> String {
        let modified = self.nanoseconds();
        format!("\"{:x}-{modified:x}-{:x}\"", self.size, self.inode)
    }

    /// When the content was last written, as the manifest has it.
    pub(super) fn nanoseconds(&self) -> u64 {
        nanoseconds(self.modified)
    }
}
