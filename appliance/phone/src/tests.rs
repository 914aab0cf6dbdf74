//! Tests the phone against a server that does only what the procedure's documents say.

mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use server::PhoneTestServer;

use super::*;
use crate::lookalike;
use crate::shared::Direction;
use crate::shared::Mac;

const SPEED: u32 = 300;
const MAC: Mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);
const OLD: &str = "sip88xx.11-7-1-17";
const BASE: &str = "sip88xx.12-5-1SR1-4";
const E2M: &str = "sip88xx.TLexE2M-11-2-3C-4";
const M2E: &str = "sip88xx.TLexM2E-11-2-3C-4";
const MPP: &str = "sip88xx.11-2-3MPP-398";

fn spec(load: &str) -> Spec {
    Spec {
        index: 1,
        mac: MAC,
        model: "8851".into(),
        id: 684,
        pn: "CP-8851-3PCC".into(),
        psn: "8851-3PCC".into(),
        vid: 5,
        serial: "FCH000000".into(),
        platform: "PLATFORM_2".into(),
        load: load.parse().unwrap(),
        production_address: None,
        parameters: BTreeMap::new(),
        boot: Duration::from_secs(10),
        flash: Duration::from_secs(10),
        quirks: Quirks::default(),
    }
}

async fn bench(loads: &[&str]) -> PhoneTestServer {
    let server = PhoneTestServer::start(SPEED).await;
    let folder = tempfile::tempdir().unwrap();
    for load in loads {
        lookalike::firmware(folder.path(), load, 20_000).unwrap();
    }
    server.put_folder(folder.path());
    server
}

/// The seed's `XMLDefault.cnf.xml`, as far as an 8851 reads it.
fn xml_default(load: &str) -> String {
    format!(
        "<Default><callManagerGroup><members><member priority=\"0\"><callManager><ports><ethernetPhonePort>2000\
         </ethernetPhonePort><sipPort>5060</sipPort></ports><processNodeName>127.0.0.1</processNodeName></callManager>\
         </member></members></callManagerGroup>\
         <loadInformation684 model=\"Cisco 8851\">{load}</loadInformation684></Default>"
    )
}

/// The seed's profile, with the type that later firmware needs and a short wait.
fn profile(upgrade: &str) -> String {
    format!(
        "<device><flat-profile>\
         <Trans_Auth_Rule ua=\"na\">http://127.0.0.1/$MAU.lic</Trans_Auth_Rule>\
         <Trans_Auth_Type ua=\"na\">Classic</Trans_Auth_Type>\
         <Resync_Periodic ua=\"na\">60</Resync_Periodic>\
         <Upgrade_Rule ua=\"na\">{upgrade}</Upgrade_Rule></flat-profile></device>"
    )
}

async fn until(phone: &VirtualPhone, what: &str, reached: impl FnMut(&PhoneState) -> bool) {
    let mut state = phone.state.clone();
    let waited = tokio::time::timeout(Duration::from_secs(30), state.wait_for(reached)).await.is_ok();
    assert!(waited, "never {what}:\n{}", phone.journal);
}

async fn until_noted(phone: &VirtualPhone, what: &str) {
    for _ in 0..600 {
        if phone.journal.entries().iter().any(|(_, event)| event.to_string().contains(what)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never {what}:\n{}", phone.journal);
}

fn asked(phone: &VirtualPhone) -> Vec<String> {
    let url = |(_, event)| match event {
        PhoneEvent::Asked { url, .. } => Some(url),
        _ => None,
    };
    phone.journal.entries().into_iter().filter_map(url).collect()
}

#[tokio::test]
async fn an_enterprise_phone_walks_the_seeds_path_to_multiplatform() {
    let server = bench(&[BASE, E2M, MPP]).await;
    server.put("XMLDefault.cnf.xml", xml_default(BASE));
    server.put("8851-3PCC.xml", profile(&format!("http://127.0.0.1/{MPP}.loads")));
    server.put(&format!("{MAC}.lic"), lookalike::license(Direction::E2m, MAC));
    let mut phone = VirtualPhone::plug(spec(OLD), server.wiring.clone());
    until(&phone, "at 12.5", |state| state.memory.load.as_str() == BASE).await;
    server.put("XMLDefault.cnf.xml", xml_default(E2M));
    phone.restart();
    until(&phone, "at the target", |state| state.memory.load.as_str() == MPP).await;
    let state = phone.state.borrow().clone();
    assert_eq!(state.failures, Vec::<String>::new());
    assert_eq!(state.hops, [BASE, E2M, MPP].map(|load| load.parse().unwrap()));
    assert_eq!(state.memory.authorized, Some(Direction::E2m));
    let asked = asked(&phone);
    assert!(asked.iter().any(|url| url.contains("rootfs288xx")), "{asked:#?}");
    let foreign = |url: &&String| url.contains("rootfs88xx") || url.contains("rootfs388xx");
    assert_eq!(asked.iter().find(foreign), None, "components of other hardware");
    assert!(asked.contains(&format!("http://127.0.0.1/{MAC}.lic")));
    let resets =
        phone.journal.entries().into_iter().filter(|(_, event)| *event == PhoneEvent::FactoryReset).count();
    assert_eq!(resets, 1, "only the crossing resets");
}

#[tokio::test]
async fn a_multiplatform_phone_walks_back_by_the_conditional_rule() {
    let server = bench(&[M2E, BASE]).await;
    let rule =
        format!("\n($SWVER eq {M2E})? http://127.0.0.1/{BASE}.loads |\n http://127.0.0.1/{M2E}.loads\n");
    server.put("8851-3PCC.xml", profile(&rule));
    server.put(&format!("{MAC}.lic"), lookalike::license(Direction::M2e, MAC));
    let phone = VirtualPhone::plug(spec(MPP), server.wiring.clone());
    until(&phone, "at the target", |state| state.memory.load.as_str() == BASE).await;
    let state = phone.state.borrow().clone();
    assert_eq!(state.failures, Vec::<String>::new());
    assert_eq!(state.hops, [M2E, BASE].map(|load| load.parse().unwrap()));
    assert!(state.memory.parameters.is_empty(), "the crossing resets");
}

#[tokio::test]
async fn every_place_is_tried_in_the_order_of_the_guide() {
    let server = bench(&[]).await;
    server.options.lock().unwrap()[1] = vec![
        (66, b"127.0.0.1".to_vec()),
        (160, b"http://127.0.0.1/path/".to_vec()),
        (159, b"http://127.0.0.1".to_vec()),
        (150, b"127.0.0.1;http://127.0.0.1/last".to_vec()),
    ];
    let phone = VirtualPhone::plug(spec(MPP), server.wiring.clone());
    until_noted(&phone, "http://127.0.0.1/last/Cisco").await;
    let (psn, cfg) = ("8851-3PCC.xml", "Cisco/CP-8851-3PCC/001234ab45de.cfg");
    let mut expected = Vec::new();
    let address = |expected: &mut Vec<String>| {
        for scheme in ["tftp", "http", "https"] {
            expected.extend([psn, cfg].map(|tail| format!("{scheme}://127.0.0.1/{tail}")));
        }
    };
    let url = |expected: &mut Vec<String>, base: &str, slash: &str| {
        expected.push(format!("{base}{slash}"));
        expected.extend([psn, cfg].map(|tail| format!("{base}/{tail}")));
    };
    address(&mut expected);
    url(&mut expected, "http://127.0.0.1/path", "/");
    url(&mut expected, "http://127.0.0.1", "/");
    address(&mut expected);
    url(&mut expected, "http://127.0.0.1/last", "");
    assert_eq!(asked(&phone)[..expected.len()], expected);
}

#[tokio::test]
async fn an_absolute_profile_rule_ignores_dhcp() {
    let server = bench(&[]).await;
    let mut spec = spec(MPP);
    spec.parameters.insert("Profile_Rule".into(), "http://127.0.0.1/elsewhere/$MA.xml".into());
    let phone = VirtualPhone::plug(spec, server.wiring.clone());
    until_noted(&phone, "elsewhere").await;
    until(&phone, "resting", |state| state.doing == Doing::Resting).await;
    assert_eq!(asked(&phone)[0], "http://127.0.0.1/elsewhere/001234ab45de.xml");
    assert!(asked(&phone).iter().all(|url| url.contains("elsewhere")));
}

#[tokio::test]
async fn a_missing_component_and_an_altered_one_are_failures_and_not_taken() {
    for alter in [false, true] {
        let server = bench(&[BASE]).await;
        server.put("XMLDefault.cnf.xml", xml_default(BASE));
        let kernel = format!("kern288xx.{}.sbn", &BASE[8..]);
        if alter {
            server.put(&kernel, vec![7; 2500]);
        } else {
            server.remove(&kernel);
        }
        let phone = VirtualPhone::plug(spec(OLD), server.wiring.clone());
        until(&phone, "a failure", |state| !state.failures.is_empty()).await;
        assert!(phone.state.borrow().failures[0].contains(&kernel), "{}", phone.journal);
        assert_eq!(phone.state.borrow().memory.load.as_str(), OLD);
    }
}

#[tokio::test]
async fn a_leap_that_would_strand_it_is_a_failure_and_not_taken() {
    let server = bench(&[E2M]).await;
    server.put("XMLDefault.cnf.xml", xml_default(E2M));
    let phone = VirtualPhone::plug(spec(OLD), server.wiring.clone());
    until(&phone, "a failure", |state| !state.failures.is_empty()).await;
    assert!(phone.state.borrow().failures[0].contains("12.5(1)"), "{}", phone.journal);
    assert!(!asked(&phone).iter().any(|url| url.contains(".loads")));
}

#[tokio::test]
async fn a_phone_with_a_trust_list_asks_for_signed_configuration_only_and_stays() {
    let server = bench(&[BASE]).await;
    server.put("XMLDefault.cnf.xml", xml_default(BASE));
    server.put("XMLDefault.cnf.xml.sgn", xml_default(BASE));
    let mut spec = spec(OLD);
    spec.quirks.trust_list = true;
    let phone = VirtualPhone::plug(spec, server.wiring.clone());
    until_noted(&phone, "not signed by anyone").await;
    assert!(asked(&phone).iter().all(|url| !url.ends_with(".cnf.xml")));
    assert_eq!(phone.state.borrow().memory.load.as_str(), OLD);
}

#[tokio::test]
async fn without_its_license_a_phone_waits_in_the_transition_load() {
    let server = bench(&[MPP]).await;
    server.put("8851-3PCC.xml", profile(&format!("http://127.0.0.1/{MPP}.loads")));
    let phone = VirtualPhone::plug(spec(E2M), server.wiring.clone());
    until_noted(&phone, "waits for its license").await;
    assert!(!asked(&phone).iter().any(|url| url.contains(".loads")));
    server.put(&format!("{MAC}.lic"), lookalike::license(Direction::E2m, MAC));
    until(&phone, "at the target", |state| state.memory.load.as_str() == MPP).await;
}

#[tokio::test]
async fn without_the_type_of_authorization_no_license_is_fetched() {
    let server = bench(&[MPP]).await;
    let profile = profile(&format!("http://127.0.0.1/{MPP}.loads"));
    server.put("8851-3PCC.xml", profile.replace("Classic", "Other"));
    server.put(&format!("{MAC}.lic"), lookalike::license(Direction::E2m, MAC));
    let phone = VirtualPhone::plug(spec(E2M), server.wiring.clone());
    until_noted(&phone, "waits for its license").await;
    assert!(!asked(&phone).iter().any(|url| url.contains(".lic")));
}

#[tokio::test]
async fn another_phones_license_is_a_failure() {
    let server = bench(&[MPP]).await;
    server.put("8851-3PCC.xml", profile(&format!("http://127.0.0.1/{MPP}.loads")));
    server.put(&format!("{MAC}.lic"), lookalike::license(Direction::E2m, Mac([9; 6])));
    let phone = VirtualPhone::plug(spec(E2M), server.wiring.clone());
    until(&phone, "a failure", |state| state.failures.iter().any(|failure| failure.contains("license of")))
        .await;
}

#[tokio::test]
async fn a_failed_upgrade_is_tried_again_only_under_another_url() {
    let server = bench(&[MPP]).await;
    server.put("8851-3PCC.xml", profile(&format!("http://127.0.0.1/1/{MPP}.loads")));
    server.put(&format!("{MAC}.lic"), lookalike::license(Direction::E2m, MAC));
    let phone = VirtualPhone::plug(spec(E2M), server.wiring.clone());
    until(&phone, "a failure", |state| !state.failures.is_empty()).await;
    let resyncs =
        |phone: &VirtualPhone| asked(phone).iter().filter(|url| url.ends_with("8851-3PCC.xml")).count();
    let before = resyncs(&phone);
    while resyncs(&phone) < before + 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(asked(&phone).iter().filter(|url| url.contains(".loads")).count(), 1);
    server.put("8851-3PCC.xml", profile(&format!("http://127.0.0.1/{MPP}.loads")));
    until(&phone, "at the target", |state| state.memory.load.as_str() == MPP).await;
}

#[tokio::test]
async fn a_lease_from_elsewhere_is_given_up_when_refused_and_tftp_serves_where_http_does_not() {
    let server = bench(&[BASE]).await;
    server.put("XMLDefault.cnf.xml", xml_default(BASE));
    let mut spec = spec(OLD);
    spec.production_address = Some(Ipv4Addr::new(192, 0, 2, 77));
    spec.quirks.leading_slash = true;
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let wiring = Wiring { http_6970: unused, ..server.wiring.clone() };
    let phone = VirtualPhone::plug(spec, wiring);
    until(&phone, "at the target", |state| state.memory.load.as_str() == BASE).await;
    assert_eq!(phone.state.borrow().memory.lease, Some(Ipv4Addr::new(127, 10, 0x45, 0xde)));
    assert!(asked(&phone).iter().any(|url| url.starts_with("tftp://127.0.0.1/rootfs288xx")));
}
