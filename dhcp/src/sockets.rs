//! Where datagrams come in and go out.

use std::fmt;
use std::io::{self, IoSliceMut, PipeReader};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::libc::ETH_P_IP;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};
use tokio::io::unix::AsyncFd;

use crate::arp::Arp;
use crate::destination::{CLIENT_PORT, Destination, SERVER_PORT};
use crate::engine::{Ingress, Reply};
use crate::{MacOctets, frame};

/// Larger than any DHCP message on Ethernet; what comes behind is not read.
pub(crate) const LARGEST: usize = 4096;
/// Asked of the kernel, so that a burst of phones waits there instead of being dropped.
const RECEIVE_BUFFER: usize = 4 << 20;

/// A way to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// A network interface, port 67. Needs the capabilities `NET_BIND_SERVICE` and `NET_RAW`.
    Interface {
        /// Its name, such as `eth1`.
        name: String,
        /// Our address on it.
        address: Ipv4Addr,
        /// The kernel's number of it; where it is given, another interface that comes to have the name is not served.
        index: Option<u32>,
    },
    /// An address of 127.0.0.0/8 and any port, for rehearsals without privilege: every reply goes to the address
    /// its request came from.
    Loopback {
        /// Where to listen; port 0 takes any.
        bind: SocketAddrV4,
    },
}

impl Link {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddrV4 {
        match self {
            Self::Interface { address, .. } => SocketAddrV4::new(*address, SERVER_PORT),
            Self::Loopback { bind } => *bind,
        }
    }

    /// The mask of the address on the interface; 0 where there is none.
    fn mask(&self) -> u32 {
        let Self::Interface { name, address, .. } = self else { return 0 };
        let v4 = |found: Option<SockaddrStorage>| Some(found?.as_sockaddr_in()?.ip());
        let entries = getifaddrs().into_iter().flatten();
        let mut of_it =
            entries.filter(|entry| entry.interface_name == *name && v4(entry.address) == Some(*address));
        of_it.next().and_then(|entry| v4(entry.netmask)).map_or(0, u32::from)
    }

    /// The number the kernel gave the interface, while it is there and has the address; 0 for loopback.
    pub(crate) fn index(&self) -> Option<u32> {
        let Self::Interface { name, address, index } = self else { return Some(0) };
        let has_it = |entry: InterfaceAddress| {
            entry.interface_name == *name
                && entry
                    .address
                    .is_some_and(|found| found.as_sockaddr_in().is_some_and(|v4| v4.ip() == *address))
        };
        let found = getifaddrs().ok()?.any(has_it).then(|| if_nametoindex(name.as_str()).ok()).flatten()?;
        index.is_none_or(|index| index == found).then_some(found)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface { name, address, .. } => write!(f, "interface {name} ({address})"),
            Self::Loopback { bind } => write!(f, "{bind}"),
        }
    }
}

/// A link could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not allowed.
    #[error("no permission to serve DHCP on {link}")]
    Permission {
        /// The link.
        link: String,
    },
    /// Another server has the port.
    #[error("port {port} on {link} is in use")]
    InUse {
        /// The link.
        link: String,
        /// The port.
        port: u16,
    },
    /// No such interface, or no such address on it.
    #[error("{link} does not exist or has not that address (ip address shows both)")]
    Missing {
        /// The link.
        link: String,
    },
    /// Anything else.
    #[error("cannot serve DHCP on {link}: {cause}")]
    Other {
        /// The link.
        link: String,
        /// The system's error.
        cause: io::Error,
    },
}

impl OpenError {
    /// What to do about it, in a clause.
    pub fn cure(&self) -> String {
        match self {
            Self::Permission { .. } => {
                "run as root, or with the capabilities NET_BIND_SERVICE and NET_RAW".to_owned()
            }
            Self::InUse { port, .. } => {
                format!("stop the other DHCP server on this machine (ss -lunp 'sport = :{port}' shows it)")
            }
            Self::Missing { .. } => "correct the interface or its address".to_owned(),
            Self::Other { .. } => "see that nothing else serves there".to_owned(),
        }
    }
}

impl OpenError {
    pub(crate) fn new(link: String, port: u16, cause: io::Error) -> Self {
        match (cause.kind(), cause.raw_os_error()) {
            (io::ErrorKind::PermissionDenied, _) => Self::Permission { link },
            (io::ErrorKind::AddrInUse, _) => Self::InUse { link, port },
            (io::ErrorKind::AddrNotAvailable, _) | (_, Some(nix::libc::ENODEV)) => Self::Missing { link },
            _ => Self::Other { link, cause },
        }
    }
}

/// An open link.
#[derive(Debug)]
pub(crate) struct LinkSocket {
    udp: Socket,
    pub(crate) local: SocketAddrV4,
    /// Absent on loopback.
    wire: Option<PacketSocket>,
    /// Likewise.
    pub(crate) arp: Option<Arp>,
    /// The mask of our address; clients within it are on the same segment.
    mask: u32,
}

/// A datagram that came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReceivedPacket {
    pub(crate) at: Instant,
    pub(crate) length: usize,
    pub(crate) source: SocketAddrV4,
    pub(crate) unicast: bool,
}

impl LinkSocket {
    pub(crate) fn open(link: &Link) -> Result<Self, OpenError> {
        let missing = || OpenError::Missing { link: link.to_string() };
        let index = link.index().ok_or_else(missing)?;
        let door = Self::open_at(link)
            .map_err(|cause| OpenError::new(link.to_string(), link.address().port(), cause))?;
        if door.index() == index { Ok(door) } else { Err(missing()) }
    }

    fn open_at(link: &Link) -> io::Result<Self> {
        let bind = match link {
            Link::Interface { .. } => SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SERVER_PORT),
            Link::Loopback { bind } => *bind,
        };
        // No SO_REUSEADDR: with it, two servers on one machine would both think they have the port.
        let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
        // The first is for the privileged only. A smaller buffer serves too, only bursts are shorter.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        }
        let (wire, arp) = match link {
            Link::Interface { name, .. } => {
                socket.set_broadcast(true)?;
                socket.bind_device(Some(name.as_bytes()))?;
                (Some(PacketSocket::open(name)?), Some(Arp::open(name)?))
            }
            Link::Loopback { .. } => (None, None),
        };
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        socket.bind(&SockAddr::from(bind))?;
        let bound = socket.local_addr()?.as_socket_ipv4().unwrap_or(bind);
        let local = match link {
            Link::Interface { address, .. } => SocketAddrV4::new(*address, bound.port()),
            Link::Loopback { .. } => bound,
        };
        Ok(Self { udp: socket, local, wire, arp, mask: link.mask() })
    }

    /// Whether a client that says it has this hardware address is reached by a frame to it.
    fn is_neighbor(&self, client: Ipv4Addr, mac: MacOctets) -> bool {
        let same = (u32::from(client) ^ u32::from(*self.local.ip())) & self.mask == 0;
        same && self.mask != 0 && mac[0] & 1 == 0 && mac != [0; 6]
    }

    /// The number of its interface; 0 for loopback.
    pub(crate) fn index(&self) -> u32 {
        self.wire.as_ref().map_or(0, |wire| wire.index)
    }

    /// Waits, if it may `sleep`, until there may be something to receive. False once `stopped` is closed.
    pub(crate) fn wait(&self, stopped: &PipeReader, sleep: bool) -> io::Result<bool> {
        let mut ends = [
            PollFd::new(self.udp.as_fd(), PollFlags::POLLIN),
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        ];
        let patience = if sleep { PollTimeout::NONE } else { PollTimeout::ZERO };
        match poll(&mut ends, patience) {
            Ok(_) | Err(Errno::EINTR) => Ok(ends[1].revents().is_none_or(|seen| seen.is_empty())),
            Err(cause) => Err(cause.into()),
        }
    }

    /// Takes the next datagram, if one is there.
    pub(crate) fn try_receive(&self, buffer: &mut [u8]) -> io::Result<ReceivedPacket> {
        let mut control = nix::cmsg_space!(nix::libc::in_pktinfo);
        let mut parts = [IoSliceMut::new(buffer)];
        let fd = self.udp.as_raw_fd();
        let message = recvmsg::<SockaddrIn>(fd, &mut parts, Some(&mut control), MsgFlags::empty())?;
        let to_us = message.cmsgs().is_ok_and(|mut all| {
            all.any(|control| match control {
                // For a broadcast the kernel names the destination and, apart from it, the address that took it.
                ControlMessageOwned::Ipv4PacketInfo(info) => info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr,
                _ => false,
            })
        });
        let source = message.address.map_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), SocketAddrV4::from);
        Ok(ReceivedPacket { at: Instant::now(), length: message.bytes, source, unicast: to_us })
    }

    /// How a datagram came in, for the engine. On loopback nothing is broadcast.
    pub(crate) fn ingress(&self, received: &ReceivedPacket) -> Ingress {
        Ingress { local: *self.local.ip(), unicast: received.unicast, source: *received.source.ip() }
    }

    /// Sends a reply. Never waits: what does not go out now, the client asks for again.
    pub(crate) fn send(&self, reply: &Reply, source: SocketAddrV4) -> io::Result<()> {
        let octets = reply.encode();
        let Some(wire) = &self.wire else {
            return self.udp.send_to(&octets, &source.into()).map(drop);
        };
        let broadcast = SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT_PORT);
        let to = match reply.destination {
            Destination::Relay(relay) => SocketAddrV4::new(relay, SERVER_PORT),
            Destination::Client(client) => {
                let to = SocketAddrV4::new(client, CLIENT_PORT);
                // Its hardware address is known: the reply needs no entry of the kernel's table of neighbors, where a
                // full table would lose it without a word.
                if self.is_neighbor(client, reply.packet.chaddr)
                    && wire
                        .send(reply.packet.chaddr, ETH_P_IP as u16, &frame::datagram(self.local, to, &octets))
                        .is_ok()
                {
                    return Ok(());
                }
                to
            }
            Destination::Broadcast => broadcast,
            Destination::Hardware(address, mac) => {
                let to = SocketAddrV4::new(address, CLIENT_PORT);
                match wire.send(mac, ETH_P_IP as u16, &frame::datagram(self.local, to, &octets)) {
                    Ok(()) => return Ok(()),
                    // RFC 2131 §4.1 allows it: the client hears a broadcast as well.
                    Err(cause) => {
                        tracing::debug!(%cause, "no unicast to a client without address; broadcasting instead");
                        broadcast
                    }
                }
            }
        };
        self.udp.send_to(&octets, &to.into()).map(drop)
    }
}

/// A packet socket on one interface: frames to a client that does not answer ARP yet, and what the guard sends.
#[derive(Debug)]
pub(crate) struct PacketSocket {
    pub(crate) socket: Socket,
    pub(crate) index: u32,
}

impl PacketSocket {
    /// Opens it for sending; it receives nothing until bound to a protocol.
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let index = if_nametoindex(interface)?;
        let socket = Socket::new(Domain::PACKET, Type::DGRAM.nonblocking().cloexec(), None)?;
        Ok(Self { socket, index })
    }

    /// Lets it receive packets of a protocol (`ETH_P_…`) on its interface.
    pub(crate) fn listen(&self, protocol: u16) -> io::Result<()> {
        self.socket.bind(&link_address(self.index, protocol, [0; 6]))
    }

    /// Hands it to the runtime, which then tells when something came in.
    #[allow(unsafe_code)]
    pub(crate) fn register(self) -> io::Result<AsyncFd<Self>> {
        // SAFETY: the descriptor is the socket's own, which is neither replaced nor closed before it is dropped.
        Ok(unsafe { AsyncFd::register(self) }?)
    }

    /// Sends a packet of a protocol to an Ethernet address.
    pub(crate) fn send(&self, to: MacOctets, protocol: u16, packet: &[u8]) -> io::Result<()> {
        self.socket.send_to(packet, &link_address(self.index, protocol, to)).map(drop)
    }
}

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// The `sockaddr_ll` of packet(7).
// socket2 knows no link-layer address, so its storage is filled in by hand.
#[allow(unsafe_code)]
fn link_address(interface: u32, protocol: u16, mac: MacOctets) -> SockAddr {
    use nix::libc::{AF_PACKET, sockaddr_ll, socklen_t};
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: `sockaddr_ll` is the address type of AF_PACKET, plain data, and fits the storage, as `view_as` asserts.
    let address = unsafe { storage.view_as::<sockaddr_ll>() };
    address.sll_family = AF_PACKET as u16;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = interface.cast_signed();
    address.sll_halen = 6;
    address.sll_addr[..6].copy_from_slice(&mac);
    // SAFETY: the storage holds a `sockaddr_ll` with its family set.
    unsafe { SockAddr::new(storage, size_of::<sockaddr_ll>() as socklen_t) }
}
