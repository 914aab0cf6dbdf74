//! Handles DISCOVER, REQUEST and INFORM.

use std::net::Ipv4Addr;

use super::reading::{boots, has_no_address, relay};
use super::{Engine, Finding, Reply, RequestContext};
use crate::MessageType;
use crate::destination::AtCiaddr;
use crate::event::{DhcpOutcome, Unserved};
use crate::lease::{LeaseRecord, LeaseState};
use crate::options::code;
use crate::packet::Packet;
use crate::policy::Grant;
use crate::reply::{GrantedReply, lease_time, refusal};
use crate::table::{LeaseTable, WriteState};

/// A grant taken again within this time, or an eighth of a shorter lease, without a new offer or boot in between, is
/// repeated, not renewed, so that retransmissions cost no write.
const REPEATED_WITHIN: u64 = 5_000;

impl Engine {
    pub(super) fn discover(&mut self, asked: &RequestContext<'_>, grant: &Grant) -> Finding {
        let requested = asked.packet.address(code::REQUESTED_ADDRESS);
        let Some(table) = self.tables.get_mut(asked.at) else {
            return Finding::ignored("no network");
        };
        let Some(address) = table.choose(&asked.client, requested, asked.now, grant.expected) else {
            return Finding::unserved(Unserved::NoAddress(table.network.name.clone()));
        };
        table.offer(address, &asked.client, asked.now, grant.expected);
        // §3.1(2).
        let untried = table.is_untried(address, &asked.client);
        let lease = lease_time(&table.network.lease, asked.packet);
        let (reply, left_out) = answer(table, asked, grant, MessageType::Offer, address, Some(lease));
        let probe = untried && self.can_ask(asked);
        Finding {
            address: Some(address),
            reply: Some(reply),
            left_out,
            probe: probe.then_some(address),
            ..Finding::new(DhcpOutcome::Offered)
        }
    }

    /// RFC 2131 §4.3.2, Table 4: what a REQUEST means shows in which of three fields it has.
    pub(super) fn request(&mut self, asked: &RequestContext<'_>, grant: &Grant) -> Finding {
        let packet = asked.packet;
        let given = |address: &Ipv4Addr| !address.is_unspecified();
        let ciaddr = Some(packet.ciaddr).filter(given);
        let requested =
            packet.address(code::REQUESTED_ADDRESS).filter(|address| given(address) || ciaddr.is_none());
        // A client without an address means the one that it requests.
        let ciaddr = ciaddr.filter(|_| requested.is_none() || !has_no_address(packet, asked.ingress));
        if packet.option(code::SERVER_ID).is_some() {
            return match requested.or(ciaddr) {
                Some(address) => self.select(asked, grant, address),
                None => no_address(packet),
            };
        }
        match (ciaddr, requested, packet.unusable(code::SERVER_ID)) {
            (Some(address), _, _) | (None, Some(address), None) => self.confirm(asked, grant, address),
            // Which server it takes shows where it takes what we have offered.
            (None, Some(address), Some(flaw)) => {
                let offered =
                    self.tables.get(asked.at).is_some_and(|table| table.is_offered(address, &asked.client));
                if offered {
                    return self.select(asked, grant, address);
                }
                Finding { address: Some(address), ..Finding::unserved(Unserved::Option(flaw)) }
            }
            (None, None, _) => no_address(packet),
        }
    }

    /// The client took our offer. It may have been forgotten since: what counts is whether the address is free.
    fn select(&mut self, asked: &RequestContext<'_>, grant: &Grant, address: Ipv4Addr) -> Finding {
        match self.tables.get(asked.at) {
            Some(table) if table.is_free_for(address, &asked.client, asked.now) => {
                self.acknowledge(asked, grant, address)
            }
            _ => refuse(asked, address, "the address is not available"),
        }
    }

    /// The client has an address and asks whether it may go on (INIT-REBOOT, RENEWING, REBINDING).
    fn confirm(&mut self, asked: &RequestContext<'_>, grant: &Grant, address: Ipv4Addr) -> Finding {
        let Some(table) = self.tables.get_mut(asked.at) else {
            return Finding::ignored("no network");
        };
        // A client that goes on using an address did not decline it: the DECLINE was forged, or a mistake.
        let declined = !asked.packet.ciaddr.is_unspecified() && table.was_declined_by(address, &asked.client);
        if declined {
            table.recall(address);
        }
        let reserved =
            table.reservation(&asked.client).is_some_and(|reservation| reservation.address == address);
        let its_own = table
            .record(address)
            .is_some_and(|(record, _)| record.state != LeaseState::Declined && asked.client.owns(record));
        if (reserved || its_own || declined) && table.is_free_for(address, &asked.client, asked.now) {
            return self.acknowledge(asked, grant, address);
        }
        // §4.3.2: without a record of the client, silence, for another server may have one; unless there is none.
        let known = self.tables.iter().any(|table| table.lease_of(&asked.client).is_some());
        if !known && !self.config.authoritative {
            return Finding {
                address: Some(address),
                ..Finding::ignored("not known here, and not authoritative")
            };
        }
        let here = self.tables.get(asked.at).is_some_and(|table| table.network.contains(address));
        let why = if here { "not this client's address" } else { "wrong network" };
        refuse(asked, address, why)
    }

    fn acknowledge(&mut self, asked: &RequestContext<'_>, grant: &Grant, address: Ipv4Addr) -> Finding {
        let Some(table) = self.tables.get(asked.at) else {
            return Finding::ignored("no network");
        };
        let mut lease = lease_time(&table.network.lease, asked.packet);
        let repeated_within = REPEATED_WITHIN.min(u64::from(lease) * 1000 / 8);
        let mut write = None;
        let mut after = 0;
        let mut lease_ends = asked.now.saturating_add(u64::from(lease) * 1000);
        match table.record(address) {
            // §3.1(4): nothing is promised before it is saved, and what is being saved is waited for.
            Some((record, state @ (WriteState::Saved | WriteState::UnderWay(_))))
                if !boots(asked.packet, asked.ingress)
                    && asked.packet.ciaddr.is_unspecified()
                    && !table.is_offered(address, &asked.client)
                    && asked.client.holds_key(record)
                    && record.mac == asked.client.mac
                    && record.is_bound(asked.now)
                    && (record.since..record.since.saturating_add(repeated_within)).contains(&asked.now) =>
            {
                lease = ((record.expires - asked.now) / 1000) as u32;
                lease_ends = record.expires;
                if let WriteState::UnderWay(sequence) = state {
                    after = sequence;
                }
            }
            _ => {
                write = Some(LeaseRecord {
                    address,
                    mac: asked.client.mac,
                    client_id: asked.packet.option(code::CLIENT_ID).map(<[u8]>::to_vec),
                    state: LeaseState::Bound,
                    since: asked.now,
                    expires: lease_ends,
                });
            }
        }
        let (reply, left_out) = answer(table, asked, grant, MessageType::Ack, address, Some(lease));
        let outcome = DhcpOutcome::Acknowledged;
        Finding {
            address: Some(address),
            lease_ends: Some(lease_ends),
            reply: Some(reply),
            write,
            after,
            left_out,
            ..Finding::new(outcome)
        }
    }

    /// §3.1(3): who takes another server's offer has declined ours.
    pub(super) fn chose_other(&mut self, asked: &RequestContext<'_>, other: Ipv4Addr) -> Finding {
        if let Some(table) = self.tables.get_mut(asked.at) {
            table.withdraw(&asked.client.key);
        }
        Finding {
            address: asked.packet.address(code::REQUESTED_ADDRESS),
            ..Finding::new(DhcpOutcome::ChoseOther(other))
        }
    }

    /// §4.3.5: parameters for an address the client has from elsewhere; no lease.
    pub(super) fn inform(&mut self, asked: &RequestContext<'_>, grant: &Grant) -> Finding {
        let address = asked.packet.ciaddr;
        if address.is_unspecified() {
            return Finding::ignored("an inform without the client's address");
        }
        let Some(table) = self.tables.get(asked.at) else {
            return Finding::ignored("no network");
        };
        let (reply, left_out) = answer(table, asked, grant, MessageType::Ack, Ipv4Addr::UNSPECIFIED, None);
        Finding {
            address: Some(address),
            reply: Some(reply),
            left_out,
            ..Finding::new(DhcpOutcome::Informed)
        }
    }
}

fn answer(
    table: &LeaseTable,
    asked: &RequestContext<'_>,
    grant: &Grant,
    kind: MessageType,
    yiaddr: Ipv4Addr,
    lease: Option<u32>,
) -> (Reply, Vec<u8>) {
    let reservation = table.reservation(&asked.client);
    GrantedReply {
        kind,
        yiaddr,
        lease,
        server_id: asked.server_id,
        network: &table.network,
        grant,
        reserved: reservation.map_or(&[], |reservation| &reservation.options),
        at_ciaddr: at_ciaddr(table, asked, kind, yiaddr),
    }
    .reply(asked.packet)
}

/// Whether the client answers at its `ciaddr`. A client that has no address yet may name one all the same: an old one, or
/// the one that it is offered.
fn at_ciaddr(
    table: &LeaseTable,
    asked: &RequestContext<'_>,
    kind: MessageType,
    yiaddr: Ipv4Addr,
) -> AtCiaddr {
    let (packet, ciaddr) = (asked.packet, asked.packet.ciaddr);
    if ciaddr.is_unspecified() {
        return AtCiaddr::No;
    }
    let here = table.network.contains(ciaddr);
    let silent = has_no_address(packet, asked.ingress);
    let extends = kind == MessageType::Ack
        && yiaddr == ciaddr
        && [code::SERVER_ID, code::REQUESTED_ADDRESS].iter().all(|code| packet.option(*code).is_none());
    let informs = packet.kind == MessageType::Inform;
    if extends || informs {
        // Where no router leads to the address, ARP does not either.
        let reached = here || asked.ingress.unicast || relay(packet).is_some();
        return if silent || !reached { AtCiaddr::Silent } else { AtCiaddr::Answers };
    }
    let bound = table
        .record(ciaddr)
        .is_some_and(|(record, _)| record.is_bound(asked.now) && asked.client.owns(record));
    if here && bound && asked.ingress.source == ciaddr { AtCiaddr::Answers } else { AtCiaddr::No }
}

fn no_address(packet: &Packet) -> Finding {
    match packet.unusable(code::REQUESTED_ADDRESS) {
        Some(flaw) => Finding::unserved(Unserved::Option(flaw)),
        None => Finding::ignored("a request for no address"),
    }
}

fn refuse(asked: &RequestContext<'_>, address: Ipv4Addr, why: &'static str) -> Finding {
    let reply = refusal(asked.packet, asked.server_id, why);
    Finding { address: Some(address), reply: Some(reply), ..Finding::new(DhcpOutcome::Refused(why.into())) }
}
