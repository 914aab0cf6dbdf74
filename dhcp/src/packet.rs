//! A DHCP message, and reading one from a datagram.
//!
//! An unusable option counts as absent. A message is refused only if no server could answer it.

use std::net::Ipv4Addr;

use crate::fields::Fields;
pub use crate::fields::{Flaw, Ignored};
use crate::options::code;
use crate::{MacOctets, MessageType};

/// The first four octets of the options field, RFC 2131 §3.
pub(crate) const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Octets before the options, the cookie included (RFC 2131 §2).
pub(crate) const FIXED: usize = 240;
/// `htype` of Ethernet.
const ETHERNET: u8 = 1;
/// `hlen` of Ethernet.
const MAC_LENGTH: u8 = 6;
/// The broadcast bit of `flags`, RFC 2131 §2.
pub const BROADCAST: u16 = 0x8000;

/// The sender's role: `op` of RFC 2131 §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// 1: a client, or a relay on its behalf.
    Request,
    /// 2: a server.
    Reply,
}

/// A DHCP message of an Ethernet client. Field names are those of RFC 2131 §2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The sender's role.
    pub op: Op,
    /// Option 53.
    pub kind: MessageType,
    /// The client's hardware type: 1 for Ethernet; 6 and others are copied into the reply.
    pub htype: u8,
    /// Octets of the hardware address as the client counts them: 6, or what it says in their place.
    pub hlen: u8,
    /// Relays passed.
    pub hops: u8,
    /// Transaction id.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// The broadcast bit and fifteen reserved ones.
    pub flags: u16,
    /// The client's address where it can answer ARP for it, else 0.0.0.0.
    pub ciaddr: Ipv4Addr,
    /// "Your" address.
    pub yiaddr: Ipv4Addr,
    /// The next server in bootstrap.
    pub siaddr: Ipv4Addr,
    /// The relay agent's address, 0.0.0.0 without one.
    pub giaddr: Ipv4Addr,
    /// The client's Ethernet address.
    pub chaddr: MacOctets,
    /// `sname` without NULs; at most 63 octets are sent.
    pub sname: Vec<u8>,
    /// `file` without NULs; at most 127 octets are sent.
    pub file: Vec<u8>,
    /// All other options, each code once, in wire order; 52 and 53 are not among them.
    pub options: Vec<(u8, Vec<u8>)>,
    /// Options that were read as absent, because they cannot be used.
    pub ignored: Vec<Ignored>,
}

/// The reason why a datagram cannot be answered as a DHCP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedMessage {
    /// Shorter than the fixed fields and the cookie.
    #[error("only {0} octets, a DHCP message has at least 240")]
    Short(usize),
    /// `op` is neither 1 nor 2.
    #[error("op is {0}, neither request nor reply")]
    Op(u8),
    /// No Ethernet address in it.
    #[error("hardware type {htype} with addresses of {hlen} octets is not Ethernet")]
    Hardware {
        /// Hardware type.
        htype: u8,
        /// Length of the hardware address.
        hlen: u8,
    },
    /// Plain BOOTP or something else.
    #[error("no DHCP magic cookie, so it is plain BOOTP")]
    Cookie,
    /// Option 53 is missing, or has not one octet.
    #[error("no message type (option 53)")]
    NoMessageType,
}

impl Packet {
    /// A request as a client sends it, with nothing filled in.
    pub fn request(kind: MessageType, xid: u32, chaddr: MacOctets) -> Self {
        Self {
            op: Op::Request,
            kind,
            htype: ETHERNET,
            hlen: MAC_LENGTH,
            hops: 0,
            xid,
            secs: 0,
            flags: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            chaddr,
            sname: Vec::new(),
            file: Vec::new(),
            options: Vec::new(),
            ignored: Vec::new(),
        }
    }

    /// Reads a datagram. Work and memory are bounded by its length.
    pub fn decode(datagram: &[u8]) -> Result<Self, MalformedMessage> {
        let Some((fixed, rest)) = datagram.split_first_chunk::<FIXED>() else {
            return Err(MalformedMessage::Short(datagram.len()));
        };
        let op = match fixed[0] {
            1 => Op::Request,
            2 => Op::Reply,
            other => return Err(MalformedMessage::Op(other)),
        };
        let (htype, hlen) = (fixed[1], fixed[2]);
        if !has_mac(hlen, &fixed[28..44]) {
            return Err(MalformedMessage::Hardware { htype, hlen });
        }
        if fixed[236..] != COOKIE {
            return Err(MalformedMessage::Cookie);
        }
        let address = |at: usize| Ipv4Addr::new(fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]);
        let (sname, file) = (&fixed[44..108], &fixed[108..236]);

        let mut fields = Fields::new();
        fields.read(rest);
        // RFC 2131 §4.1: with option 52 the fields `file`, then `sname`, hold options too.
        let overload = fields.overload();
        if overload & 1 != 0 {
            fields.read(file);
        }
        if overload & 2 != 0 {
            fields.read(sname);
        }
        fields.drop_flawed();
        let Fields { mut options, ignored, .. } = fields;
        let kind = options.iter().position(|(code, _)| *code == code::MESSAGE_TYPE);
        let (_, kind) = options.remove(kind.ok_or(MalformedMessage::NoMessageType)?);
        options.retain(|(code, _)| *code != code::OVERLOAD);

        Ok(Self {
            op,
            kind: kind.first().copied().unwrap_or_default().into(),
            htype,
            hlen,
            hops: fixed[3],
            xid: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            secs: u16::from_be_bytes([fixed[8], fixed[9]]),
            flags: u16::from_be_bytes([fixed[10], fixed[11]]),
            ciaddr: address(12),
            yiaddr: address(16),
            siaddr: address(20),
            giaddr: address(24),
            chaddr: [fixed[28], fixed[29], fixed[30], fixed[31], fixed[32], fixed[33]],
            sname: if overload & 2 == 0 { text(sname) } else { Vec::new() },
            file: if overload & 1 == 0 { text(file) } else { Vec::new() },
            options,
            ignored,
        })
    }

    /// An option's octets.
    pub fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(found, _)| *found == code).map(|(_, octets)| octets.as_slice())
    }

    /// An option that is one IPv4 address.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.option(code)?.try_into().ok().map(|octets: [u8; 4]| Ipv4Addr::from(octets))
    }

    /// An option that is text; RFC 2132 §2 wants a closing NUL tolerated.
    pub fn text(&self, code: u8) -> Option<&[u8]> {
        self.option(code).map(trim).filter(|text| !text.is_empty())
    }

    /// The option, if it was present and unusable.
    pub fn unusable(&self, code: u8) -> Option<Ignored> {
        self.ignored.iter().find(|ignored| ignored.code == code).copied()
    }
}

/// Whether a `chaddr` holds an Ethernet address: it says so, or says something else (RFC 2131 §2 has room for 16 octets) and
/// has six octets and nothing behind them.
fn has_mac(hlen: u8, chaddr: &[u8]) -> bool {
    let zero = |octets: &[u8]| octets.iter().all(|octet| *octet == 0);
    let (mac, rest) = chaddr.split_at(MAC_LENGTH.into());
    hlen == MAC_LENGTH || (hlen <= 16 && !zero(mac) && zero(rest))
}

/// The client that sent a datagram which is no DHCP message, if it has an Ethernet address.
pub(crate) fn peek_client(datagram: &[u8]) -> Option<MacOctets> {
    let speaks = datagram.first() == Some(&1);
    peek_mac(datagram).filter(|mac| speaks && *mac != [0; 6])
}

/// The client's Ethernet address without reading the rest.
pub(crate) fn peek_mac(datagram: &[u8]) -> Option<MacOctets> {
    datagram.get(28..34)?.try_into().ok()
}

/// The message type without reading the rest; `None` where it is not among the options proper.
pub(crate) fn peek_kind(datagram: &[u8]) -> Option<MessageType> {
    let mut field = datagram.get(FIXED..)?;
    loop {
        match *field {
            [code::PAD, ref rest @ ..] => field = rest,
            [code::MESSAGE_TYPE, 1, kind, ..] => return Some(kind.into()),
            [code, length, ref rest @ ..] if code != code::END => field = rest.get(usize::from(length)..)?,
            _ => return None,
        }
    }
}

fn text(field: &[u8]) -> Vec<u8> {
    field.split(|octet| *octet == 0).next().unwrap_or_default().to_vec()
}

/// Without closing NULs.
fn trim(mut octets: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = octets {
        octets = rest;
    }
    octets
}
