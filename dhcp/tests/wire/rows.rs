//! Rows of the requirements that show on the wire: where replies go (RFC 2131 §4.1), and overload.

use std::net::{Ipv4Addr, SocketAddrV4};

use transload_dhcp::MessageType::{self, Ack, Discover, Nak, Offer, Request};
use transload_dhcp::config::DhcpConfig;
use transload_dhcp::options::code;
use transload_dhcp::packet::{BROADCAST, Packet};

use crate::segment::*;

const RELAY: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 2);
const ALL: Ipv4Addr = Ipv4Addr::BROADCAST;

fn to_client(address: Ipv4Addr) -> SocketAddrV4 {
    SocketAddrV4::new(address, 68)
}

/// A server with a network behind a relay at 10.77.0.2.
fn relayed() -> TestSegment {
    let mut segment = TestSegment::new();
    let far = Ipv4Addr::new(10, 88, 0, 0);
    segment.serve(DhcpConfig { networks: vec![network(SERVER), network(far)], ..config() });
    ip("address add 10.77.0.2/24 dev c0");
    ip("address add 10.88.0.2/24 dev c0");
    segment.far("route add 10.88.0.0/24 via 10.77.0.2");
    segment
}

/// The phone takes an offered address, and uses it.
fn lease(segment: &TestSegment) -> Ipv4Addr {
    let offered = segment.offer(&message(Discover, &[])).packet.yiaddr;
    segment.say(&taking(offered, SERVER));
    let ack = segment.hear().packet;
    assert_eq!((ack.kind, ack.yiaddr), (Ack, offered));
    ip(&format!("address add {offered}/24 dev c0"));
    offered
}

fn taking(address: Ipv4Addr, server: Ipv4Addr) -> Packet {
    message(Request, &[(code::SERVER_ID, &server.octets()), (code::REQUESTED_ADDRESS, &address.octets())])
}

fn asking(address: Ipv4Addr) -> Packet {
    message(Request, &[(code::REQUESTED_ADDRESS, &address.octets())])
}

#[test]
pub fn d9_a_relay_gets_the_reply_on_the_servers_port() {
    if !possible() {
        return;
    }
    let segment = relayed();
    segment.relay(&Packet { giaddr: RELAY, hops: 1, ..message(Discover, &[]) }, RELAY);
    let offer = segment.hear();
    assert_eq!((offer.to, offer.from), (SocketAddrV4::new(RELAY, 67), SocketAddrV4::new(SERVER, 67)));
    assert_eq!((offer.packet.kind, offer.packet.yiaddr), (Offer, Ipv4Addr::new(10, 88, 0, 100)));
}

#[test]
pub fn d10_a_client_that_has_an_address_is_answered_there() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(config());
    let address = lease(&segment);
    // Even with the broadcast bit.
    segment.say(&Packet { ciaddr: address, flags: BROADCAST, ..message(Request, &[]) });
    let ack = segment.hear();
    assert_eq!((ack.packet.kind, ack.to, ack.from.ip()), (Ack, to_client(address), &SERVER));
    assert_ne!(ack.to_mac, EVERYBODY);
}

#[test]
pub fn d10_a_neighbor_is_answered_though_the_kernel_has_no_room_to_ask_for_its_address() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(config());
    let address = lease(&segment);
    segment.say(&Packet { ciaddr: address, ..message(Request, &[]) });
    let mut asked = Vec::new();
    let ack = segment.find(PATIENCE, |frame| {
        asked.extend(frame.arp.filter(|arp| arp.target == address));
        reply(frame)
    });
    let ack = ack.expect("an ACK");
    assert_eq!((ack.packet.kind, ack.to, ack.to_mac), (Ack, to_client(address), PHONE));
    assert_eq!(ack.from, SocketAddrV4::new(SERVER, 67));
    assert_eq!(asked, [], "no ARP, so no entry of the kernel's table");
}

#[test]
pub fn d11_the_broadcast_bit_is_obeyed() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(config());
    let offer = segment.offer(&Packet { flags: BROADCAST, ..message(Discover, &[]) });
    assert_eq!((offer.to, offer.to_mac, offer.packet.flags), (to_client(ALL), EVERYBODY, BROADCAST));
}

#[test]
pub fn d12_without_the_bit_the_frame_goes_straight_to_a_client_that_answers_no_arp() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(config());
    segment.say(&message(Discover, &[]));
    let mut asked = Vec::new();
    let offer = segment.find(PATIENCE, |frame| {
        asked.extend(frame.arp);
        reply(frame)
    });
    let offer = offer.expect("an offer");
    assert_eq!((offer.to, offer.to_mac), (to_client(offer.packet.yiaddr), PHONE));
    assert_eq!(offer.from, SocketAddrV4::new(SERVER, 67));
    assert_eq!(asked, [], "no ARP");
}

#[test]
pub fn d13_a_nak_is_broadcast_whatever_ciaddr_and_the_bit() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    segment.serve(config());
    let elsewhere = Ipv4Addr::new(192, 168, 1, 5);
    let renewing = Packet { ciaddr: host(140), ..message(Request, &[]) };
    for packet in [asking(elsewhere), Packet { flags: BROADCAST, ..asking(host(140)) }, renewing] {
        segment.say(&packet);
        let nak = segment.hear();
        assert_eq!((nak.packet.kind, nak.to, nak.to_mac), (Nak, to_client(ALL), EVERYBODY));
    }
}

#[test]
pub fn d14_a_nak_through_a_relay_tells_it_to_broadcast() {
    if !possible() {
        return;
    }
    let segment = relayed();
    segment.relay(&Packet { giaddr: RELAY, ..asking(host(140)) }, RELAY);
    let nak = segment.hear();
    assert_eq!((nak.packet.kind, nak.to, nak.packet.flags), (Nak, SocketAddrV4::new(RELAY, 67), BROADCAST));
}

#[test]
pub fn d15_each_side_is_told_the_servers_address_there_and_any_of_them_is_the_server() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    let second = Ipv4Addr::new(10, 78, 0, 1);
    segment.plug(1, "10.78.0.1/24");
    let config = DhcpConfig { networks: vec![network(SERVER), network(second)], ..config() };
    segment.serve_links(config, vec![link(0, SERVER), link(1, second)], false);
    let first = segment.offer(&message(Discover, &[])).packet;
    assert_eq!((first.address(code::SERVER_ID), first.yiaddr), (Some(SERVER), host(100)));
    segment.say_on("c1", &message(Discover, &[]));
    let offer = segment.hear();
    assert_eq!(offer.from, SocketAddrV4::new(second, 67));
    assert_eq!(offer.packet.address(code::SERVER_ID), Some(second));
    segment.say_on("c1", &taking(offer.packet.yiaddr, SERVER));
    assert_eq!(segment.hear().packet.kind, Ack, "by its other address");
    segment.say_on("c1", &taking(offer.packet.yiaddr, Ipv4Addr::new(10, 78, 0, 66)));
    segment.say_on("c1", &message(MessageType::Discover, &[]));
    assert_eq!(segment.hear().packet.kind, Offer, "another server was chosen");
}

#[test]
pub fn d16_options_are_read_from_file_and_sname_and_written_there_only_when_they_must() {
    if !possible() {
        return;
    }
    let mut segment = TestSegment::new();
    let mut crowded = network(SERVER);
    crowded.options = vec![(150, vec![7; 120]), (160, vec![b'a'; 150]), (161, vec![b'b'; 90])];
    segment.serve(DhcpConfig { networks: vec![crowded], ..config() });

    // The client identifier is in `file`, the request list in `sname`.
    let mut payload = message(Discover, &[(code::OVERLOAD, &[3])]).encode(1500);
    payload[108..113].copy_from_slice(&[code::CLIENT_ID, 2, 9, 8, code::END]);
    payload[44..49].copy_from_slice(&[code::REQUEST_LIST, 2, 161, 160, code::END]);
    let from = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68);
    let to = SocketAddrV4::new(ALL, 67);
    segment.send("c0", &crate::frames::WireDatagram { from, to, payload }.frame(PHONE, EVERYBODY));
    let offer = segment.hear();
    assert_eq!(offer.packet.option(code::CLIENT_ID), Some(&[9, 8][..]));
    assert!(offer.size <= 576, "{}", offer.size);
    assert_eq!(offer.payload.get(240..246), Some(&[53, 1, 2, code::OVERLOAD, 1, 1][..]), "`file` only");
    assert!(offer.payload[44..108].iter().all(|octet| *octet == 0), "`sname` is not needed");
    for (code, length) in [(150, 120), (160, 150), (161, 90)] {
        assert_eq!(offer.packet.option(code).map(<[u8]>::len), Some(length), "{code}");
    }

    // With room for all, the fields stay what they are.
    let roomy = segment.offer(&message(Discover, &[(code::MAX_MESSAGE_SIZE, &[5, 220])]));
    assert!(roomy.payload[44..236].iter().all(|octet| *octet == 0));
    assert_eq!(roomy.packet.option(160).map(<[u8]>::len), Some(150));
}
