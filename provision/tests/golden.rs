//! Every document as phones get it, compared with `golden/` byte for byte, and with Cisco's samples (Phone Firmware
//! Migration, April 2019) element by element: names, attributes, order, values.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;
use transload_provision::catalog::{Catalog, Model};
use transload_provision::documents::{
    Audience, FileServer, ModelLoad, Profile, Purpose, Sep, XmlDefault, profile, sep, xml_default,
};
use transload_provision::load::LoadName;

const SERVER: FileServer = FileServer {
    address: Ipv4Addr::new(10, 23, 45, 67),
    port: 80,
};
/// The address in Cisco's Enterprise samples.
const SAMPLE_SERVER: Ipv4Addr = Ipv4Addr::new(12, 34, 56, 78);

fn load(name: &str) -> LoadName {
    name.parse().unwrap()
}

/// Compares with the file; the message of a mismatch holds the whole document, to be put there if it is right.
fn golden(name: &str, document: Vec<u8>) -> String {
    let document = String::from_utf8(document).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        document == expected,
        "{} should be\n{expected}but the document is\n{document}",
        path.display()
    );
    assert!(document.is_ascii());
    document
}

/// Each element that holds text, in order: its path with attributes, and the text.
fn elements(document: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(document);
    reader.config_mut().trim_text(true);
    let (mut path, mut text, mut found) = (Vec::new(), String::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let mut step = start.name().as_ref().to_owned();
                for attribute in start.attributes() {
                    let attribute = attribute.unwrap();
                    write!(step, "[{}={}]", attribute.key.as_ref(), attribute.value).unwrap();
                }
                path.push(step);
                text.clear();
            }
            Event::Text(part) => text += &part,
            Event::End(_) => {
                if !text.is_empty() {
                    found.push((path.join("/"), std::mem::take(&mut text)));
                }
                path.pop();
            }
            Event::Eof => return found,
            other => panic!("a phone's document has elements and text only, not {other:?}"),
        }
    }
}

/// A sample's elements under one path.
fn sample(path: &str, elements: &[(&str, &str)]) -> Vec<(String, String)> {
    elements
        .iter()
        .map(|(name, value)| (format!("{path}{name}"), (*value).to_owned()))
        .collect()
}

const SAMPLE_DEFAULT: [(&str, &str); 19] = [
    ("autoRegistrationName", "AUTO-REG"),
    ("autoRegistration", "enabled"),
    ("selfProvisioningSecureMode", "true"),
    ("adminProvisionMode", "false"),
    ("ipAddressMode", "0"),
    ("ipPreferenceModeControl", "0"),
    ("ipMediaAddressFamilyPreference", "0"),
    ("callManagerGroup/name", "Default"),
    ("callManagerGroup/tftpDefault", "true"),
    (
        "callManagerGroup/members/member[priority=0]/callManager/name",
        "12.34.56.78",
    ),
    (
        "callManagerGroup/members/member[priority=0]/callManager/description",
        "12.34.56.78",
    ),
    (
        "callManagerGroup/members/member[priority=0]/callManager/ports/ethernetPhonePort",
        "2000",
    ),
    (
        "callManagerGroup/members/member[priority=0]/callManager/ports/sipPort",
        "5060",
    ),
    (
        "callManagerGroup/members/member[priority=0]/callManager/ports/securedSipPort",
        "5061",
    ),
    (
        "callManagerGroup/members/member[priority=0]/callManager/ports/mgcpPorts/listen",
        "2427",
    ),
    (
        "callManagerGroup/members/member[priority=0]/callManager/ports/mgcpPorts/keepAlive",
        "2428",
    ),
    (
        "callManagerGroup/members/member[priority=0]/callManager/processNodeName",
        "12.34.56.78",
    ),
    ("TVS/members/member[priority=0]/port", "2445"),
    ("TVS/members/member[priority=0]/address", "12.34.56.78"),
];

/// The models that the sample lists after that, in its order.
const SAMPLE_MODELS: [(&str, u32, &str); 12] = [
    ("7811", 36213, "sip78xx"),
    ("7821", 621, "sip78xx"),
    ("7841", 622, "sip78xx"),
    ("7861", 623, "sip78xx"),
    ("7832", 36247, "sip7832"),
    ("8832", 36258, "sip8832"),
    ("8811", 36217, "sip88xx"),
    ("8841", 683, "sip88xx"),
    ("8851", 684, "sip88xx"),
    ("8861", 685, "sip88xx"),
    ("8845", 36224, "sip8845_65"),
    ("8865", 36225, "sip8845_65"),
];

#[test]
fn the_default_document_is_ciscos_sample_with_our_address() {
    let loads: Vec<LoadName> = SAMPLE_MODELS
        .map(|(_, _, family)| load(&format!("{family}.TLexE2M-11-2-3C-4")))
        .to_vec();
    let loads: Vec<ModelLoad> = SAMPLE_MODELS
        .iter()
        .zip(&loads)
        .map(|(&(model, id, _), load)| ModelLoad { model, id, load })
        .collect();
    let document = xml_default(&XmlDefault {
        server: SAMPLE_SERVER,
        loads: &loads,
    })
    .unwrap();

    let mut expected = sample("Default/", &SAMPLE_DEFAULT);
    expected.extend(SAMPLE_MODELS.map(|(model, id, family)| {
        (
            format!("Default/loadInformation{id}[model=Cisco {model}]"),
            format!("{family}.TLexE2M-11-2-3C-4"),
        )
    }));
    assert_eq!(elements(&golden("XMLDefault-sample.cnf.xml", document)), expected);
}

#[test]
fn the_default_document_can_name_a_load_for_every_model_that_has_one() {
    let catalog = Catalog::current();
    let with_load: Vec<(&Model, LoadName)> = catalog
        .models
        .iter()
        .filter_map(|model| {
            Some((
                model,
                load(&format!("{}.14-1-1-0001-1", model.family.as_deref()?)),
            ))
        })
        .collect();
    let loads: Vec<ModelLoad> = with_load
        .iter()
        .map(|(model, load)| ModelLoad {
            model: &model.name,
            id: model.id,
            load,
        })
        .collect();
    let document = xml_default(&XmlDefault {
        server: SERVER.address,
        loads: &loads,
    })
    .unwrap();
    let found = elements(&golden("XMLDefault-every-model.cnf.xml", document));
    for (model, id, family) in SAMPLE_MODELS {
        let element = format!("Default/loadInformation{id}[model=Cisco {model}]");
        assert!(
            found.contains(&(element, format!("{family}.14-1-1-0001-1"))),
            "{model}"
        );
    }
}

#[test]
fn the_default_document_that_is_served_names_the_asking_phones_load_alone() {
    let load = load("sip88xx.12-5-1SR1-4");
    let loads = [ModelLoad {
        model: "8851",
        id: 684,
        load: &load,
    }];
    let document = xml_default(&XmlDefault {
        server: SERVER.address,
        loads: &loads,
    })
    .unwrap();
    let found = elements(&golden("XMLDefault-8851.cnf.xml", document));
    let loads: Vec<_> = found
        .iter()
        .filter(|(path, _)| path.contains("loadInformation"))
        .collect();
    assert_eq!(
        loads,
        [&(
            "Default/loadInformation684[model=Cisco 8851]".into(),
            "sip88xx.12-5-1SR1-4".into()
        )]
    );
}

#[test]
fn a_phones_own_document_is_ciscos_sample_without_peer_firmware_sharing() {
    let load = load("sip88xx.TLexE2M-11-2-3C-4");
    let document = sep(&Sep {
        load: Some(&load),
        load_server: SAMPLE_SERVER,
        call_managers: &[],
    })
    .unwrap();
    let mut expected = sample(
        "device/",
        &[
            ("loadInformation", "sip88xx.TLexE2M-11-2-3C-4"),
            ("vendorConfig/webAccess", "0"),
            ("vendorConfig/loadServer", "12.34.56.78"),
        ],
    );
    expected.push(("device/vendorConfig/peerFirmwareSharing".into(), "0".into()));
    assert_eq!(elements(&golden("SEP-load.cnf.xml", document)), expected);
}

#[test]
fn a_phones_own_document_can_leave_it_on_its_load() {
    let document = sep(&Sep {
        load: None,
        load_server: SERVER.address,
        call_managers: &[],
    })
    .unwrap();
    let expected = sample(
        "device/vendorConfig/",
        &[
            ("webAccess", "0"),
            ("loadServer", "10.23.45.67"),
            ("peerFirmwareSharing", "0"),
        ],
    );
    assert_eq!(elements(&golden("SEP-no-load.cnf.xml", document)), expected);
}

#[test]
fn a_phones_own_document_can_tell_it_its_call_managers_in_order() {
    let call_managers = [Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::new(192, 0, 2, 11)];
    let document = sep(&Sep {
        load: None,
        load_server: SERVER.address,
        call_managers: &call_managers,
    })
    .unwrap();
    let found = elements(&golden("SEP-call-managers.cnf.xml", document));
    let nodes: Vec<_> = found
        .iter()
        .filter(|(path, _)| path.ends_with("/processNodeName"))
        .collect();
    let node = |priority, address: &str| {
        let member = format!("device/devicePool/callManagerGroup/members/member[priority={priority}]");
        (
            format!("{member}/callManager/processNodeName"),
            address.to_owned(),
        )
    };
    assert_eq!(nodes, [&node(0, "192.0.2.10"), &node(1, "192.0.2.11")]);
}

/// A profile for the phone of Cisco's samples, at its second attempt.
fn for_the_phone(license: bool, purpose: Purpose) -> Vec<u8> {
    let audience = Audience::Phone {
        mac: "001234AB45DE".parse().unwrap(),
        attempt: 2,
    };
    profile(&Profile {
        server: SERVER,
        audience,
        license,
        purpose,
    })
    .unwrap()
}

/// The values a phone keeps while it migrates.
const SHORT: [(&str, &str); 7] = [
    ("Peer_Firmware_Sharing[ua=na]", "No"),
    ("Resync_Periodic[ua=na]", "60"),
    ("Resync_Random_Delay[ua=na]", "0"),
    ("Resync_Error_Retry_Delay[ua=na]", "60"),
    ("Upgrade_Error_Retry_Delay[ua=na]", "60"),
    ("Transition_Authorization_Error_Retry_Delay[ua=na]", "60"),
    ("Trans_Auth_Error_Retry_Delay[ua=na]", "60"),
];

const LICENSE: [(&str, &str); 2] = [
    ("Trans_Auth_Rule[ua=na]", "http://10.23.45.67/$MAU.lic"),
    ("Trans_Auth_Type[ua=na]", "Classic"),
];

/// Cisco's sample rules, the license's type that later firmware wants, and what else the profile sets.
fn expected(parts: &[&[(&str, &str)]]) -> Vec<(String, String)> {
    sample("device/flat-profile/", &parts.concat())
}

#[test]
fn the_profile_to_multiplatform_has_ciscos_rules_and_short_timers() {
    let target = load("sip88xx.11-2-3MPP-398");
    let document = golden("profile-e2m.xml", for_the_phone(true, Purpose::Upgrade(&target)));
    let rules = [
        (
            "Upgrade_Rule[ua=na]",
            "http://10.23.45.67/001234AB45DE/2/sip88xx.11-2-3MPP-398.loads",
        ),
        ("Upgrade_Enable[ua=na]", "Yes"),
    ];
    assert_eq!(elements(&document), expected(&[&LICENSE, &rules, &SHORT]));
}

#[test]
fn the_profile_to_enterprise_has_ciscos_conditional_rule() {
    let (transition, target) = (load("sip88xx.TLexM2E-11-2-3C-4"), load("sip88xx.12-5-1SR1-4"));
    let purpose = Purpose::Cross {
        transition: &transition,
        target: &target,
    };
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
    let purpose = Purpose::Cross {
        transition: &transition,
        target: &target,
    };
    let document = profile(&Profile {
        server: SERVER,
        audience: Audience::Cda,
        license: true,
        purpose,
    })
    .unwrap();
    let rule = [(
        "Upgrade_Rule[ua=na]",
        "($$SWVER eq sip88xx.TLexM2E-11-2-3C-4)? http://10.23.45.67/sip88xx.12-5-1SR1-4.loads | \
         http://10.23.45.67/sip88xx.TLexM2E-11-2-3C-4.loads",
    )];
    assert_eq!(
        elements(&golden("profile-cda-m2e.xml", document)),
        expected(&[&LICENSE, &rule])
    );

    let target = load("sip88xx.11-2-3MPP-398");
    let purpose = Purpose::Upgrade(&target);
    let document = profile(&Profile {
        server: SERVER,
        audience: Audience::Cda,
        license: true,
        purpose,
    })
    .unwrap();
    let rule = [(
        "Upgrade_Rule[ua=na]",
        "http://10.23.45.67/sip88xx.11-2-3MPP-398.loads",
    )];
    assert_eq!(
        elements(&golden("profile-cda-e2m.xml", document)),
        expected(&[&LICENSE, &rule])
    );
}

#[test]
fn a_held_phone_is_told_so_and_asks_again_soon() {
    let document = golden("profile-hold.xml", for_the_phone(false, Purpose::Hold));
    assert_eq!(
        elements(&document),
        expected(&[&[("Upgrade_Enable[ua=na]", "No")], &SHORT])
    );
    // One that has crossed still needs its license.
    let document = String::from_utf8(for_the_phone(true, Purpose::Hold)).unwrap();
    assert_eq!(
        elements(&document),
        expected(&[&LICENSE, &[("Upgrade_Enable[ua=na]", "No")], &SHORT])
    );
}

#[test]
fn the_last_profile_restores_ciscos_defaults_and_tells_the_phone_its_new_home() {
    let parameters = BTreeMap::from([(
        "Profile_Rule".into(),
        "https://provisioning.example/$PSN.xml".into(),
    )]);
    let document = golden(
        "profile-finish.xml",
        for_the_phone(false, Purpose::Finish(&parameters)),
    );
    let defaults = [
        ("Upgrade_Enable[ua=na]", "Yes"),
        ("Peer_Firmware_Sharing[ua=na]", "Yes"),
        ("Resync_Periodic[ua=na]", "3600"),
        ("Resync_Random_Delay[ua=na]", "2"),
        (
            "Resync_Error_Retry_Delay[ua=na]",
            "60,120,240,480,960,1920,3840,7680,15360,30720,61440,86400",
        ),
        ("Upgrade_Error_Retry_Delay[ua=na]", "3600"),
        ("Transition_Authorization_Error_Retry_Delay[ua=na]", "1800"),
        ("Trans_Auth_Error_Retry_Delay[ua=na]", "1800"),
        ("Profile_Rule", "https://provisioning.example/$PSN.xml"),
    ];
    assert_eq!(elements(&document), expected(&[&defaults]));
    let set_before: Vec<_> = SHORT
        .iter()
        .map(|(name, _)| format!("device/flat-profile/{name}"))
        .collect();
    let restored: Vec<_> = elements(&document).into_iter().map(|(path, _)| path).collect();
    assert!(
        set_before.iter().all(|path| restored.contains(path)),
        "{restored:?} of {set_before:?}"
    );
}
