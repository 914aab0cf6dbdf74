//! Which options a reply has, in which order.

use transload_dhcp::MessageType;
use transload_dhcp::config::{DhcpConfig, DhcpNetwork, HostReservation, LeaseTime};
use transload_dhcp::lease::ClientKey;
use transload_dhcp::options::code;
use transload_dhcp::packet::Packet;
use transload_dhcp::policy::Grant;

use crate::lab::*;

fn with_options(options: &[(u8, &[u8])]) -> DhcpConfig {
    let options = options.iter().map(|(code, octets)| (*code, octets.to_vec())).collect();
    DhcpConfig { networks: vec![DhcpNetwork { options, ..network() }], ..config() }
}

fn phone_options() -> Grant {
    Grant { options: vec![(66, b"10.0.0.1".to_vec()), (150, vec![10, 0, 0, 1])], ..Grant::default() }
}

const ROUTER: (u8, &[u8]) = (3, &[10, 0, 0, 1]);
const DNS: (u8, &[u8]) = (6, &[10, 0, 0, 2]);
const NTP: (u8, &[u8]) = (42, &[10, 0, 0, 3]);

#[test]
pub fn d20_what_is_asked_for_and_known_is_sent_once_and_nothing_made_up() {
    let mut lab = EngineUnderTest::granting(with_options(&[ROUTER, DNS, NTP]), phone_options());
    let offer = lab.ask(&with(discover(PHONE), code::REQUEST_LIST, &[42, 6, 6, 42, 15, 44, 28])).unwrap();
    for (code, octets) in [NTP, DNS, ROUTER, (28, &[10, 0, 0, 255])] {
        assert_eq!(offer.option(code), Some(octets));
    }
    let mut codes = codes(&offer);
    assert!(!codes.contains(&15) && !codes.contains(&44));
    codes.sort_unstable();
    assert!(codes.windows(2).all(|pair| pair[0] != pair[1]), "{codes:?}");
}

#[test]
pub fn d21_what_is_configured_is_sent_unrequested() {
    let mut lab = EngineUnderTest::granting(with_options(&[ROUTER, NTP]), phone_options());
    let offer = lab.ask(&with(discover(PHONE), code::REQUEST_LIST, &[1])).unwrap();
    for code in [1, 3, 42, 66, 150] {
        assert!(offer.option(code).is_some(), "{code}");
    }
}

#[test]
pub fn d21_the_policy_wins_over_the_network_and_a_reservation_over_both() {
    let mut config = with_options(&[(66, b"network"), (67, b"network"), (69, &[1, 1, 1, 1])]);
    config.networks[0].reservations.push(HostReservation {
        client: ClientKey::Mac(PHONE),
        address: host(50),
        options: vec![(66, b"reserved".to_vec())],
    });
    let grant = Grant {
        options: vec![(66, b"policy".to_vec()), (67, b"policy".to_vec()), (code::LEASE_TIME, vec![0; 4])],
        ..Grant::default()
    };
    let mut lab = EngineUnderTest::granting(config, grant);
    let offer = lab.ask(&discover(PHONE)).unwrap();
    assert_eq!(offer.option(66), Some(&b"reserved"[..]));
    assert_eq!(offer.option(67), Some(&b"policy"[..]));
    assert_eq!(offer.option(69), Some(&[1, 1, 1, 1][..]));
    // What the server writes itself is not the policy's to set.
    assert_eq!(number(&offer, code::LEASE_TIME), Some(3600));
}

#[test]
pub fn d22_an_offer_and_an_ack_name_server_and_lease_and_nothing_of_the_clients_wishes() {
    let mut lab = EngineUnderTest::new(config());
    let wishes = |packet| with(with(packet, code::REQUEST_LIST, &[1, 3]), code::MAX_MESSAGE_SIZE, &[5, 0]);
    let offer = lab.ask(&wishes(discover(PHONE))).unwrap();
    let ack = lab.ask(&wishes(select(PHONE, offer.yiaddr))).unwrap();
    for reply in [offer, ack] {
        assert_eq!(reply.address(code::SERVER_ID), Some(SERVER));
        assert_eq!(number(&reply, code::LEASE_TIME), Some(3600));
        for code in [code::REQUESTED_ADDRESS, code::REQUEST_LIST, code::MAX_MESSAGE_SIZE] {
            assert_eq!(reply.option(code), None);
        }
    }
}

#[test]
pub fn d22_a_nak_has_only_what_it_may_have() {
    let mut lab = EngineUnderTest::granting(
        with_options(&[ROUTER]),
        Grant { next_server: Some(SERVER), ..phone_options() },
    );
    let nak = lab.ask(&with(reboot(PHONE, host(200)), code::CLIENT_ID, b"\x01phone")).unwrap();
    assert_eq!(nak.kind, MessageType::Nak);
    assert_eq!(codes(&nak), [code::SERVER_ID, code::MESSAGE, code::CLIENT_ID]);
    assert_eq!((nak.ciaddr, nak.yiaddr, nak.siaddr), (NOBODY, NOBODY, NOBODY));
}

#[test]
pub fn d23_fields_are_copied_or_zero_as_table_3_says() {
    let grant = Grant {
        next_server: Some(SERVER),
        server_name: Some("bench".into()),
        boot_file: Some("boot".into()),
        ..Grant::default()
    };
    let mut lab = EngineUnderTest::granting(config(), grant);
    let packet = Packet { secs: 9, hops: 3, flags: 0x8001, ..discover(PHONE) };
    let offer = lab.ask(&packet).unwrap();
    assert_eq!((offer.xid, offer.chaddr, offer.secs, offer.hops), (packet.xid, PHONE, 0, 0));
    // D1: reserved flags come back as they were.
    assert_eq!((offer.flags, offer.ciaddr, offer.siaddr), (0x8001, NOBODY, SERVER));
    assert_eq!((offer.sname.as_slice(), offer.file.as_slice()), (&b"bench"[..], &b"boot"[..]));
    lab.ask(&select(PHONE, offer.yiaddr));
    let ack = lab.ask(&renew(PHONE, offer.yiaddr)).unwrap();
    assert_eq!((ack.ciaddr, ack.yiaddr), (offer.yiaddr, offer.yiaddr));
    let nak = lab.ask(&renew(PHONE, host(19))).unwrap();
    assert_eq!((nak.kind, nak.ciaddr, nak.yiaddr), (MessageType::Nak, NOBODY, NOBODY));
}

#[test]
pub fn d31_t1_before_t2_before_the_end_whatever_is_configured() {
    for (renew, rebind) in [
        (None, None),
        (Some(900), Some(1800)),
        (Some(5000), None),
        (None, Some(9000)),
        (Some(3000), Some(20)),
        (Some(0), Some(0)),
    ] {
        let mut config = config();
        config.networks[0].lease = LeaseTime { renew, rebind, ..LeaseTime::fixed(3600) };
        let offer = EngineUnderTest::new(config).ask(&discover(PHONE)).unwrap();
        let t1 = number(&offer, code::RENEWAL_TIME).unwrap();
        let t2 = number(&offer, code::REBINDING_TIME).unwrap();
        assert!(0 < t1 && t1 < t2 && t2 < 3600, "{renew:?} {rebind:?} gave {t1} {t2}");
    }
}

#[test]
pub fn d36_the_mask_precedes_the_router_whatever_the_order_asked_for() {
    for wanted in [&[3, 1][..], &[3], &[6, 3, 42, 1], &[]] {
        let mut lab = EngineUnderTest::new(with_options(&[ROUTER, DNS]));
        let codes = codes(&lab.ask(&with(discover(PHONE), code::REQUEST_LIST, wanted)).unwrap());
        let place = |code| codes.iter().position(|found| *found == code).unwrap();
        assert!(place(1) < place(3), "{codes:?}");
    }
}

#[test]
pub fn d37_options_come_in_the_order_asked_for() {
    let mut lab = EngineUnderTest::granting(with_options(&[ROUTER, DNS, NTP]), phone_options());
    let wanted = [150, 42, 66, 1, 6, 51, 3];
    let reply = lab.handle(&with(discover(PHONE), code::REQUEST_LIST, &wanted), BROADCAST).reply.unwrap();
    let octets = reply.encode();
    assert_eq!((octets[240], octets[243]), (code::MESSAGE_TYPE, code::SERVER_ID));
    let codes = codes(&reply.packet);
    assert_eq!(codes[1..=wanted.len()], wanted);
}

#[test]
pub fn d38_576_octets_unless_the_client_takes_more_and_the_phones_options_go_last() {
    let big = vec![b'x'; 200];
    let grant = Grant { options: vec![(160, big.clone())], ..Grant::default() };
    let options: &[(u8, &[u8])] = &[(15, &big), (40, &big), (64, &big)];
    let ask = |size: Option<u16>| {
        let mut packet = with(discover(PHONE), code::REQUEST_LIST, &[40, 64]);
        if let Some(size) = size {
            packet = with(packet, code::MAX_MESSAGE_SIZE, &size.to_be_bytes());
        }
        let decision =
            EngineUnderTest::granting(with_options(options), grant.clone()).handle(&packet, BROADCAST);
        (decision.reply.unwrap().encode().len() + 28, decision.event.left_out)
    };
    // Room for one of the four: the unrequested goes first, then the requested from the back.
    let (size, left_out) = ask(None);
    assert!(size <= 576, "{size}");
    assert_eq!(left_out, [15, 64, 40]);
    // A size below the smallest allowed means the smallest.
    assert_eq!(ask(Some(100)), (size, vec![15, 64, 40]));
    let (size, left_out) = ask(Some(1500));
    assert!(size <= 1500 && left_out.is_empty(), "{left_out:?}");
    let (size, left_out) = ask(Some(950));
    assert!(size <= 950, "{size}");
    assert_eq!(left_out, [15]);
}

#[test]
pub fn d16_what_does_not_fit_goes_to_file_and_sname_before_it_is_left_out() {
    let options: &[(u8, &[u8])] = &[(15, &[b'a'; 120]), (40, &[b'b'; 120]), (64, &[b'c'; 60])];
    let mut lab = EngineUnderTest::new(with_options(options));
    let decision = lab.handle(&discover(PHONE), BROADCAST);
    assert_eq!(decision.event.left_out, []);
    let octets = decision.reply.unwrap().encode();
    assert!(octets.len() + 28 <= 576);
    assert_eq!(octets[240..245], [53, 1, 2, code::OVERLOAD, 1]);
    let read = Packet::decode(&octets).unwrap();
    for (code, value) in options {
        assert_eq!(read.option(*code), Some(*value));
    }

    // With a file name of the policy's, sname is used; with a server name too, something has to go.
    let boot_file = Some("boot".to_owned());
    let grant = Grant { boot_file, ..Grant::default() };
    let decision =
        EngineUnderTest::granting(with_options(options), grant.clone()).handle(&discover(PHONE), BROADCAST);
    assert_eq!(decision.event.left_out, []);
    assert_eq!(decision.reply.unwrap().encode()[240..245], [53, 1, 2, code::OVERLOAD, 1]);
    let grant = Grant { server_name: Some("bench".into()), ..grant };
    let decision =
        EngineUnderTest::granting(with_options(options), grant).handle(&discover(PHONE), BROADCAST);
    assert_eq!(decision.event.left_out, [64]);
    let packet = Packet::decode(&decision.reply.unwrap().encode()).unwrap();
    assert_eq!((packet.file.as_slice(), packet.sname.as_slice()), (&b"boot"[..], &b"bench"[..]));
}

#[test]
pub fn d41_relay_information_is_echoed_whole_and_last() {
    let mut lab = EngineUnderTest::new(with_options(&[ROUTER]));
    let information = [1, 4, 0, 1, 2, 3, 2, 6, 0, 1, 2, 3, 4, 5];
    let through = |packet| with(Packet { giaddr: host(2), ..packet }, code::RELAY_INFORMATION, &information);
    for packet in [discover(PHONE), select(PHONE, host(10)), reboot(PHONE, host(200))] {
        let packet = with(through(packet), code::CLIENT_ID, b"\x01id");
        let reply = lab.ask(&packet).unwrap();
        assert_eq!(reply.options.last(), Some(&(code::RELAY_INFORMATION, information.to_vec())));
    }
}

#[test]
pub fn d41_relay_information_stays_in_the_options_field_and_is_left_out_where_it_does_not_fit() {
    let through = |length| {
        let relayed = Packet { giaddr: host(2), ..discover(PHONE) };
        with(relayed, code::RELAY_INFORMATION, &vec![7; length])
    };
    // Enough for `file` to be used, where it must not be.
    let mut lab = EngineUnderTest::new(with_options(&[(15, &[b'a'; 120]), (40, &[b'b'; 110])]));
    let octets = lab.handle(&through(100), BROADCAST).reply.unwrap().encode();
    assert_eq!(octets[243..246], [code::OVERLOAD, 1, 1]);
    assert_eq!(octets[octets.len() - 103..octets.len() - 100], [code::RELAY_INFORMATION, 100, 7]);
    assert_eq!(octets.last(), Some(&code::END));

    let grant = Grant { options: vec![(160, vec![b'a'; 200])], ..Grant::default() };
    let decision = EngineUnderTest::granting(config(), grant).handle(&through(250), BROADCAST);
    assert_eq!(decision.event.left_out, [code::RELAY_INFORMATION]);
    assert_eq!(decision.reply.unwrap().packet.option(code::RELAY_INFORMATION), None);
}

#[test]
pub fn d41_relay_information_of_any_length_is_echoed_whole_or_not_at_all() {
    for length in [1, 254, 255, 256, 600, 1300] {
        let information = vec![7; length];
        let packet = with(discover(PHONE), code::RELAY_INFORMATION, &information);
        let packet = with(packet, code::MAX_MESSAGE_SIZE, &1500_u16.to_be_bytes());
        let offer = EngineUnderTest::new(config()).ask(&packet).unwrap();
        assert_eq!(offer.option(code::RELAY_INFORMATION), Some(&information[..]).filter(|_| length < 1300));
    }
}

#[test]
pub fn d51_router_and_static_routes_give_way_to_classless_routes_that_are_asked_for() {
    const CLASSLESS: (u8, &[u8]) = (121, &[0, 10, 0, 0, 1]);
    const STATIC: (u8, &[u8]) = (33, &[10, 9, 0, 0, 10, 0, 0, 1]);
    let ask = |options: &[(u8, &[u8])], wanted: &[u8]| {
        let mut lab = EngineUnderTest::new(with_options(options));
        let offer = lab.ask(&with(discover(PHONE), code::REQUEST_LIST, wanted)).unwrap();
        let mut codes = codes(&offer);
        codes.retain(|code| [3, 33, 121].contains(code));
        codes
    };
    let all = [ROUTER, STATIC, CLASSLESS];
    for wanted in [&[1, 3, 33, 121][..], &[121, 3], &[33, 121], &[121, 249]] {
        assert_eq!(ask(&all, wanted), [121], "{wanted:?}");
    }
    assert_eq!(ask(&all, &[3, 33]), [3, 33, 121], "does not know classless routes");
    assert_eq!(ask(&[ROUTER, STATIC], &[121, 3, 33]), [3, 33], "there are none");
}

#[test]
pub fn d44_the_client_identifier_is_echoed_and_never_made_up() {
    let mut lab = EngineUnderTest::new(config());
    let id = [255, 1, 2, 3, 0, 4];
    for packet in
        [discover(PHONE), select(PHONE, host(10)), reboot(PHONE, host(200)), inform(PHONE, host(10))]
    {
        assert_eq!(
            lab.ask(&with(packet.clone(), code::CLIENT_ID, &id)).unwrap().option(code::CLIENT_ID),
            Some(&id[..])
        );
        let reply = lab.ask(&Packet { chaddr: OTHER, ..packet }).expect("a reply");
        assert_eq!(reply.option(code::CLIENT_ID), None);
    }
}

#[test]
pub fn d49_option_150_may_be_several_addresses_in_order() {
    let octets: Vec<u8> = [[10, 0, 0, 9], [10, 0, 0, 1]].concat();
    let grant = Grant { options: vec![(150, octets.clone())], ..Grant::default() };
    assert_eq!(
        EngineUnderTest::granting(config(), grant).ask(&discover(PHONE)).unwrap().option(150),
        Some(&octets[..])
    );
}
