//! A file that was read and may go into the library.

use std::path::PathBuf;

use transload_provision::load::Direction;
use transload_provision::mac::Mac;

use crate::state::library::manifest;

/// What a file is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ImportKind {
    /// A `.loads` file, and the components that it lists.
    Loads(Vec<String>),
    Component,
    License(Direction, Mac),
}

/// A file that was read whole and may go into the library.
#[derive(Debug)]
pub(super) struct ImportItem {
    pub kind: ImportKind,
    /// The path it came in, or that of its package.
    pub source: String,
    /// The package's file name, where it came in one.
    pub package: Option<String>,
    /// Without folders.
    pub name: String,
    pub size: u64,
    pub sha256: String,
    pub staged: Option<PathBuf>,
}

impl ImportItem {
    /// Its key in the manifest, and what else must not be in its place.
    pub(super) fn key(&self) -> String {
        match &self.kind {
            ImportKind::License(direction, mac) => manifest::license_key(*direction, *mac),
            ImportKind::Loads(_) | ImportKind::Component => manifest::firmware_key(&self.name),
        }
    }
}
