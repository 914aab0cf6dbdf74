//! What strangers can make the server set aside, and how it is had back.

use std::net::Ipv4Addr;

use transload_dhcp::MacOctets;
use transload_dhcp::MessageType;
use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork};
use transload_dhcp::event::DhcpOutcome;
use transload_dhcp::lease::LeaseState;
use transload_dhcp::packet::Packet;
use transload_dhcp::policy::{Grant, PolicyDecision};

use crate::lab::*;

const ROUTER: MacOctets = [0x00, 0x12, 0x34, 0, 0, 99];

fn made_up(number: u32) -> MacOctets {
    let [_, a, b, c] = number.to_be_bytes();
    [2, 0, 0, a, b, c]
}

fn pool(first: u8, last: u8) -> DhcpConfig {
    let pools = vec![AddressRange { first: host(first), last: host(last) }];
    DhcpConfig { networks: vec![DhcpNetwork { pools, ..network() }], ..config() }
}

fn relayed(packet: Packet) -> Packet {
    Packet { giaddr: host(2), ..packet }
}

fn expect(lab: &mut EngineUnderTest, expected: bool) {
    lab.policy.0 = PolicyDecision::Grant(Grant { expected, ..Grant::default() });
}

/// Takes a lease and declines it at once.
fn burn(lab: &mut EngineUnderTest, mac: MacOctets) -> Option<Ipv4Addr> {
    let offer = lab.ask(&discover(mac))?;
    lab.ask(&select(mac, offer.yiaddr));
    assert_eq!(lab.outcome(&decline(mac, offer.yiaddr)), DhcpOutcome::Declined);
    Some(offer.yiaddr)
}

#[test]
fn made_up_clients_that_decline_cannot_set_aside_more_than_a_share_of_the_pool() {
    let mut lab = EngineUnderTest::new(pool(100, 250));
    for number in 0..1_000 {
        assert!(burn(&mut lab, made_up(number)).is_some(), "{number}");
        lab.now += 333;
    }
    let aside = lab.engine.set_aside(lab.now);
    assert!(aside.addresses <= 151 / 4 + 1, "{aside:?}");
    assert_eq!(aside.given_way, 1_000 - aside.addresses as u64, "{aside:?}");
    // All phones get an address at once, and still do after a restart.
    for restarted in [false, true] {
        let free = (0..100).filter(|last| lab.ask(&discover([0, 0x12, 0x34, 7, 0, *last])).is_some()).count();
        assert_eq!(free, 100, "{restarted}");
        lab.restart();
    }
}

#[test]
fn one_client_that_declines_whatever_it_gets_ties_up_three_addresses() {
    let mut lab = EngineUnderTest::new(pool(10, 60));
    for _ in 0..40 {
        burn(&mut lab, PHONE);
        lab.now += 10_000;
    }
    assert_eq!(lab.engine.set_aside(lab.now).addresses, 3);
    // Under ever other identifiers too.
    let mut lab = EngineUnderTest::new(pool(10, 60));
    for id in 0..40 {
        let id = Some(&[id][..]);
        let address = lab.lease_as(PHONE, id);
        lab.outcome(&with_id(decline(PHONE, address), id));
        lab.now += 10_000;
    }
    assert_eq!(lab.engine.set_aside(lab.now).addresses, 3);
}

#[test]
fn where_no_other_address_is_left_the_one_set_aside_first_is_tried_again() {
    let mut lab = EngineUnderTest::new(pool(10, 12));
    let first = burn(&mut lab, made_up(1)).unwrap();
    for last in 0..2 {
        lab.lease([0, 0x12, 0x34, 7, 0, last]);
    }
    expect(&mut lab, false);
    lab.now += 10_000;
    assert_eq!(lab.ask(&discover(OTHER)), None, "a minute, nobody tries it who is not expected");
    expect(&mut lab, true);
    let decision = lab.handle(&discover(PHONE), BROADCAST);
    assert_eq!(
        (decision.event.address, decision.probe),
        (Some(first), Some(first)),
        "after ARP, if possible"
    );
    assert_eq!(lab.ask(&select(PHONE, first)).unwrap().kind, MessageType::Ack);
    assert_eq!(lab.engine.set_aside(lab.now).addresses, 0);
}

#[test]
fn a_client_that_nobody_expects_tries_an_address_again_after_a_minute() {
    let mut lab = EngineUnderTest::new(pool(10, 10));
    let first = burn(&mut lab, made_up(1)).unwrap();
    assert_eq!(lab.ask(&discover(OTHER)), None);
    lab.now += 60_000;
    assert_eq!(lab.ask(&discover(OTHER)).unwrap().yiaddr, first);
}

#[test]
fn what_its_own_client_declined_is_tried_by_arp_when_that_client_gets_it_again() {
    let mut lab = EngineUnderTest::new(pool(10, 10));
    let address = burn(&mut lab, PHONE).unwrap();
    lab.now += 60_000;
    assert_eq!(lab.handle(&discover(PHONE), BROADCAST).probe, Some(address));
}

#[test]
fn a_client_that_answers_at_its_address_has_neither_declined_nor_released_it() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    lab.user = Some(PHONE);
    for packet in [decline(PHONE, address), release(PHONE, address)] {
        let decision = lab.handle(&packet, UNICAST);
        assert!(matches!(decision.event.outcome, DhcpOutcome::Ignored(_)), "{:?}", packet.kind);
        assert_eq!((decision.writes, decision.event.address), (Vec::new(), Some(address)));
    }
    assert_eq!(lab.disk[&address].state, LeaseState::Bound);
    let aside = lab.engine.set_aside(lab.now);
    assert_eq!((aside.disbelieved, aside.disbelieved_of), (2, Some(PHONE)));
}

#[test]
fn nothing_is_saved_before_the_segment_was_asked() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    for packet in [decline(PHONE, address), release(PHONE, address)] {
        let decision = lab.engine.handle(lab.now, &packet, BROADCAST, &lab.policy);
        assert_eq!((decision.probe, decision.writes.len()), (Some(address), 0));
    }
    assert_eq!(lab.ask(&renew(PHONE, address)).unwrap().kind, MessageType::Ack);
    // Through a relay nobody can be asked.
    let decision = lab.engine.handle(lab.now, &relayed(decline(PHONE, address)), UNICAST, &lab.policy);
    assert_eq!((decision.probe, decision.writes.len()), (None, 1));
}

#[test]
fn a_client_that_starts_anew_before_its_decline_is_checked_gets_another_address() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    lab.engine.handle(lab.now, &decline(PHONE, address), BROADCAST, &lab.policy);
    let second = lab.lease(PHONE);
    assert_ne!(second, address);
    let decision = lab.engine.given_up(lab.now + 300, &decline(PHONE, address), BROADCAST, None);
    assert_eq!(decision.event.outcome, DhcpOutcome::Declined);
    lab.commit(&decision);
    assert_eq!(lab.ask(&renew(PHONE, second)).unwrap().kind, MessageType::Ack);
    // A forged decline does not keep a phone from its address for long, and from renewing it not at all.
    lab.engine.handle(lab.now, &decline(PHONE, second), BROADCAST, &lab.policy);
    assert_eq!(lab.ask(&renew(PHONE, second)).unwrap().kind, MessageType::Ack);
    lab.now += 1_000;
    assert_eq!(lab.ask(&discover(PHONE)).unwrap().yiaddr, second);
}

#[test]
fn a_late_decline_counts_only_where_somebody_else_answers() {
    for relay in [false, true] {
        let mut lab = EngineUnderTest::new(config());
        let address = lab.lease(PHONE);
        lab.now += 60_000;
        let declined = decline(PHONE, address);
        let declined = if relay { relayed(declined) } else { declined };
        assert!(matches!(lab.outcome(&declined), DhcpOutcome::Ignored(_)), "{relay}");
        assert_eq!(lab.disk[&address].state, LeaseState::Bound, "{relay}");
        // An honest client waits ten seconds, asks for an address again, and finds it in use again.
        lab.now += 10_000;
        assert_eq!(burn(&mut lab, PHONE), Some(address), "{relay}");
    }
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    lab.now += 60_000;
    lab.user = Some(OTHER);
    assert_eq!(lab.outcome(&decline(PHONE, address)), DhcpOutcome::Declined);
    assert_eq!(lab.disk[&address].mac, OTHER);
}

#[test]
fn a_client_that_renews_what_it_is_said_to_have_declined_keeps_it() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    assert_eq!(lab.outcome(&decline(PHONE, address)), DhcpOutcome::Declined);
    assert_eq!(lab.ask(&renew(OTHER, address)).unwrap().kind, MessageType::Nak);
    assert_eq!(lab.ask(&reboot(PHONE, address)).unwrap().kind, MessageType::Nak, "not in use");
    assert_eq!(lab.ask(&renew(PHONE, address)).unwrap().kind, MessageType::Ack);
    assert_eq!(lab.disk[&address].state, LeaseState::Bound);
    assert_eq!(lab.engine.set_aside(lab.now).addresses, 0);
}

/// Offers an address to a made-up client while the router answers for it; whether it is set aside.
fn answered(lab: &mut EngineUnderTest, number: u32) -> bool {
    let address = lab.handle(&discover(made_up(number)), BROADCAST).probe.expect("an address to try");
    let conflict = lab.engine.probed(lab.now, address, Some(ROUTER));
    if let Some(conflict) = &conflict {
        lab.commit(conflict);
    }
    conflict.is_some()
}

#[test]
fn a_router_with_proxy_arp_is_recognized_and_sets_nothing_aside_from_then_on() {
    let mut lab = EngineUnderTest::new(pool(100, 250));
    let aside: Vec<bool> = (0..6).map(|number| answered(&mut lab, number)).collect();
    assert_eq!(aside, [true, true, true, false, false, false]);
    let found = lab.engine.set_aside(lab.now);
    assert_eq!((found.addresses, found.proxies), (0, vec![ROUTER]));
    // What was set aside on its account can be had at once.
    assert_eq!(lab.ask(&asking_for(discover(PHONE), host(100))).unwrap().yiaddr, host(100));
    // Another machine's answer still counts.
    let address = lab.handle(&discover(OTHER), BROADCAST).probe.unwrap();
    assert!(lab.engine.probed(lab.now, address, Some([0, 0x12, 0x34, 0, 0, 98])).is_some());
    lab.now += 3_600_000;
    assert!(lab.engine.set_aside(lab.now).proxies.is_empty());
}

#[test]
fn a_machine_with_a_few_addresses_is_no_router() {
    let mut lab = EngineUnderTest::new(pool(100, 250));
    for number in 0..3 {
        assert!(answered(&mut lab, number));
    }
    assert!(lab.engine.set_aside(lab.now).proxies.is_empty());
    assert_ne!(lab.ask(&asking_for(discover(PHONE), host(100))).unwrap().yiaddr, host(100));
}

#[test]
fn routers_that_are_remembered_are_bounded() {
    let mut lab = EngineUnderTest::new(pool(1, 250));
    for router in 0..40 {
        for last in 0..4 {
            let address = lab.handle(&discover(made_up(router * 4 + last)), BROADCAST).probe.unwrap();
            if let Some(conflict) = lab.engine.probed(lab.now, address, Some([8, 0, 0, 0, 0, router as u8])) {
                lab.commit(&conflict);
            }
        }
        lab.now += 1_000;
    }
    assert!((1..=16).contains(&lab.engine.set_aside(lab.now).proxies.len()));
}
