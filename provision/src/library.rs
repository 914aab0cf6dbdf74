//! The library: the firmware and license files at hand, as an index. Pure; the appliance fills it from disk.

use std::collections::{BTreeMap, BTreeSet};

use crate::load::{Direction, LoadName};
use crate::mac::Mac;
use crate::package;

/// What is at hand.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// Every load of which the `.loads` file, or a configured name, is known.
    pub loads: BTreeMap<LoadName, Load>,
    /// Phones with a license file, by direction.
    pub licenses: BTreeSet<(Direction, Mac)>,
}

/// One load and its components.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// Components by hardware platform, as the `.loads` file lists them: one entry per `[PLATFORM_n]` section.
    pub platforms: Vec<Platform>,
    /// The size in bytes of every component that is here, by its name as the `.loads` file writes it.
    pub sizes: BTreeMap<String, u64>,
    /// Components that the `.loads` file lists and that are not here.
    pub missing: Vec<String>,
    /// Files that are here and cannot be what they should be, each with what is wrong.
    pub damaged: Vec<(String, String)>,
    /// The package that each component came in or should be in, by lower-case name, as far as it was imported.
    pub packages: BTreeMap<String, String>,
    /// The package that the `.loads` file came in, if it was imported.
    pub package: Option<String>,
}

/// One hardware variant's section of a `.loads` file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Platform {
    /// `PLATFORM_1`.
    pub name: String,
    /// Component file names, as written.
    pub components: Vec<String>,
}

/// Whether a load can be given to a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All components of all platforms are here and intact.
    Complete,
    /// The `.loads` file or a component is not here.
    Missing,
    /// A file is here and cannot be right.
    Damaged,
}

impl Load {
    /// Damage weighs more than absence: a damaged file can cost a phone.
    pub fn completeness(&self) -> Completeness {
        if !self.damaged.is_empty() {
            Completeness::Damaged
        } else if !self.missing.is_empty()
            || self.platforms.iter().all(|platform| platform.components.is_empty())
        {
            Completeness::Missing
        } else {
            Completeness::Complete
        }
    }

    /// The package in which a component of the load `name` should be: the one it was imported from, else the one that
    /// listed it, else what Cisco calls the load's.
    pub fn package_of(&self, name: &LoadName, component: &str) -> String {
        let remembered = self.packages.get(&component.to_ascii_lowercase()).or(self.package.as_ref());
        remembered.cloned().unwrap_or_else(|| package::likely_name(name))
    }

    /// Bytes a phone fetches at most: the largest platform.
    pub fn bytes(&self) -> u64 {
        self.platforms
            .iter()
            .map(|platform| platform.components.iter().filter_map(|name| self.sizes.get(name)).sum())
            .max()
            .unwrap_or(0)
    }
}

impl Library {
    /// The load, if it may be given to a phone.
    pub fn complete(&self, name: &LoadName) -> Option<&Load> {
        self.loads.get(name).filter(|load| load.completeness() == Completeness::Complete)
    }

    /// Whether a license for this phone and direction is at hand.
    pub fn licensed(&self, direction: Direction, mac: Mac) -> bool {
        self.licenses.contains(&(direction, mac))
    }
}
