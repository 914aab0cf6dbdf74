//! Handing out files by the names that phones ask for.

use std::fs::File;
use std::sync::Arc;
use std::time::SystemTime;

use transload_provision::load::Direction;
use transload_provision::mac::Mac;
use transload_provision::names;

use super::stamp::Stamp;
use super::walk::Found;
use super::{Shelf, manifest};
use crate::system::plain_file;

/// How alike two names have to be for one to be taken for the other misspelled: 1 is the same.
const ALIKE: f64 = 0.6;

/// A file opened for one transfer. It keeps its content, even if another takes its place meanwhile.
#[derive(Debug, Clone)]
pub struct OpenFile {
    /// To be read at positions; it may be shared.
    pub file: Arc<File>,
    /// Bytes.
    pub size: u64,
    /// When its content was last changed.
    pub modified: SystemTime,
    /// Its name on disk, without folders.
    pub name: String,
    /// HTTP's entity tag, quotes included (RFC 9110 §8.8.3); another one whenever the content is another.
    pub etag: String,
}

impl OpenFile {
    /// Whether nobody has written into it since it was scanned. Another file that takes its name is no change: this one
    /// stays as it is.
    pub fn is_unchanged(&self) -> bool {
        let is_same = |metadata: std::fs::Metadata| {
            metadata.len() == self.size && metadata.modified().is_ok_and(|modified| modified == self.modified)
        };
        self.file.metadata().is_ok_and(is_same)
    }
}

impl Shelf {
    /// Opens a firmware file or one of `extra/`, in any letter case. `inner` is what [`names::inner`] gives; folders
    /// that a phone put before the name do not matter, and those in which a file of `extra/` lies do, unless the name
    /// alone is asked for. `None` if there is none, and if it is not the file that was scanned: one that changed is
    /// handed out when it has been looked at again.
    pub fn open(&self, inner: &str) -> Option<OpenFile> {
        open(self.find(inner)?)
    }

    fn find(&self, inner: &str) -> Option<&Found> {
        let wanted = inner.to_ascii_lowercase();
        let mut tails = names::tails(&wanted);
        let found = tails.find_map(|tail| self.in_folders.get(tail).or_else(|| self.files.get(tail)));
        found.or_else(|| self.in_folders.get(self.folders_of.get(&wanted)?))
    }

    /// Whether [`Self::open`] would look at any file for this.
    pub fn has(&self, inner: &str) -> bool {
        self.find(inner).is_some()
    }

    /// Opens a phone's license.
    pub fn open_license(&self, direction: Direction, mac: Mac) -> Option<OpenFile> {
        if !self.index.licensed(direction, mac) {
            return None;
        }
        open(self.licenses.get(&(direction, mac))?)
    }

    /// A phone's license, as a path within the state folder, and its SHA-256 where it was imported.
    pub fn license_file(&self, direction: Direction, mac: Mac) -> Option<(String, Option<String>)> {
        let path = &self.licenses.get(&(direction, mac))?.path;
        let state = std::fs::canonicalize(&self.state).unwrap_or_else(|_| self.state.clone());
        let inner = path.strip_prefix(&state).unwrap_or(path).display().to_string();
        let known = self.manifest.files.get(&manifest::license_key(direction, mac));
        Some((inner, known.map(|known| known.sha256.clone())))
    }

    /// The name most like one that was asked for and is not here, with the same ending, if there is any that could be
    /// meant.
    pub fn nearest(&self, asked: &str) -> Option<String> {
        let asked = asked.to_ascii_lowercase();
        let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        let wanted = ending(&asked);
        let firmware = self.files.values().map(|found| &found.name);
        let extra = self.in_folders.values().map(|found| &found.inner);
        let licenses = self.licenses.values().map(|found| &found.name);
        let likeness =
            |name: &str| strsim::normalized_damerau_levenshtein(&asked, &name.to_ascii_lowercase());
        firmware
            .chain(extra)
            .chain(licenses)
            .filter(|name| ending(name) == wanted)
            .map(|name| (likeness(name), name))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, name)| name.clone())
    }
}

fn open(found: &Found) -> Option<OpenFile> {
    // The path was without links when it was scanned; whoever puts one in its way since then leads nowhere.
    let file = plain_file::open_without_links(&found.path).ok()?;
    let metadata = file.metadata().ok()?;
    let stamp = Stamp::of(&metadata);
    (stamp == found.stamp).then(|| OpenFile {
        file: Arc::new(file),
        size: stamp.size,
        modified: stamp.modified,
        name: found.name.clone(),
        etag: stamp.etag(),
    })
}
