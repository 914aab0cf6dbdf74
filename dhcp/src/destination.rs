//! Decides the destination of a reply, by the table of RFC 2131 §4.1.

use std::net::Ipv4Addr;

use crate::packet::{BROADCAST, Packet};
use crate::{MacOctets, MessageType};

/// The server's port, which relays listen on too.
pub const SERVER_PORT: u16 = 67;
/// The client's port.
pub const CLIENT_PORT: u16 = 68;

/// The destination of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To the relay agent, port 67.
    Relay(Ipv4Addr),
    /// To an address the client answers ARP for, port 68.
    Client(Ipv4Addr),
    /// To an address the client does not answer ARP for yet, port 68: the frame is addressed to its Ethernet address.
    Hardware(Ipv4Addr, MacOctets),
    /// To 255.255.255.255, port 68.
    Broadcast,
}

/// Whether the client answers at its `ciaddr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtCiaddr {
    /// The client has no `ciaddr`, or one that it cannot have.
    No,
    /// The address is its own, but it sends from 0.0.0.0 and may not answer ARP.
    Silent,
    /// It uses the address.
    Answers,
}

/// Looks up the table. A client whose `ciaddr` it cannot have is answered like one without.
pub fn destination(request: &Packet, reply: MessageType, yiaddr: Ipv4Addr, client: AtCiaddr) -> Destination {
    let at_ciaddr = match client {
        AtCiaddr::No => None,
        AtCiaddr::Silent => Some(hardware(request.ciaddr, request.chaddr)),
        AtCiaddr::Answers => Some(Destination::Client(request.ciaddr)),
    };
    // §4.3.5: an INFORM is answered straight to its ciaddr, relay or not.
    if let (MessageType::Inform, Some(there)) = (request.kind, at_ciaddr) {
        return there;
    }
    if !request.giaddr.is_unspecified() {
        return Destination::Relay(request.giaddr);
    }
    // §4.1: whatever ciaddr and flags say, a NAK on the local network is broadcast.
    if reply == MessageType::Nak {
        return Destination::Broadcast;
    }
    if let Some(there) = at_ciaddr {
        return there;
    }
    if request.flags & BROADCAST != 0 || yiaddr.is_unspecified() {
        return Destination::Broadcast;
    }
    hardware(yiaddr, request.chaddr)
}

/// A client that does not tell its Ethernet address, or tells a group's, hears broadcasts only.
fn hardware(address: Ipv4Addr, mac: MacOctets) -> Destination {
    let one = mac != [0; 6] && mac[0] & 1 == 0;
    if one { Destination::Hardware(address, mac) } else { Destination::Broadcast }
}
