//! Finds the network of a client, and handles clients without one.

use std::net::Ipv4Addr;

use super::reading::{relay, server_id, sub_option};
use super::{Engine, Finding, Ingress};
use crate::MessageType;
use crate::config::RelayInformation;
use crate::event::{DhcpOutcome, Unserved};
use crate::options::code;
use crate::packet::Packet;
use crate::reply::refusal;

impl Engine {
    /// RFC 2131 §4.3.1: by relay, else by interface; a relay may name another subnet than its own by link selection
    /// (RFC 3527), subnet selection (RFC 3011). A client that renews writes to us from anywhere: its own address tells.
    pub(super) fn network_of(&self, packet: &Packet, ingress: Ingress) -> Option<usize> {
        let named = named_network(packet, ingress);
        self.tables.iter().position(|table| table.network.contains(named))
    }

    /// RFC 2131 §3.1(4), §4.3.2: a REQUEST that names us is refused where it cannot be satisfied, so that its client starts
    /// anew. Another server may know what to say to anybody else.
    pub(super) fn without_network(&self, packet: &Packet, ingress: Ingress) -> Finding {
        let us = server_id(packet, ingress);
        let named = packet.address(code::SERVER_ID);
        let names_us = packet.kind == MessageType::Request
            && named.is_some_and(|server| self.goes_by(server, ingress, us))
            && !self.silent.contains(&ingress.local);
        // Nothing is sent where no relay can be.
        let reached = !packet.giaddr.is_broadcast() && !packet.giaddr.is_multicast();
        if names_us && reached {
            return Finding {
                address: packet.address(code::REQUESTED_ADDRESS),
                reply: Some(refusal(packet, us, "no network for this client")),
                ..Finding::new(DhcpOutcome::Refused(unserved(packet, ingress).to_string().into()))
            };
        }
        Finding::unserved(unserved(packet, ingress))
    }

    /// Whether the client's message is dropped for the relay information in it.
    pub(super) fn drops(&self, packet: &Packet, at: usize) -> bool {
        packet.option(code::RELAY_INFORMATION).is_some()
            && relay(packet).is_none()
            && self
                .tables
                .get(at)
                .is_some_and(|table| table.network.relay_information == RelayInformation::Drop)
    }
}

/// An address of the client's network.
fn named_network(packet: &Packet, ingress: Ingress) -> Ipv4Addr {
    let link = packet.option(code::RELAY_INFORMATION).and_then(|octets| sub_option(octets, 5));
    match relay(packet) {
        Some(relay) => link.or(packet.address(code::SUBNET_SELECTION)).unwrap_or(relay),
        None if ingress.unicast && !packet.ciaddr.is_unspecified() => packet.ciaddr,
        None => packet.address(code::SUBNET_SELECTION).unwrap_or(ingress.local),
    }
}

fn unserved(packet: &Packet, ingress: Ingress) -> Unserved {
    let named = named_network(packet, ingress);
    if relay(packet) == Some(named) { Unserved::Relay(named) } else { Unserved::Network(named) }
}
