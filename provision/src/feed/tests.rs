use super::*;
use crate::journey::{Journey, Observation};
use crate::options::Site;
use crate::time::Time;

const MAC: Mac = Mac([0xc4, 0xb9, 0xcd, 1, 2, 3]);
const ENTERPRISE_LIST: &[u8] = &[1, 42, 66, 6, 3, 15, 150, 35];
const MPP_LIST: &[u8] = &[1, 3, 6, 15, 66, 150, 159, 160];

#[test]
fn lines_are_what_the_document_shows() {
    for line in [
        r#"{"event":"hello","protocol":1,"name":"kea"}"#,
        r#"{"event":"asked","mac":"C4B9CD010203","vendor_class":"CP-8851-3PCC","request_list":[1,160],"boot":true}"#,
        r#"{"event":"lease","mac":"C4B9CD010203","client_id":"01c4b9cd010203","ago":12,"address":"10.23.45.101","seconds":600}"#,
        r#"{"event":"free","mac":"C4B9CD010203","address":"10.23.45.101"}"#,
        r#"{"event":"dropped","count":3}"#,
    ] {
        let event: FeedEvent = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), line);
    }
    let short: FeedEvent =
        serde_json::from_str(r#"{"event":"lease","mac":"c4:b9:cd:01:02:03","address":"10.0.0.1"}"#).unwrap();
    let FeedEvent::Lease { client, seconds, .. } = short else { panic!("{short:?}") };
    assert_eq!((client.mac, seconds, client.boot), (MAC, 3600, None));
    for line in [
        r#"{"tell":"verdict","mac":"C4B9CD010203","version":7,"unchanged":{"persona":"enterprise","servers":["192.0.2.1"]},"enterprise":{"persona":"enterprise"},"multiplatform":{"persona":"multiplatform","cda":true},"silent":{"persona":"unknown"}}"#,
        r#"{"tell":"forget","mac":"C4B9CD010203","version":8}"#,
        r#"{"tell":"whole","version":8}"#,
    ] {
        let word: FeedMessage = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&word).unwrap(), line);
        assert_eq!(FeedMessage::read(line.as_bytes()).unwrap(), word);
    }
}

/// A verdict in advance equals the verdict on the message itself.
#[test]
fn a_verdict_in_advance_is_the_one_on_the_message_itself() {
    let judged = |said: &[Fact]| {
        let mut journey = Journey::new(MAC, Time(0));
        for (at, fact) in said.iter().enumerate() {
            journey.observe(&Observation::new(Time(at as u64), fact.clone()));
        }
        let library = crate::library::Library::default();
        let timing = crate::settings::Timing::default();
        let belief = crate::journey::believe(&journey, &library, &timing, None, Time(1000));
        let persona = match belief.side {
            _ if belief.disputed => Persona::Unknown,
            Some(crate::load::Side::Enterprise) => Persona::Enterprise,
            Some(crate::load::Side::Multiplatform) => Persona::Multiplatform,
            None => Persona::Unknown,
        };
        Site::default().steer(persona, false)
    };
    let dhcp = |boot, class: Option<&str>, list: &[u8]| Fact::Dhcp {
        boot,
        vendor_class: class.map(str::to_owned),
        request_list: list.to_vec(),
    };
    let asks = |side| Fact::ConfigAsked { side, signed: false, model: None, user_agent: None };
    let pasts = [
        vec![],
        vec![dhcp(true, Some("CP-8851-3PCC"), MPP_LIST)],
        vec![dhcp(true, Some("Cisco Systems, Inc. IP Phone CP-8851"), ENTERPRISE_LIST)],
        vec![dhcp(true, None, ENTERPRISE_LIST), asks(crate::load::Side::Enterprise)],
        vec![dhcp(true, Some("CP-8851"), &[1]), asks(crate::load::Side::Multiplatform)],
    ];
    let mut seen = std::collections::BTreeSet::new();
    for past in pasts {
        let verdict =
            Verdict::new(MAC, 1, |fact| judged(&past.iter().cloned().chain(fact).collect::<Vec<_>>()));
        for class in [
            None,
            Some("Cisco Systems, Inc. IP Phone CP-8851"),
            Some("CP-8851-3PCC"),
            Some("CP-8851"),
            Some("MSFT 5.0"),
        ] {
            for list in [ENTERPRISE_LIST, MPP_LIST, &[1, 3][..]] {
                let really = judged(&[past.clone(), vec![dhcp(true, class, list)]].concat());
                let said = verdict.steer(true, class.map(str::as_bytes), list);
                assert_eq!(*said, really, "after {past:?}: {class:?} {list:?}");
                seen.insert(really.persona);
                if past.is_empty() && client::is_phone(class.map(str::as_bytes), list, MAC) {
                    let first = client::first_contact(class.map(str::as_bytes), list, MAC);
                    assert_eq!(first, Some(really.persona), "{class:?} {list:?}");
                }
            }
        }
        assert_eq!(*verdict.steer(false, None, &[]), judged(&past), "a renewal");
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}
