//! IPv4 and UDP headers for what is sent and read below the kernel's own (RFC 791, RFC 768).

use std::net::SocketAddrV4;

const IP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
const UDP: u8 = 17;

/// An IP datagram with a UDP datagram in it.
pub(crate) fn datagram(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let udp_length = ((UDP_HEADER + payload.len()) as u16).to_be_bytes();
    let mut udp = Vec::with_capacity(UDP_HEADER + payload.len());
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend(udp_length);
    udp.extend([0, 0]);
    udp.extend_from_slice(payload);
    let pseudo = [&from.ip().octets()[..], &to.ip().octets(), &[0, UDP], &udp_length].concat();
    // A sum of zero is sent as its other form; zero means "none".
    let sum = match !checksum(checksum(0, &pseudo), &udp) {
        0 => 0xffff,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());

    let length = ((IP_HEADER + udp.len()) as u16).to_be_bytes();
    // Version 4, header of 5 words, low delay; do not fragment; 64 hops.
    let mut ip = vec![0x45, 0x10, length[0], length[1], 0, 0, 0x40, 0, 64, UDP, 0, 0];
    ip.extend(from.ip().octets());
    ip.extend(to.ip().octets());
    let sum = !checksum(0, &ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    ip.extend(udp);
    ip
}

/// Sender, receiver and payload of a UDP datagram in an IP datagram; `None` for anything else or a fragment.
/// Checksums are left to whoever sent it.
pub(crate) fn read(ip: &[u8]) -> Option<(SocketAddrV4, SocketAddrV4, &[u8])> {
    let (header, _) = ip.split_first_chunk::<IP_HEADER>()?;
    let words = usize::from(header[0] & 0x0f);
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
    if header[0] >> 4 != 4 || words < 5 || header[9] != UDP || fragment != 0 {
        return None;
    }
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let (udp, payload) = ip.get(words * 4..total)?.split_first_chunk::<UDP_HEADER>()?;
    let address = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]].into();
    let port = |at: usize| u16::from_be_bytes([udp[at], udp[at + 1]]);
    Some((SocketAddrV4::new(address(12), port(0)), SocketAddrV4::new(address(16), port(2)), payload))
}

/// The ones' complement sum of RFC 1071, going on from `sum`; `octets` of all calls but the last must be even.
fn checksum(sum: u16, octets: &[u8]) -> u16 {
    let words =
        octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut total = words.fold(u32::from(sum), |total, word| total + word);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_sums_to_nothing() {
        let from = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 67);
        let to = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 50), 68);
        for payload in [&b"even"[..], b"odd", b""] {
            let ip = datagram(from, to, payload);
            assert_eq!(read(&ip), Some((from, to, payload)));
            // RFC 1071: a correct sum over everything, itself included, is all ones.
            assert_eq!(checksum(0, &ip[..20]), 0xffff);
            let pseudo = [&ip[12..20], &[0, 17], &ip[24..26]].concat();
            assert_eq!(checksum(checksum(0, &pseudo), &ip[20..]), 0xffff);
        }
    }

    #[test]
    fn a_known_header_has_the_known_sum() {
        // The worked example found in many textbooks.
        let header =
            [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        assert_eq!(!checksum(0, &header), 0xb861);
    }

    #[test]
    fn cut_or_foreign_datagrams_are_not_read() {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 67);
        let ip = datagram(address, address, b"payload");
        for length in 0..ip.len() {
            assert_eq!(read(&ip[..length]), None, "{length}");
        }
        for (at, octet) in [(0, 0x65), (0, 0x44), (9, 6), (6, 0x20), (0, 0x4f)] {
            let mut other = ip.clone();
            other[at] = octet;
            assert_eq!(read(&other), None, "{at}");
        }
    }
}
