//! A DHCP message, and reading one from a datagram.
//!
//! The reader is strict where an answer would be guesswork: a message it does not understand in full gets none.

use std::net::Ipv4Addr;

use crate::options::code;
use crate::{Mac, MessageType};

/// The first four octets of the options field, RFC 2131 §3.
pub(crate) const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Octets before the options, the cookie included (RFC 2131 §2).
pub(crate) const FIXED: usize = 240;
/// The broadcast bit of `flags`, RFC 2131 §2.
pub const BROADCAST: u16 = 0x8000;

/// Who speaks: `op` of RFC 2131 §2.
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
    /// Who speaks.
    pub op: Op,
    /// Option 53.
    pub kind: MessageType,
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
    pub chaddr: Mac,
    /// `sname` without NULs; at most 63 octets are sent.
    pub sname: Vec<u8>,
    /// `file` without NULs; at most 127 octets are sent.
    pub file: Vec<u8>,
    /// All other options, each code once, in wire order; 52 and 53 are not among them.
    pub options: Vec<(u8, Vec<u8>)>,
}

/// Why a datagram is no DHCP message that could be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Shorter than the fixed fields and the cookie.
    #[error("only {0} octets, a DHCP message has at least 240")]
    Short(usize),
    /// `op` is neither 1 nor 2.
    #[error("op is {0}, neither request nor reply")]
    Op(u8),
    /// Not an Ethernet client.
    #[error("hardware type {htype} with addresses of {hlen} octets is not Ethernet")]
    Hardware {
        /// Hardware type.
        htype: u8,
        /// Length of the hardware address.
        hlen: u8,
    },
    /// Plain BOOTP or something else.
    #[error("no DHCP magic cookie")]
    Cookie,
    /// An option's length points beyond its field.
    #[error("option {0} runs past the end of its field")]
    Overrun(u8),
    /// An option has a length its definition does not allow.
    #[error("option {code} has {length} octets, which its definition does not allow")]
    Length {
        /// The option.
        code: u8,
        /// Its length.
        length: usize,
    },
    /// Option 53 is missing.
    #[error("no message type")]
    NoMessageType,
}

impl Packet {
    /// A request as a client sends it, with nothing filled in.
    pub fn request(kind: MessageType, xid: u32, chaddr: Mac) -> Self {
        Self {
            op: Op::Request,
            kind,
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
        }
    }

    /// Reads a datagram. Work and memory are bounded by its length.
    pub fn decode(datagram: &[u8]) -> Result<Self, Malformed> {
        let Some((fixed, rest)) = datagram.split_first_chunk::<FIXED>() else {
            return Err(Malformed::Short(datagram.len()));
        };
        let op = match fixed[0] {
            1 => Op::Request,
            2 => Op::Reply,
            other => return Err(Malformed::Op(other)),
        };
        if (fixed[1], fixed[2]) != (1, 6) {
            return Err(Malformed::Hardware { htype: fixed[1], hlen: fixed[2] });
        }
        if fixed[236..] != COOKIE {
            return Err(Malformed::Cookie);
        }
        let address = |at: usize| Ipv4Addr::new(fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]);
        let (sname, file) = (&fixed[44..108], &fixed[108..236]);

        let mut fields = Fields::new();
        fields.read(rest)?;
        // RFC 2131 §4.1: with option 52 the fields `file`, then `sname`, hold options too.
        let overload = fields.take_overload()?;
        if overload & 1 != 0 {
            fields.read(file)?;
        }
        if overload & 2 != 0 {
            fields.read(sname)?;
        }
        let mut options = fields.options;
        check_lengths(&options)?;
        let kind = options.iter().position(|(code, _)| *code == code::MESSAGE_TYPE);
        let (_, kind) = options.remove(kind.ok_or(Malformed::NoMessageType)?);
        options.retain(|(code, _)| *code != code::OVERLOAD);

        Ok(Self {
            op,
            kind: kind.first().copied().unwrap_or_default().into(),
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
        self.option(code).map(trim)
    }
}

/// The client's Ethernet address without reading the rest.
pub(crate) fn peek_mac(datagram: &[u8]) -> Option<Mac> {
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

/// Options as they are collected from up to three fields.
struct Fields {
    options: Vec<(u8, Vec<u8>)>,
    /// Where a code sits in `options`, plus one; so that a hostile datagram costs no search.
    places: [u16; 256],
}

impl Fields {
    fn new() -> Self {
        Self { options: Vec::with_capacity(12), places: [0; 256] }
    }

    /// Reads one field. What appears again is appended to what was there (RFC 3396 §5).
    fn read(&mut self, mut field: &[u8]) -> Result<(), Malformed> {
        while let Some((&code, rest)) = field.split_first() {
            if code == code::END {
                break;
            }
            if code == code::PAD {
                field = rest;
                continue;
            }
            let (&length, rest) = rest.split_first().ok_or(Malformed::Overrun(code))?;
            let (value, rest) = rest.split_at_checked(length.into()).ok_or(Malformed::Overrun(code))?;
            let place = &mut self.places[usize::from(code)];
            let known = usize::from(*place).checked_sub(1).and_then(|place| self.options.get_mut(place));
            if let Some((_, octets)) = known {
                octets.extend_from_slice(value);
            } else {
                self.options.push((code, value.to_vec()));
                *place = self.options.len() as u16;
            }
            field = rest;
        }
        Ok(())
    }

    fn take_overload(&self) -> Result<u8, Malformed> {
        match self.options.iter().find(|(code, _)| *code == code::OVERLOAD) {
            None => Ok(0),
            Some((_, octets)) => match octets.as_slice() {
                [which @ 1..=3] => Ok(*which),
                _ => Err(Malformed::Length { code: code::OVERLOAD, length: octets.len() }),
            },
        }
    }
}

/// The options this server acts on must have the length their definition gives; others are none of its business.
fn check_lengths(options: &[(u8, Vec<u8>)]) -> Result<(), Malformed> {
    for (code, octets) in options {
        let length = octets.len();
        let fine = match *code {
            code::REQUESTED_ADDRESS | code::LEASE_TIME | code::SERVER_ID | code::SUBNET_SELECTION => {
                length == 4
            }
            code::MAX_MESSAGE_SIZE => length == 2,
            code::MESSAGE_TYPE | code::OVERLOAD => length == 1,
            code::CLIENT_ID | code::RELAY_INFORMATION => (1..=255).contains(&length),
            _ => true,
        };
        if !fine {
            return Err(Malformed::Length { code: *code, length });
        }
    }
    Ok(())
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
