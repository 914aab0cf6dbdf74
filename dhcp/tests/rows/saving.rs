//! D6: nothing is promised before it is saved, nothing is reused before it is given up on disk.

use transload_dhcp::MessageType;
use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork, LeaseTime};
use transload_dhcp::event::DhcpOutcome;
use transload_dhcp::lease::LeaseState;

use crate::lab::*;

fn one_address() -> DhcpConfig {
    let pools = vec![AddressRange { first: host(10), last: host(10) }];
    DhcpConfig { networks: vec![DhcpNetwork { pools, ..network() }], ..config() }
}

#[test]
pub fn d6_an_ack_waits_for_its_commit_and_a_repeated_request_for_the_same() {
    let mut lab = EngineUnderTest::new(config());
    lab.ask(&discover(PHONE));
    let first = lab.decide(&select(PHONE, host(10)), BROADCAST);
    assert_eq!((first.writes.len(), first.event.outcome), (1, DhcpOutcome::Acknowledged));
    assert_ne!(first.after, 0);
    lab.now += 1_000;
    let second = lab.decide(&select(PHONE, host(10)), BROADCAST);
    assert_eq!((second.writes.len(), second.after), (0, first.after));
    lab.engine.committed(first.after);
    // From now on a repetition can be answered at once, with the time that is left.
    let third = lab.decide(&select(PHONE, host(10)), BROADCAST);
    assert_eq!((third.writes.len(), third.after), (0, 0));
    assert_eq!(number(&third.reply.unwrap().packet, 51), Some(3599));
}

#[test]
fn a_repeated_request_never_gets_a_lease_of_nothing() {
    let mut config = one_address();
    config.networks[0].lease = LeaseTime::fixed(4);
    let mut lab = EngineUnderTest::new(config);
    lab.ask(&discover(PHONE));
    for _ in 0..8 {
        let ack = lab.ask(&select(PHONE, host(10))).unwrap();
        assert!(number(&ack, 51).unwrap() >= 3);
        lab.now += 450;
    }
}

#[test]
pub fn d6_the_ack_says_what_the_offer_said() {
    let mut lab = EngineUnderTest::new(config());
    let offer = lab.ask(&discover(PHONE)).unwrap();
    let ack = lab.ask(&select(PHONE, offer.yiaddr)).unwrap();
    assert_eq!((ack.options, ack.yiaddr), (offer.options, offer.yiaddr));
}

#[test]
fn an_acknowledged_lease_tells_when_it_ends() {
    let mut lab = EngineUnderTest::new(config());
    assert_eq!(lab.handle(&discover(PHONE), BROADCAST).event.lease_ends, None);
    let ends = lab.now + 3_600_000;
    assert_eq!(lab.handle(&select(PHONE, host(10)), BROADCAST).event.lease_ends, Some(ends));
    assert_eq!(lab.disk[&host(10)].expires, ends);
    lab.now += 1_000;
    assert_eq!(lab.handle(&select(PHONE, host(10)), BROADCAST).event.lease_ends, Some(ends), "repeated");
    assert_eq!(
        lab.handle(&renew(PHONE, host(10)), UNICAST).event.lease_ends,
        Some(lab.now + 3_600_000),
        "renewed"
    );
    for packet in [inform(PHONE, host(10)), renew(OTHER, host(10)), release(PHONE, host(10))] {
        assert_eq!(lab.handle(&packet, UNICAST).event.lease_ends, None, "{:?}", packet.kind);
    }
}

#[test]
fn a_renewal_is_saved_again() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    lab.now += 1_800_000;
    assert_eq!(lab.decide(&renew(PHONE, address), UNICAST).writes.len(), 1);
}

#[test]
fn after_a_failed_commit_the_address_is_nobody_elses_and_the_next_request_saves_again() {
    let mut lab = EngineUnderTest::new(one_address());
    lab.ask(&discover(PHONE));
    let failed = lab.decide(&select(PHONE, host(10)), BROADCAST);
    lab.engine.commit_failed(failed.after);
    assert!(lab.ask(&discover(OTHER)).is_none());
    let again = lab.decide(&select(PHONE, host(10)), BROADCAST);
    assert_eq!(again.writes.len(), 1);
    assert!(again.after > failed.after);
    lab.commit(&again);
    assert_eq!(lab.ask(&renew(PHONE, host(10))).unwrap().kind, MessageType::Ack);
}

#[test]
fn a_released_address_is_not_given_again_before_the_release_is_saved() {
    let mut lab = EngineUnderTest::new(one_address());
    lab.lease(PHONE);
    let released = lab.decide(&release(PHONE, host(10)), UNICAST);
    assert!(lab.ask(&discover(OTHER)).is_none());
    lab.engine.commit_failed(released.after);
    assert!(lab.ask(&discover(OTHER)).is_none());
    assert_eq!(lab.ask(&select(OTHER, host(10))).unwrap().kind, MessageType::Nak);
    lab.commit(&released);
    assert!(lab.ask(&discover(OTHER)).is_none(), "that report came too late");
}

#[test]
fn what_could_not_be_saved_rides_along_with_the_next_commit() {
    let mut lab = EngineUnderTest::new(config());
    lab.lease(PHONE);
    let released = lab.decide(&release(PHONE, host(10)), UNICAST);
    lab.engine.commit_failed(released.after);
    lab.ask(&discover(OTHER));
    let next = lab.decide(&select(OTHER, host(11)), BROADCAST);
    let saved: Vec<_> = next.writes.iter().map(|record| (record.address, record.state)).collect();
    assert_eq!(saved, [(host(10), LeaseState::Released), (host(11), LeaseState::Bound)]);
    lab.commit(&next);
    assert_eq!(lab.ask(&asking_for(discover([7; 6]), host(10))).unwrap().yiaddr, host(10));
}

#[test]
fn a_later_commit_of_the_same_address_is_not_undone_by_an_earlier_failure() {
    let mut lab = EngineUnderTest::new(one_address());
    lab.lease(PHONE);
    let released = lab.decide(&release(PHONE, host(10)), UNICAST);
    let bound = lab.decide(&select(PHONE, host(10)), BROADCAST);
    lab.engine.commit_failed(released.after);
    lab.commit(&bound);
    assert_eq!(lab.decide(&select(PHONE, host(10)), BROADCAST).writes.len(), 0);
    assert_eq!(lab.engine.lease(host(10)).unwrap().state, LeaseState::Bound);
}
