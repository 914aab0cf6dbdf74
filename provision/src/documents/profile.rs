//! The profile: the configuration of a Multiplatform phone or a transition load.

use std::collections::BTreeMap;

use super::url::FileServer;
use super::xml::{DocumentError, check_name, check_value, parent, text};
use crate::load::LoadName;
use crate::mac::Mac;

/// The content of a profile.
#[derive(Debug, Clone, Copy)]
pub struct Profile<'a> {
    /// The server of loads and licenses.
    pub server: FileServer,
    /// The reader of the profile.
    pub audience: Audience,
    /// The phone should fetch its license, so that it may continue after a crossing.
    pub license: bool,
    /// The purpose of the profile.
    pub purpose: Purpose<'a>,
}

/// The reader of a profile.
#[derive(Debug, Clone, Copy)]
pub enum Audience {
    /// One phone, from this server.
    Phone {
        /// The phone.
        mac: Mac,
        /// The attempt at the present hop; a new number makes the phone try again.
        attempt: u32,
    },
    /// Any phone, from Cisco's cloud (CDA, also called EDOS). The cloud expands macros once before the phone does, so
    /// the firmware version is `$$SWVER`. The profile has only the rules, since nobody would set timers back
    /// afterwards.
    Cda,
}

/// The purpose of a profile.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// The phone stays on its firmware and asks again soon.
    Hold,
    /// The phone takes this load.
    Upgrade(&'a LoadName),
    /// The phone takes the transition load and, when it runs that, the target.
    Cross {
        /// The transition load.
        transition: &'a LoadName,
        /// The target.
        target: &'a LoadName,
    },
    /// The phone is done: Cisco's defaults come back, and these parameters name its new server. They override
    /// parameters of the profile.
    Finish(&'a BTreeMap<String, String>),
}

/// Parameters besides rules: name, value during the migration, and Cisco's default, which the last profile restores
/// (Cisco administration guide, Provisioning Methods and Provisioning Formats). Delays are in seconds, the random one
/// in units of 20 s. The license's retry delay is `Transition_…` though its other parameters are `Trans_Auth_…`
/// (Cisco, XML Reference Guide for Multiplatform phones, 12.0(2)); 0 would be never.
const SETTINGS: [(&str, &str, &str); 6] = [
    ("Peer_Firmware_Sharing", "No", "Yes"),
    ("Resync_Periodic", "60", "3600"),
    ("Resync_Random_Delay", "0", "2"),
    ("Resync_Error_Retry_Delay", "60", "60,120,240,480,960,1920,3840,7680,15360,30720,61440,86400"),
    ("Upgrade_Error_Retry_Delay", "60", "3600"),
    ("Transition_Authorization_Error_Retry_Delay", "60", "1800"),
];

/// Writes the profile.
pub fn profile(profile: &Profile) -> Result<Vec<u8>, DocumentError> {
    let none = BTreeMap::new();
    let users = match profile.purpose {
        Purpose::Finish(parameters) => parameters,
        _ => &none,
    };
    let mut ours: Vec<(&'static str, String)> = Vec::new();
    if profile.license {
        ours.push(("Trans_Auth_Rule", profile.server.license_url()));
    }
    // Each profile with the rule must also set the type (Cisco, MPP-to-enterprise migration guide).
    if profile.license || users.contains_key("Trans_Auth_Rule") {
        ours.push(("Trans_Auth_Type", "Classic".to_owned()));
    }
    if let Some(rule) = upgrade_rule(profile) {
        ours.push(("Upgrade_Rule", rule));
    }
    if let Audience::Phone { .. } = profile.audience {
        let hold = matches!(profile.purpose, Purpose::Hold);
        let finish = matches!(profile.purpose, Purpose::Finish(_));
        ours.push(("Upgrade_Enable", if hold { "No" } else { "Yes" }.to_owned()));
        ours.extend(
            SETTINGS.map(|(name, migrating, default)| {
                (name, if finish { default } else { migrating }.to_owned())
            }),
        );
    }
    // A name must not occur twice: the phone would take the last one.
    ours.retain(|(name, _)| !users.contains_key(*name));

    let ours = ours.into_iter().map(|(name, value)| text(name, value).with("ua", "na"));
    let users = users.iter().map(|(name, value)| text(name.clone(), value));
    parent("device", vec![parent("flat-profile", ours.chain(users).collect())]).into_document()
}

fn upgrade_rule(profile: &Profile) -> Option<String> {
    let url = |load| match profile.audience {
        Audience::Phone { mac, attempt } => profile.server.attempt_url(mac, attempt, load),
        Audience::Cda => profile.server.load_url(load),
    };
    let running = match profile.audience {
        Audience::Phone { .. } => "$SWVER",
        Audience::Cda => "$$SWVER",
    };
    match profile.purpose {
        Purpose::Hold | Purpose::Finish(_) => None,
        Purpose::Upgrade(load) => Some(url(load)),
        Purpose::Cross { transition, target } => {
            Some(format!("({running} eq {transition})? {} | {}", url(target), url(transition)))
        }
    }
}

/// Checks that a finished phone can read these parameters: each name is an element's, each value plain ASCII.
pub fn check_parameters(parameters: &BTreeMap<String, String>) -> Result<(), DocumentError> {
    parameters.iter().try_for_each(|(name, value)| check_name(name).and_then(|()| check_value(name, value)))
}
