//! Addresses are tried by ARP before they are offered.

use std::time::{Duration, Instant};

use transload_dhcp::MessageType;
use transload_dhcp::config::DhcpConfig;
use transload_dhcp::event::DhcpOutcome;
use transload_dhcp::options::code;
use transload_dhcp::packet::Packet;

use crate::segment::*;

fn probing() -> DhcpConfig {
    DhcpConfig { conflict_probe: true, ..config() }
}

#[test]
pub fn d4_a_new_address_is_asked_for_on_behalf_of_nobody_and_then_offered() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(probing());
    let start = Instant::now();
    segment.say(&message(MessageType::Discover, &[]));
    for _ in 0..2 {
        let asked = segment.arp(PATIENCE).expect("a probe");
        assert_eq!((asked.operation, asked.sender, asked.target), (1, "0.0.0.0".parse().unwrap(), host(100)));
    }
    assert_eq!(segment.hear().packet.yiaddr, host(100));
    assert!(start.elapsed() >= Duration::from_millis(250));
    // Asked again, the answer is known.
    segment.say(&message(MessageType::Discover, &[]));
    let first = segment
        .find(PATIENCE, |frame| frame.arp.map(|arp| arp.target == host(100)).or(reply(frame).map(|_| false)));
    assert_eq!(first, Some(false), "an offer, not a probe");
}

#[test]
pub fn d4_addresses_that_answer_are_passed_over_in_one_go() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(probing());
    ip("address add 10.77.0.100/24 dev c0");
    ip("address add 10.77.0.101/24 dev c0");
    let offer = segment.offer(&message(MessageType::Discover, &[]));
    assert_eq!(offer.packet.yiaddr, host(102));
    let outcomes: Vec<_> = (0..3).map(|_| segment.events.recv_timeout(PATIENCE).unwrap()).collect();
    assert!(
        matches!(outcomes[0].outcome, DhcpOutcome::Conflict(_)) && outcomes[0].address == Some(host(100))
    );
    assert!(
        matches!(outcomes[1].outcome, DhcpOutcome::Conflict(_)) && outcomes[1].address == Some(host(101))
    );
    assert_eq!(outcomes[2].outcome, DhcpOutcome::Offered);
}

#[test]
pub fn d4_nobody_waits_for_anothers_probe() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(probing());
    let offer = segment.offer(&message(MessageType::Discover, &[])).packet;
    // Another client's address is being tried while the first one takes its own.
    let mut other = message(MessageType::Discover, &[]);
    other.chaddr[5] = 9;
    segment.say(&other);
    let taken = [(code::SERVER_ID, &SERVER.octets()[..]), (code::REQUESTED_ADDRESS, &offer.yiaddr.octets())];
    segment.say(&message(MessageType::Request, &taken));
    assert_eq!(segment.hear().packet.kind, MessageType::Ack);
    assert_eq!(segment.hear().packet.chaddr, other.chaddr);
}

#[test]
fn a_client_that_answers_at_its_address_did_not_give_it_up() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(probing());
    let mac = ethernet("c0").addr().unwrap();
    let said = |kind, options: &[(u8, &[u8])]| Packet { chaddr: mac, ..message(kind, options) };
    let address = segment.offer(&said(MessageType::Discover, &[])).packet.yiaddr;
    let (server, wanted) = (SERVER.octets(), address.octets());
    let both = [(code::SERVER_ID, &server[..]), (code::REQUESTED_ADDRESS, &wanted[..])];
    segment.say(&said(MessageType::Request, &both));
    assert_eq!(segment.hear().packet.kind, MessageType::Ack);
    let decline = said(MessageType::Decline, &both);
    let release = Packet { ciaddr: address, ..said(MessageType::Release, &both[..1]) };
    let came_of = |packet: &Packet| {
        segment.say(packet);
        let kind = packet.kind;
        std::iter::from_fn(|| segment.events.recv_timeout(PATIENCE).ok())
            .find(|event| event.kind == kind)
            .expect("an event")
            .outcome
    };
    ip(&format!("address add {address}/24 dev c0"));
    for packet in [&decline, &release] {
        assert!(matches!(came_of(packet), DhcpOutcome::Ignored(_)), "{:?}", packet.kind);
    }
    ip(&format!("address del {address}/24 dev c0"));
    assert_eq!(came_of(&release), DhcpOutcome::Released);
}

#[test]
fn a_router_with_proxy_arp_keeps_nobody_from_an_address() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(probing());
    for last in 100..=150 {
        ip(&format!("address add {}/24 dev c0", host(last)));
    }
    assert_eq!(segment.offer(&message(MessageType::Discover, &[])).packet.yiaddr, host(103));
    let outcomes: Vec<_> = (0..4).map(|_| segment.events.recv_timeout(PATIENCE).unwrap().outcome).collect();
    let conflict = DhcpOutcome::Conflict(ethernet("c0").addr().unwrap());
    assert_eq!(outcomes, [conflict.clone(), conflict.clone(), conflict, DhcpOutcome::Offered]);
}
