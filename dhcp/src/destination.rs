//! Where a reply goes: the table of RFC 2131 §4.1, decided here and nowhere else.

use std::net::Ipv4Addr;

use crate::packet::{BROADCAST, Packet};
use crate::{Mac, MessageType};

/// The server's port, which relays listen on too.
pub const SERVER_PORT: u16 = 67;
/// The client's port.
pub const CLIENT_PORT: u16 = 68;

/// Where a reply goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To the relay agent, port 67.
    Relay(Ipv4Addr),
    /// To an address the client answers ARP for, port 68.
    Client(Ipv4Addr),
    /// To an address the client does not answer ARP for yet, port 68: the frame is addressed to its Ethernet address.
    Hardware(Ipv4Addr, Mac),
    /// To 255.255.255.255, port 68.
    Broadcast,
}

/// The table.
pub fn destination(request: &Packet, reply: MessageType, yiaddr: Ipv4Addr) -> Destination {
    let to_ciaddr = !request.ciaddr.is_unspecified();
    // §4.3.5: an INFORM is answered straight to its ciaddr, relay or not.
    if request.kind == MessageType::Inform && to_ciaddr {
        return Destination::Client(request.ciaddr);
    }
    if !request.giaddr.is_unspecified() {
        return Destination::Relay(request.giaddr);
    }
    // §4.1: whatever ciaddr and flags say, a NAK on the local network is broadcast.
    if reply == MessageType::Nak {
        return Destination::Broadcast;
    }
    if to_ciaddr {
        return Destination::Client(request.ciaddr);
    }
    if request.flags & BROADCAST != 0 || yiaddr.is_unspecified() {
        return Destination::Broadcast;
    }
    Destination::Hardware(yiaddr, request.chaddr)
}
