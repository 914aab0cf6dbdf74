//! Any datagram: no panic, what was read is written and read alike, and dhcproto does not read it otherwise.

use std::net::Ipv4Addr;

use dhcproto::v4::Opcode;
use dhcproto::v4::borrowed::Message;
use transload_dhcp::packet::{Op, Packet};

pub fn check(datagram: &[u8]) {
    let Ok(packet) = Packet::decode(datagram) else { return };
    assert!(packet.options.len() <= 254 && packet.ignored.len() <= 256 + 3);
    let again = Packet::decode(&packet.encode(usize::from(u16::MAX))).expect("what is written can be read");
    assert_eq!(again.options, packet.options);
    assert_eq!(
        (again.kind, again.op, again.xid, again.htype, again.hlen, again.chaddr),
        (packet.kind, packet.op, packet.xid, packet.htype, packet.hlen, packet.chaddr)
    );

    // dhcproto reads no options from `file` and `sname`, so it judges the fixed fields only.
    let message = Message::new(datagram).expect("dhcproto reads what is accepted here");
    let op = if packet.op == Op::Request { Opcode::BootRequest } else { Opcode::BootReply };
    assert_eq!((message.opcode(), message.xid(), message.secs()), (op, packet.xid, packet.secs));
    assert_eq!(u16::from(message.flags()), packet.flags);
    // Of an address that is said to be of another length, dhcproto takes as many octets as that.
    let both = message.chaddr().len().min(packet.chaddr.len());
    assert_eq!(message.chaddr()[..both], packet.chaddr[..both]);
    let addresses: [Ipv4Addr; 4] = [message.ciaddr(), message.yiaddr(), message.siaddr(), message.giaddr()];
    assert_eq!(addresses, [packet.ciaddr, packet.yiaddr, packet.siaddr, packet.giaddr]);
}
