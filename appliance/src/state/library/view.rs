//! Presents the library for the API.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use transload_provision::library::Completeness;
use transload_provision::load::{Direction, Kind};
use transload_provision::mac::Mac;
use transload_provision::time::Time;
use utoipa::ToSchema;

use super::LibrarySnapshot;
use crate::system::utc;

/// `GET /api/library`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LibraryView {
    /// Loads by name.
    pub loads: Vec<LoadView>,
    /// Phones with a license.
    pub licenses: LicenseView,
    /// Phones that were given their license.
    #[serde(default)]
    pub license_uses: Vec<LicenseUse>,
    /// Names that two different files have.
    pub conflicts: Vec<ConflictView>,
    /// Files that are of no use.
    pub unusable: Vec<FileView>,
    /// Files that were written to since their content was last known.
    #[serde(default)]
    pub unverified: Vec<String>,
}

/// One load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoadView {
    /// `sip88xx.11-2-3MPP-398`.
    pub name: String,
    /// `enterprise`, `transition` or `multiplatform`.
    pub kind: String,
    /// `sip88xx`.
    pub family: String,
    /// `11.2(3)MPP398`.
    #[serde(default)]
    pub version: String,
    /// `complete`, `missing` or `damaged`.
    pub state: String,
    /// What a phone fetches at most.
    pub bytes: u64,
    /// Components by hardware platform.
    #[serde(default)]
    pub platforms: BTreeMap<String, Vec<String>>,
    /// Components that are not here.
    pub missing: Vec<String>,
    /// The packages that the missing should be in, by component.
    #[serde(default)]
    pub packages: BTreeMap<String, String>,
    /// Files that cannot be right.
    pub damaged: Vec<FileView>,
}

/// Licenses by direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenseView {
    /// Enterprise to Multiplatform.
    pub e2m: Vec<Mac>,
    /// Multiplatform to Enterprise.
    pub m2e: Vec<Mac>,
}

/// The record of a license's use: its phone fetched it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenseUse {
    /// The phone.
    pub mac: Mac,
    /// When it was first given to it, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first: Option<Time>,
    /// When it was last given to it, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub latest: Option<Time>,
}

/// A file, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileView {
    /// Its name, or its path within the state folder.
    pub file: String,
    /// What is wrong.
    pub cause: String,
}

/// Two files of one name, as paths within the state folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConflictView {
    /// What phones get.
    pub served: String,
    /// What they do not get.
    pub ignored: String,
}

impl LibrarySnapshot {
    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The direction of licenses directly in `licenses/`.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The library as the API shows it.
    pub fn view(&self) -> LibraryView {
        let licensed = |wanted: Direction| {
            self.index
                .licenses
                .iter()
                .filter(|(direction, _)| *direction == wanted)
                .map(|(_, mac)| *mac)
                .collect()
        };
        let state = std::fs::canonicalize(&self.state).unwrap_or_else(|_| self.state.clone());
        let inner = |path: &Path| path.strip_prefix(&state).unwrap_or(path).display().to_string();
        LibraryView {
            loads: self
                .index
                .loads
                .iter()
                .map(|(name, load)| LoadView {
                    name: name.to_string(),
                    kind: match name.kind() {
                        Kind::Enterprise => "enterprise",
                        Kind::Transition(_) => "transition",
                        Kind::Multiplatform => "multiplatform",
                    }
                    .into(),
                    family: name.family().into(),
                    version: name.version().to_string(),
                    state: match load.completeness() {
                        Completeness::Complete => "complete",
                        Completeness::Missing => "missing",
                        Completeness::Damaged => "damaged",
                    }
                    .into(),
                    bytes: load.bytes(),
                    platforms: load
                        .platforms
                        .iter()
                        .map(|platform| (platform.name.clone(), platform.components.clone()))
                        .collect(),
                    missing: load.missing.clone(),
                    packages: load
                        .missing
                        .iter()
                        .map(|file| (file.clone(), load.package_of(name, file)))
                        .collect(),
                    damaged: load
                        .damaged
                        .iter()
                        .map(|(file, cause)| FileView { file: file.clone(), cause: cause.clone() })
                        .collect(),
                })
                .collect(),
            licenses: LicenseView { e2m: licensed(Direction::E2m), m2e: licensed(Direction::M2e) },
            license_uses: Vec::new(),
            conflicts: self
                .conflicts
                .iter()
                .map(|conflict| ConflictView {
                    served: inner(&conflict.served),
                    ignored: inner(&conflict.ignored),
                })
                .collect(),
            unusable: self
                .unusable
                .iter()
                .map(|unusable| FileView { file: inner(&unusable.path), cause: unusable.cause.clone() })
                .collect(),
            unverified: self.unverified.iter().map(|path| inner(path)).collect(),
        }
    }
}
