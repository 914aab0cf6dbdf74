//! Holds of phones that ask for nothing, or not for what they may have.

use super::action::{ActionKind as Do, HoldCondition};
use super::failed::unplug;
use super::{HoldCode, Remedy};
use crate::load::LoadName;

/// The missing request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SilentPhone {
    /// The phone asks for signed files only.
    SignedOnly,
    /// The phone reads its configuration only when it starts.
    ReadsAtStart {
        /// The present load.
        load: Option<LoadName>,
    },
    /// Only a start shows whether the phone runs this load, which has no route on.
    TellsAtStart {
        /// The load.
        load: LoadName,
    },
    /// The phone has an address and asks for no file.
    NoFile,
    /// The phone has an address and asks for no profile.
    NoProfile,
    /// The phone starts again and again and asks for nothing.
    StartsInVain,
    /// The phone no longer asks for its profile.
    ProfileStopped {
        /// The phone asked here before.
        before: bool,
    },
}

impl SilentPhone {
    pub(super) fn code(&self) -> HoldCode {
        match self {
            Self::SignedOnly => HoldCode::TrustList,
            Self::ReadsAtStart { .. } | Self::TellsAtStart { .. } => HoldCode::NeedsRestart,
            Self::NoFile | Self::NoProfile | Self::StartsInVain | Self::ProfileStopped { .. } => {
                HoldCode::NotAsking
            }
        }
    }

    pub(super) fn cause(&self) -> String {
        match self {
            Self::SignedOnly => {
                "it asks for signed configuration only, so it holds the trust list of its old call manager"
                    .to_owned()
            }
            Self::ReadsAtStart { load } => format!(
                "it runs {} and reads its configuration only when it starts",
                load.as_ref().map_or("its load", LoadName::as_str)
            ),
            Self::TellsAtStart { load } => format!(
                "no way leads on from {load}, which it is taken to run, and whether it does it tells when it starts again"
            ),
            Self::NoFile => "it has an address and asks for no file".to_owned(),
            Self::NoProfile => {
                "it has an address and asks for no profile: its Profile_Rule is probably an absolute URL"
                    .to_owned()
            }
            Self::StartsInVain => "it starts over and over and asks for no file in between".to_owned(),
            Self::ProfileStopped { before: true } => "it has stopped asking for its profile".to_owned(),
            Self::ProfileStopped { before: false } => "it does not ask for its profile".to_owned(),
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        let cancel = || Do::PressCancel.only_if(HoldCondition::ScreenAsksForCode);
        let (actions, text) = match self {
            Self::SignedOnly => (vec![Do::EraseTrustList.into()], ERASE_TRUST_LIST),
            Self::ReadsAtStart { .. } | Self::TellsAtStart { .. } => return unplug(),
            Self::NoFile => (
                vec![
                    cancel(),
                    Do::SwitchOffAlternateTftp.into(),
                    Do::Restart.into(),
                    Do::FactoryReset.only_if(HoldCondition::NoHelp),
                ],
                "if its screen asks for an activation code press Cancel; switch off Alternate TFTP in its network settings; \
                 then restart it, or factory-reset it if that does not help",
            ),
            Self::NoProfile => (
                vec![Do::FactoryReset.into(), Do::ResetProfileRule.instead()],
                "factory-reset it, or set its Profile_Rule back to /$PSN.xml",
            ),
            Self::StartsInVain => (
                vec![Do::CheckPower.into(), Do::CheckCable.into(), cancel(), Do::FactoryReset.into()],
                "check that its switch port gives it enough power, and its cable; if its screen asks for an activation code \
                 press Cancel; then factory-reset it",
            ),
            Self::ProfileStopped { .. } => (
                vec![Do::CheckCable.into(), Do::CheckPower.into(), Do::Restart.into()],
                "check cable and power, then restart it",
            ),
        };
        (actions, text.to_owned())
    }
}

/// The key sequences that erase the trust list of an old call manager (cisco-phones §3.4).
pub const ERASE_TRUST_LIST: &str = "erase its trust list: Settings > Admin Settings > Security Setup > Trust List > ITL File, **#, Erase; \
                                or hold # while it powers up, then press 1 2 3 4 5 6 7 8 9 * 0 #";
