//! Where replies go: RFC 2131 §4.1.

use std::net::Ipv4Addr;

use transload_dhcp::MessageType;
use transload_dhcp::config::RelayInformation;
use transload_dhcp::destination::Destination;
use transload_dhcp::engine::Ingress;
use transload_dhcp::event::{DhcpOutcome, Unserved};
use transload_dhcp::options::code;
use transload_dhcp::packet::{self, Packet};

use crate::lab::*;

const RELAY: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

/// The bench, and a network behind a relay.
fn relayed() -> EngineUnderTest {
    let mut config = config();
    let mut far = network();
    far.name = "far".into();
    far.address = Ipv4Addr::new(10, 9, 0, 0);
    far.pools = vec![transload_dhcp::config::AddressRange {
        first: Ipv4Addr::new(10, 9, 0, 10),
        last: Ipv4Addr::new(10, 9, 0, 19),
    }];
    config.networks.push(far);
    EngineUnderTest::new(config)
}

fn destination(lab: &mut EngineUnderTest, packet: &Packet) -> Destination {
    destination_from(lab, packet, NOBODY)
}

fn destination_from(lab: &mut EngineUnderTest, packet: &Packet, source: Ipv4Addr) -> Destination {
    let decision = lab.handle(packet, from(source));
    let reply = decision.reply.expect("a reply");
    assert_eq!(decision.event.sent_to, Some(reply.destination), "what is told of it");
    reply.destination
}

#[test]
pub fn d1_reserved_flags_mean_nothing_and_come_back_as_they_were() {
    let packet = Packet { flags: !packet::BROADCAST, ..discover(PHONE) };
    let reply = EngineUnderTest::new(config()).handle(&packet, BROADCAST).reply.unwrap();
    assert_eq!(reply.destination, Destination::Hardware(host(10), PHONE));
    assert_eq!(Packet::decode(&reply.encode()).unwrap().flags, 0x7fff);
}

#[test]
pub fn d9_a_relay_gets_the_reply() {
    let mut lab = relayed();
    let offer = lab.handle(&Packet { giaddr: RELAY, hops: 1, ..discover(PHONE) }, UNICAST);
    let reply = offer.reply.unwrap();
    assert_eq!(reply.destination, Destination::Relay(RELAY));
    assert_eq!((reply.packet.giaddr, reply.packet.hops), (RELAY, 0));
}

#[test]
pub fn d10_a_client_with_an_address_gets_it_there() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    let renewal = renew(PHONE, address);
    assert_eq!(destination_from(&mut lab, &renewal, address), Destination::Client(address));
    // A client that sends from 0.0.0.0 may answer no ARP, but is there all the same.
    let flags = packet::BROADCAST;
    for packet in [renewal.clone(), Packet { flags, ..renewal }] {
        assert_eq!(destination(&mut lab, &packet), Destination::Hardware(address, PHONE));
    }
}

#[test]
pub fn d10_an_address_that_the_client_cannot_have_is_none() {
    let elsewhere = Ipv4Addr::new(192, 168, 7, 20);
    for ciaddr in [host(10), host(19), host(77), elsewhere, Ipv4Addr::BROADCAST] {
        for (flags, expected) in
            [(0, Destination::Hardware(host(10), PHONE)), (packet::BROADCAST, Destination::Broadcast)]
        {
            let mut lab = EngineUnderTest::new(config());
            let says = |packet| Packet { ciaddr, flags, ..packet };
            assert_eq!(destination(&mut lab, &says(discover(PHONE))), expected, "DISCOVER of {ciaddr}");
            assert_eq!(destination(&mut lab, &says(select(PHONE, host(10)))), expected, "selecting {ciaddr}");
            let again = says(reboot(PHONE, host(10)));
            assert_eq!(destination(&mut lab, &again), expected, "INIT-REBOOT of {ciaddr}");
            let decision = lab.handle(&again, BROADCAST);
            assert_eq!(
                (decision.event.address, decision.reply.unwrap().packet.ciaddr),
                (Some(host(10)), ciaddr)
            );
        }
    }
    // Even from an address, where that is another's, or out of reach.
    for source in [host(77), elsewhere] {
        let packet = Packet { ciaddr: source, ..discover(PHONE) };
        let mut lab = EngineUnderTest::new(config());
        lab.lease(OTHER);
        assert_eq!(destination_from(&mut lab, &packet, source), Destination::Hardware(host(11), PHONE));
    }
}

#[test]
pub fn d10_a_client_that_uses_its_lease_is_answered_there_whatever_it_asks() {
    let mut lab = EngineUnderTest::new(config());
    let address = lab.lease(PHONE);
    for packet in [discover(PHONE), select(PHONE, address)] {
        let packet = Packet { ciaddr: address, ..packet };
        assert_eq!(destination_from(&mut lab, &packet, address), Destination::Client(address));
    }
}

#[test]
pub fn d12_a_client_that_tells_no_ethernet_address_of_its_own_hears_a_broadcast() {
    for mac in [[0; 6], [0xff; 6], [0x01, 0, 0x5e, 0, 0, 1]] {
        let mut lab = EngineUnderTest::new(config());
        assert_eq!(destination(&mut lab, &discover(mac)), Destination::Broadcast, "{mac:02x?}");
    }
}

#[test]
pub fn d30_an_inform_is_answered_at_an_address_without_arp_where_that_cannot_reach_it() {
    let elsewhere = Ipv4Addr::new(192, 168, 7, 20);
    for (address, source, expected) in [
        (host(200), host(200), Destination::Client(host(200))),
        (host(200), NOBODY, Destination::Hardware(host(200), PHONE)),
        (elsewhere, elsewhere, Destination::Hardware(elsewhere, PHONE)),
    ] {
        let mut lab = EngineUnderTest::new(config());
        assert_eq!(destination_from(&mut lab, &inform(PHONE, address), source), expected);
    }
}

#[test]
pub fn d11_the_broadcast_bit_is_obeyed() {
    let mut lab = EngineUnderTest::new(config());
    let packet = Packet { flags: packet::BROADCAST, ..discover(PHONE) };
    assert_eq!(destination(&mut lab, &packet), Destination::Broadcast);
}

#[test]
pub fn d12_without_the_bit_the_frame_goes_to_the_client() {
    let mut lab = EngineUnderTest::new(config());
    assert_eq!(destination(&mut lab, &discover(PHONE)), Destination::Hardware(host(10), PHONE));
}

#[test]
pub fn d13_nak_without_relay_is_broadcast() {
    let mut lab = EngineUnderTest::new(config());
    for packet in
        [reboot(PHONE, Ipv4Addr::new(192, 168, 1, 5)), renew(PHONE, host(15)), select(PHONE, host(200))]
    {
        let reply = lab.handle(&packet, BROADCAST).reply.expect("a reply");
        assert_eq!((reply.packet.kind, reply.destination), (MessageType::Nak, Destination::Broadcast));
    }
}

#[test]
pub fn d14_nak_through_a_relay_tells_the_relay_to_broadcast() {
    let mut lab = relayed();
    let reply = lab.handle(&Packet { giaddr: RELAY, ..reboot(PHONE, host(10)) }, UNICAST).reply.unwrap();
    assert_eq!((reply.packet.kind, reply.destination), (MessageType::Nak, Destination::Relay(RELAY)));
    assert_eq!(reply.packet.flags, packet::BROADCAST);
}

#[test]
pub fn d15_the_server_goes_by_the_address_the_client_reaches_and_answers_to_all() {
    let mut config = config();
    let mut second = network();
    second.name = "second".into();
    second.address = Ipv4Addr::new(10, 1, 0, 1);
    second.pools = vec![transload_dhcp::config::AddressRange {
        first: Ipv4Addr::new(10, 1, 0, 10),
        last: Ipv4Addr::new(10, 1, 0, 19),
    }];
    config.networks.push(second);
    let mut lab = EngineUnderTest::new(config);
    let ingress = Ingress { local: Ipv4Addr::new(10, 1, 0, 1), ..BROADCAST };
    let offer = lab.handle(&discover(PHONE), ingress).reply.unwrap().packet;
    assert_eq!(offer.address(code::SERVER_ID), Some(ingress.local));
    // Another of our addresses as server identifier is still us.
    let request = asking_for(with(request(PHONE), code::SERVER_ID, &SERVER.octets()), offer.yiaddr);
    let ack = lab.handle(&request, ingress).reply.unwrap().packet;
    assert_eq!((ack.kind, ack.yiaddr), (MessageType::Ack, offer.yiaddr));
}

#[test]
pub fn d18_the_subnet_is_the_relays_else_the_interfaces() {
    let mut lab = relayed();
    let far = lab.ask(&Packet { giaddr: RELAY, ..discover(PHONE) }).unwrap();
    assert_eq!(far.yiaddr, Ipv4Addr::new(10, 9, 0, 10));
    let near = lab.ask(&discover(OTHER)).unwrap();
    assert_eq!(near.yiaddr, host(10));
    assert!(lab.ask(&Packet { giaddr: Ipv4Addr::new(172, 16, 0, 1), ..discover(PHONE) }).is_none());
}

#[test]
pub fn d18_a_client_behind_a_relay_renews_directly() {
    let mut lab = relayed();
    let through = |packet| Packet { giaddr: RELAY, ..packet };
    let address = lab.ask(&through(discover(PHONE))).unwrap().yiaddr;
    lab.ask(&through(select(PHONE, address))).unwrap();
    lab.now += 1_800_000;
    let reply = lab.handle(&renew(PHONE, address), UNICAST).reply.unwrap();
    assert_eq!((reply.packet.kind, reply.destination), (MessageType::Ack, Destination::Client(address)));
}

/// What Catalyst switches write (VLAN, module and port; the switch's address), text, and what no switch should.
const INFORMATION: [&[u8]; 5] = [
    &[1, 6, 0, 4, 0, 10, 1, 7, 2, 8, 0, 6, 0, 1, 2, 3, 4, 5],
    b"\x01\x06Gi1/07\x02\x08switch-9",
    &[1, 1, 7, 5, 4, 172, 16, 0, 1, 11, 4, 172, 16, 0, 1],
    &[1, 9, 7],
    &[7],
];

/// RFC 3046 §2.1 has relay agents discard what comes from an untrusted circuit with the option and without a relay's
/// address. A server that does the same is deaf to every phone behind a switch with DHCP snooping.
#[test]
pub fn d42_relay_information_without_a_relay_is_answered_and_echoed_unless_it_is_to_be_dropped() {
    for information in INFORMATION {
        let mut lab = EngineUnderTest::new(config());
        let through = |packet| with(packet, code::RELAY_INFORMATION, information);
        let offer = lab.ask(&through(discover(PHONE))).expect("an offer");
        let address = offer.yiaddr;
        // Neither another network nor another name for the server: that is a relay's to say.
        assert_eq!((address, offer.address(code::SERVER_ID)), (host(10), Some(SERVER)));
        let answers = [
            Some(offer),
            lab.ask(&through(select(PHONE, address))),
            lab.ask(&through(reboot(PHONE, address))),
            lab.ask(&through(renew(PHONE, address))),
            lab.ask(&through(inform(PHONE, address))),
            lab.ask(&through(reboot(PHONE, host(200)))),
        ];
        for answer in answers {
            let last = answer.expect("an answer").options.pop();
            assert_eq!(last, Some((code::RELAY_INFORMATION, information.to_vec())));
        }
        // Its lease is the client's, whatever port it is moved to, and with the option or without.
        let moved = with(discover(PHONE), code::RELAY_INFORMATION, &[1, 6, 0, 4, 0, 10, 1, 8]);
        assert_eq!(lab.ask(&moved).unwrap().yiaddr, address);
        let plain = lab.ask(&discover(PHONE)).unwrap();
        assert_eq!((plain.yiaddr, plain.option(code::RELAY_INFORMATION)), (address, None));
    }
    let mut dropping = config();
    dropping.networks[0].relay_information = RelayInformation::Drop;
    let mut lab = EngineUnderTest::new(dropping);
    for information in INFORMATION {
        let packet = with(discover(PHONE), code::RELAY_INFORMATION, information);
        assert_eq!(lab.outcome(&packet), DhcpOutcome::Unserved(Unserved::RelayInformation));
    }
    let relayed = Packet { giaddr: host(2), ..discover(PHONE) };
    assert!(lab.ask(&with(relayed, code::RELAY_INFORMATION, INFORMATION[0])).is_some(), "a relay's own");
    let empty = with(discover(PHONE), code::RELAY_INFORMATION, &[]).encode(576);
    assert!(lab.ask(&Packet::decode(&empty).unwrap()).is_some(), "nothing is no information");
}

#[test]
pub fn d7_a_request_that_names_us_through_an_unknown_relay_is_refused() {
    let unknown = Ipv4Addr::new(172, 16, 0, 1);
    let through = |packet| Packet { giaddr: unknown, ..packet };
    let mut lab = relayed();
    let decision = lab.handle(&through(select(PHONE, host(10))), UNICAST);
    let reply = decision.reply.expect("a NAK");
    assert_eq!((reply.packet.kind, reply.destination), (MessageType::Nak, Destination::Relay(unknown)));
    assert_eq!(
        (reply.packet.flags, reply.packet.address(code::SERVER_ID)),
        (packet::BROADCAST, Some(SERVER))
    );
    assert!(matches!(&decision.event.outcome, DhcpOutcome::Refused(why) if why.contains("172.16.0.1")));
    // Who names nobody, or another, may be another server's client.
    let elsewhere = asking_for(with(request(PHONE), code::SERVER_ID, &[10, 0, 0, 66]), host(10));
    for packet in [discover(PHONE), reboot(PHONE, host(10)), renew(PHONE, host(10)), elsewhere] {
        let decision = lab.handle(&through(packet), UNICAST);
        let expected = DhcpOutcome::Unserved(Unserved::Relay(unknown));
        assert_eq!((decision.reply, decision.event.outcome), (None, expected));
    }
    for nowhere in [Ipv4Addr::BROADCAST, Ipv4Addr::new(224, 0, 0, 1)] {
        let packet = Packet { giaddr: nowhere, ..select(PHONE, host(10)) };
        assert_eq!(lab.handle(&packet, UNICAST).reply, None);
    }
    // On a link of no network likewise; and not where we are silent.
    let link = Ingress { local: Ipv4Addr::new(192, 168, 1, 1), ..BROADCAST };
    let reply = lab.handle(&select(PHONE, host(10)), link).reply.expect("a NAK");
    assert_eq!((reply.packet.kind, reply.destination), (MessageType::Nak, Destination::Broadcast));
    lab.engine.set_silent(SERVER, true);
    assert_eq!(lab.handle(&through(select(PHONE, host(10))), UNICAST).reply, None);
}

#[test]
pub fn d43_link_selection_goes_before_subnet_selection_before_giaddr() {
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
pub fn d43_the_relay_may_override_the_server_identifier() {
    let mut lab = relayed();
    let over = |packet| {
        with(Packet { giaddr: RELAY, ..packet }, code::RELAY_INFORMATION, &[1, 1, 7, 11, 4, 10, 9, 0, 1])
    };
    let offer = lab.ask(&over(discover(PHONE))).unwrap();
    assert_eq!(offer.address(code::SERVER_ID), Some(RELAY));
    let taken = asking_for(with(request(PHONE), code::SERVER_ID, &RELAY.octets()), offer.yiaddr);
    assert_eq!(lab.ask(&over(taken)).unwrap().kind, MessageType::Ack);
}
