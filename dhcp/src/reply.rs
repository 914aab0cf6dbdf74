//! Composes replies: the fields of RFC 2131 Table 3, and the choice and order of options.

use std::net::Ipv4Addr;

use crate::MessageType;
use crate::config::{DhcpNetwork, LeaseTime};
use crate::destination::{AtCiaddr, Destination, destination};
use crate::options::{code, gives_way, is_reserved};
use crate::packet::{BROADCAST, Op, Packet};
use crate::policy::Grant;

/// The IP datagram that every client must accept (RFC 2131 §2), in octets.
const SMALLEST_LIMIT: usize = 576;
/// The largest IP datagram in an Ethernet frame, in octets.
const LARGEST_LIMIT: usize = 1500;

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The message.
    pub packet: Packet,
    /// The destination.
    pub destination: Destination,
    /// The longest allowed IP datagram, in octets.
    pub limit: usize,
}

impl Reply {
    /// The UDP payload.
    pub fn encode(&self) -> Vec<u8> {
        self.packet.encode(self.limit)
    }
}

/// The content of an OFFER or ACK.
pub(crate) struct GrantedReply<'a> {
    pub(crate) kind: MessageType,
    /// 0.0.0.0 in the answer to an INFORM.
    pub(crate) yiaddr: Ipv4Addr,
    /// Seconds; none in the answer to an INFORM.
    pub(crate) lease: Option<u32>,
    pub(crate) server_id: Ipv4Addr,
    pub(crate) network: &'a DhcpNetwork,
    pub(crate) grant: &'a Grant,
    /// Options of the client's reservation.
    pub(crate) reserved: &'a [(u8, Vec<u8>)],
    pub(crate) at_ciaddr: AtCiaddr,
}

impl GrantedReply<'_> {
    /// The reply, and the options that found no room in it.
    pub(crate) fn reply(&self, request: &Packet) -> (Reply, Vec<u8>) {
        let mut packet = header(request, self.kind);
        packet.yiaddr = self.yiaddr;
        packet.siaddr = self.grant.next_server.unwrap_or(Ipv4Addr::UNSPECIFIED);
        packet.sname = self.grant.server_name.as_deref().unwrap_or_default().into();
        packet.file = self.grant.boot_file.as_deref().unwrap_or_default().into();
        if self.kind == MessageType::Ack {
            packet.ciaddr = request.ciaddr;
        }
        packet.options = self.options(request);
        let limit = limit(request);
        let left_out = self.shorten(&mut packet, request, limit);
        let destination = destination(request, self.kind, self.yiaddr, self.at_ciaddr);
        (Reply { packet, destination, limit }, left_out)
    }

    /// The server identifier first; then the order of the request list (RFC 2132 §9.8), then the rest, for what is
    /// configured is sent even if not asked for (RFC 2131 §4.3.1); the mask before the router (RFC 2132 §3.3); the
    /// relay's option last (RFC 3046 §2.2). Each once.
    fn options(&self, request: &Packet) -> Vec<(u8, Vec<u8>)> {
        let mut ready = self.own_options(request);
        let given = self.reserved.iter().chain(&self.grant.options).chain(&self.network.options);
        for (code, octets) in given {
            if !is_reserved(*code) && ready.iter().all(|(known, _)| known != code) {
                ready.push((*code, octets.clone()));
            }
        }
        let wanted = request.option(code::REQUEST_LIST).unwrap_or_default();
        let mut rank = [u16::MAX; 256];
        for (place, code) in wanted.iter().enumerate().rev() {
            rank[usize::from(*code)] = place as u16 + 1;
        }
        rank[usize::from(code::SERVER_ID)] = 0;
        let router = rank[usize::from(code::ROUTER)];
        rank[usize::from(code::SUBNET_MASK)] = rank[usize::from(code::SUBNET_MASK)].min(router);
        let classless = ready.iter().any(|(code, _)| *code == code::CLASSLESS_ROUTES);
        ready.retain(|(code, _)| !gives_way(*code, wanted, |_| classless));
        ready.sort_by_key(|(code, _)| rank[usize::from(*code)]);
        ready.extend(echo(request, code::RELAY_INFORMATION));
        ready
    }

    /// The options that the server writes by itself. The mask comes before any router.
    fn own_options(&self, request: &Packet) -> Vec<(u8, Vec<u8>)> {
        let mut own = vec![(code::SERVER_ID, self.server_id.octets().to_vec())];
        if let Some(lease) = self.lease {
            own.push((code::LEASE_TIME, lease.to_be_bytes().to_vec()));
            if let Some((renew, rebind)) = self.network.lease.timers(lease) {
                own.push((code::RENEWAL_TIME, renew.to_be_bytes().to_vec()));
                own.push((code::REBINDING_TIME, rebind.to_be_bytes().to_vec()));
            }
        }
        own.push((code::SUBNET_MASK, self.network.subnet_mask().octets().to_vec()));
        own.extend(echo(request, code::CLIENT_ID));
        own.extend(echo(request, code::SUBNET_SELECTION));
        let wanted = request.option(code::REQUEST_LIST).unwrap_or_default();
        let configured = [self.reserved, &self.grant.options, &self.network.options];
        let configured =
            configured.iter().any(|options| options.iter().any(|(code, _)| *code == code::BROADCAST_ADDRESS));
        if wanted.contains(&code::BROADCAST_ADDRESS) && !configured {
            own.push((code::BROADCAST_ADDRESS, self.network.broadcast().octets().to_vec()));
        }
        own
    }

    /// Leaves options out until the rest fits, in this order: the network's that were not asked for, the network's
    /// that were (the last asked for first), the relay's, and at the very end the policy's and the reservation's.
    fn shorten(&self, packet: &mut Packet, request: &Packet, limit: usize) -> Vec<u8> {
        let mut left_out = Vec::new();
        if packet.fits(limit) {
            return left_out;
        }
        let wanted = request.option(code::REQUEST_LIST).unwrap_or_default();
        let own = [
            code::SERVER_ID,
            code::LEASE_TIME,
            code::RENEWAL_TIME,
            code::REBINDING_TIME,
            code::SUBNET_MASK,
            code::CLIENT_ID,
        ];
        let special =
            |code: &u8| self.reserved.iter().chain(&self.grant.options).any(|(known, _)| known == code);
        let worth = |code: &u8| match *code {
            _ if own.contains(code) => None,
            code::RELAY_INFORMATION => Some(2),
            _ if special(code) => Some(3),
            _ => Some(u8::from(wanted.contains(code))),
        };
        let mut victims: Vec<(u8, u8)> =
            packet.options.iter().rev().filter_map(|(code, _)| Some((worth(code)?, *code))).collect();
        victims.sort_by_key(|(worth, _)| *worth);
        for (_, victim) in victims {
            packet.options.retain(|(code, _)| *code != victim);
            left_out.push(victim);
            if packet.fits(limit) {
                break;
            }
        }
        left_out
    }
}

/// A DHCPNAK: nothing but who says so, why, and what is echoed (RFC 2131 Table 3, RFC 6842 §3, RFC 3046 §2.2).
pub(crate) fn refusal(request: &Packet, server_id: Ipv4Addr, why: &str) -> Reply {
    let mut packet = header(request, MessageType::Nak);
    // §4.3.2: the relay must broadcast it, for the client's address is not to be trusted.
    if !request.giaddr.is_unspecified() {
        packet.flags |= BROADCAST;
    }
    packet.options.push((code::SERVER_ID, server_id.octets().to_vec()));
    packet.options.push((code::MESSAGE, why.as_bytes().to_vec()));
    packet.options.extend(echo(request, code::CLIENT_ID));
    packet.options.extend(echo(request, code::RELAY_INFORMATION));
    let limit = limit(request);
    if !packet.fits(limit) {
        packet.options.retain(|(code, _)| *code != code::MESSAGE);
    }
    let destination = destination(request, MessageType::Nak, Ipv4Addr::UNSPECIFIED, AtCiaddr::No);
    Reply { packet, destination, limit }
}

/// The fields every reply copies from its request; the rest zero.
fn header(request: &Packet, kind: MessageType) -> Packet {
    Packet {
        op: Op::Reply,
        htype: request.htype,
        hlen: request.hlen,
        flags: request.flags,
        giaddr: request.giaddr,
        ..Packet::request(kind, request.xid, request.chaddr)
    }
}

fn echo(request: &Packet, code: u8) -> Option<(u8, Vec<u8>)> {
    request.option(code).map(|octets| (code, octets.to_vec()))
}

/// RFC 2132 §9.10; values below 576 are not allowed, and mean 576.
fn limit(request: &Packet) -> usize {
    match request.option(code::MAX_MESSAGE_SIZE) {
        Some(&[high, low]) => {
            usize::from(u16::from_be_bytes([high, low])).clamp(SMALLEST_LIMIT, LARGEST_LIMIT)
        }
        _ => SMALLEST_LIMIT,
    }
}

/// Seconds the client asks for.
pub(crate) fn lease_time(times: &LeaseTime, request: &Packet) -> u32 {
    let octets = request.option(code::LEASE_TIME).and_then(|octets| octets.try_into().ok());
    times.grant(octets.map(u32::from_be_bytes))
}
