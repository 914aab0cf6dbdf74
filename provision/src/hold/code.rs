//! The codes of holds: words of the contract.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a phone is held or stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum HoldCode {
    /// The catalog refuses the model or its hardware.
    NotEligible,
    /// The hardware version decides and is not known.
    UnknownVid,
    /// No license for this MAC and direction.
    NoLicense,
    /// A load or component is not in the library.
    FirmwareMissing,
    /// A file in the library cannot be right.
    FirmwareDamaged,
    /// No permitted way to the target.
    NoRoute,
    /// The phone holds a trust list and asks for signed files only.
    TrustList,
    /// Only roster phones take part, and this is none.
    NotListed,
    /// The phone must read its configuration again.
    NeedsRestart,
    /// The phone has an address and asks for nothing.
    NotAsking,
    /// A call manager or CDA must act.
    WaitingOutside,
    /// The operator holds it.
    Operator,
    /// Another DHCP server is on the segment.
    ForeignDhcp,
    /// A hop failed.
    Failed,
}

impl HoldCode {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NotEligible,
        Self::UnknownVid,
        Self::NoLicense,
        Self::FirmwareMissing,
        Self::FirmwareDamaged,
        Self::NoRoute,
        Self::TrustList,
        Self::NotListed,
        Self::NeedsRestart,
        Self::NotAsking,
        Self::WaitingOutside,
        Self::Operator,
        Self::ForeignDhcp,
        Self::Failed,
    ];

    /// The word the contract uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotEligible => "not-eligible",
            Self::UnknownVid => "unknown-vid",
            Self::NoLicense => "no-license",
            Self::FirmwareMissing => "firmware-missing",
            Self::FirmwareDamaged => "firmware-damaged",
            Self::NoRoute => "no-route",
            Self::TrustList => "trust-list",
            Self::NotListed => "not-listed",
            Self::NeedsRestart => "needs-restart",
            Self::NotAsking => "not-asking",
            Self::WaitingOutside => "waiting-outside",
            Self::Operator => "operator",
            Self::ForeignDhcp => "foreign-dhcp",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for HoldCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
