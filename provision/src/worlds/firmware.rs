//! The firmware that a phone runs in one world: a load, or one of many.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::load::{Kind, LoadName, Side};

/// The firmware of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runs {
    /// This load.
    Load(LoadName),
    /// One of many.
    Band(Arc<Band>),
}

/// Firmware that is not known by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// Its side.
    pub side: Option<Side>,
    /// Loads that it is not.
    pub not: Vec<LoadName>,
    /// What its User-Agent says.
    pub release: Option<String>,
    /// A transition load may say any release.
    pub or_transition: bool,
}

impl Band {
    /// Whether this load is among them.
    pub fn may_be(&self, load: &LoadName) -> bool {
        let of_release = |release: &String| {
            is_of(load, release) || (self.or_transition && matches!(load.kind(), Kind::Transition(_)))
        };
        self.side.is_none_or(|side| side == load.kind().side())
            && !self.not.contains(load)
            && self.release.as_ref().is_none_or(of_release)
    }
}

/// Whether a load can be of the release that a User-Agent says, which may leave out the last number.
pub(super) fn is_of(load: &LoadName, said: &str) -> bool {
    let version = load.version();
    let numbers = [version.major, version.minor, version.micro].map(|number| number.to_string());
    said.split('.').zip(numbers).all(|(said, number)| said == number)
}

impl Runs {
    /// The side, if it is known.
    pub fn side(&self) -> Option<Side> {
        match self {
            Self::Load(load) => Some(load.kind().side()),
            Self::Band(band) => band.side,
        }
    }

    /// The load, if it is known.
    pub fn load(&self) -> Option<&LoadName> {
        match self {
            Self::Load(load) => Some(load),
            Self::Band(_) => None,
        }
    }

    /// Whether it may be whatever the other may be.
    pub(super) fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Band(one), Self::Band(other)) => {
                one.release == other.release
                    && one.or_transition == other.or_transition
                    && one.side.is_none_or(|side| other.side == Some(side))
                    && one.not.iter().all(|load| !other.may_be(load))
            }
            (Self::Band(band), Self::Load(load)) => band.may_be(load),
            (Self::Load(one), Self::Load(other)) => one == other,
            (Self::Load(_), Self::Band(_)) => false,
        }
    }

    /// Whether it may be this load.
    pub fn may_be(&self, load: &LoadName) -> bool {
        match self {
            Self::Load(known) => known == load,
            Self::Band(band) => band.may_be(load),
        }
    }
}
