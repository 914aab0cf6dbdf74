//! The profile: what a Multiplatform phone or a transition load is told.

use std::collections::BTreeMap;

use super::url::FileServer;
use super::xml::{DocumentError, check_name, check_value, parent, text};
use crate::load::LoadName;
use crate::mac::Mac;

/// What to tell Multiplatform phones.
#[derive(Debug, Clone, Copy)]
pub struct Profile<'a> {
    /// Where they fetch loads and licenses.
    pub server: FileServer,
    /// Who reads it.
    pub audience: Audience,
    /// Whether the phone should fetch its license, to be allowed to go on after a crossing.
    pub license: bool,
    /// What it is for.
    pub purpose: Purpose<'a>,
}

/// Who reads a profile.
#[derive(Debug, Clone, Copy)]
pub enum Audience {
    /// One phone, from this server.
    Phone {
        /// The phone.
        mac: Mac,
        /// Counts the attempts at the present hop; a new one makes the phone try again.
        attempt: u32,
    },
    /// Any phone, from Cisco's cloud (CDA, also called EDOS). The cloud expands macros once before the phone does,
    /// so the firmware version is `$$SWVER`. It has the rules alone: nobody would set timers back afterward.
    Cda,
}

/// What a profile is for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// The phone stays on its firmware and asks again soon.
    Hold,
    /// The phone takes this load.
    Upgrade(&'a LoadName),
    /// The phone takes the transition load, and once it runs that, the target.
    Cross {
        /// The step on the way.
        transition: &'a LoadName,
        /// Where it leads.
        target: &'a LoadName,
    },
    /// The phone has arrived: Cisco's defaults come back, and these parameters tell it where its new home is.
    /// Where they name something this profile sets as well, they win.
    Finish(&'a BTreeMap<String, String>),
}

/// What a profile sets besides rules: the name, the value during the migration, and Cisco's default, which the last
/// profile restores (Cisco administration guide, Provisioning Methods and Provisioning Formats). Delays are in
/// seconds, save the random one, in units of 20 s. The license's retry delay is `Transition_…` though its other
/// parameters are `Trans_Auth_…` (Cisco, XML Reference Guide for Multiplatform phones, 12.0(2)); 0 would be never.
const SETTINGS: [(&str, &str, &str); 6] = [
    ("Peer_Firmware_Sharing", "No", "Yes"),
    ("Resync_Periodic", "60", "3600"),
    ("Resync_Random_Delay", "0", "2"),
    ("Resync_Error_Retry_Delay", "60", "60,120,240,480,960,1920,3840,7680,15360,30720,61440,86400"),
    ("Upgrade_Error_Retry_Delay", "60", "3600"),
    ("Transition_Authorization_Error_Retry_Delay", "60", "1800"),
];

/// The document.
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
    // Each time the rule is set, the type must be set with it (Cisco, MPP-to-enterprise migration guide).
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
    // A name must not come twice: the phone would take the last one.
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

/// Whether a finished phone could read these parameters: each has the name of an element and a value in plain ASCII.
pub fn check_parameters(parameters: &BTreeMap<String, String>) -> Result<(), DocumentError> {
    parameters.iter().try_for_each(|(name, value)| check_name(name).and_then(|()| check_value(name, value)))
}
