//! Tests the registrar from a phone's side.

mod challenge;

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddrV4};

use proptest::prelude::*;

use super::*;
use crate::journey::Restart;
use crate::mac::Mac;

const PHONE: Mac = Mac([0xc8, 0x00, 0x84, 0xaa, 0x87, 0x43]);
const OTHER: Mac = Mac([0xc8, 0x00, 0x84, 0xaa, 0x87, 0x44]);
const AT: Ipv4Addr = Ipv4Addr::new(10, 23, 45, 101);
const OWN: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 23, 45, 67), 5060);
const CALL_ID: &str = "c80084aa-87430003-255b99f4-783a63d4@10.23.45.101";
const TCP: Flow = Flow { transport: Transport::Tcp, peer: SocketAddrV4::new(AT, 49_154) };
const UDP: Flow = Flow { transport: Transport::Udp, ..TCP };
const REASON: &str = "SIP;cause=200;text=\"cisco-alarm:23 Name=SEPC80084AA8743 \
                      ActiveLoad=sip78xx.12-1-1-12.loads InactiveLoad=sip78xx.10-3-1-12.loads Last=reset-restart\"";

/// As captured from a 7821, shortened; `change` replaces headers.
fn register(change: &[(&str, &str)], body: &str) -> Message {
    let contact = format!(
        "<sip:6dbd1e5c-8dd6-4c0c-98a4-7d8ac9e8f5b0@{AT}:49154;transport=tcp>;\
         +sip.instance=\"<urn:uuid:00000000-0000-0000-0000-c80084aa8743>\";\
         +u.sip!devicename.ccm.cisco.com=\"SEPC80084AA8743\";+u.sip!model.ccm.cisco.com=\"621\""
    );
    let via = format!("SIP/2.0/TCP {AT}:49154;branch=z9hG4bK4d8a3bb0");
    let usual = [
        ("Via", via.as_str()),
        ("From", "<sip:C80084AA8743@10.23.45.67>;tag=c80084aa87430004"),
        ("To", "<sip:C80084AA8743@10.23.45.67>"),
        ("Call-ID", CALL_ID),
        ("CSeq", "101 REGISTER"),
        ("User-Agent", "Cisco-CP7821/12.1.1"),
        ("Contact", &contact),
        ("Reason", REASON),
        ("Expires", "3600"),
    ];
    let mut text = "REGISTER sip:10.23.45.67 SIP/2.0\r\n".to_owned();
    for (name, value) in usual {
        let value = change.iter().find(|(changed, _)| *changed == name).map_or(value, |(_, value)| value);
        if !value.is_empty() {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
    }
    write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    Message::parse(text.as_bytes()).unwrap()
}

fn request(method: &str) -> Message {
    let mut message = register(&[("CSeq", &format!("7 {method}"))], "");
    message.start = Start::Request { method: method.to_owned(), uri: "sip:10.23.45.67".to_owned() };
    message
}

const KNOWN: Sender = Sender { phone: Some(PHONE) };

fn registrar() -> Registrar {
    Registrar::new(OWN, 7, [7; 32])
}

fn sent(actions: &[Action]) -> Vec<(Flow, Message)> {
    let send = |action: &Action| match action {
        Action::Send(flow, bytes) => Some((*flow, Message::parse(bytes).unwrap())),
        Action::Tell(_) | Action::Full(_) => None,
    };
    actions.iter().filter_map(send).collect()
}

fn told(actions: &[Action]) -> Vec<&RegistrarEvent> {
    fn tell(action: &Action) -> Option<&RegistrarEvent> {
        match action {
            Action::Tell(event) => Some(event),
            Action::Send(..) | Action::Full(_) => None,
        }
    }
    actions.iter().filter_map(tell).collect()
}

fn codes(actions: &[Action]) -> Vec<u16> {
    let code = |(_, message): (Flow, Message)| match message.start {
        Start::Response { code, .. } => code,
        Start::Request { .. } => 0,
    };
    sent(actions).into_iter().map(code).collect()
}

fn is_options(message: &Message) -> bool {
    matches!(&message.start, Start::Request { method, .. } if method == "OPTIONS")
}

fn answer_to(request: &Message, code: u16) -> Message {
    let start = Start::Response { code, reason: "Any".to_owned() };
    Message { start, headers: request.headers.clone(), body: Vec::new() }
}

/// The challenge to a REGISTER by UDP.
fn question(actions: &[Action]) -> Option<Message> {
    sent(actions).into_iter().map(|(_, message)| message).find(is_options)
}

fn by_udp(registrar: &mut Registrar, change: &[(&str, &str)], now: u64) -> Vec<Action> {
    registrar.receive(&register(change, ""), UDP, KNOWN, now)
}

#[test]
fn a_phone_is_answered_as_its_call_manager_does_and_says_what_it_runs() {
    let body = "--b\r\nContent-Type: application/x-cisco-remotecc-request+xml\r\n\r\n<x/>\r\n--b--\r\n";
    let actions = registrar().receive(&register(&[], body), TCP, KNOWN, 0);
    assert_eq!(codes(&actions), [100, 200]);
    let (flow, answer) = sent(&actions).pop().unwrap();
    assert_eq!(flow, TCP);
    let header = |name| answer.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("Expires"), "120");
    assert!(header("Contact").ends_with("\"621\";x-cisco-newreg"), "{answer:?}");
    assert!(
        header("Supported").contains("X-cisco-sis-8.0.0") && header("To").contains(";tag="),
        "{answer:?}"
    );
    assert!(header("Via").ends_with(";received=10.23.45.101"), "{answer:?}");
    assert_eq!(header("CSeq"), "101 REGISTER");
    assert_eq!(header("Content-Type"), "application/x-cisco-remotecc-response+xml");
    let body = String::from_utf8(answer.body.clone()).unwrap();
    assert!(body.contains("<code>200</code>") && body.contains("<service-control/>"), "{body}");

    let [RegistrarEvent::Registered(PHONE, said, SenderProof::TwoWay)] = told(&actions)[..] else {
        panic!("{actions:?}")
    };
    assert_eq!(said.active.as_deref(), Some("sip78xx.12-1-1-12.loads"));
    assert_eq!(said.inactive.as_deref(), Some("sip78xx.10-3-1-12.loads"));
    assert_eq!((said.model, said.last.as_deref()), (Some(621), Some("reset-restart")));

    let plain = registrar().receive(&register(&[], ""), TCP, KNOWN, 0);
    assert!(sent(&plain)[1].1.body.is_empty());
}

#[test]
fn older_firmware_says_load() {
    let reason =
        "SIP;cause=200;text=\"cisco-alarm:25 Name=SEPC80084AA8743 Load=SIP70.8-4-2-30S Last=initialized\"";
    let actions = registrar().receive(&register(&[("Reason", reason)], ""), TCP, KNOWN, 0);
    let [RegistrarEvent::Registered(_, said, _)] = told(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!((said.active.as_deref(), said.inactive.as_deref()), (Some("SIP70.8-4-2-30S"), None));
    let actions = registrar().receive(&register(&[("Reason", "")], ""), TCP, KNOWN, 0);
    let [RegistrarEvent::Registered(_, said, _)] = told(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!((said.active.as_deref(), said.device), (None, Some(PHONE)));
}

#[test]
fn only_a_phone_of_the_bench_whose_names_agree_registers() {
    let liar = REASON.replace("8743", "8744");
    let mut registrar = registrar();
    for (caller, change) in [
        (None, ("Expires", "3600")),
        (Some(OTHER), ("Expires", "3600")),
        (Some(PHONE), ("Reason", liar.as_str())),
        (
            Some(PHONE),
            ("Contact", "<sip:x@10.23.45.101:5060>;+u.sip!devicename.ccm.cisco.com=\"SEPC80084AA8744\""),
        ),
        (
            Some(PHONE),
            (
                "Contact",
                "<sip:x@10.23.45.101:5060>;+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-c80084aa8744>\"",
            ),
        ),
    ] {
        let actions = registrar.receive(&register(&[change], ""), TCP, Sender { phone: caller }, 0);
        assert_eq!(codes(&actions), [403], "{caller:?} {change:?}");
        assert!(
            matches!(told(&actions)[..], [RegistrarEvent::Refused(AT, who, _)] if *who == caller),
            "{actions:?}"
        );
        assert!(registrar.is_empty());
    }
    let elsewhere = "<sip:x@10.23.45.99:5060>;+u.sip!devicename.ccm.cisco.com=\"SEPC80084AA8743\"";
    let actions = registrar.receive(&register(&[("Contact", elsewhere)], ""), TCP, KNOWN, 0);
    assert_eq!((codes(&actions), registrar.len()), (vec![400], 0), "nobody else is sent anything");
}

#[test]
fn a_phone_is_told_to_restart_with_the_call_id_of_its_own_registration() {
    let mut registrar = registrar();
    assert_eq!(registrar.restart(PHONE, Restart::Restart, 0), None);
    registrar.receive(&register(&[], ""), TCP, KNOWN, 0);
    for (how, line) in [(Restart::Restart, "action=restart\r\n"), (Restart::Reset, "action=reset\r\n")] {
        let action = registrar.restart(PHONE, how, 0).unwrap();
        let (flow, notify) = sent(&[action]).pop().unwrap();
        let body = String::from_utf8(notify.body.clone()).unwrap();
        assert_eq!((flow, notify.header("Event")), (TCP, Some("service-control")));
        assert!(
            body.starts_with(line) && body.contains(&format!("RegisterCallId={{{CALL_ID}}}\r\n")),
            "{body}"
        );
        assert_eq!(notify.header("Subscription-State"), Some("active"));
        let mut answer = notify.clone();
        answer.start = Start::Response { code: 400, reason: "Bad Request".into() };
        let actions = registrar.receive(&answer, TCP, KNOWN, 1);
        assert_eq!(told(&actions), [&RegistrarEvent::Answered(PHONE, Some((400, "Bad Request".into())))]);
        assert_eq!(registrar.receive(&answer, TCP, KNOWN, 2), [], "once is enough");
    }
}

#[test]
fn over_udp_it_is_told_at_its_contact_again_and_again_until_it_answers_or_never_will() {
    let mut registrar = registrar();
    let via = format!("SIP/2.0/UDP {AT}:5061;branch=z9hG4bK1");
    let actions = registrar.receive(&register(&[("Via", &via)], ""), UDP, KNOWN, 0);
    let (asked, answers) =
        sent(&actions).into_iter().partition::<Vec<_>, _>(|(_, message)| is_options(message));
    assert!(answers.iter().all(|(flow, _)| flow.peer.port() == 5061), "to the port its Via names");
    registrar.receive(&answer_to(&asked[0].1, 200), UDP, KNOWN, 0);
    let actions = [registrar.restart(PHONE, Restart::Reset, 1000).unwrap()];
    assert_eq!(sent(&actions)[0].0.peer, SocketAddrV4::new(AT, 49_154));
    let mut at = Vec::new();
    for now in (1000..60_000).step_by(100) {
        for action in registrar.tick(now) {
            match action {
                Action::Send(..) => at.push(now - 1000),
                Action::Tell(event) => {
                    assert_eq!((event, now), (RegistrarEvent::Answered(PHONE, None), 33_000));
                }
                Action::Full(_) => panic!("there is room"),
            }
        }
    }
    assert_eq!(at, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
}

#[test]
fn who_leaves_or_falls_silent_or_hangs_up_is_gone() {
    let gone = [Action::Tell(RegistrarEvent::Gone(PHONE))];
    let mut registrar = registrar();
    registrar.receive(&register(&[], ""), TCP, KNOWN, 0);
    assert_eq!(registrar.tick(149_000), []);
    registrar.receive(&register(&[("CSeq", "102 REGISTER")], ""), TCP, KNOWN, 100_000);
    assert_eq!(registrar.tick(200_000), []);
    assert_eq!(registrar.tick(250_000), gone);
    registrar.receive(&register(&[], ""), TCP, KNOWN, 0);
    assert_eq!(registrar.closed(TCP), gone);
    registrar.receive(&register(&[], ""), TCP, KNOWN, 0);
    let actions =
        registrar.receive(&register(&[("CSeq", "102 REGISTER"), ("Expires", "0")], ""), TCP, KNOWN, 0);
    assert_eq!((codes(&actions), told(&actions)), (vec![200], vec![&RegistrarEvent::Gone(PHONE)]));
    registrar.receive(&register(&[("CSeq", "9 REGISTER")], ""), TCP, KNOWN, 0);
    let late = registrar.receive(&register(&[("CSeq", "8 REGISTER")], ""), TCP, KNOWN, 0);
    assert_eq!((codes(&late), registrar.len()), (vec![500], 1));
}

#[test]
fn everything_else_is_answered_and_no_call_is_taken() {
    let mut registrar = registrar();
    for (method, code) in [
        ("REFER", 202),
        ("SUBSCRIBE", 489),
        ("OPTIONS", 200),
        ("NOTIFY", 200),
        ("INVITE", 603),
        ("BYE", 481),
        ("MESSAGE", 405),
    ] {
        assert_eq!(codes(&registrar.receive(&request(method), TCP, KNOWN, 0)), [code], "{method}");
        let stranger = registrar.receive(&request(method), TCP, Sender { phone: None }, 0);
        assert_eq!(codes(&stranger), [403], "{method}");
    }
    assert_eq!(registrar.receive(&request("ACK"), TCP, KNOWN, 0), []);
    let wrong = register(&[("CSeq", "1 OPTIONS")], "");
    assert_eq!(codes(&registrar.receive(&wrong, TCP, KNOWN, 0)), [400]);
}

#[test]
fn a_stream_is_cut_into_messages() {
    let one = register(&[], "12345").encode();
    let stream = [one.as_slice(), b"\r\n\r\n", one.as_slice()].concat();
    for end in 0..one.len() {
        assert_eq!(frame(&stream[..end]), Ok(StreamItem::Partial), "{end}");
    }
    assert_eq!(frame(&stream), Ok(StreamItem::Whole(one.len())));
    assert_eq!(frame(&stream[one.len()..]), Ok(StreamItem::Blank { bytes: 4, ping: true }));
    for (bytes, why) in [
        (b"HELLO\r\n\r\n".to_vec(), Malformed::Start),
        (b"A sip:b SIP/2.0\r\nContent-Length: x\r\n\r\n".to_vec(), Malformed::Length),
        (b"A sip:b SIP/2.0\r\nl: 1\r\nContent-Length: 1\r\n\r\n1".to_vec(), Malformed::Length),
        (b"A sip:b SIP/2.0\r\nContent-Length: 99999\r\n\r\n".to_vec(), Malformed::TooLarge),
        (b"A sip:b SIP/2.0\r\nX: a\0b\r\n\r\n".to_vec(), Malformed::Header),
        (vec![b'x'; LARGEST + 1], Malformed::TooLarge),
    ] {
        assert_eq!(frame(&bytes), Err(why), "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
    }
    let folded = Message::parse(b"A sip:b SIP/2.0\nv: one\n two\nl:0\n\n").unwrap();
    assert_eq!(folded.header("Via"), Some("one two"));
}

proptest! {
    #[test]
    fn any_change_to_a_message_is_borne(at in 0usize..900, bytes in prop::collection::vec(any::<u8>(), 0..12), cut in 0usize..12) {
        let mut message = register(&[], "<x-cisco-remotecc-request/>").encode();
        let from = at.min(message.len());
        let to = (from + cut).min(message.len());
        message.splice(from..to, bytes);
        let mut registrar = registrar();
        registrar.receive(&register(&[], ""), TCP, KNOWN, 0);
        if let Ok(message) = Message::parse(&message) {
            for action in registrar.receive(&message, UDP, KNOWN, 0) {
                if let Action::Send(flow, bytes) = action {
                    prop_assert_eq!(flow.peer.ip(), &AT);
                    prop_assert!(Message::parse(&bytes).is_ok());
                }
            }
        }
        prop_assert!(registrar.len() <= 1);
    }
}
