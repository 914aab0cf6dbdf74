//! The profile, for phones and for Cisco's cloud.

use std::collections::BTreeMap;

use transload_provision::documents::{Audience, Profile, Purpose, profile};

use super::{SERVER, elements, golden, load, sample};

/// A profile for the phone of Cisco's samples, at its second attempt.
fn for_the_phone(license: bool, purpose: Purpose) -> Vec<u8> {
    let audience = Audience::Phone { mac: "001234AB45DE".parse().unwrap(), attempt: 2 };
    profile(&Profile { server: SERVER, audience, license, purpose }).unwrap()
}

/// The values a phone keeps while it migrates.
const SHORT: [(&str, &str); 6] = [
    ("Peer_Firmware_Sharing[ua=na]", "No"),
    ("Resync_Periodic[ua=na]", "60"),
    ("Resync_Random_Delay[ua=na]", "0"),
    ("Resync_Error_Retry_Delay[ua=na]", "60"),
    ("Upgrade_Error_Retry_Delay[ua=na]", "60"),
    ("Transition_Authorization_Error_Retry_Delay[ua=na]", "60"),
];

const LICENSE: [(&str, &str); 2] =
    [("Trans_Auth_Rule[ua=na]", "http://10.23.45.67/$MAU.lic"), ("Trans_Auth_Type[ua=na]", "Classic")];

/// Cisco's sample rules, the license's type that later firmware wants, and what else the profile sets.
fn expected(parts: &[&[(&str, &str)]]) -> Vec<(String, String)> {
    sample("device/flat-profile/", &parts.concat())
}

#[test]
fn the_profile_to_multiplatform_has_ciscos_rules_and_short_timers() {
    let target = load("sip88xx.11-2-3MPP-398");
    let document = golden("profile-e2m.xml", for_the_phone(true, Purpose::Upgrade(&target)));
    let rules = [
        ("Upgrade_Rule[ua=na]", "http://10.23.45.67/001234AB45DE/2/sip88xx.11-2-3MPP-398.loads"),
        ("Upgrade_Enable[ua=na]", "Yes"),
    ];
    assert_eq!(elements(&document), expected(&[&LICENSE, &rules, &SHORT]));
}

#[test]
fn the_profile_to_enterprise_has_ciscos_conditional_rule() {
    let (transition, target) = (load("sip88xx.TLexM2E-11-2-3C-4"), load("sip88xx.12-5-1SR1-4"));
    let purpose = Purpose::Cross { transition: &transition, target: &target };
    let document = golden("profile-m2e.xml", for_the_phone(true, purpose));
    let rules = [
        (
            "Upgrade_Rule[ua=na]",
            "($SWVER eq sip88xx.TLexM2E-11-2-3C-4)? \
             http://10.23.45.67/001234AB45DE/2/sip88xx.12-5-1SR1-4.loads | \
             http://10.23.45.67/001234AB45DE/2/sip88xx.TLexM2E-11-2-3C-4.loads",
        ),
        ("Upgrade_Enable[ua=na]", "Yes"),
    ];
    assert_eq!(elements(&document), expected(&[&LICENSE, &rules, &SHORT]));
}

#[test]
fn the_profile_for_ciscos_cloud_is_ciscos_sample_with_the_license_type() {
    let (transition, target) = (load("sip88xx.TLexM2E-11-2-3C-4"), load("sip88xx.12-5-1SR1-4"));
    let purpose = Purpose::Cross { transition: &transition, target: &target };
    let document =
        profile(&Profile { server: SERVER, audience: Audience::Cda, license: true, purpose }).unwrap();
    let rule = [(
        "Upgrade_Rule[ua=na]",
        "($$SWVER eq sip88xx.TLexM2E-11-2-3C-4)? http://10.23.45.67/sip88xx.12-5-1SR1-4.loads | \
         http://10.23.45.67/sip88xx.TLexM2E-11-2-3C-4.loads",
    )];
    assert_eq!(elements(&golden("profile-cda-m2e.xml", document)), expected(&[&LICENSE, &rule]));

    let target = load("sip88xx.11-2-3MPP-398");
    let purpose = Purpose::Upgrade(&target);
    let document =
        profile(&Profile { server: SERVER, audience: Audience::Cda, license: true, purpose }).unwrap();
    let rule = [("Upgrade_Rule[ua=na]", "http://10.23.45.67/sip88xx.11-2-3MPP-398.loads")];
    assert_eq!(elements(&golden("profile-cda-e2m.xml", document)), expected(&[&LICENSE, &rule]));
}

#[test]
fn a_held_phone_is_told_so_and_asks_again_soon() {
    let document = golden("profile-hold.xml", for_the_phone(false, Purpose::Hold));
    assert_eq!(elements(&document), expected(&[&[("Upgrade_Enable[ua=na]", "No")], &SHORT]));
    // A phone that has crossed still needs its license.
    let document = String::from_utf8(for_the_phone(true, Purpose::Hold)).unwrap();
    assert_eq!(elements(&document), expected(&[&LICENSE, &[("Upgrade_Enable[ua=na]", "No")], &SHORT]));
}

#[test]
fn the_last_profile_restores_ciscos_defaults_and_tells_the_phone_its_new_home() {
    let parameters =
        BTreeMap::from([("Profile_Rule".into(), "https://provisioning.example/$PSN.xml".into())]);
    let document = golden("profile-finish.xml", for_the_phone(false, Purpose::Finish(&parameters)));
    let defaults = [
        ("Upgrade_Enable[ua=na]", "Yes"),
        ("Peer_Firmware_Sharing[ua=na]", "Yes"),
        ("Resync_Periodic[ua=na]", "3600"),
        ("Resync_Random_Delay[ua=na]", "2"),
        ("Resync_Error_Retry_Delay[ua=na]", "60,120,240,480,960,1920,3840,7680,15360,30720,61440,86400"),
        ("Upgrade_Error_Retry_Delay[ua=na]", "3600"),
        ("Transition_Authorization_Error_Retry_Delay[ua=na]", "1800"),
        ("Profile_Rule", "https://provisioning.example/$PSN.xml"),
    ];
    assert_eq!(elements(&document), expected(&[&defaults]));
    let set_before: Vec<_> = SHORT.iter().map(|(name, _)| format!("device/flat-profile/{name}")).collect();
    let restored: Vec<_> = elements(&document).into_iter().map(|(path, _)| path).collect();
    assert!(set_before.iter().all(|path| restored.contains(path)), "{restored:?} of {set_before:?}");
}
