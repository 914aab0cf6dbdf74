//! One network's addresses: who has which, and who gets which next. Pure.

mod aside;
mod offers;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::Ipv4Addr;

use crate::MacOctets;
use crate::config::{DhcpNetwork, HostReservation};
use crate::keys::{ByKey, remove_if};
use crate::lease::{ClientKey, LeaseRecord, LeaseState};
use crate::options::code;
use crate::packet::Packet;

/// The identity of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) key: ClientKey,
    pub(crate) mac: MacOctets,
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
    fn is_machine(&self, mac: MacOctets) -> bool {
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
pub(crate) enum WriteState {
    Saved,
    UnderWay(u64),
    Failed,
}

#[derive(Debug)]
struct LeaseEntry {
    record: LeaseRecord,
    write: WriteState,
    /// `LeaseTable::reusable` has it, from this time on.
    listed: Option<u64>,
    /// `LeaseTable::aside` has it.
    aside: bool,
}

impl LeaseEntry {
    /// Whether the address is out of reach for others now.
    fn holds(&self, now: u64) -> bool {
        match self.record.state {
            LeaseState::Bound => now < self.record.expires,
            LeaseState::Released => false,
            LeaseState::Declined => self.aside && now < self.record.expires,
        }
    }

    /// The same; but until it is on disk that the last holder gave it up, a restart would give it back to that one.
    fn is_taken(&self, now: u64) -> bool {
        self.holds(now) || self.write != WriteState::Saved
    }

    /// From when on others may have the address.
    fn free_from(&self) -> u64 {
        match self.record.state {
            LeaseState::Declined if !self.aside => self.record.since,
            _ => self.record.expires,
        }
    }
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
pub(crate) struct LeaseTable {
    pub(crate) network: DhcpNetwork,
    offer_hold: u64,
    max_offers: usize,
    reserved_addresses: HashMap<Ipv4Addr, ClientKey>,
    reservations: HashMap<ClientKey, usize>,
    leases: HashMap<Ipv4Addr, LeaseEntry>,
    by_key: ByKey,
    /// The address a machine had last, under whatever client identifier.
    by_mac: HashMap<MacOctets, Ipv4Addr>,
    /// Pool addresses with a saved lease and no offer, by the end of the lease: who comes first was gone longest.
    reusable: BTreeSet<(u64, Ipv4Addr)>,
    offers: HashMap<Ipv4Addr, Offer>,
    offers_by_key: ByKey,
    /// Offers by age. May name offers that are gone; those are skipped.
    offer_queue: VecDeque<(u64, Ipv4Addr)>,
    /// Pool addresses offered once and never leased.
    returned: BTreeSet<Ipv4Addr>,
    /// Addresses that are set aside, those that were first in front.
    aside: BTreeSet<(u64, Ipv4Addr)>,
    most_aside: usize,
    /// Addresses that their clients may have declined, and until when they count as such.
    doubted: HashMap<Ipv4Addr, u64>,
    /// How many were set aside and then gave way to others.
    given_way: u64,
    /// The pool and the address where the search for addresses never offered goes on.
    fresh: (usize, u32),
}

impl LeaseTable {
    pub(crate) fn new(network: DhcpNetwork, offer_hold: u64, max_offers: usize) -> Self {
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
            aside: BTreeSet::new(),
            most_aside: aside::most(&network),
            doubted: HashMap::new(),
            given_way: 0,
            fresh: (0, 0),
            network,
        }
    }

    pub(crate) fn into_leases(self) -> impl Iterator<Item = (LeaseRecord, WriteState)> {
        self.leases.into_values().map(|lease| (lease.record, lease.write))
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &LeaseRecord> {
        self.leases.values().map(|lease| &lease.record)
    }

    pub(crate) fn record(&self, address: Ipv4Addr) -> Option<(&LeaseRecord, WriteState)> {
        self.leases.get(&address).map(|lease| (&lease.record, lease.write))
    }

    /// Whether the machine has a reservation, or has or had a lease.
    pub(crate) fn knows(&self, mac: MacOctets) -> bool {
        self.by_mac.contains_key(&mac) || self.reservations.contains_key(&ClientKey::Mac(mac))
    }

    /// The client's reservation: by the identifier it sends, else by its Ethernet address.
    pub(crate) fn reservation(&self, client: &Identity) -> Option<&HostReservation> {
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
            LeaseState::Declined if client.holds_key(&lease.record) => lease.holds(now),
            LeaseState::Bound | LeaseState::Released if client.owns(&lease.record) => false,
            _ => lease.is_taken(now),
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
        let wish = wishes
            .into_iter()
            .flatten()
            .find(|address| self.is_free_for(*address, client, now) && !self.is_doubted(*address, now));
        wish.or_else(|| self.next_fresh())
            .or_else(|| self.returned.first().copied())
            .or_else(|| {
                self.reusable.first().filter(|(expires, _)| *expires <= now).map(|(_, address)| *address)
            })
            .or_else(|| self.take_old_offer(now))
            .or_else(|| if expected { self.take_offer_of_unexpected(now) } else { None })
            .or_else(|| self.take_set_aside(now, expected))
    }

    /// Puts a record in the place of the address's last one. It counts at once, even before it is saved.
    pub(crate) fn put(&mut self, record: LeaseRecord, write: WriteState) {
        let address = record.address;
        self.remove_offer(address);
        self.returned.remove(&address);
        if let Some(old) = self.leases.get(&address) {
            self.by_key.remove_if(&old.record.key(), address);
            remove_if(&mut self.by_mac, &old.record.mac, address);
            if let Some(from) = old.listed {
                self.reusable.remove(&(from, address));
            }
            if old.aside {
                self.aside.remove(&(old.record.since, address));
            }
        }
        let aside = record.state == LeaseState::Declined;
        if aside {
            self.aside.insert((record.since, address));
        } else {
            self.by_key.insert(record.key(), address);
            self.by_mac.insert(record.mac, address);
        }
        self.leases.insert(address, LeaseEntry { record, write, listed: None, aside });
        self.relist(address);
        self.bound_aside();
    }

    /// Notes how the write of an address's record went, if that is still its latest.
    pub(crate) fn written(&mut self, address: Ipv4Addr, sequence: u64, outcome: WriteState) -> bool {
        match self.leases.get_mut(&address) {
            Some(lease) if lease.write == WriteState::UnderWay(sequence) => lease.write = outcome,
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
        let listed = (idle && lease.write == WriteState::Saved).then(|| lease.free_from());
        let before = std::mem::replace(&mut lease.listed, listed);
        if before == listed {
            return;
        }
        if let Some(from) = before {
            self.reusable.remove(&(from, address));
        }
        if let Some(from) = listed {
            self.reusable.insert((from, address));
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
}
