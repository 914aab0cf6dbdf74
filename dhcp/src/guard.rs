//! Finding other DHCP servers on a segment, before serving and while serving.

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
use crate::sockets::{LARGEST, OpenError, Wire};
use crate::{Mac, MessageType, frame};

/// A DHCP server that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Its server identifier, or the address it sent from where it gave none.
    pub server: Ipv4Addr,
    /// The Ethernet address its message came from; a relay's or router's if it is not on this segment.
    pub mac: Mac,
    /// What it sent: offer, ack or nak.
    pub kind: MessageType,
    /// The client it answered; our own made-up one after a probe.
    pub client: Mac,
    /// The address it gave.
    pub address: Ipv4Addr,
}

/// Sees replies of other servers on a segment, as far as the switch lets them through: all broadcasts, and what is
/// sent to us. Needs the capability `NET_RAW`.
#[derive(Debug)]
pub struct Watch {
    wire: AsyncFd<Wire>,
    own: Vec<Ipv4Addr>,
}

impl Watch {
    /// Starts watching an interface. Servers with one of `own` addresses are ourselves.
    pub fn open(interface: &str, own: Vec<Ipv4Addr>) -> Result<Self, OpenError> {
        let open = || {
            let wire = Wire::open(interface)?;
            wire.socket.attach_filter(&replies())?;
            wire.listen(ETH_P_IP as u16)?;
            Ok(Self { wire: wire.register()?, own })
        };
        open().map_err(|cause| OpenError::new(format!("interface {interface}"), CLIENT_PORT, cause))
    }

    /// The next reply of a server that is not ours. Dropping the future loses nothing.
    pub async fn next(&self) -> io::Result<Foreign> {
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

    fn recognize(&self, ip: &[u8], mac: Mac) -> Option<Foreign> {
        let (from, _, payload) = frame::read(ip)?;
        let packet = Packet::decode(payload).ok()?;
        let server = packet.address(code::SERVER_ID).unwrap_or(*from.ip());
        let replies = matches!(packet.kind, MessageType::Offer | MessageType::Ack | MessageType::Nak);
        if from.port() != SERVER_PORT || packet.op != Op::Reply || !replies || self.own.contains(&server) {
            return None;
        }
        Some(Foreign { server, mac, kind: packet.kind, client: packet.chaddr, address: packet.yiaddr })
    }

    /// Asks for an address as a client nobody knows, twice, and returns who answers within `wait` (3 s is a good
    /// value: servers that look for address conflicts take one). The packets bypass our own server.
    pub async fn probe(&self, wait: Duration) -> io::Result<Vec<Foreign>> {
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

/// A transaction and an Ethernet address of the locally administered kind (IEEE 802), which no vendor gave out.
fn made_up_client() -> (u32, Mac) {
    // The standard library's only source of randomness.
    let random = || RandomState::new().build_hasher().finish().to_be_bytes();
    let ([a, b, c, d, ..], [_, _, _, one, two, three, four, five]) = (random(), random());
    (u32::from_be_bytes([a, b, c, d]), [0x02, one, two, three, four, five])
}

/// Lets only servers' replies through, UDP datagrams from port 67 with `op` 2, so that neither firmware on the same
/// wire nor what relays pass on costs anything (bpf(4)).
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
