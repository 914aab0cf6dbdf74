//! Which address a client is given.

use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork, HostReservation, LeaseTime};
use transload_dhcp::event::DhcpOutcome;
use transload_dhcp::lease::ClientKey;
use transload_dhcp::options::code;
use transload_dhcp::policy::PolicyDecision;
use transload_dhcp::{MacOctets, MessageType};

use crate::lab::*;

fn phone(last: u8) -> MacOctets {
    [0, 0x12, 0x34, 1, 0, last]
}

fn offered(lab: &mut EngineUnderTest, mac: MacOctets) -> Option<u8> {
    lab.ask(&discover(mac)).map(|offer| offer.yiaddr.octets()[3])
}

/// Addresses `first` to `last`.
fn pool(first: u8, last: u8) -> DhcpConfig {
    let pools = vec![AddressRange { first: host(first), last: host(last) }];
    DhcpConfig { networks: vec![DhcpNetwork { pools, ..network() }], ..config() }
}

#[test]
pub fn d17_current_then_previous_then_requested_then_new() {
    let mut lab = EngineUnderTest::new(config());
    let current = lab.lease(PHONE);
    assert_eq!(lab.ask(&asking_for(discover(PHONE), host(15))).unwrap().yiaddr, current);

    lab.now += 100_000_000;
    assert_eq!(lab.ask(&asking_for(discover(PHONE), host(15))).unwrap().yiaddr, current, "previous");
    lab.handle(&release(PHONE, current), UNICAST);
    assert_eq!(lab.ask(&asking_for(discover(PHONE), host(15))).unwrap().yiaddr, current, "released");

    assert_eq!(lab.ask(&asking_for(discover(OTHER), host(15))).unwrap().yiaddr, host(15), "requested");
    assert_eq!(lab.ask(&asking_for(discover(phone(1)), host(15))).unwrap().yiaddr, host(11), "not free");
    assert_eq!(
        lab.ask(&asking_for(discover(phone(2)), host(99))).unwrap().yiaddr,
        host(12),
        "not in the pool"
    );
}

#[test]
pub fn d17_a_full_pool_gives_away_what_was_unused_longest() {
    let mut lab = EngineUnderTest::new(pool(10, 12));
    for last in [2, 0, 1] {
        let address = lab.ask(&asking_for(discover(phone(last)), host(10 + last))).unwrap().yiaddr;
        lab.handle(&select(phone(last), address), BROADCAST);
        lab.now += 60_000;
    }
    assert_eq!(offered(&mut lab, phone(9)), None, "all leased");
    lab.now += 3_600_000;
    assert_eq!(offered(&mut lab, phone(9)), Some(12));
    assert_eq!(offered(&mut lab, phone(8)), Some(10));
    assert_eq!(offered(&mut lab, phone(1)), Some(11), "its own");
}

#[test]
pub fn d17_new_addresses_go_before_those_that_somebody_had() {
    let mut lab = EngineUnderTest::new(pool(10, 11));
    let address = lab.lease(PHONE);
    lab.handle(&release(PHONE, address), UNICAST);
    assert_eq!(offered(&mut lab, OTHER), Some(11));
}

#[test]
pub fn d19_the_lease_is_the_default_or_what_is_asked_within_bounds() {
    let mut config = config();
    config.networks[0].lease = LeaseTime { default: 3600, min: 600, max: 7200, renew: None, rebind: None };
    for (wanted, given) in [(None, 3600), (Some(1000), 1000), (Some(1), 600), (Some(u32::MAX), 7200)] {
        let mut lab = EngineUnderTest::new(config.clone());
        let wish = |packet| match wanted {
            Some(seconds) => with(packet, code::LEASE_TIME, &u32::to_be_bytes(seconds)),
            None => packet,
        };
        let offer = lab.ask(&wish(discover(PHONE))).unwrap();
        let ack = lab.ask(&wish(select(PHONE, offer.yiaddr))).unwrap();
        assert_eq!([number(&offer, 51), number(&ack, 51)], [Some(given); 2], "{wanted:?}");
        assert_eq!(lab.disk[&ack.yiaddr].expires, lab.now + u64::from(given) * 1000);
    }
}

#[test]
fn an_offer_is_kept_for_its_client_and_forgotten_in_time() {
    let mut lab = EngineUnderTest::new(pool(10, 10));
    assert_eq!(offered(&mut lab, PHONE), Some(10));
    assert_eq!(offered(&mut lab, OTHER), None);
    assert_eq!(offered(&mut lab, PHONE), Some(10), "asked again");
    lab.now += 61_000;
    assert_eq!(offered(&mut lab, OTHER), Some(10));
}

#[test]
pub fn d5_a_client_that_takes_another_servers_offer_frees_ours() {
    let mut lab = EngineUnderTest::new(pool(10, 10));
    assert_eq!(offered(&mut lab, PHONE), Some(10));
    let elsewhere = with(request(PHONE), code::SERVER_ID, &[10, 0, 0, 66]);
    assert_eq!(lab.outcome(&asking_for(elsewhere, host(77))), DhcpOutcome::ChoseOther(host(66)));
    assert_eq!(offered(&mut lab, OTHER), Some(10));
}

#[test]
fn made_up_clients_neither_take_leases_nor_keep_the_pool() {
    let mut lab = EngineUnderTest::new(pool(10, 13));
    let address = lab.lease(PHONE);
    for flood in 0..10_000_u32 {
        let [_, a, b, c] = flood.to_be_bytes();
        lab.decide(&discover([2, 0, 0, a, b, c]), BROADCAST);
    }
    assert_eq!(lab.ask(&renew(PHONE, address)).unwrap().kind, MessageType::Ack);
    // Whoever means it has asked for its offer within seconds; an older one yields.
    lab.now += 5_000;
    let new = lab.lease(OTHER);
    assert_ne!(new, address);
}

#[test]
fn offers_are_bounded_and_the_oldest_go_first() {
    let mut config = pool(10, 200);
    config.max_offers = 3;
    let mut lab = EngineUnderTest::new(config);
    for last in 0..4 {
        offered(&mut lab, phone(last));
    }
    // The first one's address is free again, and is not handed out before those never offered.
    assert_eq!(lab.ask(&asking_for(discover(phone(9)), host(10))).unwrap().yiaddr, host(10));
    assert_eq!(lab.ask(&asking_for(discover(phone(8)), host(13))).unwrap().yiaddr, host(14));
}

#[test]
fn nobody_is_given_the_servers_the_networks_or_an_excluded_address() {
    let mut config = pool(1, 6);
    config.networks[0].prefix_len = 29;
    config.networks[0].exclude = vec![AddressRange { first: host(3), last: host(4) }];
    let mut lab = EngineUnderTest::new(config);
    for forbidden in [0, 1, 3, 4, 7] {
        let got = lab.ask(&asking_for(discover(PHONE), host(forbidden))).unwrap().yiaddr;
        assert_eq!(got, host(2));
        assert_eq!(lab.ask(&select(OTHER, host(forbidden))).unwrap().kind, MessageType::Nak);
    }
    let given: Vec<_> = (0..4).filter_map(|last| offered(&mut lab, phone(last))).collect();
    assert_eq!(given, [5, 6]);
}

#[test]
fn a_reservation_is_its_clients_alone() {
    let mut config = pool(10, 11);
    let reserve = |client, last| HostReservation { client, address: host(last), options: Vec::new() };
    config.networks[0].reservations =
        vec![reserve(ClientKey::Mac(PHONE), 10), reserve(ClientKey::Id(b"lobby".to_vec()), 50)];
    let mut lab = EngineUnderTest::new(config);
    assert_eq!(offered(&mut lab, OTHER), Some(11));
    assert_eq!(offered(&mut lab, phone(1)), None, "10 is set aside");
    assert_eq!(lab.ask(&asking_for(discover(phone(1)), host(10))), None);
    assert_eq!(lab.lease_as(PHONE, Some(b"whatever")), host(10));
    assert_eq!(lab.lease_as(phone(2), Some(b"lobby")), host(50));
    assert_eq!(lab.ask(&reboot(phone(3), host(50))).unwrap().kind, MessageType::Nak);
}

#[test]
fn a_client_with_a_reservation_may_boot_with_it_at_once() {
    let mut config = config();
    let reservation =
        HostReservation { client: ClientKey::Mac(PHONE), address: host(50), options: Vec::new() };
    config.networks[0].reservations = vec![reservation];
    assert_eq!(EngineUnderTest::new(config).ask(&reboot(PHONE, host(50))).unwrap().kind, MessageType::Ack);
}

#[test]
fn whom_the_policy_ignores_gets_silence() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    lab.policy.0 = PolicyDecision::Ignore { reason: "no phone".into() };
    for packet in [discover(OTHER), select(OTHER, host(12)), inform(OTHER, host(12)), renew(PHONE, address)] {
        let decision = lab.handle(&packet, BROADCAST);
        assert_eq!((decision.reply, decision.writes.len()), (None, 0));
        assert_eq!(decision.event.outcome, DhcpOutcome::Ignored("no phone".into()));
    }
}

#[test]
fn clock_jumps_are_harmless() {
    let mut lab = EngineUnderTest::new(pool(10, 11));
    let address = lab.lease(PHONE);
    assert_eq!(offered(&mut lab, OTHER), Some(11));
    for now in [0, u64::MAX, 1, 1_000_000] {
        lab.now = now;
        assert_eq!(lab.ask(&renew(PHONE, address)).unwrap().kind, MessageType::Ack, "{now}");
        assert_eq!(offered(&mut lab, OTHER), Some(11), "{now}");
    }
}
