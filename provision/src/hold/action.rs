//! What somebody has to do so that a held phone goes on. People read it in a sentence; programs match it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize, Serializer};

use crate::load::{Direction, Kind, LoadName, Version};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HoldAction {
    /// What.
    #[serde(flatten)]
    pub kind: ActionKind,
    /// Only if this is so.
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    pub only_if: Option<HoldCondition>,
    /// In place of the action before it.
    #[serde(rename = "or", default, skip_serializing_if = "std::ops::Not::not")]
    pub instead: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum ActionKind {
    /// Let the phone go on that the operator holds.
    Release,
    /// Make the phone's attempts and the roster's load count anew.
    Retry,
    /// Take the phone off the bench.
    TakeOffBench,
    /// Leave the phone as it is.
    LeaveAlone,

    /// Unplug the phone and plug it in again.
    Unplug,
    /// Restart the phone.
    Restart,
    /// Reset the phone to its factory settings.
    FactoryReset,
    /// Erase the phone's trust list.
    EraseTrustList,
    /// Press Cancel on the phone.
    PressCancel,
    /// Switch off Alternate TFTP in the phone's network settings.
    SwitchOffAlternateTftp,
    /// Set the phone's `Profile_Rule` back to its default.
    ResetProfileRule,
    /// Set the phone to DHCP.
    SetToDhcp,
    /// Check the phone's power.
    CheckPower,
    /// Check the phone's cable.
    CheckCable,
    /// Read on the phone's page whether its license was accepted.
    ReadLicenseState,

    /// Add the phone to the roster.
    AddToRoster,
    /// Take the phone's line out of the roster.
    RemoveFromRoster,
    /// Write the model into the roster.
    WriteModel {
        /// The model that it may be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// Write the hardware version on the label into the roster.
    WriteVid,
    /// Write the load that the phone runs into the roster's load column.
    WriteLoad {
        /// The load, if it is known beforehand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        load: Option<LoadName>,
    },
    /// Write yes into the roster's cda column.
    WriteCda,
    /// Import the list of assigned phones that `transload export cda` wrote.
    ImportCdaAssigned,

    /// Import the phone's license.
    ImportLicense {
        /// The direction that the license is for.
        #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^(e2m|m2e)$"))]
        direction: Direction,
    },
    /// See that the license is this phone's and for this direction.
    CheckLicense,
    /// Order another license.
    OrderLicense,
    /// Import firmware.
    ImportFirmware {
        /// The loads that it is for.
        loads: Vec<LoadName>,
        /// Packages that should hold it, as Cisco names them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        packages: Vec<String>,
        /// What is there is damaged or incomplete.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// Add a load to the library that makes a route possible.
    AddFirmware(WantedLoad),
    /// Correct the pinned route of this firmware family.
    CorrectRoute {
        /// The family.
        family: String,
    },
    /// Remove the pinned route of this firmware family.
    RemoveRoute {
        /// The family.
        family: String,
    },
    /// Describe the model in `catalog.toml`.
    DescribeModel,
    /// Say in `catalog.toml` that the model may migrate.
    AddCatalogRows,
    /// Add a `[[hop]]` row to `catalog.toml`.
    AddHopRow,
    /// Set a key of the configuration.
    SetKey {
        /// The key with its section.
        key: String,
        /// The value.
        value: String,
    },

    /// Enter the next load in the call manager.
    EnterInCallManager {
        /// The load.
        load: LoadName,
        /// The load server.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Ipv4))]
        server: Ipv4Addr,
    },
    /// Reset the phone in the call manager.
    ResetInCallManager,
    /// Assign the phone in CDA to the profile that `transload export cda` writes.
    AssignInCda,
    /// Put the profile that `transload export cda` writes in the place of the one in CDA.
    ReplaceCdaProfile,
    /// See that the phone reaches the internet.
    CheckInternet,

    /// Take the other DHCP server off the segment.
    RemoveDhcpServer {
        /// Its address, as far as it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<String>,
    },
    /// Let the other DHCP server give the leases.
    UseOtherDhcpServer,
    /// Let the other DHCP server tell its leases.
    FeedLeases,
    /// Let Transload give the leases.
    GiveLeases,
    /// Turn off option 82 on the switch.
    TurnOffRelayInformation,
    /// Describe a network in the configuration.
    DescribeNetwork {
        /// An address in it.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Ipv4))]
        address: Ipv4Addr,
    },
    /// Remove this bench from the relay agent's addresses.
    RemoveHelperAddress {
        /// The relay agent.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Ipv4))]
        relay: Ipv4Addr,
    },
    /// Make the pool larger.
    EnlargePool,
    /// Make the lease shorter.
    ShortenLease,
    /// Find what alters DHCP messages between the phone and the bench.
    CheckRelays,
}

/// When an action is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum HoldCondition {
    /// The phone's screen is still.
    ScreenIsStill,
    /// The phone's screen asks for an activation code.
    ScreenAsksForCode,
    /// The phone's screen asks for a license.
    ScreenAsksForLicense,
    /// The phone's page says that its license was accepted.
    LicenseAccepted,
    /// The phone's page does not say that its license was accepted.
    LicenseNotAccepted,
    /// The license is this phone's and for this direction.
    LicenseIsRight,
    /// The phone runs one of these loads.
    Runs(Vec<LoadName>),
    /// The phone does not run this load.
    RunsNot(LoadName),
    /// The phone is of the model named before.
    IsOfModel,
    /// The action before did not help.
    NoHelp,
    /// The phone asks for nothing.
    AsksForNothing,
    /// The phone asks in the same way again.
    AsksAgain,
    /// The phone starts over and over.
    StartsOver,
    /// Cisco allows it.
    CiscoAllows,
}

/// A load that is not at hand and that a rule or a floor asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub struct WantedLoad {
    /// Its kind: Enterprise, TLexE2M, TLexM2E or Multiplatform.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "in_words", deserialize_with = "crate::catalog::kind")]
    pub kind: Kind,
    /// The least release.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Version>,
    /// The first release that is too new.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Version>,
    /// A load that is known to fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub such_as: Option<LoadName>,
}

impl ActionKind {
    pub(super) fn set(key: &str, value: &str) -> Self {
        Self::SetKey { key: key.to_owned(), value: value.to_owned() }
    }

    /// On this condition only.
    pub(super) fn only_if(self, condition: HoldCondition) -> HoldAction {
        HoldAction { only_if: Some(condition), ..self.into() }
    }

    /// In place of the action before it.
    pub(super) fn instead(self) -> HoldAction {
        HoldAction { instead: true, ..self.into() }
    }
}

impl HoldAction {
    pub(super) fn or(self) -> Self {
        Self { instead: true, ..self }
    }
}

impl From<ActionKind> for HoldAction {
    fn from(kind: ActionKind) -> Self {
        Self { kind, only_if: None, instead: false }
    }
}

// The signature is serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn in_words<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(kind)
}
