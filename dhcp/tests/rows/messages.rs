//! What each kind of message does.

use std::net::Ipv4Addr;

use transload_dhcp::MessageType;
use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork};
use transload_dhcp::destination::Destination;
use transload_dhcp::event::{DhcpOutcome, Unserved};
use transload_dhcp::lease::LeaseState;
use transload_dhcp::options::code;
use transload_dhcp::packet::{Op, Packet};

use crate::lab::*;

fn kind(lab: &mut EngineUnderTest, packet: &Packet) -> Option<MessageType> {
    lab.ask(packet).map(|reply| reply.kind)
}

fn permissive() -> DhcpConfig {
    DhcpConfig { authoritative: false, ..config() }
}

const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 20);

#[test]
pub fn d7_a_selected_server_that_cannot_satisfy_says_so() {
    let mut lab = EngineUnderTest::new(permissive());
    let address = lab.lease(OTHER);
    assert_eq!(kind(&mut lab, &select(PHONE, address)), Some(MessageType::Nak));
    assert_eq!(kind(&mut lab, &select(PHONE, ELSEWHERE)), Some(MessageType::Nak));
}

#[test]
pub fn d24_selecting_names_this_server_and_the_offered_address() {
    let mut lab = EngineUnderTest::new(config());
    let offer = lab.ask(&discover(PHONE)).unwrap();
    let nothing = with(request(PHONE), code::SERVER_ID, &SERVER.octets());
    assert_eq!(kind(&mut lab, &nothing), None);
    assert_eq!(kind(&mut lab, &select(PHONE, offer.yiaddr)), Some(MessageType::Ack));
}

#[test]
pub fn d24_where_the_server_identifier_cannot_be_used_a_taken_offer_is_ours_and_anything_else_is_told() {
    for flawed in [&[10, 0, 0][..], &[10, 0, 0, 1, 0], &[], &[0; 4]] {
        let mut lab = EngineUnderTest::new(config());
        let read = |packet: Packet| Packet::decode(&packet.encode(1500)).unwrap();
        let taking = |address| read(asking_for(with(request(PHONE), code::SERVER_ID, flawed), address));
        let decision = lab.handle(&taking(host(10)), BROADCAST);
        let DhcpOutcome::Unserved(Unserved::Option(why)) = decision.event.outcome else {
            panic!("{flawed:?}")
        };
        assert_eq!((why.code, decision.reply), (code::SERVER_ID, None));
        let offer = lab.ask(&discover(PHONE)).unwrap();
        assert_eq!(kind(&mut lab, &taking(offer.yiaddr)), Some(MessageType::Ack), "{flawed:?}");
        // Who renews needs neither.
        let renewal = read(with(renew(PHONE, offer.yiaddr), code::SERVER_ID, flawed));
        assert_eq!(kind(&mut lab, &renewal), Some(MessageType::Ack), "{flawed:?}");
    }
}

#[test]
pub fn d24_a_request_whose_address_cannot_be_used_is_told() {
    let mut lab = EngineUnderTest::new(config());
    let offer = lab.ask(&discover(PHONE)).unwrap();
    let names_us = with(request(PHONE), code::SERVER_ID, &SERVER.octets());
    let flawed = with(names_us.clone(), code::REQUESTED_ADDRESS, &[10, 0, 0]);
    let flawed = Packet::decode(&flawed.encode(576)).unwrap();
    let outcome = lab.outcome(&flawed);
    assert!(
        matches!(&outcome, DhcpOutcome::Unserved(why) if why.to_string().contains("option 50 has 3 octets")),
        "{outcome:?}"
    );
    // The address of a client that tells it in the other place.
    let zero = Packet { ciaddr: offer.yiaddr, ..with(names_us, code::REQUESTED_ADDRESS, &[0; 4]) };
    assert_eq!(kind(&mut lab, &zero), Some(MessageType::Ack));
}

#[test]
pub fn d24_an_offer_forgotten_meanwhile_is_honored_while_the_address_is_free() {
    let mut lab = EngineUnderTest::new(config());
    let offer = lab.ask(&discover(PHONE)).unwrap();
    lab.restart();
    assert_eq!(kind(&mut lab, &select(PHONE, offer.yiaddr)), Some(MessageType::Ack));
}

#[test]
pub fn d25_a_known_client_that_boots_with_a_wrong_address_is_refused() {
    let mut lab = EngineUnderTest::new(permissive());
    let address = lab.lease(PHONE);
    assert_eq!(kind(&mut lab, &reboot(PHONE, address)), Some(MessageType::Ack));
    assert_eq!(kind(&mut lab, &reboot(PHONE, host(15))), Some(MessageType::Nak));
    assert_eq!(kind(&mut lab, &reboot(PHONE, ELSEWHERE)), Some(MessageType::Nak));
}

#[test]
pub fn d26_without_a_record_silence_unless_authoritative() {
    for address in [ELSEWHERE, host(15)] {
        assert_eq!(kind(&mut EngineUnderTest::new(permissive()), &reboot(PHONE, address)), None);
        assert_eq!(
            kind(&mut EngineUnderTest::new(config()), &reboot(PHONE, address)),
            Some(MessageType::Nak)
        );
    }
}

#[test]
pub fn d27_renewing_and_rebinding_extend_the_lease() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    for (ingress, later) in [(UNICAST, 1_800_000), (BROADCAST, 1_800_000), (UNICAST, 1_000)] {
        lab.now += later;
        let reply = lab.handle(&renew(PHONE, address), ingress).reply.unwrap();
        assert_eq!((reply.packet.kind, number(&reply.packet, 51)), (MessageType::Ack, Some(3600)));
        assert_eq!(lab.disk[&address].expires, lab.now + 3_600_000);
    }
    assert_eq!(kind(&mut lab, &renew(OTHER, address)), Some(MessageType::Nak));
}

#[test]
pub fn d27_a_client_that_rebinds_on_the_wrong_network_is_refused() {
    let mut config = permissive();
    let pools = vec![AddressRange { first: Ipv4Addr::new(10, 1, 0, 10), last: Ipv4Addr::new(10, 1, 0, 19) }];
    let address = Ipv4Addr::new(10, 1, 0, 1);
    config.networks.push(DhcpNetwork { name: "second".into(), address, pools, ..network() });
    let mut lab = EngineUnderTest::new(config);
    let leased = lab.lease(PHONE);
    let moved = transload_dhcp::engine::Ingress { local: address, ..from(leased) };
    let reply = lab.handle(&renew(PHONE, leased), moved).reply.unwrap();
    assert_eq!((reply.packet.kind, reply.destination), (MessageType::Nak, Destination::Broadcast));
}

#[test]
pub fn d28_a_declined_address_is_nobodys_for_a_while() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    let decision = lab.handle(&decline(PHONE, address), BROADCAST);
    assert_eq!((decision.reply, decision.event.outcome), (None, DhcpOutcome::Declined));
    assert_eq!(lab.disk[&address].state, LeaseState::Declined);
    assert_ne!(lab.ask(&asking_for(discover(PHONE), address)).unwrap().yiaddr, address);
    lab.restart();
    assert_ne!(lab.ask(&asking_for(discover(OTHER), address)).unwrap().yiaddr, address);
    lab.now += 3_600_000;
    assert_eq!(lab.ask(&asking_for(discover([9; 6]), address)).unwrap().yiaddr, address);
}

#[test]
pub fn d28_only_the_holder_declines_and_only_to_us() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    let mut elsewhere = decline(PHONE, address);
    elsewhere.options[0] = (code::SERVER_ID, vec![10, 0, 0, 66]);
    for packet in [decline(OTHER, address), decline(PHONE, host(12)), elsewhere] {
        assert!(matches!(lab.outcome(&packet), DhcpOutcome::Ignored(_)));
    }
    assert_eq!(lab.ask(&discover(PHONE)).unwrap().yiaddr, address);
}

#[test]
pub fn d28_an_offered_address_can_be_declined_too() {
    let mut lab = EngineUnderTest::new(config());
    let offer = lab.ask(&discover(PHONE)).unwrap();
    assert_eq!(lab.outcome(&decline(PHONE, offer.yiaddr)), DhcpOutcome::Declined);
}

#[test]
pub fn d29_a_released_address_is_kept_for_its_client_as_long_as_it_can_be() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    let decision = lab.handle(&release(PHONE, address), UNICAST);
    assert_eq!((decision.reply, decision.event.outcome), (None, DhcpOutcome::Released));
    assert_ne!(lab.lease(OTHER), address);
    assert_eq!(lab.lease(PHONE), address);
}

#[test]
pub fn d29_only_the_holder_releases() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease_as(PHONE, Some(b"\x01id"));
    for packet in [release(OTHER, address), release(PHONE, address), release(PHONE, host(12))] {
        assert!(matches!(lab.handle(&packet, UNICAST).event.outcome, DhcpOutcome::Ignored(_)));
    }
    assert_eq!(lab.disk[&address].state, LeaseState::Bound);
}

#[test]
pub fn d30_an_inform_gets_parameters_and_no_lease() {
    let mut lab = EngineUnderTest::new(config());
    let decision = lab.handle(&inform(PHONE, host(200)), from(host(200)));
    let reply = decision.reply.unwrap();
    assert_eq!((reply.packet.kind, reply.destination), (MessageType::Ack, Destination::Client(host(200))));
    assert_eq!((reply.packet.ciaddr, reply.packet.yiaddr), (host(200), NOBODY));
    for code in [code::LEASE_TIME, code::RENEWAL_TIME, code::REBINDING_TIME] {
        assert_eq!(reply.packet.option(code), None);
    }
    assert_eq!((decision.writes.len(), lab.engine.leases().count()), (0, 0));
    assert_eq!(kind(&mut lab, &inform(PHONE, NOBODY)), None);
}

/// A lease is there, and a message of any of these types from its holder changes nothing and gets no answer.
fn ignored(types: impl IntoIterator<Item = u8>) {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    for unwanted in types {
        for packet in [discover(PHONE), renew(PHONE, address), select(PHONE, address)] {
            let decision = lab.handle(&Packet { kind: MessageType::from(unwanted), ..packet }, UNICAST);
            assert!(matches!(decision.event.outcome, DhcpOutcome::Ignored(_)), "{unwanted}");
            assert_eq!((decision.reply, decision.writes), (None, Vec::new()), "{unwanted}");
        }
    }
    assert_eq!(kind(&mut lab, &renew(PHONE, address)), Some(MessageType::Ack));
}

#[test]
pub fn d33_unknown_types_and_those_of_servers_are_ignored() {
    ignored([0, 2, 5, 6, 18, 99, 255]);
}

#[test]
pub fn d46_forcerenew_is_not_there() {
    ignored([9]);
}

#[test]
pub fn d47_leasequery_is_not_there() {
    ignored(10..=17);
}

#[test]
pub fn d50_a_servers_reply_is_no_request() {
    let reply = Packet { op: Op::Reply, ..discover(PHONE) };
    assert_eq!(kind(&mut EngineUnderTest::new(config()), &reply), None);
}

#[test]
pub fn d39_what_the_server_does_not_know_changes_nothing() {
    let plain = EngineUnderTest::new(config()).ask(&discover(PHONE)).unwrap();
    let odd = with(with(discover(PHONE), 43, &[1, 2, 3]), 60, b"Some Vendor\0");
    assert_eq!(EngineUnderTest::new(config()).ask(&odd).unwrap(), plain);
}

#[test]
fn a_silent_server_still_notes_what_is_given_back_and_who_else_serves() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    lab.engine.set_silent(SERVER, true);
    for packet in [discover(OTHER), renew(PHONE, address), reboot(OTHER, ELSEWHERE), inform(OTHER, host(12))]
    {
        assert_eq!(lab.ask(&packet), None);
    }
    let elsewhere = with(request(OTHER), code::SERVER_ID, &[10, 0, 0, 66]);
    assert_eq!(lab.outcome(&elsewhere), DhcpOutcome::ChoseOther(host(66)));
    assert_eq!(lab.handle(&release(PHONE, address), UNICAST).event.outcome, DhcpOutcome::Released);
}

#[test]
fn events_tell_what_the_client_said() {
    let mut lab = EngineUnderTest::new(config());
    let packet = with(with(with(discover(PHONE), 60, b"CP-8851\0"), 55, &[66, 150]), 12, b"SEP001234000001");
    let event = lab.handle(&packet, BROADCAST).event;
    assert_eq!(event.vendor_class.as_deref(), Some(&b"CP-8851"[..]));
    assert_eq!(
        (event.request_list, event.host_name.as_deref()),
        (vec![66, 150], Some(&b"SEP001234000001"[..]))
    );
    assert_eq!((event.mac, event.address, event.network.as_deref()), (PHONE, Some(host(10)), Some("bench")));
}
