//! Whose lease is whose.

use transload_dhcp::MessageType;
use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork};
use transload_dhcp::options::code;

use crate::lab::*;

#[test]
pub fn d2_the_client_identifier_is_the_key_where_there_is_one() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease_as(PHONE, Some(b"\xff opaque \0"));
    // The same client in another machine.
    assert_eq!(lab.lease_as(OTHER, Some(b"\xff opaque \0")), address);
    assert_ne!(lab.lease_as([7; 6], Some(b"\xff opaque ")), address);
}

#[test]
pub fn d2_without_one_the_ethernet_address_is_the_key() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    assert_ne!(lab.lease(OTHER), address);
    assert_eq!(lab.lease(PHONE), address);
}

#[test]
pub fn d45_a_phone_that_changes_its_identifier_keeps_its_address() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease_as(PHONE, Some(b"\x01\x00\x12\x34\x00\x00\x01"));
    assert_eq!(
        lab.lease_as(PHONE, Some(b"\xff\x00\x00\x00\x01\x00\x03\x00\x01\x00\x12\x34\x00\x00\x01")),
        address
    );
    let renewed = lab.ask(&renew(PHONE, address)).unwrap();
    assert_eq!(renewed.kind, MessageType::Ack, "without any");
    assert_eq!(lab.engine.leases().count(), 1);
}

#[test]
pub fn d2_an_ethernet_address_of_zeros_is_nobodys() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease_as([0; 6], Some(b"one"));
    assert_ne!(lab.lease_as([0; 6], Some(b"two")), address);
    assert_eq!(lab.lease_as([0; 6], Some(b"one")), address);
    assert_eq!(lab.ask(&with_id(reboot([0; 6], address), Some(b"two"))).unwrap().kind, MessageType::Nak);
}

#[test]
pub fn d45_also_after_a_restart() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease_as(PHONE, Some(b"\x01old"));
    lab.restart();
    assert_eq!(lab.lease_as(PHONE, Some(b"\xffnew")), address);
}

#[test]
pub fn d32_leases_survive_a_restart() {
    let mut lab = EngineUnderTest::new(config());
    let mine = lab.lease(PHONE);
    lab.restart();
    let theirs = lab.lease(OTHER);
    assert_ne!(mine, theirs);
    lab.restart();
    assert_eq!(lab.ask(&reboot(PHONE, mine)).unwrap().kind, MessageType::Ack);
    assert_eq!(lab.ask(&renew(OTHER, theirs)).unwrap().kind, MessageType::Ack);
    assert_eq!(lab.ask(&reboot(OTHER, mine)).unwrap().kind, MessageType::Nak);
}

#[test]
fn a_new_configuration_keeps_leases_even_those_it_has_no_network_for() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    let first = std::net::Ipv4Addr::new(10, 7, 0, 10);
    let elsewhere = DhcpNetwork {
        address: std::net::Ipv4Addr::new(10, 7, 0, 1),
        pools: vec![AddressRange { first, last: first }],
        ..network()
    };
    lab.engine.reconfigure(DhcpConfig { networks: vec![elsewhere], ..config() }).unwrap();
    assert_eq!(lab.engine.leases().count(), 1);
    lab.engine.reconfigure(config()).unwrap();
    assert_ne!(lab.lease(OTHER), address);
    assert_eq!(lab.ask(&renew(PHONE, address)).unwrap().kind, MessageType::Ack);
}

#[test]
fn an_invalid_configuration_changes_nothing() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    let wide = DhcpConfig { networks: vec![DhcpNetwork { prefix_len: 7, ..network() }], ..config() };
    assert!(lab.engine.reconfigure(wide).is_err());
    assert_eq!(*lab.engine.config(), config());
    assert_eq!(lab.ask(&renew(PHONE, address)).unwrap().kind, MessageType::Ack);
}

#[test]
fn a_client_whose_address_left_the_pool_moves_at_its_next_renewal() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    let mut smaller = config();
    smaller.networks[0].exclude = vec![AddressRange { first: address, last: address }];
    lab.engine.reconfigure(smaller).unwrap();
    assert_eq!(lab.ask(&renew(PHONE, address)).unwrap().kind, MessageType::Nak);
    assert_ne!(lab.lease(PHONE), address);
}

#[test]
pub fn d6_the_ack_says_what_the_offer_said_also_where_the_client_begins_anew_at_once() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    lab.now += 2_000;
    let again = lab.ask(&select(PHONE, address)).unwrap();
    assert_eq!(number(&again, code::LEASE_TIME), Some(3598), "a retransmission repeats the grant");
    let offer = lab.ask(&discover(PHONE)).unwrap();
    let ack = lab.ask(&select(PHONE, address)).unwrap();
    assert_eq!((offer.yiaddr, ack.yiaddr), (address, address));
    assert_eq!(number(&ack, code::LEASE_TIME), number(&offer, code::LEASE_TIME));
    assert_eq!(lab.disk[&address].expires, lab.now + 3_600_000);
    lab.now += 2_000;
    let booted = lab.ask(&reboot(PHONE, address)).unwrap();
    assert_eq!(number(&booted, code::LEASE_TIME), Some(3600));
}
