//! Files that were lately opened. Thousands of phones ask for the same few, and opening one goes folder by folder.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::stamp::FileStamp;
use super::walk::FoundFile;
use crate::system::plain_file;

/// Files kept open. Beyond them, all are let go.
const KEPT: usize = 64;

/// Open files by their paths.
#[derive(Debug, Default)]
pub(super) struct OpenFiles(Mutex<HashMap<PathBuf, (Arc<File>, FileChange)>>);

/// When a file was last changed, its name and its links included.
type FileChange = (i64, i64);

impl OpenFiles {
    /// The file that was found, if it still is there as it was.
    pub(super) fn open(&self, found: &FoundFile) -> Option<Arc<File>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&found.path).cloned();
        if let Some((file, change)) = kept
            && file.metadata().is_ok_and(|now| {
                change_of(&now) == change && now.nlink() > 0 && FileStamp::of(&now) == found.stamp
            })
        {
            return Some(file);
        }
        let opened = open(found);
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((file, metadata)) = opened else {
            files.remove(&found.path);
            return None;
        };
        if files.len() >= KEPT {
            files.clear();
        }
        files.insert(found.path.clone(), (Arc::clone(&file), change_of(&metadata)));
        Some(file)
    }
}

fn change_of(metadata: &Metadata) -> FileChange {
    (metadata.ctime(), metadata.ctime_nsec())
}

/// Opens the file that was found.
pub(super) fn open(found: &FoundFile) -> Option<(Arc<File>, Metadata)> {
    // The path was without links when it was scanned; whoever puts one in its way since then leads nowhere.
    let file = plain_file::open_without_links(&found.path).ok()?;
    let metadata = file.metadata().ok()?;
    (FileStamp::of(&metadata) == found.stamp).then(|| (Arc::new(file), metadata))
}
