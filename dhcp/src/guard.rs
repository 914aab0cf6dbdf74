//! Finds other DHCP servers on a segment, before serving and while serving.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::libc::ETH_P_IP;
use nix::sys::socket::{LinkAddr, recvfrom};
use socket2::SockFilter;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, timeout_at};

use crate::destination::{CLIENT_PORT, SERVER_PORT};
use crate::options::code;
use crate::packet::{BROADCAST, Op, Packet};
use crate::sockets::{LARGEST, OpenError, PacketSocket};
use crate::{MacOctets, MessageType, frame};

/// A DHCP server that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignServer {
    /// Its server identifier, or its source address if the message has none.
    pub server: Ipv4Addr,
    /// The Ethernet address its message came from; a relay's or router's if it is not on this segment.
    pub mac: MacOctets,
    /// The message type: offer, ack or nak.
    pub kind: MessageType,
    /// The client that it answered; the invented one after a probe.
    pub client: MacOctets,
    /// The address in its answer.
    pub address: Ipv4Addr,
}

/// Receives replies of other servers on a segment: broadcasts, and frames to this machine. Needs the capability `NET_RAW`.
#[derive(Debug)]
pub struct ForeignServerWatch {
    wire: AsyncFd<PacketSocket>,
    own: Vec<Ipv4Addr>,
}

impl ForeignServerWatch {
    /// Starts watching an interface. A server with one of the `own` addresses is not foreign.
    pub fn open(interface: &str, own: Vec<Ipv4Addr>) -> Result<Self, OpenError> {
        let open = || {
            let wire = PacketSocket::open(interface)?;
            wire.socket.attach_filter(&replies())?;
            wire.listen(ETH_P_IP as u16)?;
            Ok(Self { wire: wire.register()?, own })
        };
        open().map_err(|cause| OpenError::new(format!("interface {interface}"), CLIENT_PORT, cause))
    }

    /// The next reply of a server that is not ours. Dropping the future loses nothing.
    pub async fn next(&self) -> io::Result<ForeignServer> {
        let mut buffer = vec![0; LARGEST];
        loop {
            let received = self
                .wire
                .async_io(tokio::io::Interest::READABLE, |wire| {
                    Ok(recvfrom::<LinkAddr>(wire.as_raw_fd(), &mut buffer)?)
                })
                .await?;
            let (length, from) = received;
            let mac = from.and_then(|from| from.addr()).unwrap_or_default();
            if let Some(foreign) = buffer.get(..length).and_then(|ip| self.recognize(ip, mac)) {
                return Ok(foreign);
            }
        }
    }

    fn recognize(&self, ip: &[u8], mac: MacOctets) -> Option<ForeignServer> {
        let (from, _, payload) = frame::read(ip)?;
        let packet = Packet::decode(payload).ok()?;
        let server = packet.address(code::SERVER_ID).unwrap_or(*from.ip());
        let replies = matches!(packet.kind, MessageType::Offer | MessageType::Ack | MessageType::Nak);
        if from.port() != SERVER_PORT || packet.op != Op::Reply || !replies || self.own.contains(&server) {
            return None;
        }
        Some(ForeignServer { server, mac, kind: packet.kind, client: packet.chaddr, address: packet.yiaddr })
    }

    /// Sends two DISCOVERs as an unknown client, and returns the servers that answer within `wait`. Use about 3 s: a
    /// server that checks for address conflicts takes 1 s. The packets bypass this server.
    pub async fn probe(&self, wait: Duration) -> io::Result<Vec<ForeignServer>> {
        let start = Instant::now();
        let (xid, mac) = made_up_client();
        let mut packet = Packet::request(MessageType::Discover, xid, mac);
        packet.flags = BROADCAST;
        packet.options = vec![(code::REQUEST_LIST, vec![code::SUBNET_MASK, code::ROUTER, code::DNS])];
        let from = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT);
        let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);

        let mut found = BTreeMap::new();
        for deadline in [start + wait / 3, start + wait] {
            self.wire.get_ref().send(
                [0xff; 6],
                ETH_P_IP as u16,
                &frame::datagram(from, to, &packet.encode(576)),
            )?;
            packet.secs = 1;
            while let Ok(foreign) = timeout_at(deadline, self.next()).await {
                let foreign = foreign?;
                found.insert(foreign.server, foreign);
            }
        }
        Ok(found.into_values().collect())
    }
}

/// A transaction id, and a locally administered Ethernet address (IEEE 802), which no vendor assigns.
fn made_up_client() -> (u32, MacOctets) {
    // The standard library's only source of randomness.
    let random = || RandomState::new().build_hasher().finish().to_be_bytes();
    let ([a, b, c, d, ..], [_, _, _, one, two, three, four, five]) = (random(), random());
    (u32::from_be_bytes([a, b, c, d]), [0x02, one, two, three, four, five])
}

/// Lets only servers' replies through, UDP datagrams from port 67 with `op` 2, so that other traffic costs
/// nothing (bpf(4)).
fn replies() -> [SockFilter; 11] {
    const LOAD_OCTET: u16 = 0x30;
    const LOAD_PAIR: u16 = 0x28;
    const LOAD_OCTET_AFTER_HEADER: u16 = 0x50;
    const LOAD_PAIR_AFTER_HEADER: u16 = 0x48;
    const HEADER_LENGTH: u16 = 0xb1;
    const IF_EQUAL: u16 = 0x15;
    const IF_ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    [
        SockFilter::new(LOAD_OCTET, 0, 0, 9),
        SockFilter::new(IF_EQUAL, 0, 8, 17),
        SockFilter::new(LOAD_PAIR, 0, 0, 6),
        SockFilter::new(IF_ANY_BIT, 6, 0, 0x3fff),
        SockFilter::new(HEADER_LENGTH, 0, 0, 0),
        SockFilter::new(LOAD_PAIR_AFTER_HEADER, 0, 0, 0),
        SockFilter::new(IF_EQUAL, 0, 3, SERVER_PORT.into()),
        SockFilter::new(LOAD_OCTET_AFTER_HEADER, 0, 0, 8),
        SockFilter::new(IF_EQUAL, 0, 1, 2),
        SockFilter::new(RETURN, 0, 0, 0xffff),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
