//! Holds of phones for which a call manager, CDA, or a person at the screen must act.

use std::net::Ipv4Addr;

use super::Remedy;
use super::action::{ActionKind as Do, HoldAction, HoldCondition};
use crate::load::LoadName;

/// The awaited event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitsOutside {
    /// The call manager must tell the phone its next load.
    CallManager {
        /// The load that the call manager named and this bench refused.
        refused: Option<String>,
        /// The next load.
        next: LoadName,
        /// The load server to name.
        server: Ipv4Addr,
        /// The present load is certain.
        certain: bool,
    },
    /// CDA has not sent the phone here.
    Cda {
        /// The next load.
        next: LoadName,
    },
    /// CDA named another load.
    CdaTold {
        /// That load.
        other: String,
        /// The next load.
        next: LoadName,
        /// The present load, if known.
        runs: Option<LoadName>,
    },
    /// Nobody has confirmed that CDA is ready for the phone.
    NotAssigned,
    /// CDA has not sent the phone here for its license.
    CdaLicense {
        /// The present load.
        load: Option<LoadName>,
    },
    /// The phone may run this load, without evidence.
    NotConfirmed {
        /// The load.
        load: LoadName,
    },
    /// The phone may have accepted its license, without evidence.
    LicenseNotConfirmed {
        /// The present load that this would mean.
        load: LoadName,
    },
}

const RUNS_ALREADY: &str =
    "; if it runs that load already, write the load it runs into the roster's load column, and retry it";

impl WaitsOutside {
    pub(super) fn cause(&self) -> String {
        match self {
            Self::CallManager { refused: Some(name), next, .. } if name == next.as_str() => {
                format!("it was refused {name} when its call manager told it to load it, and may have it now")
            }
            Self::CallManager { refused: Some(name), next, .. } => {
                format!("its call manager told it to load {name}, but its next load is {next}")
            }
            Self::CallManager { refused: None, next, server, .. } => {
                format!("its call manager has not told it to load {next} from {server}")
            }
            Self::Cda { next } => format!("CDA has not sent it here for {next}"),
            Self::CdaTold { other, next, .. } => {
                format!("CDA told it to load {other}, but its next load is {next}")
            }
            Self::NotAssigned => {
                "nobody has said that CDA has it assigned to the redirection profile, and without that it would be left \
                 alone behind the crossing"
                    .to_owned()
            }
            Self::CdaLicense { load } => {
                let load = load.as_ref().map_or("the target", LoadName::as_str);
                format!("it runs {load}, and CDA has not sent it here for its license")
            }
            Self::NotConfirmed { load } => format!(
                "not confirmed: nothing but broadcasts was heard of it since it could run {load}, and its page does not tell"
            ),
            Self::LicenseNotConfirmed { load } => format!(
                "not confirmed: it was given the license by which it runs {load}, and nothing but broadcasts was heard of it \
                 since"
            ),
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::CallManager { refused, next, server, certain } => {
                call_manager(refused.as_deref(), next, *server, *certain)
            }
            Self::Cda { next } => cda(next),
            Self::CdaTold { runs, .. } => cda_told(runs.as_ref()),
            Self::NotAssigned => (
                vec![Do::AssignInCda.into(), Do::WriteCda.into(), Do::ImportCdaAssigned.instead()],
                "assign it in CDA (`transload export cda` writes profile and MAC list), then write yes into the cda column of \
                 its roster line, or import the cda-assigned.csv that was written along"
                    .to_owned(),
            ),
            Self::CdaLicense { .. } => (
                vec![Do::CheckInternet.into(), Do::AssignInCda.into(), Do::FactoryReset.into()],
                "see that it reaches the internet and that CDA has its MAC address assigned to the profile that `transload \
                 export cda` writes now, then factory-reset it"
                    .to_owned(),
            ),
            Self::NotConfirmed { .. } => (
                vec![
                    Do::WriteLoad { load: None }.into(),
                    Do::Retry.into(),
                    Do::Unplug.only_if(HoldCondition::ScreenAsksForLicense),
                ],
                "see on its screen which load it runs, write that into the roster's load column, and retry it; if its screen \
                 asks for a license, unplug it and plug it in again"
                    .to_owned(),
            ),
            Self::LicenseNotConfirmed { load } => license_not_confirmed(load),
        }
    }
}

/// Writing the load into the roster, and a retry.
fn vouch(condition: HoldCondition) -> [HoldAction; 2] {
    [Do::WriteLoad { load: None }.only_if(condition.clone()), Do::Retry.only_if(condition)]
}

fn call_manager(refused: Option<&str>, next: &LoadName, server: Ipv4Addr, certain: bool) -> Remedy {
    let reset = Do::ResetInCallManager.into();
    let (mut actions, mut text) = if refused == Some(next.as_str()) {
        (vec![reset], "reset it in the call manager".to_owned())
    } else {
        let text = format!(
            "enter {next} as its phone load name and {server} as its load server in the call manager, as `transload export \
             call-manager` writes it, and reset it"
        );
        (vec![Do::EnterInCallManager { load: next.clone(), server }.into(), reset], text)
    };
    if refused.is_none() {
        actions.push(Do::PressCancel.only_if(HoldCondition::ScreenAsksForCode));
        text += "; if its screen asks for an activation code, press Cancel";
    }
    // A phone without requests here gives no other evidence.
    if !certain {
        let refused = refused.and_then(|name| name.parse().ok()).filter(|name| name != next);
        let loads = refused.into_iter().chain([next.clone()]).collect();
        actions.extend(vouch(HoldCondition::Runs(loads)));
        text += RUNS_ALREADY;
    }
    (actions, text)
}

fn cda(next: &LoadName) -> Remedy {
    let mut actions = vec![Do::CheckInternet.into(), Do::AssignInCda.into(), Do::FactoryReset.into()];
    actions.extend(vouch(HoldCondition::Runs(vec![next.clone()])));
    let text = "see that it reaches the internet and that CDA has its MAC address assigned to the profile that `transload \
                export cda` writes now; a phone asks CDA when it is factory-reset, and then only where DHCP and its \
                Profile_Rule name no other server";
    (actions, text.to_owned() + RUNS_ALREADY)
}

fn cda_told(runs: Option<&LoadName>) -> Remedy {
    let mut actions = vec![Do::ReplaceCdaProfile.into(), Do::FactoryReset.into()];
    let mut text =
        "put the profile of `transload export cda` in the place of the one in CDA, then factory-reset the phone"
            .to_owned();
    if let Some(runs) = runs {
        actions.extend(vouch(HoldCondition::RunsNot(runs.clone())));
        text = format!(
            "{text}; if it does not run {runs}, write the load it runs into the roster's load column, and retry it"
        );
    }
    (actions, text)
}

fn license_not_confirmed(load: &LoadName) -> Remedy {
    let accepted = HoldCondition::LicenseAccepted;
    (
        vec![
            Do::ReadLicenseState.into(),
            Do::WriteLoad { load: Some(load.clone()) }.only_if(accepted.clone()),
            Do::Retry.only_if(accepted),
            Do::Unplug.only_if(HoldCondition::LicenseNotAccepted),
        ],
        format!(
            "see on its page whether Transition Authorization Status says Authorization Succeeded; if it does, write {load} \
             into the roster's load column, and retry it; if not, unplug it and plug it in again"
        ),
    )
}
