//! Opens library files by the names that phones ask for.

use std::fs::File;
use std::sync::Arc;
use std::time::SystemTime;

use transload_provision::load::Direction;
use transload_provision::mac::Mac;
use transload_provision::names;

use super::walk::FoundFile;
use super::{LibrarySnapshot, manifest, open_files};

/// The least similarity of a misspelled name; 1 is equal.
const ALIKE: f64 = 0.6;

/// A file opened for a transfer. Its content stays the same, even if another file replaces it.
#[derive(Debug, Clone)]
pub struct OpenFile {
    /// Read at positions, so it may be shared.
    pub file: Arc<File>,
    /// Bytes.
    pub size: u64,
    /// The last modification of its content.
    pub modified: SystemTime,
    /// The name on disk, without folders.
    pub name: String,
    /// HTTP's entity tag with quotes (RFC 9110 §8.8.3); it changes with the content.
    pub etag: String,
}

impl OpenFile {
    /// Whether the file is as it was scanned. A new file of the same name does not matter: this one stays open.
    pub fn is_unchanged(&self) -> bool {
        let is_same = |metadata: std::fs::Metadata| {
            metadata.len() == self.size && metadata.modified().is_ok_and(|modified| modified == self.modified)
        };
        self.file.metadata().is_ok_and(is_same)
    }
}

impl LibrarySnapshot {
    /// Opens a firmware file or one of `extra/`, in any letter case. `inner` comes from [`names::inner`]. Folders
    /// before a firmware name are ignored; folders of `extra/` count, unless only the name is given. `None` if the file
    /// is missing or changed since the scan.
    pub fn open(&self, inner: &str) -> Option<OpenFile> {
        let found = self.find(inner)?;
        Some(described(found, self.open_files.open(found)?))
    }

    fn find(&self, inner: &str) -> Option<&FoundFile> {
        let wanted = inner.to_ascii_lowercase();
        let mut tails = names::tails(&wanted);
        let found = tails.find_map(|tail| self.in_folders.get(tail).or_else(|| self.files.get(tail)));
        found.or_else(|| self.in_folders.get(self.folders_of.get(&wanted)?))
    }

    /// Whether [`Self::open`] knows a file for this name.
    pub fn has(&self, inner: &str) -> bool {
        self.find(inner).is_some()
    }

    /// Opens a phone's license.
    pub fn open_license(&self, direction: Direction, mac: Mac) -> Option<OpenFile> {
        if !self.index.licensed(direction, mac) {
            return None;
        }
        let found = self.licenses.get(&(direction, mac))?;
        Some(described(found, open_files::open(found)?.0))
    }

    /// A phone's license as a path within the state folder, and its SHA-256 if imported.
    pub fn license_file(&self, direction: Direction, mac: Mac) -> Option<(String, Option<String>)> {
        let path = &self.licenses.get(&(direction, mac))?.path;
        let state = std::fs::canonicalize(&self.state).unwrap_or_else(|_| self.state.clone());
        let inner = path.strip_prefix(&state).unwrap_or(path).display().to_string();
        let known = self.manifest.files.get(&manifest::license_key(direction, mac));
        Some((inner, known.map(|known| known.sha256.clone())))
    }

    /// The most similar name with the same extension, if one could be meant.
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

fn described(found: &FoundFile, file: Arc<File>) -> OpenFile {
    let FoundFile { stamp, name, .. } = found;
    OpenFile { file, size: stamp.size, modified: stamp.modified, name: name.clone(), etag: stamp.etag() }
}
