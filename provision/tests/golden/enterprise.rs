//! `SEP<MAC>.cnf.xml` and `XMLDefault.cnf.xml`.

use std::net::Ipv4Addr;

use transload_provision::catalog::{Catalog, Model};
use transload_provision::documents::{ModelLoad, RegistrarAddress, Sep, XmlDefault, sep, xml_default};
use transload_provision::load::LoadName;

use super::{SERVER, elements, golden, load, sample};

/// The address in Cisco's samples.
const SAMPLE_SERVER: Ipv4Addr = Ipv4Addr::new(12, 34, 56, 78);

/// Cisco's sample of the default document, before its loads.
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
    ("callManagerGroup/members/member[priority=0]/callManager/name", "12.34.56.78"),
    ("callManagerGroup/members/member[priority=0]/callManager/description", "12.34.56.78"),
    ("callManagerGroup/members/member[priority=0]/callManager/ports/ethernetPhonePort", "2000"),
    ("callManagerGroup/members/member[priority=0]/callManager/ports/sipPort", "5060"),
    ("callManagerGroup/members/member[priority=0]/callManager/ports/securedSipPort", "5061"),
    ("callManagerGroup/members/member[priority=0]/callManager/ports/mgcpPorts/listen", "2427"),
    ("callManagerGroup/members/member[priority=0]/callManager/ports/mgcpPorts/keepAlive", "2428"),
    ("callManagerGroup/members/member[priority=0]/callManager/processNodeName", "12.34.56.78"),
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
    let loads: Vec<LoadName> =
        SAMPLE_MODELS.map(|(_, _, family)| load(&format!("{family}.TLexE2M-11-2-3C-4"))).to_vec();
    let loads: Vec<ModelLoad> = SAMPLE_MODELS
        .iter()
        .zip(&loads)
        .map(|(&(model, id, _), load)| ModelLoad { model, id, load })
        .collect();
    let document = xml_default(&XmlDefault { server: SAMPLE_SERVER, loads: &loads }).unwrap();

    let mut expected = sample("Default/", &SAMPLE_DEFAULT);
    expected.extend(SAMPLE_MODELS.map(|(model, id, family)| {
        (format!("Default/loadInformation{id}[model=Cisco {model}]"), format!("{family}.TLexE2M-11-2-3C-4"))
    }));
    assert_eq!(elements(&golden("XMLDefault-sample.cnf.xml", document)), expected);
}

#[test]
fn the_default_document_can_name_a_load_for_every_model_that_has_one() {
    let catalog = Catalog::current();
    let with_load: Vec<(&Model, LoadName)> = catalog
        .models
        .iter()
        .filter_map(|model| Some((model, load(&format!("{}.14-1-1-0001-1", model.family.as_deref()?)))))
        .collect();
    let loads: Vec<ModelLoad> = with_load
        .iter()
        .filter_map(|(model, load)| Some(ModelLoad { model: &model.name, id: model.id?, load }))
        .collect();
    let document = xml_default(&XmlDefault { server: SERVER.address, loads: &loads }).unwrap();
    let found = elements(&golden("XMLDefault-every-model.cnf.xml", document));
    for (model, id, family) in SAMPLE_MODELS {
        let element = format!("Default/loadInformation{id}[model=Cisco {model}]");
        assert!(found.contains(&(element, format!("{family}.14-1-1-0001-1"))), "{model}");
    }
}

#[test]
fn the_default_document_that_is_served_names_the_asking_phones_load_alone() {
    let load = load("sip88xx.12-5-1SR1-4");
    let loads = [ModelLoad { model: "8851", id: 684, load: &load }];
    let document = xml_default(&XmlDefault { server: SERVER.address, loads: &loads }).unwrap();
    let found = elements(&golden("XMLDefault-8851.cnf.xml", document));
    let loads: Vec<_> = found.iter().filter(|(path, _)| path.contains("loadInformation")).collect();
    assert_eq!(
        loads,
        [&("Default/loadInformation684[model=Cisco 8851]".into(), "sip88xx.12-5-1SR1-4".into())]
    );
}

#[test]
fn a_phones_own_document_is_ciscos_sample_without_peer_firmware_sharing() {
    let load = load("sip88xx.TLexE2M-11-2-3C-4");
    let document =
        sep(&Sep { load: Some(&load), load_server: SAMPLE_SERVER, call_managers: &[], registrar: None })
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
    let document =
        sep(&Sep { load: None, load_server: SERVER.address, call_managers: &[], registrar: None }).unwrap();
    let expected = sample(
        "device/vendorConfig/",
        &[("webAccess", "0"), ("loadServer", "10.23.45.67"), ("peerFirmwareSharing", "0")],
    );
    assert_eq!(elements(&golden("SEP-no-load.cnf.xml", document)), expected);
}

#[test]
fn a_phones_own_document_can_tell_it_its_call_managers_in_order() {
    let call_managers = [Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::new(192, 0, 2, 11)];
    let document =
        sep(&Sep { load: None, load_server: SERVER.address, call_managers: &call_managers, registrar: None })
            .unwrap();
    let found = elements(&golden("SEP-call-managers.cnf.xml", document));
    let nodes: Vec<_> = found.iter().filter(|(path, _)| path.ends_with("/processNodeName")).collect();
    let node = |priority, address: &str| {
        let member = format!("device/devicePool/callManagerGroup/members/member[priority={priority}]");
        (format!("{member}/callManager/processNodeName"), address.to_owned())
    };
    assert_eq!(nodes, [&node(0, "192.0.2.10"), &node(1, "192.0.2.11")]);
}

#[test]
fn a_phones_own_document_can_make_it_register() {
    let load = load("sip88xx.12-5-1SR1-4");
    let registrar =
        RegistrarAddress { address: SERVER.address, port: 5062, mac: "001234AB45DE".parse().unwrap() };
    let document = Sep {
        load: Some(&load),
        load_server: SERVER.address,
        call_managers: &[],
        registrar: Some(registrar),
    };
    let found = elements(&golden("SEP-register.cnf.xml", sep(&document).unwrap()));
    let manager = "devicePool/callManagerGroup/members/member[priority=0]/callManager/";
    let line = "sipProfile/sipLines/line[button=1]/";
    for (path, value) in [
        ("fullConfig".into(), "true"),
        ("deviceProtocol".into(), "SIP"),
        (format!("{manager}ports/sipPort"), "5062"),
        (format!("{manager}processNodeName"), "10.23.45.67"),
        ("sipProfile/sipProxies/registerWithProxy".into(), "true"),
        (format!("{line}featureID"), "9"),
        (format!("{line}proxy"), "USECALLMANAGER"),
        (format!("{line}name"), "001234AB45DE"),
        ("transportLayerProtocol".into(), "1"),
        ("deviceSecurityMode".into(), "1"),
        ("loadInformation".into(), "sip88xx.12-5-1SR1-4"),
    ] {
        let (path, value) = (format!("device/{path}"), value.to_owned());
        assert!(found.contains(&(path.clone(), value)), "{path}");
    }
}
