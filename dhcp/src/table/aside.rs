//! Addresses that are set aside, because somebody else seems to use them.
//!
//! A DECLINE and an answer to ARP can be forged, and one broken client can decline address after address. Kea keeps each
//! for a day, and such a client uses up its pool. So only a share of a pool is set aside, and where no other address is
//! left, the one that was set aside first is tried again, as ISC DHCP does with abandoned leases.

use std::net::Ipv4Addr;

use super::{Identity, LeaseTable};
use crate::MacOctets;
use crate::config::DhcpNetwork;
use crate::lease::LeaseState;

/// At most one part in `SHARE` of a pool is set aside.
const SHARE: usize = 4;
/// Most addresses that are set aside on the word of one client.
const MOST_OF_ONE: usize = 3;
/// How long an address is set aside before a client that is expected, or any other, may try it again. A client that
/// declined waits ten seconds (RFC 2131 §3.1(5)).
const RETRIED_AFTER_EXPECTED: u64 = 10_000;
const RETRIED_AFTER: u64 = 60_000;
/// How long a client gets no offer of an address while it is checked whether it declined that.
const DOUBTED: u64 = 1_000;

/// How many addresses of a network may be set aside.
pub(super) fn most(network: &DhcpNetwork) -> usize {
    let size = |first: Ipv4Addr, last: Ipv4Addr| {
        (u64::from(last.to_bits()) + 1).saturating_sub(u64::from(first.to_bits()))
    };
    let excluded = |first, last| -> u64 {
        network.exclude.iter().map(|range| size(range.first.max(first), range.last.min(last))).sum()
    };
    let pools = network.pools.iter();
    let addresses: u64 =
        pools.map(|pool| size(pool.first, pool.last).saturating_sub(excluded(pool.first, pool.last))).sum();
    usize::try_from(addresses).unwrap_or(usize::MAX) / SHARE + 1
}

impl LeaseTable {
    /// How many addresses are set aside now.
    pub(crate) fn set_aside(&self, now: u64) -> usize {
        let held = |(_, address): &&(u64, Ipv4Addr)| {
            self.leases.get(address).is_some_and(|lease| lease.record.expires > now)
        };
        self.aside.iter().filter(held).count()
    }

    /// How many addresses were set aside and given back early.
    pub(crate) fn given_way(&self) -> u64 {
        self.given_way
    }

    /// Makes room for one more address that this client declines.
    pub(crate) fn bound_declines(&mut self, client: &Identity) {
        let its_own = self
            .aside
            .iter()
            .filter(|(_, address)| self.leases.get(address).is_some_and(|lease| client.owns(&lease.record)));
        let its_own: Vec<Ipv4Addr> = its_own.map(|(_, address)| *address).collect();
        for address in its_own.iter().take((its_own.len() + 1).saturating_sub(MOST_OF_ONE)) {
            self.give_way(*address);
        }
    }

    /// Addresses that are set aside because this machine was found to use them.
    pub(crate) fn aside_for(&self, user: MacOctets) -> Vec<Ipv4Addr> {
        let used = self.aside.iter().filter(|(_, address)| {
            let record = self.leases.get(address).map(|lease| &lease.record);
            record.is_some_and(|record| record.mac == user && record.client_id.is_none())
        });
        used.map(|(_, address)| *address).collect()
    }

    /// Notes that a client may have declined its address.
    pub(crate) fn doubt(&mut self, address: Ipv4Addr, now: u64) {
        let ends = now.saturating_add(DOUBTED);
        self.doubted.retain(|_, until| (now..=ends).contains(until));
        self.doubted.insert(address, ends);
    }

    pub(super) fn is_doubted(&self, address: Ipv4Addr, now: u64) -> bool {
        self.doubted.get(&address).is_some_and(|until| now < *until)
    }

    /// Sets an address aside no longer.
    pub(crate) fn recall(&mut self, address: Ipv4Addr) {
        if let Some(lease) = self.leases.get_mut(&address).filter(|lease| lease.aside) {
            lease.aside = false;
            self.aside.remove(&(lease.record.since, address));
            self.relist(address);
        }
    }

    /// Whether this client itself declined the address.
    pub(crate) fn was_declined_by(&self, address: Ipv4Addr, client: &Identity) -> bool {
        self.leases.get(&address).is_some_and(|lease| {
            lease.record.state == LeaseState::Declined && client.holds_key(&lease.record)
        })
    }

    pub(super) fn bound_aside(&mut self) {
        while self.aside.len() > self.most_aside
            && let Some((_, address)) = self.aside.first().copied()
        {
            let newest = self.aside.last().map_or(0, |(since, _)| *since);
            let runs = self.leases.get(&address).is_some_and(|lease| lease.record.expires > newest);
            self.recall(address);
            self.given_way += u64::from(runs);
        }
    }

    /// The address that was set aside first, if a client may try it again.
    pub(super) fn take_set_aside(&mut self, now: u64, expected: bool) -> Option<Ipv4Addr> {
        let after = if expected { RETRIED_AFTER_EXPECTED } else { RETRIED_AFTER };
        let (_, address) = *self.aside.iter().find(|(since, address)| {
            let old = now.saturating_sub(*since) >= after;
            let free = self.leases.get(address).is_some_and(|lease| lease.listed.is_some());
            old && free
        })?;
        self.give_way(address);
        Some(address)
    }

    fn give_way(&mut self, address: Ipv4Addr) {
        self.recall(address);
        self.given_way += 1;
    }
}
