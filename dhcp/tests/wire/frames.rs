//! Ethernet frames with UDP or ARP in them, written and read by hand: what is under test must not check itself.

use std::net::{Ipv4Addr, SocketAddrV4};

use transload_dhcp::MacOctets;

#[derive(Debug)]
pub struct WireFrame {
    pub to: MacOctets,
    pub datagram: Option<WireDatagram>,
    pub arp: Option<WireArp>,
}

#[derive(Debug)]
pub struct WireDatagram {
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    pub payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireArp {
    /// 1 asks, 2 answers.
    pub operation: u8,
    pub sender_mac: MacOctets,
    pub sender: Ipv4Addr,
    pub target: Ipv4Addr,
}

impl WireFrame {
    pub fn read(octets: &[u8]) -> Option<Self> {
        let (header, rest) = octets.split_first_chunk::<14>()?;
        let to = header[..6].try_into().ok()?;
        let kind = u16::from_be_bytes([header[12], header[13]]);
        let datagram = (kind == 0x0800).then(|| WireDatagram::read(rest)).flatten();
        let arp = (kind == 0x0806).then(|| WireArp::read(rest)).flatten();
        Some(Self { to, datagram, arp })
    }
}

impl WireDatagram {
    fn read(ip: &[u8]) -> Option<Self> {
        let udp = ip.get(usize::from(ip.first()? & 15) * 4..usize::from(pair(ip, 2)?))?;
        (*ip.get(9)? == 17).then_some(())?;
        Some(Self {
            from: SocketAddrV4::new(address(ip, 12)?, pair(udp, 0)?),
            to: SocketAddrV4::new(address(ip, 16)?, pair(udp, 2)?),
            payload: udp.get(8..)?.to_vec(),
        })
    }

    pub fn frame(&self, from: MacOctets, to: MacOctets) -> Vec<u8> {
        let length = self.payload.len() as u16;
        let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
        ip[2..4].copy_from_slice(&(28 + length).to_be_bytes());
        ip.extend(self.from.ip().octets());
        ip.extend(self.to.ip().octets());
        let sum: u32 = ip.chunks(2).map(|two| u32::from(two[0]) << 8 | u32::from(two[1])).sum();
        let sum = !((sum >> 16) + (sum & 0xffff)) as u16;
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let ports = [self.from.port(), self.to.port(), 8 + length, 0];
        [&to[..], &from, &[8, 0], &ip, &ports.map(u16::to_be_bytes).concat(), &self.payload].concat()
    }
}

impl WireArp {
    fn read(arp: &[u8]) -> Option<Self> {
        Some(Self {
            operation: *arp.get(7)?,
            sender_mac: arp.get(8..14)?.try_into().ok()?,
            sender: address(arp, 14)?,
            target: address(arp, 24)?,
        })
    }
}

fn pair(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

fn address(octets: &[u8], at: usize) -> Option<Ipv4Addr> {
    octets.get(at..at + 4)?.try_into().ok().map(|four: [u8; 4]| four.into())
}
