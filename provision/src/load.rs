//! Load names: what they tell of family, kind and version.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which way a migration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Enterprise to Multiplatform.
    E2m,
    /// Multiplatform to Enterprise.
    M2e,
}

/// The two sides of a crossing. A transition load behaves as Multiplatform firmware does
/// (Cisco, enterprise-to-MPP conversion guide: "a flavour of MPP firmware").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Run by a call manager.
    Enterprise,
    /// Run by a cloud PBX.
    Multiplatform,
}

/// What a load is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Firmware for a call manager.
    Enterprise,
    /// `TLexE2M` or `TLexM2E`: a step on the way.
    Transition(Direction),
    /// MPP, also called 3PCC.
    Multiplatform,
}

impl Kind {
    /// The side whose boot files and DHCP options a phone with such a load uses.
    pub fn side(self) -> Side {
        match self {
            Self::Enterprise => Side::Enterprise,
            Self::Transition(_) | Self::Multiplatform => Side::Multiplatform,
        }
    }
}

impl Direction {
    /// The side a phone comes from.
    pub fn near(self) -> Side {
        match self {
            Self::E2m => Side::Enterprise,
            Self::M2e => Side::Multiplatform,
        }
    }

    /// The side a phone goes to.
    pub fn far(self) -> Side {
        match self {
            Self::E2m => Side::Multiplatform,
            Self::M2e => Side::Enterprise,
        }
    }
}

/// A release, as far as floors compare it: `12-5-1SR1-4` is 12.5(1), build text `SR1-4`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 12 of 12.5(1).
    pub major: u16,
    /// 5 of 12.5(1).
    pub minor: u16,
    /// 1 of 12.5(1).
    pub micro: u16,
    /// The numbers and words after it, in a form that compares in order of age.
    pub build: Vec<BuildPart>,
}

/// One run of digits or letters in what follows the three numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuildPart {
    /// Letters, upper case: `SR`, `MPP`, `C`.
    Word(String),
    /// Digits.
    Number(u32),
}

/// A firmware version by its name: `sip88xx.12-5-1SR1-4`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LoadName(String);

/// The text is no load name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a load name; one looks like sip88xx.12-5-1SR1-4")]
pub struct NotALoad(pub String);
