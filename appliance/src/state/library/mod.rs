//! The files at hand: found on disk, checked, and handed out by name. Read-only.

mod find;
mod inspect;
pub mod manifest;
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
pub use view::{LibraryView, LicenseUse};
use walk::{Found, Place};
pub use walk::{direction_of, without_copy_mark};

use crate::system::error::{Exit, Failure};

/// What lay in the state folder when it was scanned.
#[derive(Debug)]
pub struct Shelf {
    /// Loads and licenses, for what decides.
    pub index: Library,
    /// Names that two different files have.
    pub conflicts: Vec<Conflict>,
    /// Files that are there and of no use.
    pub unusable: Vec<Unusable>,
    /// Files that were written to since their content was last known; of the same size, or they would be damaged.
    pub unverified: Vec<PathBuf>,
    /// What was imported.
    pub manifest: Manifest,
    state: PathBuf,
    direction: Direction,
    walked: walk::Walk,
    /// Firmware, and what lies straight in `extra/`, by name in lower case.
    files: BTreeMap<String, Found>,
    /// What lies in folders of `extra/`, by folders and name in lower case.
    in_folders: BTreeMap<String, Found>,
    /// Under which of those a bare name is found first.
    folders_of: BTreeMap<String, String>,
    licenses: BTreeMap<(Direction, Mac), Found>,
}

/// Two files of one name and different content, of which only one is ever given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The one that phones get: the first in the order of paths.
    pub served: PathBuf,
    /// The one that they do not get.
    pub ignored: PathBuf,
}

/// A file or folder that is not taken into account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Which.
    pub path: PathBuf,
    /// Why, and what to do.
    pub cause: String,
}

/// A folder of the library cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {cause}", path.display())]
pub struct LibraryError {
    /// The folder.
    pub path: PathBuf,
    /// Why.
    pub cause: std::io::Error,
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Self {
        Self::new(Exit::Act, error.to_string(), "make the folder readable for the user that runs transload")
    }
}

impl Shelf {
    /// Looks through `firmware/`, `licenses/` and `extra/` of a state folder; an absent one is empty. Licenses
    /// straight under `licenses/` are for `direction`. Blocks for as long as the disk takes.
    pub fn scan(state: &Path, direction: Direction) -> Result<Self, LibraryError> {
        Ok(Self::stock(state, direction, walk::walk(state)?))
    }

    /// Scans again if anything has changed since; cheap if not. Blocks.
    pub fn rescan(&self) -> Result<Option<Self>, LibraryError> {
        let walked = walk::walk(&self.state)?;
        Ok((walked != self.walked).then(|| Self::stock(&self.state, self.direction, walked)))
    }

    fn stock(state: &Path, direction: Direction, walked: walk::Walk) -> Self {
        let mut unusable = walked.unusable.clone();
        let manifest = Manifest::read(state).unwrap_or_else(|error| {
            let cause =
                format!("it cannot be read ({error}); run `transload check --verify`, which makes it anew");
            unusable.push(Unusable { path: state.join(manifest::NAME), cause });
            Manifest::default()
        });
        let mut shelf = Self {
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
            walked,
        };
        for found in shelf.walked.files.clone() {
            match found.place {
                Place::License(of) => shelf.add_license(of.unwrap_or(direction), found),
                Place::StrayLicense => shelf.unusable.push(Unusable {
                    path: found.path,
                    cause: "its folder tells no direction; put licenses into licenses/e2m or licenses/m2e"
                        .into(),
                }),
                // Locales have a folder each, with files of the same names.
                Place::Extra if found.inner != found.name => {
                    let key = found.inner.to_ascii_lowercase();
                    let bare = found.name.to_ascii_lowercase();
                    shelf.folders_of.entry(bare).or_insert_with(|| key.clone());
                    keep_first(&mut shelf.in_folders, key, found, &mut shelf.conflicts);
                }
                Place::Firmware | Place::Extra => {
                    let key = found.name.to_ascii_lowercase();
                    keep_first(&mut shelf.files, key, found, &mut shelf.conflicts);
                }
            }
        }
        shelf.index.licenses = shelf.sound_licenses();
        shelf.index.loads = inspect::loads(&shelf.files, &shelf.manifest, &mut shelf.unusable);
        shelf.unverified = shelf
            .known_files()
            .filter(|(key, found)| shelf.manifest.is_unverified(key, &found.stamp))
            .map(|(_, found)| found.path.clone())
            .collect();
        shelf
    }

    /// Firmware and licenses by their key in the manifest.
    fn known_files(&self) -> impl Iterator<Item = (String, &Found)> {
        let firmware = self.files.values().filter(|found| found.place == Place::Firmware);
        let licenses = self.licenses.iter();
        firmware
            .map(|found| (manifest::firmware_key(&found.name), found))
            .chain(licenses.map(|((direction, mac), found)| (manifest::license_key(*direction, *mac), found)))
    }

    /// Licenses whose content is what it was when they were imported; the others are told of.
    fn sound_licenses(&mut self) -> BTreeSet<(Direction, Mac)> {
        let mut sound = BTreeSet::new();
        for ((direction, mac), found) in &self.licenses {
            match self.manifest.damage(&manifest::license_key(*direction, *mac), &found.stamp) {
                None => drop(sound.insert((*direction, *mac))),
                Some(cause) => self.unusable.push(Unusable { path: found.path.clone(), cause }),
            }
        }
        sound
    }

    /// Whether the firmware file or license with this key in the manifest cannot be what it should be.
    pub fn is_damaged(&self, key: &str) -> bool {
        self.known_files().find(|(of, _)| of == key).is_some_and(|(_, found)| {
            let broken = found.license_of().is_none() && inspect::read_plausible(found).is_err();
            broken || self.manifest.damage(key, &found.stamp).is_some()
        })
    }

    /// Where a firmware file lies that phones are given under this name.
    pub fn firmware_path(&self, name: &str) -> Option<&Path> {
        self.files.get(&name.to_ascii_lowercase()).map(|found| found.path.as_path())
    }

    /// Where a phone's license lies.
    pub fn license_path(&self, direction: Direction, mac: Mac) -> Option<&Path> {
        self.licenses.get(&(direction, mac)).map(|found| found.path.as_path())
    }

    fn add_license(&mut self, direction: Direction, found: Found) {
        let cause = match found.license_of() {
            Some(_) if found.stamp.size == 0 => {
                "the license is empty; extract it again from the portal's zip"
            }
            Some(mac) => return keep_first(&mut self.licenses, (direction, mac), found, &mut self.conflicts),
            None => "a license is named by its phone's MAC address, as in 001234AB45DE.lic",
        };
        self.unusable.push(Unusable { path: found.path, cause: cause.into() });
    }
}

fn keep_first<K: Ord>(files: &mut BTreeMap<K, Found>, key: K, found: Found, conflicts: &mut Vec<Conflict>) {
    match files.get(&key) {
        None => drop(files.insert(key, found)),
        Some(first) if inspect::same_content(first, &found) => {}
        Some(first) => conflicts.push(Conflict { served: first.path.clone(), ignored: found.path }),
    }
}
