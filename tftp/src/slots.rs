//! Admits requests to transfer slots, a bounded number of them.
//!
//! A read request can be forged. So a slot whose client has not answered yet may go to another client: strangers lose
//! theirs first, then known clients. A quarter of all slots is kept for clients that the source knows.

use std::{
    collections::{BTreeSet, HashMap},
    net::{Ipv4Addr, SocketAddrV4},
};

/// Slots of strangers that have not answered yet, in all and for one address.
const MOST_UNANSWERED: usize = 256;
const MOST_UNANSWERED_OF_ONE: usize = 2;

/// All slots of one server.
pub struct TransferSlots {
    limit: usize,
    limit_per_peer: usize,
    /// The slot of each client and file, and a second one if the client may have started anew.
    taken: HashMap<TransferKey, (u64, Option<u64>)>,
    held: HashMap<u64, Slot>,
    per_peer: HashMap<Ipv4Addr, BTreeSet<u64>>,
    /// Slots whose client has not answered, oldest first.
    unanswered: UnansweredSlots,
    /// Slots of clients that the source does not know.
    strangers: usize,
    last: u64,
}

/// A client's port, and the file it asked for there.
pub type TransferKey = (SocketAddrV4, String);

/// How far an address is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerStanding {
    /// The source knows its holder.
    Known,
    /// It has answered lately.
    Answers,
    /// Unknown: the address may be forged.
    Stranger,
}

struct Slot {
    key: TransferKey,
    standing: PeerStanding,
    answered: bool,
    /// The client has asked for another file since.
    left: bool,
}

#[derive(Default)]
struct UnansweredSlots {
    strangers: BTreeSet<u64>,
    others: BTreeSet<u64>,
}

/// The answer to a request for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The client gets the slot of this number. Numbers are never reused.
    Granted(u64),
    /// The client already gets this file in this slot (RFC 1350 §4: one transfer per pair of ports).
    Duplicate(u64),
    /// A slot is free once this one is given back, whose client has not answered.
    After(u64),
    /// No slot is free.
    Full,
}

impl TransferSlots {
    /// Makes `limit` slots. One address gets at most `limit_per_peer` of them.
    pub fn new(limit: usize, limit_per_peer: usize) -> TransferSlots {
        TransferSlots {
            limit,
            limit_per_peer,
            taken: HashMap::new(),
            held: HashMap::new(),
            per_peer: HashMap::new(),
            unanswered: UnansweredSlots::default(),
            strangers: 0,
            last: 0,
        }
    }

    /// Gives a client a slot.
    pub fn admit(&mut self, key: &TransferKey, standing: PeerStanding) -> Admission {
        if let Some((slot, beside)) = self.taken.get(key) {
            return Admission::Duplicate(beside.unwrap_or(*slot));
        }
        self.admit_anew(key, standing)
    }

    /// The client that holds a slot.
    pub fn client(&self, slot: u64) -> Option<Ipv4Addr> {
        self.held.get(&slot).map(|slot| *slot.key.0.ip())
    }

    /// Gives a client a slot, a second one if it has one already. The client may have started anew, but a request can be
    /// forged, so it does not end a transfer that the client has answered.
    pub fn admit_anew(&mut self, key: &TransferKey, standing: PeerStanding) -> Admission {
        if let Err(gives_way) = self.has_room(*key.0.ip(), standing) {
            return gives_way.map_or(Admission::Full, Admission::After);
        }
        self.leaves_others(key.0);
        self.last += 1;
        let slot = self.last;
        self.taken.entry(key.clone()).and_modify(|taken| taken.1 = Some(slot)).or_insert((slot, None));
        self.per_peer.entry(*key.0.ip()).or_default().insert(slot);
        if standing == PeerStanding::Stranger {
            self.unanswered.strangers.insert(slot);
        } else {
            self.unanswered.others.insert(slot);
        }
        self.strangers += usize::from(standing != PeerStanding::Known);
        self.held.insert(slot, Slot { key: key.clone(), standing, answered: false, left: false });
        Admission::Granted(slot)
    }

    /// Fails where no slot is free, with the slot that gives way, if there is one.
    fn has_room(&self, peer: Ipv4Addr, standing: PeerStanding) -> Result<(), Option<u64>> {
        let its_own = self.per_peer.get(&peer);
        let mut own = its_own
            .into_iter()
            .flatten()
            .filter(|slot| self.held.get(slot).is_some_and(|slot| !slot.answered));
        if its_own.map_or(0, BTreeSet::len) >= self.limit_per_peer {
            return Err(own.next().copied());
        }
        if standing != PeerStanding::Known && self.strangers >= (self.limit - self.limit / 4) {
            return Err(self.unanswered.strangers.first().copied());
        }
        if standing == PeerStanding::Stranger {
            let unanswered: Vec<u64> = own.copied().collect();
            if unanswered.len() >= MOST_UNANSWERED_OF_ONE {
                return Err(unanswered.first().copied());
            }
            if self.unanswered.strangers.len() >= MOST_UNANSWERED {
                return Err(self.unanswered.strangers.first().copied());
            }
        }
        if self.held.len() < self.limit {
            return Ok(());
        }
        let others = || self.unanswered.others.first().filter(|_| standing == PeerStanding::Known);
        Err(self.unanswered.strangers.first().or_else(others).copied())
    }

    /// Notes that the client in this slot has answered. Returns the slot that it held before it started anew.
    pub fn answered(&mut self, slot: u64) -> Option<u64> {
        let held = self.held.get_mut(&slot)?;
        held.answered = true;
        self.unanswered.remove(slot);
        let (first, beside) = *self.taken.get(&held.key)?;
        (beside == Some(slot)).then_some(first)
    }

    /// Whether the client in this slot never answered, and has asked for something since, from the same port.
    pub fn is_left(&self, slot: u64) -> bool {
        self.held.get(&slot).is_some_and(|slot| slot.left && !slot.answered)
    }

    /// Notes that a client has left what it asked for before from the same port, unless it answers yet.
    fn leaves_others(&mut self, client: SocketAddrV4) {
        for slot in self.per_peer.get(client.ip()).into_iter().flatten() {
            if let Some(slot) = self.held.get_mut(slot).filter(|slot| slot.key.0 == client) {
                slot.left = true;
            }
        }
    }

    /// How many slots are taken.
    pub fn taken(&self) -> usize {
        self.held.len()
    }

    /// The trust in the address when the slot was given.
    pub fn standing(&self, slot: u64) -> Option<PeerStanding> {
        self.held.get(&slot).map(|slot| slot.standing)
    }

    /// Frees a slot.
    pub fn leave(&mut self, slot: u64) {
        let Some(Slot { key, standing, .. }) = self.held.remove(&slot) else { return };
        self.unanswered.remove(slot);
        self.strangers -= usize::from(standing != PeerStanding::Known);
        match self.taken.get_mut(&key) {
            Some((first, beside @ Some(_))) => {
                if *first == slot {
                    *first = beside.take().unwrap_or(slot);
                } else {
                    *beside = None;
                }
            }
            _ => _ = self.taken.remove(&key),
        }
        if let Some(own) = self.per_peer.get_mut(key.0.ip()) {
            own.remove(&slot);
            if own.is_empty() {
                self.per_peer.remove(key.0.ip());
            }
        }
    }
}

impl UnansweredSlots {
    fn remove(&mut self, slot: u64) {
        if !self.strangers.remove(&slot) {
            self.others.remove(&slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PeerStanding::*, *};

    fn key(host: u8, name: &str) -> TransferKey {
        (SocketAddrV4::new(Ipv4Addr::new(10, 23, 45, host), 49152), name.to_owned())
    }

    fn made_up(number: u32) -> TransferKey {
        (SocketAddrV4::new(Ipv4Addr::from(0x0a63_0000 + number), 49152), "f".to_owned())
    }

    #[test]
    fn t06_one_transfer_per_port_and_file() {
        let mut slots = TransferSlots::new(10, 10);
        assert_eq!(slots.admit(&key(1, "a"), Known), Admission::Granted(1));
        assert_eq!(slots.admit(&key(1, "a"), Known), Admission::Duplicate(1));
        assert_eq!(slots.admit(&key(1, "b"), Known), Admission::Granted(2));
        slots.leave(1);
        assert_eq!(slots.admit(&key(1, "a"), Known), Admission::Granted(3));
    }

    #[test]
    fn answered_slots_are_counted_in_all_and_for_each_address() {
        let mut slots = TransferSlots::new(3, 2);
        assert_eq!(slots.admit(&key(1, "a"), Known), Admission::Granted(1));
        assert_eq!(slots.admit(&key(1, "b"), Known), Admission::Granted(2));
        assert_eq!(slots.admit(&key(1, "c"), Known), Admission::After(1), "nobody answered");
        assert_eq!((slots.answered(1), slots.answered(2)), (None, None));
        assert_eq!(slots.admit(&key(1, "c"), Known), Admission::Full);
        assert_eq!(slots.admit(&key(2, "a"), Known), Admission::Granted(3));
        assert_eq!(slots.admit(&key(3, "a"), Known), Admission::After(3));
        slots.answered(3);
        assert_eq!(slots.admit(&key(3, "a"), Known), Admission::Full);
        slots.leave(1);
        slots.leave(1);
        assert_eq!(slots.admit(&key(3, "a"), Known), Admission::Granted(4));
        assert_eq!(slots.admit(&key(1, "c"), Known), Admission::After(4));
    }

    #[test]
    fn a_client_that_may_have_started_anew_has_two_slots_until_one_transfer_is_over() {
        let mut slots = TransferSlots::new(10, 10);
        let (one, again) = (key(1, "a"), Admission::Granted);
        assert_eq!((slots.admit(&one, Known), slots.answered(1)), (again(1), None));
        assert_eq!(slots.admit_anew(&one, Known), again(2));
        assert_eq!(slots.admit(&one, Known), Admission::Duplicate(2));
        slots.leave(2);
        assert_eq!(slots.admit(&one, Known), Admission::Duplicate(1));
        assert_eq!(slots.admit_anew(&one, Known), again(3));
        assert_eq!(slots.answered(3), Some(1));
        slots.leave(1);
        assert_eq!(slots.admit(&one, Known), Admission::Duplicate(3));
        assert_eq!(slots.admit_anew(&one, Known), again(4));
        assert_eq!(slots.answered(4), Some(3));
    }

    #[test]
    fn strangers_that_do_not_answer_hold_few_slots_and_give_way() {
        let mut slots = TransferSlots::new(4096, 16);
        for number in 0..256 {
            assert!(matches!(slots.admit(&made_up(number), Stranger), Admission::Granted(_)));
        }
        assert_eq!(slots.admit(&made_up(256), Stranger), Admission::After(1), "the oldest");
        for host in 0..200 {
            assert!(matches!(slots.admit(&key(host, "a"), Known), Admission::Granted(_)), "{host}");
        }
        let mut slots = TransferSlots::new(4096, 16);
        for name in ["a", "b"] {
            slots.admit(&key(1, name), Stranger);
        }
        assert_eq!(slots.admit(&key(1, "c"), Stranger), Admission::After(1), "two for an address");
    }

    #[test]
    fn strangers_that_answer_leave_a_quarter_of_the_slots_to_those_the_source_knows() {
        let mut slots = TransferSlots::new(8, 8);
        for number in 0..6 {
            let Admission::Granted(slot) = slots.admit(&made_up(number), Stranger) else { panic!() };
            slots.answered(slot);
        }
        assert_eq!(slots.admit(&made_up(6), Stranger), Admission::Full);
        assert_eq!(slots.admit(&made_up(6), Answers), Admission::Full);
        for host in 0..2 {
            assert!(matches!(slots.admit(&key(host, "a"), Known), Admission::Granted(_)));
        }
    }
}
