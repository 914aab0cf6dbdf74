//! Holds of phones that were told a load and did not reach it.

use super::action::{ActionKind as Do, HoldAction, HoldCondition};
use super::{HoldCode, Remedy};
use crate::load::LoadName;

/// The failure of a hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailedHop {
    /// Every attempt at a load failed.
    Attempts {
        /// The number of attempts.
        attempts: u32,
        /// The load.
        load: LoadName,
        /// The outcome of the last attempt.
        last: LastFailure,
        /// The phone has not asked for the load since it got its license.
        license_refused: bool,
    },
    /// The phone fetches its license again and again.
    LicenseNotAccepted,
    /// The phone runs its target but has not fetched its license.
    LicenseNotFetched {
        /// The load that it runs.
        load: Option<LoadName>,
    },
    /// The phone starts again after each complete download of this load.
    ThrownAway {
        /// The load.
        load: LoadName,
        /// The number of downloads.
        times: u32,
    },
    /// The phone fetched part of the load and then asked for nothing more.
    WentNoFurther {
        /// The load.
        load: LoadName,
    },
    /// The phone does not ask for the load.
    NotAskedFor {
        /// The load.
        load: LoadName,
        /// The phone is registered, so it is idle.
        registered: bool,
    },
    /// During an observation gap the phone may have asked for the load.
    NotSeenToAsk {
        /// The load.
        load: LoadName,
    },
    /// The phone has every file and has not started since.
    NotStarted {
        /// The load.
        load: LoadName,
    },
    /// The download has stopped part-way.
    FetchStopped {
        /// The load.
        load: LoadName,
        /// The reason.
        why: StopReason,
    },
    /// The phone asks for the same load again and again.
    AsksInVain {
        /// The load.
        load: LoadName,
        /// The number of requests.
        times: u32,
    },
    /// The phone starts again before it asks for the load.
    StartsWhenTold {
        /// The load.
        load: LoadName,
        /// The number of starts.
        times: usize,
    },
    /// The phone asks for another load.
    AsksForAnother {
        /// The load it was told.
        load: LoadName,
        /// The load it asks for.
        other: String,
    },
    /// The phone reads its configuration again and again.
    ReadsInVain {
        /// The load in the configuration.
        load: LoadName,
    },
}

/// The outcome of the last attempt at a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastFailure {
    /// A transfer broke: the file and the reason.
    Broken(String),
    /// No byte moved any more.
    StoodStill,
    /// The phone started without the load.
    StartedWithout,
    /// The phone did not ask for the load.
    NotAskedFor,
}

/// The reason that a download stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// A transfer broke: the file and the reason.
    Broken(String),
    /// This file was asked for and is missing.
    Missing(String),
    /// The reason is unknown.
    Unknown,
}

impl FailedHop {
    pub(super) fn code(&self) -> HoldCode {
        match self {
            Self::NotAskedFor { registered: true, .. } | Self::NotSeenToAsk { .. } => HoldCode::NeedsRestart,
            _ => HoldCode::Failed,
        }
    }

    pub(super) fn cause(&self) -> String {
        match self {
            Self::Attempts { attempts, load, last, license_refused } => {
                format!("{attempts} attempts to load {load} failed; last: {}", last.words(*license_refused))
            }
            Self::LicenseNotAccepted => {
                "it fetches its license again and again, so it does not accept it".to_owned()
            }
            Self::LicenseNotFetched { load } => {
                let load = load.as_ref().map_or("the target", LoadName::as_str);
                format!("it runs {load} and has not fetched its license")
            }
            Self::ThrownAway { load, times } => {
                format!("{times} times it fetched {load} whole, started again, and asked for it once more")
            }
            Self::WentNoFurther { load } => format!("it fetched {load} and did not go on"),
            Self::NotAskedFor { load, .. } => format!("it was told to load {load} and does not ask for it"),
            Self::NotSeenToAsk { load } => {
                format!("it was told to load {load}, and transload was stopped before it was seen to ask")
            }
            Self::NotStarted { load } => {
                format!("it fetched {load} whole and has not started again; it may still be writing flash")
            }
            Self::FetchStopped { load, why } => format!("its fetch of {load} stopped: {}", why.words()),
            Self::AsksInVain { load, times } => {
                format!("it has asked for {load} {times} times and has not started with it")
            }
            Self::StartsWhenTold { load, times } => {
                format!("{times} times it was told to load {load} and started again before it asked for it")
            }
            Self::AsksForAnother { load, other } => {
                format!("it was told to load {load} and asks for {other}, which it may not have here")
            }
            Self::ReadsInVain { load } => format!(
                "it reads its configuration over and over and does not take it, so it does not ask for {load}"
            ),
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Attempts { license_refused: true, .. } | Self::LicenseNotAccepted => license_refused(),
            Self::Attempts { .. } => (
                vec![Do::CheckCable.into(), Do::CheckPower.into(), Do::Retry.into()],
                "check cable and power, then retry it".to_owned(),
            ),
            Self::LicenseNotFetched { .. } => (
                vec![Do::Restart.into(), Do::FactoryReset.only_if(HoldCondition::AsksForNothing)],
                "restart it; if it asks for nothing, factory-reset it so that it reads its profile again"
                    .to_owned(),
            ),
            Self::ThrownAway { load, .. } => (
                vec![
                    Do::CheckPower.into(),
                    Do::ImportFirmware { loads: vec![load.clone()], packages: Vec::new(), again: true }
                        .into(),
                    Do::Retry.into(),
                ],
                "check its power and import the load again, then retry it".to_owned(),
            ),
            Self::NotAskedFor { registered: true, .. } | Self::NotSeenToAsk { .. } => unplug(),
            Self::StartsWhenTold { .. } => (
                vec![
                    Do::CheckPower.into(),
                    Do::CheckCable.into(),
                    Do::FactoryReset.only_if(HoldCondition::StartsOver),
                ],
                "check its power and cable; if it starts over with both good, factory-reset it".to_owned(),
            ),
            Self::AsksForAnother { .. } => (
                vec![Do::FactoryReset.into()],
                "somebody else's configuration names that load to it: factory-reset it".to_owned(),
            ),
            Self::ReadsInVain { .. } => (vec![Do::FactoryReset.into()], "factory-reset it".to_owned()),
            Self::WentNoFurther { .. }
            | Self::NotAskedFor { registered: false, .. }
            | Self::NotStarted { .. }
            | Self::FetchStopped { .. }
            | Self::AsksInVain { .. } => (
                vec![Do::Unplug.only_if(HoldCondition::ScreenIsStill)],
                "once its screen is still, unplug it and plug it in again".to_owned(),
            ),
        }
    }
}

pub(super) fn unplug() -> Remedy {
    (vec![Do::Unplug.into()], "unplug it and plug it in again".to_owned())
}

fn license_refused() -> Remedy {
    let actions: Vec<HoldAction> = vec![
        Do::CheckLicense.into(),
        Do::OrderLicense.only_if(HoldCondition::LicenseIsRight),
        Do::Retry.into(),
    ];
    let text = "see that the license is this phone's and for this direction, and order another if it is; then retry it";
    (actions, text.to_owned())
}

impl LastFailure {
    fn words(&self, license_refused: bool) -> &str {
        match self {
            Self::Broken(why) => why,
            Self::StoodStill => "its fetch stood still",
            Self::StartedWithout => "it started again without the load",
            Self::NotAskedFor if license_refused => {
                "it was given its license and did not ask for the load, so it does not accept it"
            }
            Self::NotAskedFor => "it did not ask for it",
        }
    }
}

impl StopReason {
    fn words(&self) -> String {
        match self {
            Self::Broken(why) => why.clone(),
            Self::Missing(name) => format!("it asked for {name}, which is not here"),
            Self::Unknown => "nothing has moved since".to_owned(),
        }
    }
}
