//! Tests our DHCP policy against the vectors of the Kea hook, and leases reported by another server.

use std::collections::BTreeMap;
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use transload_dhcp::MessageType;
use transload_dhcp::policy::{ClientRequest, Policy, PolicyDecision};
use transload_provision::client::Persona;
use transload_provision::feed::{FeedEvent, FeedMessage};

use super::tests::open;
use super::*;

const VECTORS: &str = include_str!("../../../provision/tests/vectors/dhcp.json");
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 23, 45, 67);

#[derive(Deserialize)]
struct Vector {
    who: String,
    mac: Mac,
    vendor_class: Option<String>,
    requests: Vec<u8>,
    class: Option<String>,
    told: BTreeMap<u8, String>,
}

fn unhex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

#[tokio::test]
async fn our_own_server_tells_phones_what_the_vectors_say() {
    let state = tempfile::tempdir().unwrap();
    let bench = open(state.path(), true);
    for vector in serde_json::from_str::<Vec<Vector>>(VECTORS).unwrap() {
        let sent = vector.vendor_class.as_deref().map(unhex);
        // The server strips trailing NULs.
        let class = sent
            .as_deref()
            .map(|sent| &sent[..sent.iter().rposition(|octet| *octet != 0).map_or(0, |at| at + 1)]);
        let decision = bench.decide(&ClientRequest {
            mac: vector.mac.0,
            client_id: None,
            vendor_class: class,
            request_list: &vector.requests,
            host_name: None,
            relay_information: None,
            kind: MessageType::Discover,
            boots: true,
            relay: None,
            network: "bench",
            server: SERVER,
        });
        let (class, told) = match decision {
            PolicyDecision::Ignore { .. } => (None, Vec::new()),
            PolicyDecision::Grant(grant) => (Some(grant.class), grant.options),
        };
        let expected: Vec<(u8, Vec<u8>)> =
            vector.told.iter().map(|(code, hex)| (*code, unhex(hex))).collect();
        assert_eq!((class, told), (vector.class, expected), "{}", vector.who);
    }
}

fn event(line: &str) -> FeedEvent {
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn another_servers_lease_tells_who_asks_until_it_ends_and_verdicts_follow_what_is_known() {
    let state = tempfile::tempdir().unwrap();
    let bench = open(state.path(), false);
    let news = bench.open_feed();
    let mac: Mac = "C4B9CD010203".parse().unwrap();
    let at = Ipv4Addr::new(10, 23, 45, 101);
    bench.feed_event(event(
        r#"{"event":"lease","mac":"C4B9CD010203","vendor_class":"CP-8851-3PCC","request_list":[160],"boot":true,"address":"10.23.45.101","seconds":60}"#,
    ));
    let holds =
        |after: u64| bench.state().addresses.leaseholder(at, bench.now() + Duration::from_secs(after));
    assert_eq!((holds(0), holds(59), holds(61)), (Some(mac), Some(mac), None));
    assert_eq!(bench.phone(mac).unwrap().phone.address, Some(at));
    bench.pending_restarts().await;
    let (words, version) = bench.messages_since(0).unwrap();
    let [FeedMessage::Verdict(verdict)] = words.as_slice() else { panic!("{words:?}") };
    assert_eq!((verdict.mac, verdict.version, *news.borrow()), (mac, version, version));
    assert_eq!(verdict.unchanged.persona, Persona::Multiplatform);
    assert_eq!(verdict.enterprise.persona, Persona::Enterprise, "its next message may be news");
    // A repeated lease is no news; a lease of another client is.
    bench
        .feed_event(event(r#"{"event":"lease","mac":"C4B9CD010203","address":"10.23.45.101","boot":false}"#));
    bench.pending_restarts().await;
    assert_eq!(bench.messages_since(version), Some((Vec::new(), version)));
    bench.feed_event(event(r#"{"event":"free","mac":"C4B9CD0102FF","address":"10.23.45.101"}"#));
    assert_eq!(holds(0), Some(mac), "another's word does not take it");
    bench.feed_event(event(r#"{"event":"free","mac":"C4B9CD010203","address":"10.23.45.101"}"#));
    assert_eq!(holds(0), None);
}
