//! Interfaces that come late, go, and come back.

use std::time::{Duration, Instant};

use transload_dhcp::MessageType;
use transload_dhcp::config::DhcpConfig;

use crate::segment::*;

/// Asks until there is an answer, as a phone does.
fn served_in_the_end(segment: &TestSegment, interface: &str) {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        segment.say_on(interface, &message(MessageType::Discover, &[]));
        if segment.find(Duration::from_millis(200), reply).is_some() {
            return;
        }
    }
    panic!("not served again");
}

#[test]
fn an_interface_that_was_down_or_away_is_served_again() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(config());
    segment.offer(&message(MessageType::Discover, &[]));

    segment.far("link set s0 down");
    segment.far("link set s0 up");
    served_in_the_end(&segment, "c0");

    segment.far("link del s0");
    segment.plug(0, "10.77.0.1/24");
    served_in_the_end(&segment, "c0");
}

#[test]
fn where_one_interface_is_meant_another_of_its_name_is_not_served() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve_links(config(), vec![segment.this_link(0, SERVER)], true);
    segment.offer(&message(MessageType::Discover, &[]));

    segment.far("link del s0");
    segment.plug(0, "10.77.0.1/24");
    // An interface is looked at every second.
    for _ in 0..10 {
        segment.say(&message(MessageType::Discover, &[]));
        assert!(segment.find(Duration::from_millis(300), reply).is_none(), "served");
    }
}

#[test]
fn an_address_that_was_lost_is_served_again_and_meanwhile_nobody_is() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(config());
    segment.far("address del 10.77.0.1/24 dev s0");
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "served without the address");
        segment.say(&message(MessageType::Discover, &[]));
        if segment.find(Duration::from_millis(300), reply).is_none() {
            break;
        }
    }
    segment.far("address add 10.77.0.1/24 dev s0");
    served_in_the_end(&segment, "c0");
}

#[test]
fn an_interface_may_come_late_where_that_is_allowed() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    let second = std::net::Ipv4Addr::new(10, 78, 0, 1);
    let config = DhcpConfig { networks: vec![network(SERVER), network(second)], ..config() };
    segment.serve_links(config, vec![link(0, SERVER), link(1, second)], true);
    segment.offer(&message(MessageType::Discover, &[]));
    segment.plug(1, "10.78.0.1/24");
    served_in_the_end(&segment, "c1");
}
