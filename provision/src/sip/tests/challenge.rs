//! Tests that a registration by UDP counts once the phone has repeated a secret.

use super::*;

#[test]
fn by_udp_words_are_one_way_until_the_phone_has_repeated_a_secret() {
    let mut registrar = registrar();
    let actions = by_udp(&mut registrar, &[], 0);
    assert!(
        matches!(told(&actions)[..], [RegistrarEvent::Registered(PHONE, _, SenderProof::OneWay)]),
        "{actions:?}"
    );
    let question = question(&actions).unwrap();
    let right = answer_to(&question, 200);
    let other_key = Registrar::new(OWN, 7, [8; 32]).receive(&register(&[], ""), UDP, KNOWN, 0);
    assert_ne!(self::question(&other_key).unwrap().header("Call-ID"), question.header("Call-ID"));
    let mut guessed = right.clone();
    guessed.headers[0].1 = format!("SIP/2.0/UDP {OWN};branch=z9hG4bK00");
    let elsewhere = Flow { peer: SocketAddrV4::new(Ipv4Addr::new(10, 23, 45, 9), 5060), ..UDP };
    for (answer, flow) in
        [(&guessed, UDP), (&answer_to(&question, 100), UDP), (&right, elsewhere), (&right, TCP)]
    {
        assert_eq!(registrar.receive(answer, flow, KNOWN, 10), [], "{answer:?}");
    }
    let proven = registrar.receive(&right, UDP, KNOWN, 20);
    assert!(
        matches!(told(&proven)[..], [RegistrarEvent::Registered(PHONE, said, SenderProof::TwoWay)]
        if said.active.as_deref() == Some("sip78xx.12-1-1-12.loads")),
        "{proven:?}"
    );
    assert_eq!(registrar.receive(&right, UDP, KNOWN, 30), [], "once is enough");
}

#[test]
fn a_phone_that_does_not_know_the_contact_proves_nothing() {
    let mut registrar = registrar();
    let question = question(&by_udp(&mut registrar, &[], 0)).unwrap();
    assert_eq!(registrar.receive(&answer_to(&question, 404), UDP, KNOWN, 0), []);
    assert_eq!(registrar.receive(&answer_to(&question, 200), UDP, KNOWN, 0), []);
}

#[test]
fn a_question_is_asked_again_and_given_up() {
    let mut registrar = registrar();
    let question = question(&by_udp(&mut registrar, &[], 0)).unwrap();
    let again: usize = (0..40_000).step_by(100).map(|now| registrar.tick(now).len()).sum();
    assert_eq!(again, 10);
    assert_eq!(registrar.receive(&answer_to(&question, 200), UDP, KNOWN, 40_000), []);
}

#[test]
fn a_forged_datagram_takes_nothing_from_a_phone_that_is_registered() {
    let forged = [("Call-ID", "x"), ("Reason", &REASON.replace("12-1-1-12", "12-5-1SR1-4") as &str)];
    let ends = [("Call-ID", "x"), ("Expires", "0")];
    let mut connected = registrar();
    connected.receive(&register(&[], ""), TCP, KNOWN, 0);
    let actions = by_udp(&mut connected, &forged, 10);
    assert!(question(&actions).is_none(), "a phone that holds a connection speaks by it");
    assert!(matches!(told(&actions)[..], [RegistrarEvent::Registered(PHONE, _, SenderProof::OneWay)]));
    assert_eq!(told(&by_udp(&mut connected, &ends, 20)), [] as [&RegistrarEvent; 0]);
    assert_eq!(sent(&[connected.restart(PHONE, Restart::Restart, 30).unwrap()])[0].0, TCP);

    let mut proven = registrar();
    let asked = question(&by_udp(&mut proven, &[], 0)).unwrap();
    proven.receive(&answer_to(&asked, 200), UDP, KNOWN, 5);
    by_udp(&mut proven, &forged, 10);
    assert_eq!(told(&by_udp(&mut proven, &ends, 20)), [] as [&RegistrarEvent; 0]);
    let order = sent(&[proven.restart(PHONE, Restart::Restart, 30).unwrap()]).pop().unwrap().1;
    assert!(String::from_utf8(order.body).unwrap().contains(CALL_ID));
    let left = by_udp(&mut proven, &[("CSeq", "102 REGISTER"), ("Expires", "0")], 40);
    assert_eq!(told(&left), [&RegistrarEvent::Gone(PHONE)]);
}

#[test]
fn where_two_registrations_are_claimed_at_one_time_neither_is_proven() {
    let mut registrar = registrar();
    let forged = question(&by_udp(&mut registrar, &[("Call-ID", "x")], 0)).unwrap();
    assert!(question(&by_udp(&mut registrar, &[], 10)).is_none());
    assert_eq!(registrar.receive(&answer_to(&forged, 200), UDP, KNOWN, 20), []);
    registrar.tick(40_000);
    assert!(question(&by_udp(&mut registrar, &[], 40_000)).is_some(), "and later it is asked anew");
}

#[test]
fn so_many_phones_are_asked_at_one_time_and_no_more() {
    let mut registrar = registrar();
    let mut full = 0;
    for number in 0..1100u32 {
        let mac = Mac([2, 0, 0, 0, (number >> 8) as u8, number as u8]);
        let at = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + number);
        let contact = format!("<sip:x@{at}:5060>;+u.sip!devicename.ccm.cisco.com=\"SEP{mac}\"");
        let flow = Flow { peer: SocketAddrV4::new(at, 5060), ..UDP };
        let request = register(&[("Contact", &contact), ("Reason", "")], "");
        let actions = registrar.receive(&request, flow, Sender { phone: Some(mac) }, 0);
        full += usize::from(actions.contains(&Action::Full(at)));
        assert_eq!(question(&actions).is_some(), number < 1024);
    }
    assert_eq!(full, 1100 - 1024);
}
