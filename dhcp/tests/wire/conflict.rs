//! Addresses are tried by ARP before they are offered.

use std::time::{Duration, Instant};

use transload_dhcp::MessageType;
use transload_dhcp::config::Config;
use transload_dhcp::event::Outcome;
use transload_dhcp::options::code;

use crate::segment::*;

fn probing() -> Config {
    Config { conflict_probe: true, ..config() }
}

#[test]
fn d4_a_new_address_is_asked_for_on_behalf_of_nobody_and_then_offered() {
    if !possible() {
        return;
    }
    let mut segment = Segment::new();
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
fn d4_addresses_that_answer_are_passed_over_in_one_go() {
    if !possible() {
        return;
    }
    let mut segment = Segment::new();
    segment.serve(probing());
    ip("address add 10.77.0.100/24 dev c0");
    ip("address add 10.77.0.101/24 dev c0");
    let offer = segment.offer(&message(MessageType::Discover, &[]));
    assert_eq!(offer.packet.yiaddr, host(102));
    let outcomes: Vec<_> = (0..3).map(|_| segment.events.recv_timeout(PATIENCE).unwrap()).collect();
    assert!(matches!(outcomes[0].outcome, Outcome::Conflict(_)) && outcomes[0].address == Some(host(100)));
    assert!(matches!(outcomes[1].outcome, Outcome::Conflict(_)) && outcomes[1].address == Some(host(101)));
    assert_eq!(outcomes[2].outcome, Outcome::Offered);
}

#[test]
fn d4_nobody_waits_for_anothers_probe() {
    if !possible() {
        return;
    }
    let mut segment = Segment::new();
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
