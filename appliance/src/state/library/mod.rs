//! The library: scans firmware, licenses and extra files, checks them, and opens them by name. It changes none of them.

mod find;
mod inspect;
pub mod manifest;
mod open_files;
mod stamp;
pub mod verify;
mod view;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use transload_provision::library::Library;
use transload_provision::load::Direction;
use transload_provision::mac::Mac;

pub use find::OpenFile;
pub use inspect::{HEAD, plausible};
use manifest::Manifest;
use open_files::OpenFiles;
pub use view::{LibraryView, LicenseUse};
use walk::{FileRole, FoundFile};
pub use walk::{direction_of, without_copy_mark};

use crate::system::error::{Exit, Failure};

/// The library as it was when it was scanned.
#[derive(Debug)]
pub struct LibrarySnapshot {
    /// Loads and licenses, for decisions.
    pub index: Library,
    /// Names that two different files have.
    pub conflicts: Vec<NameConflict>,
    /// Files that cannot be used.
    pub unusable: Vec<UnusableFile>,
    /// Files modified since their content was last known. Their size is the same, or they would be damaged.
    pub unverified: Vec<PathBuf>,
    /// The record of imports.
    pub manifest: Manifest,
    state: PathBuf,
    direction: Direction,
    walked: walk::Walk,
    /// Firmware and the top of `extra/`, by lower-case name.
    files: BTreeMap<String, FoundFile>,
    /// Files in folders of `extra/`, by lower-case path.
    in_folders: BTreeMap<String, FoundFile>,
    /// The path that a bare name finds first.
    folders_of: BTreeMap<String, String>,
    licenses: BTreeMap<(Direction, Mac), FoundFile>,
    open_files: OpenFiles,
}

/// Two files of one name and different content; phones get only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameConflict {
    /// The file that phones get: the first by path.
    pub served: PathBuf,
    /// The other file.
    pub ignored: PathBuf,
}

/// A file or folder that is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableFile {
    pub path: PathBuf,
    /// Why it is ignored, with a cure.
    pub cause: String,
}

/// A library folder cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {cause}", path.display())]
pub struct LibraryError {
    pub path: PathBuf,
    pub cause: std::io::Error,
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Self {
        Self::new(Exit::Act, error.to_string(), "make the folder readable for the user that runs transload")
    }
}

impl LibrarySnapshot {
    /// Scans `firmware/`, `licenses/` and `extra/` of a state folder; a missing folder is empty. Licenses directly in
    /// `licenses/` are for `direction`. Blocks.
    pub fn scan(state: &Path, direction: Direction) -> Result<Self, LibraryError> {
        Ok(Self::stock(state, direction, walk::walk(state)?))
    }

    /// Scans again if anything has changed; cheap otherwise. Blocks.
    pub fn rescan(&self) -> Result<Option<Self>, LibraryError> {
        let walked = walk::walk(&self.state)?;
        Ok((walked != self.walked).then(|| Self::stock(&self.state, self.direction, walked)))
    }

    fn stock(state: &Path, direction: Direction, walked: walk::Walk) -> Self {
        let mut unusable = walked.unusable.clone();
        let manifest = Manifest::read(state).unwrap_or_else(|error| {
            let cause =
                format!("it cannot be read ({error}); run `transload check --verify`, which makes it anew");
            unusable.push(UnusableFile { path: state.join(manifest::NAME), cause });
            Manifest::default()
        });
        let mut snapshot = Self {
            index: Library::default(),
            conflicts: Vec::new(),
            unusable,
            unverified: Vec::new(),
            manifest,
            state: state.to_owned(),
            direction,
            files: BTreeMap::new(),
            in_folders: BTreeMap::new(),
            folders_of: BTreeMap::new(),
            licenses: BTreeMap::new(),
            open_files: OpenFiles::default(),
            walked,
        };
        for found in snapshot.walked.files.clone() {
            match found.place {
                FileRole::License(of) => snapshot.add_license(of.unwrap_or(direction), found),
                FileRole::StrayLicense => snapshot.unusable.push(UnusableFile {
                    path: found.path,
                    cause: "its folder tells no direction; put licenses into licenses/e2m or licenses/m2e"
                        .into(),
                }),
                // Each locale has a folder with files of the same names.
                FileRole::Extra if found.inner != found.name => {
                    let key = found.inner.to_ascii_lowercase();
                    let bare = found.name.to_ascii_lowercase();
                    snapshot.folders_of.entry(bare).or_insert_with(|| key.clone());
                    keep_first(&mut snapshot.in_folders, key, found, &mut snapshot.conflicts);
                }
                FileRole::Firmware | FileRole::Extra => {
                    let key = found.name.to_ascii_lowercase();
                    keep_first(&mut snapshot.files, key, found, &mut snapshot.conflicts);
                }
            }
        }
        snapshot.index.licenses = snapshot.sound_licenses();
        snapshot.index.loads = inspect::loads(&snapshot.files, &snapshot.manifest, &mut snapshot.unusable);
        snapshot.unverified = snapshot
            .known_files()
            .filter(|(key, found)| snapshot.manifest.is_unverified(key, &found.stamp))
            .map(|(_, found)| found.path.clone())
            .collect();
        snapshot
    }

    /// Firmware and licenses by key in the manifest.
    fn known_files(&self) -> impl Iterator<Item = (String, &FoundFile)> {
        let firmware = self.files.values().filter(|found| found.place == FileRole::Firmware);
        let licenses = self.licenses.iter();
        firmware
            .map(|found| (manifest::firmware_key(&found.name), found))
            .chain(licenses.map(|((direction, mac), found)| (manifest::license_key(*direction, *mac), found)))
    }

    /// Licenses with their imported content; the others become unusable.
    fn sound_licenses(&mut self) -> BTreeSet<(Direction, Mac)> {
        let mut sound = BTreeSet::new();
        for ((direction, mac), found) in &self.licenses {
            match self.manifest.damage(&manifest::license_key(*direction, *mac), &found.stamp) {
                None => drop(sound.insert((*direction, *mac))),
                Some(cause) => self.unusable.push(UnusableFile { path: found.path.clone(), cause }),
            }
        }
        sound
    }

    /// Whether the file with this key in the manifest is damaged.
    pub fn is_damaged(&self, key: &str) -> bool {
        self.known_files().find(|(of, _)| of == key).is_some_and(|(_, found)| {
            let broken = found.license_of().is_none() && inspect::read_plausible(found).is_err();
            broken || self.manifest.damage(key, &found.stamp).is_some()
        })
    }

    /// The path of the firmware file that phones get under this name.
    pub fn firmware_path(&self, name: &str) -> Option<&Path> {
        self.files.get(&name.to_ascii_lowercase()).map(|found| found.path.as_path())
    }

    /// The path of a phone's license.
    pub fn license_path(&self, direction: Direction, mac: Mac) -> Option<&Path> {
        self.licenses.get(&(direction, mac)).map(|found| found.path.as_path())
    }

    fn add_license(&mut self, direction: Direction, found: FoundFile) {
        let cause = match found.license_of() {
            Some(_) if found.stamp.size == 0 => {
                "the license is empty; extract it again from the portal's zip"
            }
            Some(mac) => return keep_first(&mut self.licenses, (direction, mac), found, &mut self.conflicts),
            None => "a license is named by its phone's MAC address, as in 001234AB45DE.lic",
        };
        self.unusable.push(UnusableFile { path: found.path, cause: cause.into() });
    }
}

fn keep_first<K: Ord>(
    files: &mut BTreeMap<K, FoundFile>,
    key: K,
    found: FoundFile,
    conflicts: &mut Vec<NameConflict>,
) {
    match files.get(&key) {
        None => drop(files.insert(key, found)),
        Some(first) if inspect::same_content(first, &found) => {}
        Some(first) => conflicts.push(NameConflict { served: first.path.clone(), ignored: found.path }),
    }
}
