//! Holds of phones whose firmware is missing or damaged.

use super::action::{ActionKind as Do, WantedLoad};
use super::{HoldCode, Remedy};
use crate::load::LoadName;

/// The defect of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirmwareLack {
    /// No load of the final kind is there.
    NoTarget {
        /// The firmware family.
        family: String,
        /// The loads that would do.
        wanted: Box<WantedLoad>,
    },
    /// Files of loads are missing.
    Missing {
        /// The files.
        files: Vec<String>,
        /// The loads.
        loads: Vec<LoadName>,
        /// The packages that should hold them.
        packages: Vec<String>,
    },
    /// A load is damaged.
    Damaged {
        /// The load.
        load: LoadName,
        /// Each file with its defect.
        files: Vec<(String, String)>,
        /// The packages that contain them.
        packages: Vec<String>,
    },
    /// A load that may have to be named again is incomplete.
    NotWhole {
        /// The load.
        load: LoadName,
    },
}

impl FirmwareLack {
    /// The files that are missing or damaged.
    pub fn files(&self) -> Vec<&str> {
        match self {
            Self::NoTarget { .. } | Self::NotWhole { .. } => Vec::new(),
            Self::Missing { files, .. } => files.iter().map(String::as_str).collect(),
            Self::Damaged { files, .. } => files.iter().map(|(file, _)| file.as_str()).collect(),
        }
    }

    pub(super) fn code(&self) -> HoldCode {
        match self {
            Self::NoTarget { .. } | Self::Missing { .. } => HoldCode::FirmwareMissing,
            Self::Damaged { .. } | Self::NotWhole { .. } => HoldCode::FirmwareDamaged,
        }
    }

    pub(super) fn cause(&self) -> String {
        match self {
            Self::NoTarget { family, wanted } => {
                format!("there is no {} firmware for {family} in the library", wanted.kind)
            }
            Self::Missing { files, loads, .. } => {
                let loads: Vec<&str> = loads.iter().map(LoadName::as_str).collect();
                format!("the library lacks {}, of {}", files.join(", "), loads.join(" and "))
            }
            Self::Damaged { load, files, .. } => {
                let files: Vec<String> =
                    files.iter().map(|(file, what)| format!("{file} ({what})")).collect();
                format!("{load} is damaged: {}", files.join(", "))
            }
            Self::NotWhole { load } => format!(
                "whether it runs {load} is not certain, and {load} is not whole in the library to be named again"
            ),
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        let import = |loads: &[LoadName], packages: &[String], again| {
            vec![Do::ImportFirmware { loads: loads.to_vec(), packages: packages.to_vec(), again }.into()]
        };
        match self {
            Self::NoTarget { wanted, .. } => (
                vec![Do::AddFirmware(WantedLoad::clone(wanted)).into()],
                format!("add {wanted} to the library"),
            ),
            Self::Missing { loads, packages, .. } => {
                (import(loads, packages, false), format!("import {}", packages.join(" and ")))
            }
            Self::Damaged { load, packages, .. } => (
                import(std::slice::from_ref(load), packages, true),
                format!("import {} again", packages.join(" and ")),
            ),
            Self::NotWhole { load } => {
                (import(std::slice::from_ref(load), &[], true), format!("import the package of {load} again"))
            }
        }
    }
}
