//! Reads from a message whether its client has just started, and its relay and server addresses.

use std::net::Ipv4Addr;

use crate::MessageType;
use crate::lease::LeaseRecord;
use crate::options::code;
use crate::packet::Packet;

use super::Ingress;

/// Where a machine has several leases, the last one it got is its lease.
pub(super) fn order(record: &LeaseRecord) -> (u64, Ipv4Addr) {
    (record.since, record.address)
}

/// Whether the client has just started: DISCOVER, or REQUEST in INIT-REBOOT, which names an address but no server and
/// uses none yet (RFC 2131 §4.3.2).
pub(super) fn boots(packet: &Packet, ingress: Ingress) -> bool {
    match packet.kind {
        MessageType::Discover => true,
        MessageType::Request => {
            (packet.ciaddr.is_unspecified() || has_no_address(packet, ingress))
                && packet.option(code::SERVER_ID).is_none()
                && packet.option(code::REQUESTED_ADDRESS).is_some()
        }
        _ => false,
    }
}

/// Whether the client sends from no address, whatever it says in `ciaddr`.
pub(super) fn has_no_address(packet: &Packet, ingress: Ingress) -> bool {
    ingress.source.is_unspecified() && relay(packet).is_none()
}

pub(super) fn relay(packet: &Packet) -> Option<Ipv4Addr> {
    Some(packet.giaddr).filter(|relay| !relay.is_unspecified())
}

/// The address we go by: a relay's override (RFC 5107), else the one on the receiving interface, for that is how the
/// client, or its relay, reaches us.
pub(super) fn server_id(packet: &Packet, ingress: Ingress) -> Ipv4Addr {
    let over = packet.option(code::RELAY_INFORMATION).filter(|_| relay(packet).is_some());
    over.and_then(|octets| sub_option(octets, 11)).unwrap_or(ingress.local)
}

/// An address among the relay's sub-options (RFC 3046 §2.0).
pub(super) fn sub_option(mut octets: &[u8], wanted: u8) -> Option<Ipv4Addr> {
    while let [code, length, rest @ ..] = octets {
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        if *code == wanted {
            return <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from);
        }
        octets = rest;
    }
    None
}
