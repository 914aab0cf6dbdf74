//! The index of the firmware and license files at hand. Pure; the appliance fills it from disk.

use std::collections::{BTreeMap, BTreeSet};

use crate::load::{Direction, LoadName};
use crate::mac::Mac;
use crate::package;

/// The files at hand.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// Every load with a known `.loads` file or a configured name.
    pub loads: BTreeMap<LoadName, Load>,
    /// Phones with a license file, by direction.
    pub licenses: BTreeSet<(Direction, Mac)>,
}

/// One load and its components.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// Components by hardware platform, as the `.loads` file lists them: one entry per `[PLATFORM_n]` section.
    pub platforms: Vec<Platform>,
    /// The size in bytes of each component at hand, by its name as in the `.loads` file.
    pub sizes: BTreeMap<String, u64>,
    /// Listed components that are missing.
    pub missing: Vec<String>,
    /// Damaged files, each with its defect.
    pub damaged: Vec<(String, String)>,
    /// The package of each component, by lower-case name, as far as imports tell.
    pub packages: BTreeMap<String, String>,
    /// The package of the `.loads` file, if it was imported.
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

/// The completeness of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All components of all platforms are here and intact.
    Complete,
    /// The `.loads` file or a component is missing.
    Missing,
    /// A file is damaged.
    Damaged,
}

impl Load {
    /// Damage outranks absence: a damaged file can destroy a phone.
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

    /// The package of a component of load `name`: the one it was imported from, else the one that listed it, else
    /// Cisco's name for the load's package.
    pub fn package_of(&self, name: &LoadName, component: &str) -> String {
        let remembered = self.packages.get(&component.to_ascii_lowercase()).or(self.package.as_ref());
        remembered.cloned().unwrap_or_else(|| package::likely_name(name))
    }

    /// The most bytes that a phone fetches: those of the largest platform.
    pub fn bytes(&self) -> u64 {
        self.platforms
            .iter()
            .map(|platform| platform.components.iter().filter_map(|name| self.sizes.get(name)).sum())
            .max()
            .unwrap_or(0)
    }
}

impl Library {
    /// The load, if it is complete and intact.
    pub fn complete(&self, name: &LoadName) -> Option<&Load> {
        self.loads.get(name).filter(|load| load.completeness() == Completeness::Complete)
    }

    /// True if a license for this phone and direction is at hand.
    pub fn licensed(&self, direction: Direction, mac: Mac) -> bool {
        self.licenses.contains(&(direction, mac))
    }
}
