//! Offered addresses, which are kept until their client requests them.

use std::net::Ipv4Addr;

use super::{Identity, LeaseTable, Offer};
use crate::lease::{ClientKey, LeaseState};

/// An offer this old may be given to somebody else when no other address is left; a client that means it has
/// asked long before.
const OFFER_YIELDS_AFTER: u64 = 5_000;

impl LeaseTable {
    /// Keeps an address for a client until it asks for it or `offer_hold` has passed.
    pub(crate) fn offer(&mut self, address: Ipv4Addr, client: &Identity, now: u64, expected: bool) {
        match self.offers.get(&address) {
            Some(offer) if offer.to == *client && now.saturating_sub(offer.made) < self.offer_hold / 2 => {
                return;
            }
            _ => self.remove_offer(address),
        }
        self.withdraw(&client.key);
        if self.offer_queue.len() > 2 * self.max_offers {
            self.offer_queue
                .retain(|(made, address)| self.offers.get(address).is_some_and(|offer| offer.made == *made));
        }
        while self.offers.len() >= self.max_offers {
            match self.offer_queue.pop_front() {
                Some(entry) => self.drop_offer(entry),
                None => break,
            }
        }
        self.returned.remove(&address);
        self.offers.insert(address, Offer { to: client.clone(), made: now, tried: false, expected });
        self.offers_by_key.insert(client.key.clone(), address);
        self.offer_queue.push_back((now, address));
        self.relist(address);
    }

    /// Forgets the client's offer; RFC 2131 §3.1(3) where it took another server's.
    pub(crate) fn withdraw(&mut self, key: &ClientKey) {
        if let Some(address) = self.offers_by_key.get(key).copied() {
            self.remove_offer(address);
        }
    }

    pub(crate) fn is_offered(&self, address: Ipv4Addr, client: &Identity) -> bool {
        self.offers.get(&address).is_some_and(|offer| client.is_same(&offer.to))
    }

    /// The client that the address is offered to.
    pub(crate) fn offered_to(&self, address: Ipv4Addr) -> Option<&Identity> {
        self.offers.get(&address).map(|offer| &offer.to)
    }

    /// Notes that no other machine answered for an offered address, so that a repeated DISCOVER is answered at once.
    pub(crate) fn tried(&mut self, address: Ipv4Addr) {
        if let Some(offer) = self.offers.get_mut(&address) {
            offer.tried = true;
        }
    }

    /// Whether the address is new to the client, and nobody has asked the segment for it.
    pub(crate) fn is_untried(&self, address: Ipv4Addr, client: &Identity) -> bool {
        let its_own = self
            .leases
            .get(&address)
            .is_some_and(|lease| client.owns(&lease.record) && lease.record.state != LeaseState::Declined);
        !its_own && !self.offers.get(&address).is_some_and(|offer| offer.tried)
    }

    pub(super) fn take_old_offer(&mut self, now: u64) -> Option<Ipv4Addr> {
        while let Some(&(made, address)) = self.offer_queue.front() {
            let current = self.offers.get(&address).is_some_and(|offer| offer.made == made);
            if current && now.saturating_sub(made) < OFFER_YIELDS_AFTER {
                return None;
            }
            self.offer_queue.pop_front();
            if !current {
                continue;
            }
            // A lease or a reservation outlives the offer.
            self.remove_offer(address);
            let leased = self.leases.get(&address).is_some_and(|lease| lease.is_taken(now));
            if !leased && self.is_common(address) {
                return Some(address);
            }
        }
        None
    }

    /// Withdraws the oldest offer to an unexpected client, so that a flood of them does not use up the pool.
    pub(super) fn take_offer_of_unexpected(&mut self, now: u64) -> Option<Ipv4Addr> {
        let common = self.offer_queue.iter().find(|(made, address)| {
            let open = self.offers.get(address).is_some_and(|offer| offer.made == *made && !offer.expected);
            let leased = self.leases.get(address).is_some_and(|lease| lease.is_taken(now));
            open && !leased && self.is_common(*address)
        });
        let (_, address) = *common?;
        self.remove_offer(address);
        Some(address)
    }

    /// A clock that was set back ends an offer too; otherwise it would live as long as the jump.
    pub(super) fn is_live(&self, offer: &Offer, now: u64) -> bool {
        (offer.made..offer.made.saturating_add(self.offer_hold)).contains(&now)
    }

    pub(super) fn drop_stale_offers(&mut self, now: u64) {
        while let Some(&entry) = self.offer_queue.front() {
            let stale = match self.offers.get(&entry.1) {
                Some(offer) if offer.made == entry.0 => !self.is_live(offer, now),
                _ => true,
            };
            if !stale {
                break;
            }
            self.offer_queue.pop_front();
            self.drop_offer(entry);
        }
    }

    fn drop_offer(&mut self, (made, address): (u64, Ipv4Addr)) {
        if self.offers.get(&address).is_some_and(|offer| offer.made == made) {
            self.remove_offer(address);
        }
    }

    pub(super) fn remove_offer(&mut self, address: Ipv4Addr) {
        let Some(offer) = self.offers.remove(&address) else {
            return;
        };
        self.offers_by_key.remove_if(&offer.to.key, address);
        if self.is_common(address) && !self.leases.contains_key(&address) {
            self.returned.insert(address);
        }
        self.relist(address);
    }
}
