use std::borrow::Cow;
use std::net::Ipv4Addr;

use serde::Deserialize;
use transload_provision::feed::Verdict;
use transload_provision::journey::Fact;
use transload_provision::mac::Mac;
use transload_provision::shared::PluginConfig;

use crate::cache::{self, Cached};
use crate::hook::{ClientMessage, Hook, ResponseEdit, Verdicts};

/// The same that our own DHCP server is tried by.
const VECTORS: &str = include_str!("../../../provision/tests/vectors/dhcp.json");

#[derive(Deserialize)]
struct DecisionVector {
    who: String,
    mac: Mac,
    vendor_class: Option<String>,
    requests: Vec<u8>,
    class: Option<String>,
    told: std::collections::BTreeMap<u8, String>,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn hook(more: &str) -> Hook {
    let shared = PluginConfig::read(&format!("[bench]\naddress = \"10.23.45.67/24\"\n{more}")).unwrap();
    Hook::new(shared, Cached::default(), true)
}

fn ask<'a>(mac: Mac, vendor_class: Option<&'a [u8]>, request_list: &'a [u8]) -> ClientMessage<'a> {
    ClientMessage {
        mac,
        response: 5,
        boot: true,
        address: Ipv4Addr::new(10, 23, 45, 101),
        seconds: 3600,
        vendor_class,
        request_list,
        client_id: None,
    }
}

#[test]
fn phones_are_told_what_our_own_server_tells_them() {
    let hook = hook("");
    let vectors: Vec<DecisionVector> = serde_json::from_str(VECTORS).unwrap();
    for vector in &vectors {
        let sent = vector.vendor_class.as_deref().map(unhex);
        // The boundary takes closing NULs off.
        let class = sent
            .as_deref()
            .map(|sent| &sent[..sent.iter().rposition(|octet| *octet != 0).map_or(0, |at| at + 1)]);
        let told = hook.answer(&ask(vector.mac, class, &vector.requests)).map(Cow::into_owned);
        assert_eq!(told.is_some(), vector.class.is_some(), "{}", vector.who);
        let options = told.map_or_else(Vec::new, |told| told.options);
        let expected: Vec<(u8, Vec<u8>)> =
            vector.told.iter().map(|(code, hex)| (*code, unhex(hex))).collect();
        assert_eq!(options, expected, "{}", vector.who);
    }
}

#[test]
fn a_class_of_the_users_counts_more_and_a_refusal_is_left_alone() {
    let hook = hook(
        "[[dhcp.class]]\nname = \"lab\"\nvendor-class = \"CP-88*\"\noptions = { 160 = \"http://10.9.9.9\" }\n\
         [[dhcp.class]]\nname = \"pc\"\nvendor-class = \"MSFT*\"\nboot-file = \"loader\"\n",
    );
    let phone = Mac([0xc4, 0xb9, 0xcd, 1, 2, 3]);
    let told = hook.answer(&ask(phone, Some(b"CP-8851-3PCC"), &[160])).unwrap();
    assert_eq!((told.steers, &told.options), (true, &vec![(160, b"http://10.9.9.9".to_vec())]));
    let told = hook.answer(&ask(phone, Some(b"MSFT 5.0"), &[1])).unwrap().into_owned();
    let kept = ResponseEdit {
        steers: false,
        next_server: None,
        server_name: None,
        boot_file: Some("loader".into()),
        options: vec![],
        prepared: 0,
    };
    assert_eq!(told, kept, "what Kea itself tells a machine that is no phone stays");
    assert_eq!(
        hook.answer(&ClientMessage { response: 6, ..ask(phone, Some(b"CP-8851-3PCC"), &[160]) }),
        None
    );
}

#[test]
fn verdicts_outlive_a_restart_and_a_damaged_cache_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verdicts");
    assert!(cache::read(&path).unwrap().as_of.is_none());
    let mac = Mac([0xc4, 0xb9, 0xcd, 1, 2, 3]);
    let site = transload_provision::options::Site::default();
    let mpp = |_: Option<Fact>| site.steer(transload_provision::client::Persona::Multiplatform, false);
    let verdict = Verdict::new(mac, 7, mpp);
    let known = Verdicts { by_mac: [(mac, verdict.clone())].into(), as_of: Some(1000) };
    cache::write(&path, &known).unwrap();
    let cached = cache::read(&path).unwrap();
    assert_eq!((&cached.verdicts, cached.as_of), (&vec![verdict], Some(1000)));
    let shared = PluginConfig::read("[bench]\naddress = \"10.23.45.67/24\"\n").unwrap();
    let hook = Hook::new(shared, cached, true);
    assert!(hook.age().contains("1 phones"), "{}", hook.age());
    let told = hook.answer(&ask(mac, None, &[1, 3])).unwrap();
    assert_eq!(told.options.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [159, 160]);
    std::fs::write(&path, "1000\n{\"mac\":").unwrap();
    assert!(cache::read(&path).unwrap_err().contains("damaged"));
}
