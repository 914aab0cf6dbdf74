//! The ports that transfers are served from.
//!
//! Each transfer gets a port of its own, chosen at random by the system (RFC 1350 §4), as long as [`SHARED`] are enough
//! for all. Beyond that, clients with different addresses share one: a client's own address and port tell its
//! transfer from the others. A socket for each of many transfers makes every block dearer, as the kernel has to look
//! after each of them by itself.
//!
//! A shared port is no secret: every client that is served from it knows it. The acknowledgments of a known client count
//! as evidence, so its transfer has a port of its own, however many transfers there are.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

use crate::{listen, packet::Fault};

/// Ports open on one of our addresses before transfers share them.
const SHARED: usize = 16;

/// All ports in use.
pub struct Ports {
    device: Option<String>,
    open: Vec<Port>,
}

/// One port, and the transfers that are served from it.
pub struct Port {
    socket: Arc<UdpSocket>,
    local: Ipv4Addr,
    /// Several transfers may use it.
    shared: bool,
    /// Numbers of the transfers' slots.
    slots: HashMap<SocketAddrV4, u64>,
}

/// The socket and the peer of one transfer.
pub struct TransferSocket {
    socket: Arc<UdpSocket>,
    peer: SocketAddrV4,
}

impl Ports {
    /// Starts with no open port. With `device`, ports are bound to that network interface.
    pub fn new(device: Option<String>) -> Ports {
        Ports { device, open: Vec::new() }
    }

    /// The sockets of the open ports, by place. A port keeps its place until [`close_unused`](Ports::close_unused).
    pub fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.open.iter().map(|port| port.socket.as_fd())
    }

    /// The port at this place.
    pub fn at(&self, place: usize) -> Option<&Port> {
        self.open.get(place)
    }

    /// A port on `local` for the transfer in `slot`. A `secret` one is shared with nobody.
    pub fn take(
        &mut self,
        local: Ipv4Addr,
        peer: SocketAddrV4,
        slot: u64,
        secret: bool,
    ) -> io::Result<TransferSocket> {
        let shared =
            || self.open.iter().enumerate().filter(|(_, port)| !secret && port.local == local && port.shared);
        let least_used = shared()
            .filter(|(_, port)| port.slots.keys().all(|other| other.ip() != peer.ip()))
            .min_by_key(|(_, port)| port.slots.len())
            .map(|(place, _)| place);
        let opened = if least_used.is_none() || shared().count() < SHARED {
            listen::open(SocketAddrV4::new(local, 0), self.device.as_deref()).and_then(listen::told_of_errors)
        } else {
            Err(io::ErrorKind::QuotaExceeded.into())
        };
        let place = match (opened, least_used) {
            (Ok(socket), _) => {
                let (socket, slots) = (Arc::new(socket), HashMap::new());
                self.open.push(Port { socket, local, shared: !secret, slots });
                self.open.len() - 1
            }
            (Err(_), Some(place)) => place,
            (Err(error), None) => return Err(error),
        };
        let port = self.open.get_mut(place).ok_or(io::ErrorKind::NotFound)?;
        port.slots.insert(peer, slot);
        Ok(TransferSocket { socket: Arc::clone(&port.socket), peer })
    }

    /// Notes that the transfer on `line` is over.
    pub fn leave(&mut self, line: &TransferSocket) {
        if let Some(port) = self.open.iter_mut().find(|port| Arc::ptr_eq(&port.socket, &line.socket)) {
            port.slots.remove(&line.peer);
        }
    }

    /// Closes ports without a transfer.
    pub fn close_unused(&mut self) {
        self.open.retain(|port| !port.slots.is_empty());
    }
}

impl Port {
    /// How many transfers use the port.
    pub fn transfers(&self) -> usize {
        self.slots.len()
    }

    /// The slot of the transfer that a packet from `peer` is for.
    pub fn slot(&self, peer: SocketAddrV4) -> Option<u64> {
        self.slots.get(&peer).copied()
    }

    /// The port's own socket.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Tells a stranger that no transfer here is his, which disturbs none (RFC 1350 §4). An ERROR is never answered
    /// (§7).
    pub fn turn_away(&self, stranger: SocketAddrV4, packet: &[u8]) {
        if !matches!(packet, [0, 5, ..]) {
            let _ = self.socket.send_to(&Fault::Stranger.packet(), stranger);
        }
    }
}

impl TransferSocket {
    /// The port's socket.
    pub fn socket(&self) -> &Arc<UdpSocket> {
        &self.socket
    }

    /// The client.
    pub fn peer(&self) -> SocketAddrV4 {
        self.peer
    }

    /// Sends a packet at once. One that cannot leave is as good as lost on its way, and is sent again in time.
    pub fn send(&self, packet: &[u8]) {
        // An error may be what another client's host answered on this port; it is told only once.
        if self.socket.send_to(packet, self.peer).is_err() {
            let _ = self.socket.send_to(packet, self.peer);
        }
    }

    /// Sends `packets`, of `size` bytes all but the last, in one call; fails where that cannot be done at all.
    pub fn send_cut(&self, packets: &[u8], size: u16) -> io::Result<()> {
        listen::send_cut(&self.socket, self.peer, packets, size)
            .or_else(|_| listen::send_cut(&self.socket, self.peer, packets, size))
    }
}
