//! Sets an address aside if another machine answers for it.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::{Decision, Engine, RequestContext};
use crate::event::{DhcpEvent, DhcpOutcome};
use crate::lease::{LeaseRecord, LeaseState};
use crate::table::LeaseTable;
use crate::{MacOctets, MessageType};

/// Counts of addresses that are set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Addresses that are set aside now, because somebody else seems to use them.
    pub addresses: usize,
    /// Addresses that were set aside and gave way, because there were too many or no other address was left.
    pub given_way: u64,
    /// DECLINEs and RELEASEs that were not believed, because the client still uses the address or nobody else does.
    pub disbelieved: u64,
    /// The client that the latest of these named.
    pub disbelieved_of: Option<MacOctets>,
    /// Machines that answer for addresses of others, as a router with proxy ARP does. Their answers are ignored.
    pub proxies: Vec<MacOctets>,
}

/// A machine that is found to use so many addresses of others is a router with proxy ARP.
const PROXY_ANSWERS: usize = 4;
/// How long a machine counts as such a router.
const PROXY_KEPT: u64 = 3_600_000;
/// Most proxies that are remembered.
const MOST_PROXIES: usize = 16;

/// Machines that answer for addresses of others, and until when they count as such.
#[derive(Debug, Default)]
pub(super) struct Proxies(VecDeque<(MacOctets, u64)>);

impl Proxies {
    fn contains(&self, mac: MacOctets, now: u64) -> bool {
        self.0.iter().any(|(known, until)| *known == mac && now < *until)
    }

    fn insert(&mut self, mac: MacOctets, now: u64) {
        self.0.retain(|(known, until)| *known != mac && now < *until);
        self.0.truncate(MOST_PROXIES - 1);
        self.0.push_front((mac, now.saturating_add(PROXY_KEPT)));
    }

    pub(super) fn known(&self, now: u64) -> Vec<MacOctets> {
        self.0.iter().filter(|(_, until)| now < *until).map(|(mac, _)| *mac).collect()
    }
}

impl Engine {
    /// Counts addresses that are set aside now.
    pub fn set_aside(&self, now: u64) -> SetAside {
        SetAside {
            addresses: self.tables.iter().map(|table| table.set_aside(now)).sum(),
            given_way: self.given_way + self.tables.iter().map(LeaseTable::given_way).sum::<u64>(),
            disbelieved: self.disbelieved,
            disbelieved_of: self.disbelieved_of,
            proxies: self.proxies(now),
        }
    }

    /// The machines that answer ARP for addresses of others.
    pub(crate) fn proxies(&self, now: u64) -> Vec<MacOctets> {
        self.proxies.known(now)
    }

    /// Whether ARP reaches the client's segment. Through a relay it does not.
    pub(super) fn can_ask(&self, asked: &RequestContext<'_>) -> bool {
        let here = self.tables.get(asked.at).is_some_and(|table| table.network.contains(asked.ingress.local));
        self.config.conflict_probe && asked.packet.giaddr.is_unspecified() && here
    }

    /// The machine that uses an address, if that is what its answer means: a router with proxy ARP answers for addresses
    /// that it does not use. What was set aside because of such a router is so no longer.
    pub(super) fn user(&mut self, now: u64, address: Ipv4Addr, answer: MacOctets) -> Option<MacOctets> {
        if self.proxies.contains(answer, now) {
            return None;
        }
        let table = self.tables.iter_mut().find(|table| table.network.contains(address))?;
        let others = table.aside_for(answer);
        if others.iter().filter(|other| **other != address).count() + 1 < PROXY_ANSWERS {
            return Some(answer);
        }
        for other in others {
            table.recall(other);
        }
        self.proxies.insert(answer, now);
        None
    }

    /// Takes in who answered for an address that a decision wanted asked for. `None` lets that decision's reply leave.
    /// Otherwise the address is set aside: carry out what is returned, drop the reply, and handle the client's message
    /// again for another address.
    pub fn probed(&mut self, now: u64, address: Ipv4Addr, answer: Option<MacOctets>) -> Option<Decision> {
        let table = self.tables.iter().find(|table| table.network.contains(address))?;
        let client = table.offered_to(address).map(|client| client.mac);
        let leased = table.record(address).is_some_and(|(record, _)| record.is_bound(now));
        // The client itself may still answer for an address it had elsewhere. And a lease is never taken back.
        let answer = answer.filter(|user| client != Some(*user) && !leased);
        let user = answer.and_then(|user| self.user(now, address, user));
        let table = self.tables.iter_mut().find(|table| table.network.contains(address))?;
        let Some(user) = user else {
            table.tried(address);
            return None;
        };
        let record = LeaseRecord {
            address,
            mac: user,
            client_id: None,
            state: LeaseState::Declined,
            since: now,
            expires: now.saturating_add(self.config.decline_hold),
        };
        let event = DhcpEvent {
            address: Some(address),
            network: Some(table.network.name.clone()),
            ..DhcpEvent::new(now, client.unwrap_or(user), MessageType::Discover, DhcpOutcome::Conflict(user))
        };
        let mut decision = Decision { writes: Vec::new(), after: 0, reply: None, event, probe: None };
        self.write(record, &mut decision);
        Some(decision)
    }
}
