//! Where replies go: RFC 2131 §4.1.

use std::net::Ipv4Addr;

use transload_dhcp::MessageType;
use transload_dhcp::destination::Destination;
use transload_dhcp::engine::Ingress;
use transload_dhcp::options::code;
use transload_dhcp::packet::{self, Packet};

use crate::lab::*;

const RELAY: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

/// The bench, and a network behind a relay.
fn relayed() -> Lab {
    let mut config = config();
    let mut far = network();
    far.name = "far".into();
    far.address = Ipv4Addr::new(10, 9, 0, 0);
    far.pools = vec![transload_dhcp::config::Range {
        first: Ipv4Addr::new(10, 9, 0, 10),
        last: Ipv4Addr::new(10, 9, 0, 19),
    }];
    config.networks.push(far);
    Lab::new(config)
}

fn destination(lab: &mut Lab, packet: &Packet) -> Destination {
    lab.handle(packet, BROADCAST).reply.expect("a reply").destination
}

#[test]
fn d1_reserved_flags_mean_nothing_and_come_back_as_they_were() {
    let packet = Packet { flags: !packet::BROADCAST, ..discover(PHONE) };
    let reply = Lab::new(config()).handle(&packet, BROADCAST).reply.unwrap();
    assert_eq!(reply.destination, Destination::Hardware(host(10), PHONE));
    assert_eq!(Packet::decode(&reply.encode()).unwrap().flags, 0x7fff);
}

#[test]
fn d9_a_relay_gets_the_reply() {
    let mut lab = relayed();
    let offer = lab.handle(&Packet { giaddr: RELAY, hops: 1, ..discover(PHONE) }, UNICAST);
    let reply = offer.reply.unwrap();
    assert_eq!(reply.destination, Destination::Relay(RELAY));
    assert_eq!((reply.packet.giaddr, reply.packet.hops), (RELAY, 0));
}

#[test]
fn d10_a_client_with_an_address_gets_it_there() {
    let mut lab = Lab::new(config());
    let address = lab.lease(PHONE);
    assert_eq!(destination(&mut lab, &renew(PHONE, address)), Destination::Client(address));
}

#[test]
fn d11_the_broadcast_bit_is_obeyed() {
    let mut lab = Lab::new(config());
    let packet = Packet { flags: packet::BROADCAST, ..discover(PHONE) };
    assert_eq!(destination(&mut lab, &packet), Destination::Broadcast);
}

#[test]
fn d12_without_the_bit_the_frame_goes_to_the_client() {
    let mut lab = Lab::new(config());
    assert_eq!(destination(&mut lab, &discover(PHONE)), Destination::Hardware(host(10), PHONE));
}

#[test]
fn d13_nak_without_relay_is_broadcast() {
    let mut lab = Lab::new(config());
    for packet in
        [reboot(PHONE, Ipv4Addr::new(192, 168, 1, 5)), renew(PHONE, host(15)), select(PHONE, host(200))]
    {
        let reply = lab.handle(&packet, BROADCAST).reply.expect("a reply");
        assert_eq!((reply.packet.kind, reply.destination), (MessageType::Nak, Destination::Broadcast));
    }
}

#[test]
fn d14_nak_through_a_relay_tells_the_relay_to_broadcast() {
    let mut lab = relayed();
    let reply = lab.handle(&Packet { giaddr: RELAY, ..reboot(PHONE, host(10)) }, UNICAST).reply.unwrap();
    assert_eq!((reply.packet.kind, reply.destination), (MessageType::Nak, Destination::Relay(RELAY)));
    assert_eq!(reply.packet.flags, packet::BROADCAST);
}

#[test]
fn d15_the_server_goes_by_the_address_the_client_reaches_and_answers_to_all() {
    let mut config = config();
    let mut second = network();
    second.name = "second".into();
    second.address = Ipv4Addr::new(10, 1, 0, 1);
    second.pools = vec![transload_dhcp::config::Range {
        first: Ipv4Addr::new(10, 1, 0, 10),
        last: Ipv4Addr::new(10, 1, 0, 19),
    }];
    config.networks.push(second);
    let mut lab = Lab::new(config);
    let ingress = Ingress { local: Ipv4Addr::new(10, 1, 0, 1), unicast: false };
    let offer = lab.handle(&discover(PHONE), ingress).reply.unwrap().packet;
    assert_eq!(offer.address(code::SERVER_ID), Some(ingress.local));
    // Another of our addresses as server identifier is still us.
    let request = asking_for(with(request(PHONE), code::SERVER_ID, &SERVER.octets()), offer.yiaddr);
    let ack = lab.handle(&request, ingress).reply.unwrap().packet;
    assert_eq!((ack.kind, ack.yiaddr), (MessageType::Ack, offer.yiaddr));
}

#[test]
fn d18_the_subnet_is_the_relays_else_the_interfaces() {
    let mut lab = relayed();
    let far = lab.ask(&Packet { giaddr: RELAY, ..discover(PHONE) }).unwrap();
    assert_eq!(far.yiaddr, Ipv4Addr::new(10, 9, 0, 10));
    let near = lab.ask(&discover(OTHER)).unwrap();
    assert_eq!(near.yiaddr, host(10));
    assert!(lab.ask(&Packet { giaddr: Ipv4Addr::new(172, 16, 0, 1), ..discover(PHONE) }).is_none());
}

#[test]
fn d18_a_client_behind_a_relay_renews_directly() {
    let mut lab = relayed();
    let through = |packet| Packet { giaddr: RELAY, ..packet };
    let address = lab.ask(&through(discover(PHONE))).unwrap().yiaddr;
    lab.ask(&through(select(PHONE, address))).unwrap();
    lab.now += 1_800_000;
    let reply = lab.handle(&renew(PHONE, address), UNICAST).reply.unwrap();
    assert_eq!((reply.packet.kind, reply.destination), (MessageType::Ack, Destination::Client(address)));
}

#[test]
fn d42_relay_information_without_a_relay_is_dropped_unless_circuits_are_trusted() {
    let packet = with(discover(PHONE), code::RELAY_INFORMATION, &[1, 1, 7]);
    assert!(Lab::new(config()).ask(&packet).is_none());
    let mut trusting = Lab::new(transload_dhcp::config::Config { trust_circuits: true, ..config() });
    assert!(trusting.ask(&packet).is_some());
}

#[test]
fn d43_link_selection_goes_before_subnet_selection_before_giaddr() {
    let near = SERVER.octets();
    let relay = Packet { giaddr: RELAY, ..discover(PHONE) };
    let subnet = with(relay.clone(), code::SUBNET_SELECTION, &near);
    let reply = relayed().handle(&subnet, UNICAST).reply.unwrap();
    assert_eq!((reply.packet.yiaddr, reply.destination), (host(10), Destination::Relay(RELAY)));
    // RFC 3011: the option is returned.
    assert_eq!(reply.packet.option(code::SUBNET_SELECTION), Some(&near[..]));

    let link = with(subnet, code::RELAY_INFORMATION, &[5, 4, 10, 9, 0, 0]);
    let reply = relayed().handle(&link, UNICAST).reply.unwrap();
    assert_eq!(reply.packet.yiaddr, Ipv4Addr::new(10, 9, 0, 10));
}

#[test]
fn d43_the_relay_may_override_the_server_identifier() {
    let mut lab = relayed();
    let over = |packet| {
        with(Packet { giaddr: RELAY, ..packet }, code::RELAY_INFORMATION, &[1, 1, 7, 11, 4, 10, 9, 0, 1])
    };
    let offer = lab.ask(&over(discover(PHONE))).unwrap();
    assert_eq!(offer.address(code::SERVER_ID), Some(RELAY));
    let taken = asking_for(with(request(PHONE), code::SERVER_ID, &RELAY.octets()), offer.yiaddr);
    assert_eq!(lab.ask(&over(taken)).unwrap().kind, MessageType::Ack);
}
