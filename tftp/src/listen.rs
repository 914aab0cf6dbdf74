//! Opens sockets and reads what the kernel tells about datagrams: their destination, and clients whose port is closed.

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
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Receive buffer in bytes: a thousand phones may start at once.
const REQUEST_BUFFER: usize = 4 << 20;

/// ICMP's destination unreachable, because of the port (RFC 792).
const UNREACHABLE: u8 = 3;
const PORT: u8 = 3;
const HOST: u8 = 1;

/// A datagram on the well-known port.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedRequest {
    /// The length in bytes.
    pub length: usize,
    /// The sender.
    pub peer: SocketAddrV4,
    /// Our address that it was sent to; answers come from there, as clients expect on hosts with several.
    pub local: Ipv4Addr,
}

/// Opens the well-known port.
pub fn request_socket(bind: SocketAddrV4, device: Option<&str>) -> io::Result<UdpSocket> {
    let socket = open(bind, device)?;
    // The kernel may grant less, which is no error.
    let _ = SockRef::from(&socket).set_recv_buffer_size(REQUEST_BUFFER);
    // Packets that wait for ARP count here, too.
    let _ = SockRef::from(&socket).set_send_buffer_size(REQUEST_BUFFER);
    setsockopt(&socket, Ipv4PacketInfo, &true)?;
    Ok(socket)
}

/// Makes the kernel queue ICMP errors, for [`refused`].
pub fn told_of_errors(socket: UdpSocket) -> io::Result<UdpSocket> {
    setsockopt(&socket, Ipv4RecvErr, &true)?;
    Ok(socket)
}

/// The reason why a client's port is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Nobody listens there (any more).
    Port,
    /// No host answers at the address; it may come back.
    Host,
}

/// Takes the next ICMP error; `Some` names the client that is not reached, `None` stands for other errors. Fails with
/// `WouldBlock` after the last.
pub fn refused(socket: &UdpSocket) -> io::Result<Option<(SocketAddrV4, Unreachable)>> {
    let mut space = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in);
    let message =
        recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut [], Some(&mut space), MsgFlags::MSG_ERRQUEUE)?;
    let why = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4RecvErr(error, _) => match (error.ee_origin, error.ee_type, error.ee_code) {
            (libc::SO_EE_ORIGIN_ICMP, UNREACHABLE, PORT) => Some(Unreachable::Port),
            (libc::SO_EE_ORIGIN_ICMP, UNREACHABLE, HOST) => Some(Unreachable::Host),
            _ => None,
        },
        _ => None,
    });
    Ok(message.address.map(|to| SocketAddrV4::new(to.ip(), to.port())).zip(why))
}

/// The largest packet from `local` to `peer` in bytes, as far as is known: the interface's MTU, or what a router on
/// the way reported.
pub fn mtu(local: Ipv4Addr, peer: SocketAddrV4, device: Option<&str>) -> io::Result<u16> {
    let socket = open(SocketAddrV4::new(local, 0), device)?;
    socket.connect(peer)?;
    Ok(getsockopt(&socket, IpMtu)?.try_into().unwrap_or(u16::MAX))
}

/// Sends `packets` at once, cut into pieces of `size` bytes (UDP segmentation offload): a whole
/// window costs little more than a packet then. Fails where the kernel or the interface cannot do that.
pub fn send_cut(socket: &UdpSocket, to: SocketAddrV4, packets: &[u8], size: u16) -> io::Result<()> {
    let cut = [ControlMessage::UdpGsoSegments(&size)];
    let to = SockaddrIn::from(to);
    sendmsg(socket.as_raw_fd(), &[IoSlice::new(packets)], &cut, MsgFlags::empty(), Some(&to))?;
    Ok(())
}

/// Opens a port.
pub fn open(bind: SocketAddrV4, device: Option<&str>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    socket.bind(&bind.into())?;
    Ok(socket.into())
}

/// Takes a datagram that arrived on the well-known port; `None` for one that must not be answered: sent to a broadcast
/// or multicast address (RFC 1123 §4.2.3.5), or by nobody who could receive an answer.
pub fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<ReceivedRequest>> {
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
    Ok((answerable && sent_to == local).then_some(ReceivedRequest { length: message.bytes, peer, local }))
}

/// Sends `packet` from the well-known port, from the address the client had asked. Used for refusals, which then need
/// no socket of their own and can be given when none is left. If it cannot be sent at once, it is lost.
pub fn answer(socket: &UdpSocket, to: ReceivedRequest, packet: &[u8]) {
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
