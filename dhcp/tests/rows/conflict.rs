//! Addresses that are tried before they are offered: RFC 2131 §3.1(2).

use std::net::Ipv4Addr;

use transload_dhcp::config::DhcpConfig;
use transload_dhcp::engine::Ingress;
use transload_dhcp::event::DhcpOutcome;
use transload_dhcp::lease::LeaseState;
use transload_dhcp::packet::Packet;
use transload_dhcp::{MacOctets, MessageType};

use crate::lab::*;

const SQUATTER: MacOctets = [0x00, 0x12, 0x34, 0, 0, 99];

fn to_try(lab: &mut EngineUnderTest, packet: &Packet) -> Option<Ipv4Addr> {
    lab.handle(packet, BROADCAST).probe
}

#[test]
pub fn d4_a_new_address_is_tried_once_and_then_offered_at_once() {
    let mut lab = EngineUnderTest::new(config());
    assert_eq!(to_try(&mut lab, &discover(PHONE)), Some(host(10)));
    assert_eq!(lab.engine.probed(lab.now, host(10), None), None);
    assert_eq!(to_try(&mut lab, &discover(PHONE)), None, "repeated");
    assert_eq!(to_try(&mut lab, &select(PHONE, host(10))), None, "at REQUEST");
}

#[test]
pub fn d4_an_address_in_use_is_set_aside_and_the_next_one_tried() {
    let mut lab = EngineUnderTest::new(config());
    lab.handle(&discover(PHONE), BROADCAST);
    let conflict = lab.engine.probed(lab.now, host(10), Some(SQUATTER)).unwrap();
    lab.commit(&conflict);
    let event = &conflict.event;
    assert_eq!(
        (&event.outcome, event.mac, event.address),
        (&DhcpOutcome::Conflict(SQUATTER), PHONE, Some(host(10)))
    );
    assert_eq!(lab.disk[&host(10)].state, LeaseState::Declined);
    assert_eq!(to_try(&mut lab, &discover(PHONE)), Some(host(11)));
    assert_eq!(to_try(&mut lab, &asking_for(discover(OTHER), host(10))), Some(host(12)));
    assert_eq!(lab.ask(&select(OTHER, host(10))).unwrap().kind, MessageType::Nak);

    lab.restart();
    assert_eq!(to_try(&mut lab, &asking_for(discover(OTHER), host(10))), Some(host(11)), "after a restart");
    lab.now += lab.engine.config().decline_hold;
    assert_eq!(to_try(&mut lab, &asking_for(discover(OTHER), host(10))), Some(host(10)), "in the end");
}

#[test]
pub fn d4_what_the_client_has_or_had_is_not_tried() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    assert_eq!(to_try(&mut lab, &discover(PHONE)), None, "current");
    assert_eq!(to_try(&mut lab, &reboot(PHONE, address)), None, "INIT-REBOOT");
    lab.handle(&release(PHONE, address), UNICAST);
    assert_eq!(to_try(&mut lab, &discover(PHONE)), None, "previous");
    lab.now += 100_000;
    assert_eq!(to_try(&mut lab, &asking_for(discover(OTHER), address)), Some(address), "another's");
}

#[test]
pub fn d4_the_client_itself_may_answer_for_its_address() {
    let mut lab = EngineUnderTest::new(config());
    lab.handle(&discover(PHONE), BROADCAST);
    assert_eq!(lab.engine.probed(lab.now, host(10), Some(PHONE)), None);
    assert_eq!(lab.lease(PHONE), host(10));
}

#[test]
pub fn d4_a_late_answer_takes_no_lease_back() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    assert_eq!(lab.engine.probed(lab.now, address, Some(SQUATTER)), None);
    assert_eq!(lab.ask(&renew(PHONE, address)).unwrap().kind, MessageType::Ack);
}

#[test]
pub fn d4_nothing_is_tried_through_relays_on_other_links_or_where_it_is_off() {
    let mut lab = EngineUnderTest::new(config());
    let relayed = Packet { giaddr: host(2), ..discover(PHONE) };
    assert_eq!(to_try(&mut lab, &relayed), None);
    let elsewhere = Ingress { local: Ipv4Addr::new(192, 168, 1, 1), ..BROADCAST };
    let selecting = with(discover(PHONE), transload_dhcp::options::code::SUBNET_SELECTION, &SERVER.octets());
    let decision = lab.handle(&selecting, elsewhere);
    assert_eq!((decision.event.outcome, decision.probe), (DhcpOutcome::Offered, None));
    let mut off = EngineUnderTest::new(DhcpConfig { conflict_probe: false, ..config() });
    assert_eq!(to_try(&mut off, &discover(PHONE)), None);
}
