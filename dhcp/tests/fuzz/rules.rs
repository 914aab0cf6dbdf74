//! What holds of every reply, whatever was asked: RFC 2131 Table 3 and §4.1, and what else the rows say in general.

use std::net::Ipv4Addr;

use transload_dhcp::MessageType::{self, Ack, Discover, Inform, Nak, Offer, Request};
use transload_dhcp::config::DhcpConfig;
use transload_dhcp::destination::Destination;
use transload_dhcp::engine::Decision;
use transload_dhcp::options::code;
use transload_dhcp::packet::{BROADCAST, Op, Packet};

const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// Checks a decision's reply, if it has one, and gives it as its client reads it. Panics where a rule is broken.
pub fn check(asked: &Packet, decision: &Decision, local: Ipv4Addr, config: &DhcpConfig) -> Option<Packet> {
    let reply = decision.reply.as_ref()?;
    let octets = reply.encode();
    let read = Packet::decode(&octets).expect("a well-formed reply");
    let seconds =
        |code| read.option(code).map(|octets| u32::from_be_bytes(octets.try_into().expect("4 octets")));

    // D48, D38.
    let most = match asked.option(code::MAX_MESSAGE_SIZE) {
        Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])).clamp(576, 1500),
        _ => 576,
    };
    assert!(octets.len() >= 300 && octets.len() + 28 <= most.max(328), "{} octets", octets.len());
    // D33: what answers what.
    let fitting: &[MessageType] = match asked.kind {
        Discover => &[Offer],
        Request => &[Ack, Nak],
        Inform => &[Ack],
        _ => &[],
    };
    assert!(fitting.contains(&read.kind), "{:?} answers {:?}", read.kind, asked.kind);
    // D23, D1, D14.
    assert_eq!((read.op, read.hops, read.secs), (Op::Reply, 0, 0));
    assert_eq!((read.xid, read.chaddr, read.giaddr), (asked.xid, asked.chaddr, asked.giaddr));
    let relayed = asked.giaddr != NOBODY;
    let forced = if read.kind == Nak && relayed { BROADCAST } else { 0 };
    assert_eq!(read.flags, asked.flags | forced);
    assert_eq!(read.ciaddr, if read.kind == Ack { asked.ciaddr } else { NOBODY });
    let leases = read.kind == Offer || (read.kind == Ack && asked.kind == Request);
    assert_eq!(read.yiaddr != NOBODY, leases, "{:?} of {}", read.kind, read.yiaddr);
    // D9 to D13, D30. Whether a client can have its ciaddr, the rows say.
    let plain = if asked.flags & BROADCAST != 0 {
        Destination::Broadcast
    } else {
        Destination::Hardware(read.yiaddr, asked.chaddr)
    };
    let at_ciaddr = [Destination::Client(asked.ciaddr), Destination::Hardware(asked.ciaddr, asked.chaddr)];
    let fitting = match read.kind {
        Ack if asked.kind == Inform => at_ciaddr.contains(&reply.destination),
        _ if relayed => reply.destination == Destination::Relay(asked.giaddr),
        Nak => reply.destination == Destination::Broadcast,
        Ack if asked.ciaddr == read.yiaddr && at_ciaddr.contains(&reply.destination) => true,
        _ if reply.destination == at_ciaddr[0] => {
            asked.ciaddr != NOBODY && config.networks.iter().any(|network| network.contains(asked.ciaddr))
        }
        _ => reply.destination == plain,
    };
    assert!(fitting, "{:?} to {:?} for {asked:?}", read.kind, reply.destination);
    // D15; a relay may give us another name.
    let server = read.address(code::SERVER_ID).expect("a server identifier");
    assert!(server == local || (relayed && asked.option(code::RELAY_INFORMATION).is_some()), "{server}");
    // D22, D31.
    for forbidden in [code::REQUESTED_ADDRESS, code::REQUEST_LIST, code::MAX_MESSAGE_SIZE] {
        assert_eq!(read.option(forbidden), None);
    }
    assert_eq!(seconds(code::LEASE_TIME).is_some(), leases, "{:?}", read.kind);
    if let (Some(renew), Some(rebind)) = (seconds(code::RENEWAL_TIME), seconds(code::REBINDING_TIME)) {
        assert!(0 < renew && renew < rebind && Some(rebind) < seconds(code::LEASE_TIME), "{renew} {rebind}");
    }
    // D44, D41.
    assert_eq!(read.option(code::CLIENT_ID), asked.option(code::CLIENT_ID));
    if !decision.event.left_out.contains(&code::RELAY_INFORMATION) {
        assert_eq!(read.option(code::RELAY_INFORMATION), asked.option(code::RELAY_INFORMATION));
    }
    if read.kind == Nak {
        let may =
            [code::SERVER_ID, code::MESSAGE, code::CLIENT_ID, code::VENDOR_CLASS, code::RELAY_INFORMATION];
        assert!(read.options.iter().all(|(code, _)| may.contains(code)), "{:?}", read.options);
    } else {
        order(asked, &octets);
    }
    if leases {
        let given = config.networks.iter().any(|network| {
            network.in_pool(read.yiaddr)
                || network.reservations.iter().any(|reservation| reservation.address == read.yiaddr)
        });
        assert!(given, "{} is nobody's to give", read.yiaddr);
    }
    Some(read)
}

/// The order in which options stand in the options field, and what stands there only once.
fn order(asked: &Packet, octets: &[u8]) {
    let mut codes: Vec<u8> = Vec::new();
    let mut field = &octets[240..];
    while let [code, rest @ ..] = field {
        if *code == code::END {
            assert!(rest.iter().all(|octet| *octet == 0), "pads after the end");
            break;
        }
        let (length, rest) = rest.split_first().expect("a length");
        // D40: the parts of a long value follow each other.
        if codes.last() != Some(code) {
            assert!(!codes.contains(code), "{code} twice");
            codes.push(*code);
        }
        field = &rest[usize::from(*length)..];
    }
    let place = |wanted: u8| codes.iter().position(|code| *code == wanted);
    assert_eq!(place(code::MESSAGE_TYPE), Some(0));
    // D36, D41.
    if let (Some(mask), Some(router)) = (place(code::SUBNET_MASK), place(code::ROUTER)) {
        assert!(mask < router, "{codes:?}");
    }
    assert!(place(code::RELAY_INFORMATION).is_none_or(|place| place + 1 == codes.len()), "{codes:?}");
    // D37; what found room in other fields only is out of its order, and the mask goes before the router.
    let wanted = asked.option(code::REQUEST_LIST).unwrap_or_default();
    if place(code::OVERLOAD).is_none() {
        let special = [code::SUBNET_MASK, code::SERVER_ID, code::MESSAGE_TYPE, code::RELAY_INFORMATION];
        let rank = |code: u8| wanted.iter().position(|found| *found == code).unwrap_or(usize::MAX);
        let ranks: Vec<_> =
            codes.iter().filter(|code| !special.contains(code)).map(|code| rank(*code)).collect();
        assert!(ranks.is_sorted(), "{codes:?} for {wanted:?}");
    }
}
