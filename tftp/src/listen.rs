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
        sockopt::{IpMtu, Ipv4PacketInfo, Ipv4RecvErr},
    },
};
use socket2::{Domain, Protocol, Socket, Type};

/// Room for requests that wait while others are read: a thousand phones may start at once.
const REQUEST_BUFFER: usize = 4 << 20;

/// Errors read at once from a socket's queue of them.
const ERRORS_LIMIT: usize = 16;

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
    let socket = open(bind, device)?;
    // The kernel may allow less; then it is less.
    let _ = socket.set_recv_buffer_size(REQUEST_BUFFER);
    setsockopt(&socket, Ipv4PacketInfo, &true)?;
    Ok(socket.into())
}

/// Opens the socket of one transfer: a random port (RFC 1350 §4) on `local`. It is not connected, so that a stranger's
/// packets can be answered, and keeps a queue of errors, so that [`refused`] can tell when the client is gone.
pub fn transfer_socket(local: Ipv4Addr, device: Option<&str>) -> io::Result<UdpSocket> {
    let socket = open(SocketAddrV4::new(local, 0), device)?;
    setsockopt(&socket, Ipv4RecvErr, &true)?;
    Ok(socket.into())
}

/// The largest packet towards `peer` in bytes, as far as is known: the interface's MTU, or what a router on the way
/// reported.
pub fn mtu_towards(peer: SocketAddrV4, device: Option<&str>) -> io::Result<u16> {
    let socket = open(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), device)?;
    socket.connect(&peer.into())?;
    Ok(getsockopt(&socket, IpMtu)?.try_into().unwrap_or(u16::MAX))
}

fn open(bind: SocketAddrV4, device: Option<&str>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
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

/// Whether, by the errors that were reported to a transfer's socket, nobody listens at `peer` any more.
pub fn refused(socket: &UdpSocket, peer: SocketAddrV4) -> bool {
    let mut refused = false;
    for _ in 0..ERRORS_LIMIT {
        let mut space = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let Ok(message) = recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut [], Some(&mut space), flags) else {
            break;
        };
        // An error's address is where the packet it is about was sent to: a stranger may have been told off.
        let about = message.address.map(|address| SocketAddrV4::new(address.ip(), address.port()));
        refused |= about == Some(peer)
            && message.cmsgs().is_ok_and(|mut controls| {
                controls.any(|control| {
                    matches!(control, ControlMessageOwned::Ipv4RecvErr(error, _)
                        if error.ee_errno == libc::ECONNREFUSED.cast_unsigned())
                })
            });
    }
    refused
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
