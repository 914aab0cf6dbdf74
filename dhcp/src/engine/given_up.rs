//! Handles DECLINE and RELEASE, which anybody can forge.
//!
//! If the segment can be asked, the message counts only if the client does not answer at the address.

use super::{Decision, Engine, Finding, Ingress, ProbeAnswer, RequestContext};
use crate::MacOctets;
use crate::event::DhcpOutcome;
use crate::lease::{LeaseRecord, LeaseState};
use crate::options::code;
use crate::packet::Packet;
use crate::policy::Everybody;

/// A client checks its address when it gets it (RFC 2131 §3.1(5)), which takes about ten seconds (RFC 5227 §1.1). After
/// this long, a DECLINE alone does not set the address aside: an honest client asks for an address again and is believed
/// then.
const CHECKED_WITHIN: u64 = 60_000;

impl Engine {
    /// Decides about a DECLINE or RELEASE after the segment was asked who uses the address. `answer` is the machine that
    /// answered, the client before any other; `None` also where the segment cannot be asked.
    pub fn given_up(
        &mut self,
        now: u64,
        packet: &Packet,
        ingress: Ingress,
        answer: Option<MacOctets>,
    ) -> Decision {
        // The policy does not decide about addresses that clients give up.
        let finding = self.find(now, packet, ingress, &Everybody, ProbeAnswer::Asked(answer));
        self.decide(now, packet, finding)
    }

    /// §4.3.3: only from the client that was given the address, by us.
    pub(super) fn decline(&mut self, asked: &RequestContext<'_>) -> Finding {
        let address = asked.packet.address(code::REQUESTED_ADDRESS);
        let server = asked.packet.address(code::SERVER_ID);
        let (Some(address), Some(server)) = (address, server) else {
            return Finding::ignored("a decline of nothing");
        };
        if !self.is_own(server, asked) {
            return Finding::ignored("a decline of another server's address");
        }
        let Some(table) = self.tables.get(asked.at) else {
            return Finding::ignored("no network");
        };
        let lease = table.record(address).map(|(record, _)| record);
        let lease =
            lease.filter(|record| record.state == LeaseState::Bound && asked.client.holds_key(record));
        let fresh = lease.is_none_or(|record| {
            (record.since..record.since.saturating_add(CHECKED_WITHIN)).contains(&asked.now)
        });
        if lease.is_none() && !table.is_offered(address, &asked.client) {
            return Finding {
                address: Some(address),
                ..Finding::ignored("a decline of an address it was not given")
            };
        }
        let answer = match asked.segment {
            ProbeAnswer::Asked(answer) => answer,
            // A forged message may cost an offer, but no lease.
            ProbeAnswer::NotAsked if lease.is_some() && self.can_ask(asked) => {
                if let Some(table) = self.tables.get_mut(asked.at) {
                    table.doubt(address, asked.now);
                }
                let probe = Some(address);
                return Finding { address: probe, probe, ..Finding::new(DhcpOutcome::Declined) };
            }
            ProbeAnswer::NotAsked => None,
        };
        if answer == Some(asked.client.mac) {
            return self.disbelieve(asked, "a decline of an address at which the client itself answers");
        }
        let user = answer.and_then(|user| self.user(asked.now, address, user));
        if user.is_none() && !fresh {
            return self.disbelieve(asked, "a decline of an address that nobody else uses");
        }
        if let Some(table) = self.tables.get_mut(asked.at).filter(|_| user.is_none()) {
            table.bound_declines(&asked.client);
        }
        let client_id = asked.packet.option(code::CLIENT_ID).filter(|_| user.is_none());
        let record = LeaseRecord {
            address,
            mac: user.unwrap_or(asked.client.mac),
            client_id: client_id.map(<[u8]>::to_vec),
            state: LeaseState::Declined,
            since: asked.now,
            expires: asked.now.saturating_add(self.config.decline_hold),
        };
        Finding { address: Some(address), write: Some(record), ..Finding::new(DhcpOutcome::Declined) }
    }

    /// §4.3.4: only from the holder. The record stays, so that the client gets the address again if it can.
    pub(super) fn release(&mut self, asked: &RequestContext<'_>) -> Finding {
        let address = asked.packet.ciaddr;
        if asked.packet.address(code::SERVER_ID).is_some_and(|server| !self.is_own(server, asked)) {
            return Finding::ignored("a release of another server's address");
        }
        let held = self.tables.get(asked.at).and_then(|table| table.record(address));
        let held = held.map(|(record, _)| record);
        let Some(record) =
            held.filter(|record| record.state == LeaseState::Bound && asked.client.holds_key(record))
        else {
            return Finding {
                address: Some(address),
                ..Finding::ignored("a release of an address it does not have")
            };
        };
        let state = LeaseState::Released;
        let record = LeaseRecord { state, since: asked.now, expires: asked.now, ..record.clone() };
        match asked.segment {
            ProbeAnswer::NotAsked if self.can_ask(asked) => Finding {
                address: Some(address),
                probe: Some(address),
                ..Finding::new(DhcpOutcome::Released)
            },
            ProbeAnswer::Asked(Some(user)) if user == asked.client.mac => {
                self.disbelieve(asked, "a release of an address at which the client still answers")
            }
            ProbeAnswer::NotAsked | ProbeAnswer::Asked(_) => {
                Finding { address: Some(address), write: Some(record), ..Finding::new(DhcpOutcome::Released) }
            }
        }
    }

    fn disbelieve(&mut self, asked: &RequestContext<'_>, why: &'static str) -> Finding {
        self.disbelieved += 1;
        self.disbelieved_of = Some(asked.client.mac);
        let address = asked.packet.address(code::REQUESTED_ADDRESS);
        Finding { address: address.or(Some(asked.packet.ciaddr)), ..Finding::ignored(why) }
    }
}
