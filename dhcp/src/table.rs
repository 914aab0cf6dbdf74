//! One network's addresses: who has which, and who gets which next. Pure.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::Ipv4Addr;

use crate::Mac;
use crate::config::{Network, Reservation};
use crate::keys::{ByKey, remove_if};
use crate::lease::{ClientKey, LeaseRecord, LeaseState};
use crate::options::code;
use crate::packet::Packet;

/// An offer this old may be given to somebody else when no other address is left; a client that means it has
/// asked long before.
const OFFER_YIELDS_AFTER: u64 = 5_000;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) key: ClientKey,
    pub(crate) mac: Mac,
}

impl Identity {
    pub(crate) fn of(packet: &Packet) -> Self {
        let id = packet.option(code::CLIENT_ID);
        let key = id.map_or(ClientKey::Mac(packet.chaddr), |id| ClientKey::Id(id.to_vec()));
        Self { key, mac: packet.chaddr }
    }

    /// Whether the other is this client. A machine that changed its client identifier (another firmware, RFC 4361)
    /// is still the same machine.
    fn is_same(&self, other: &Self) -> bool {
        self.is_machine(other.mac) || self.key == other.key
    }

    /// Whether the lease is this client's, in the same sense.
    pub(crate) fn owns(&self, record: &LeaseRecord) -> bool {
        self.is_machine(record.mac) || self.holds_key(record)
    }

    /// An address of zeros is that of a client that does not tell its own.
    fn is_machine(&self, mac: Mac) -> bool {
        self.mac == mac && mac != [0; 6]
    }

    /// Whether it is the very client of the lease (RFC 2131 §4.2).
    pub(crate) fn holds_key(&self, record: &LeaseRecord) -> bool {
        match &self.key {
            ClientKey::Id(id) => record.client_id.as_ref() == Some(id),
            ClientKey::Mac(mac) => record.client_id.is_none() && record.mac == *mac,
        }
    }
}

/// How far the latest record of an address has got on its way to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Saved,
    UnderWay(u64),
    Failed,
}

#[derive(Debug)]
struct Lease {
    record: LeaseRecord,
    write: Write,
    /// `Table::reusable` has it, under the end of this record.
    listed: bool,
}

#[derive(Debug)]
struct Offer {
    to: Identity,
    made: u64,
    /// Nobody else answered for the address.
    tried: bool,
    /// To a client that is expected here.
    expected: bool,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) network: Network,
    offer_hold: u64,
    max_offers: usize,
    reserved_addresses: HashMap<Ipv4Addr, ClientKey>,
    reservations: HashMap<ClientKey, usize>,
    leases: HashMap<Ipv4Addr, Lease>,
    by_key: ByKey,
    /// The address a machine had last, under whatever client identifier.
    by_mac: HashMap<Mac, Ipv4Addr>,
    /// Pool addresses with a saved lease and no offer, by the end of the lease: who comes first was gone longest.
    reusable: BTreeSet<(u64, Ipv4Addr)>,
    offers: HashMap<Ipv4Addr, Offer>,
    offers_by_key: ByKey,
    /// Offers by age. May name offers that are gone; those are skipped.
    offer_queue: VecDeque<(u64, Ipv4Addr)>,
    /// Pool addresses offered once and never leased.
    returned: BTreeSet<Ipv4Addr>,
    /// The pool and the address where the search for addresses never offered goes on.
    fresh: (usize, u32),
}

impl Table {
    pub(crate) fn new(network: Network, offer_hold: u64, max_offers: usize) -> Self {
        let reservations = network.reservations.iter().enumerate();
        Self {
            offer_hold,
            max_offers: max_offers.max(1),
            reserved_addresses: network.reservations.iter().map(|r| (r.address, r.client.clone())).collect(),
            reservations: reservations.map(|(index, r)| (r.client.clone(), index)).collect(),
            leases: HashMap::new(),
            by_key: ByKey::default(),
            by_mac: HashMap::new(),
            reusable: BTreeSet::new(),
            offers: HashMap::new(),
            offers_by_key: ByKey::default(),
            offer_queue: VecDeque::new(),
            returned: BTreeSet::new(),
            fresh: (0, 0),
            network,
        }
    }

    pub(crate) fn into_leases(self) -> impl Iterator<Item = (LeaseRecord, Write)> {
        self.leases.into_values().map(|lease| (lease.record, lease.write))
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &LeaseRecord> {
        self.leases.values().map(|lease| &lease.record)
    }

    pub(crate) fn record(&self, address: Ipv4Addr) -> Option<(&LeaseRecord, Write)> {
        self.leases.get(&address).map(|lease| (&lease.record, lease.write))
    }

    /// The client's reservation: by the identifier it sends, else by its Ethernet address.
    pub(crate) fn reservation(&self, client: &Identity) -> Option<&Reservation> {
        let by_key = self.reservations.get(&client.key);
        let index = by_key.or_else(|| self.reservations.get(&ClientKey::Mac(client.mac)))?;
        self.network.reservations.get(*index)
    }

    /// The client's lease, current or past: by its key, else the one its machine had under another.
    pub(crate) fn lease_of(&self, client: &Identity) -> Option<&LeaseRecord> {
        let address = self.by_key.get(&client.key).or_else(|| self.by_mac.get(&client.mac))?;
        let record = &self.leases.get(address)?.record;
        (client.owns(record) && record.state != LeaseState::Declined).then_some(record)
    }

    /// Whether the client may have this address, by configuration, leases and offers.
    pub(crate) fn is_free_for(&self, address: Ipv4Addr, client: &Identity, now: u64) -> bool {
        let permitted = match self.reservation(client) {
            Some(reservation) if reservation.address == address => true,
            _ => self.is_common(address),
        };
        let leased = self.leases.get(&address).is_some_and(|lease| match lease.record.state {
            LeaseState::Declined => lease.record.holds(now),
            _ if client.owns(&lease.record) => false,
            // Until it is on disk that the last holder gave it up, a restart would give it back to that one.
            _ => lease.record.holds(now) || lease.write != Write::Saved,
        });
        let offered = self
            .offers
            .get(&address)
            .is_some_and(|offer| !client.is_same(&offer.to) && self.is_live(offer, now));
        permitted && !leased && !offered
    }

    /// An address for a DISCOVER, in the order of RFC 2131 §4.3.1: what the client has or had, what it asks for, a
    /// new one; before all of them its reservation, and the offer it has not answered yet.
    pub(crate) fn choose(
        &mut self,
        client: &Identity,
        requested: Option<Ipv4Addr>,
        now: u64,
        expected: bool,
    ) -> Option<Ipv4Addr> {
        self.drop_stale_offers(now);
        let wishes = [
            self.reservation(client).map(|reservation| reservation.address),
            self.offers_by_key.get(&client.key).copied(),
            self.lease_of(client).map(|record| record.address),
            requested,
        ];
        let wish = wishes.into_iter().flatten().find(|address| self.is_free_for(*address, client, now));
        wish.or_else(|| self.next_fresh())
            .or_else(|| self.returned.first().copied())
            .or_else(|| {
                self.reusable.first().filter(|(expires, _)| *expires <= now).map(|(_, address)| *address)
            })
            .or_else(|| self.take_old_offer(now))
            .or_else(|| if expected { self.take_offer_of_unexpected(now) } else { None })
    }

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

    /// Whom the address is offered to.
    pub(crate) fn offered_to(&self, address: Ipv4Addr) -> Option<&Identity> {
        self.offers.get(&address).map(|offer| &offer.to)
    }

    /// Notes that nobody else answered for an offered address. A repeated DISCOVER then gets its offer at once.
    pub(crate) fn tried(&mut self, address: Ipv4Addr) {
        if let Some(offer) = self.offers.get_mut(&address) {
            offer.tried = true;
        }
    }

    /// Whether the address is new to the client, and nobody has asked the segment for it.
    pub(crate) fn is_untried(&self, address: Ipv4Addr, client: &Identity) -> bool {
        let its_own = self.leases.get(&address).is_some_and(|lease| client.owns(&lease.record));
        !its_own && !self.offers.get(&address).is_some_and(|offer| offer.tried)
    }

    /// Puts a record in the place of the address's last one. It counts at once, even before it is saved.
    pub(crate) fn put(&mut self, record: LeaseRecord, write: Write) {
        let address = record.address;
        self.remove_offer(address);
        self.returned.remove(&address);
        if let Some(old) = self.leases.get(&address) {
            self.by_key.remove_if(&old.record.key(), address);
            remove_if(&mut self.by_mac, &old.record.mac, address);
            if old.listed {
                self.reusable.remove(&(old.record.expires, address));
            }
        }
        if record.state != LeaseState::Declined {
            self.by_key.insert(record.key(), address);
            self.by_mac.insert(record.mac, address);
        }
        self.leases.insert(address, Lease { record, write, listed: false });
        self.relist(address);
    }

    /// Notes how the write of an address's record went, if that is still its latest.
    pub(crate) fn written(&mut self, address: Ipv4Addr, sequence: u64, outcome: Write) -> bool {
        match self.leases.get_mut(&address) {
            Some(lease) if lease.write == Write::UnderWay(sequence) => lease.write = outcome,
            _ => return false,
        }
        self.relist(address);
        true
    }

    /// Whether the address is for whoever comes: in a pool and nobody's by reservation.
    fn is_common(&self, address: Ipv4Addr) -> bool {
        self.network.in_pool(address) && !self.reserved_addresses.contains_key(&address)
    }

    /// Brings `reusable` up to date about one address.
    fn relist(&mut self, address: Ipv4Addr) {
        let idle = self.is_common(address) && !self.offers.contains_key(&address);
        let Some(lease) = self.leases.get_mut(&address) else {
            return;
        };
        let listed = idle && lease.write == Write::Saved;
        if lease.listed != listed {
            lease.listed = listed;
            let entry = (lease.record.expires, address);
            if listed { _ = self.reusable.insert(entry) } else { _ = self.reusable.remove(&entry) }
        }
    }

    /// The next address of the pools that nobody was ever offered. Goes over each address once.
    fn next_fresh(&mut self) -> Option<Ipv4Addr> {
        while let Some(pool) = self.network.pools.get(self.fresh.0) {
            let next = self.fresh.1.max(pool.first.to_bits());
            if next > pool.last.to_bits() {
                self.fresh = (self.fresh.0 + 1, 0);
                continue;
            }
            self.fresh.1 = next + 1;
            let address = Ipv4Addr::from(next);
            let known = self.leases.contains_key(&address)
                || self.offers.contains_key(&address)
                || self.returned.contains(&address);
            if !known && self.is_common(address) {
                self.returned.insert(address);
                return Some(address);
            }
        }
        None
    }

    fn take_old_offer(&mut self, now: u64) -> Option<Ipv4Addr> {
        while let Some(&(made, address)) = self.offer_queue.front() {
            let current = self.offers.get(&address).is_some_and(|offer| offer.made == made);
            if current && now.saturating_sub(made) < OFFER_YIELDS_AFTER {
                return None;
            }
            self.offer_queue.pop_front();
            if !current {
                continue;
            }
            // Who has a lease or a reservation there gets it without the offer as well.
            self.remove_offer(address);
            let leased = self
                .leases
                .get(&address)
                .is_some_and(|lease| lease.record.holds(now) || lease.write != Write::Saved);
            if !leased && self.is_common(address) {
                return Some(address);
            }
        }
        None
    }

    /// A flood of clients that nobody knows must not keep the others from an address: the oldest offer to one of them
    /// is withdrawn, however new.
    fn take_offer_of_unexpected(&mut self, now: u64) -> Option<Ipv4Addr> {
        let common = self.offer_queue.iter().find(|(made, address)| {
            let open = self.offers.get(address).is_some_and(|offer| offer.made == *made && !offer.expected);
            let lease = self.leases.get(address);
            let leased = lease.is_some_and(|lease| lease.record.holds(now) || lease.write != Write::Saved);
            open && !leased && self.is_common(*address)
        });
        let (_, address) = *common?;
        self.remove_offer(address);
        Some(address)
    }

    /// A clock set back ends an offer too: better than keeping it for as long as the clock jumped.
    fn is_live(&self, offer: &Offer, now: u64) -> bool {
        (offer.made..offer.made.saturating_add(self.offer_hold)).contains(&now)
    }

    fn drop_stale_offers(&mut self, now: u64) {
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

    fn remove_offer(&mut self, address: Ipv4Addr) {
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
