//! The sockets: the well-known port, which must know where each request was sent to, and one socket per transfer.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    os::fd::AsRawFd,
};

use nix::{
    libc,
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, getsockopt, recvmsg, sendmsg, setsockopt,
        sockopt::{IpMtu, Ipv4PacketInfo},
    },
};
use socket2::{Domain, Protocol, Socket, Type};

/// Room for requests that wait while others are read: a thousand phones may start at once.
const REQUEST_BUFFER: usize = 4 << 20;

/// A datagram on the well-known port.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its length.
    pub length: usize,
    /// Who sent it.
    pub peer: SocketAddrV4,
    /// Our address that it was sent to; answers come from there, as clients expect on hosts with several.
    pub local: Ipv4Addr,
}

/// Opens the well-known port.
pub fn request_socket(bind: SocketAddrV4, device: Option<&str>) -> io::Result<UdpSocket> {
    let socket = open(bind, device, false)?;
    // The kernel may allow less; then it is less.
    let _ = socket.set_recv_buffer_size(REQUEST_BUFFER);
    setsockopt(&socket, Ipv4PacketInfo, &true)?;
    Ok(socket.into())
}

/// The two sockets of one transfer: a random port (RFC 1350 §4) on one of our addresses.
pub struct Ends {
    /// Connected: gets the client's packets, and learns when nobody listens there any more. The kernel then knows the
    /// way without looking it up for each packet, which saves about a tenth of what a block costs.
    pub client: UdpSocket,
    /// Gets everybody else's.
    pub strangers: UdpSocket,
}

/// Opens the sockets of a transfer from `local` to `peer`.
pub fn transfer_sockets(local: Ipv4Addr, peer: SocketAddrV4, device: Option<&str>) -> io::Result<Ends> {
    let strangers = open(SocketAddrV4::new(local, 0), device, false)?;
    // Only now, as a port chosen for a socket that may share it could be another transfer's.
    strangers.set_reuse_address(true)?;
    let port = strangers.local_addr()?.as_socket_ipv4().map_or(0, |local| local.port());
    let client = open(SocketAddrV4::new(local, port), device, true)?;
    client.connect(&peer.into())?;
    Ok(Ends { client: client.into(), strangers: strangers.into() })
}

/// The largest packet towards a connected socket's peer in bytes, as far as is known: the interface's MTU, or what a
/// router on the way reported.
pub fn mtu(socket: &UdpSocket) -> io::Result<u16> {
    Ok(getsockopt(socket, IpMtu)?.try_into().unwrap_or(u16::MAX))
}

/// Sends `packets` from a connected socket at once, cut into pieces of `size` bytes (UDP segmentation offload): a whole
/// window costs little more than a packet then. Fails where the kernel or the interface cannot do that.
pub fn send_cut(socket: &UdpSocket, packets: &[u8], size: u16) -> io::Result<()> {
    let cut = [ControlMessage::UdpGsoSegments(&size)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(packets)], &cut, MsgFlags::empty(), None)?;
    Ok(())
}

fn open(bind: SocketAddrV4, device: Option<&str>, shares_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    socket.set_reuse_address(shares_port)?;
    socket.bind(&bind.into())?;
    Ok(socket)
}

/// Takes a datagram that arrived on the well-known port; `None` for one that must not be answered: sent to a broadcast
/// or multicast address (RFC 1123 §4.2.3.5), or by nobody who could receive an answer.
pub fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<Arrival>> {
    let mut space = nix::cmsg_space!(libc::in_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty())?;
    let peer = message.address.map(|address| SocketAddrV4::new(address.ip(), address.port()));
    let sent_to = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some((address(info.ipi_addr), address(info.ipi_spec_dst)))
        }
        _ => None,
    });
    let (Some(peer), Some((sent_to, local))) = (peer, sent_to) else {
        return Ok(None);
    };
    let from = peer.ip();
    let answerable =
        peer.port() != 0 && !from.is_unspecified() && !from.is_broadcast() && !from.is_multicast();
    Ok((answerable && sent_to == local).then_some(Arrival { length: message.bytes, peer, local }))
}

/// Sends `packet` from the well-known port, from the address the client had asked. Used for refusals, which then need
/// no socket of their own and can be given when none is left. If it cannot be sent at once, it is lost.
pub fn answer(socket: &UdpSocket, to: Arrival, packet: &[u8]) {
    let info = libc::in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: libc::in_addr { s_addr: u32::from(to.local).to_be() },
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    let sent = sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(packet)],
        &[ControlMessage::Ipv4PacketInfo(&info)],
        MsgFlags::MSG_DONTWAIT,
        Some(&SockaddrIn::from(to.peer)),
    );
    if let Err(error) = sent {
        tracing::debug!(peer = %to.peer, %error, "a refusal was not sent");
    }
}

fn address(address: libc::in_addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from_be(address.s_addr))
}
