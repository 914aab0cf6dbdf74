//! Who is being served: each transfer holds a seat, and the seats are counted.
//!
//! A read request can be forged. So a seat whose client has not answered yet is one that others may have: those of
//! strangers first, then those of clients that the owner knows. A quarter of all seats is for clients that the owner
//! knows.

use std::{
    collections::{BTreeSet, HashMap},
    net::{Ipv4Addr, SocketAddrV4},
};

/// Seats of strangers that have not answered yet, in all and for one address.
const MOST_UNANSWERED: usize = 256;
const MOST_UNANSWERED_OF_ONE: usize = 2;

/// All seats.
pub struct Seats {
    limit: usize,
    limit_per_peer: usize,
    /// The seat of each client and file, and beside it one for the same client if it may have started anew.
    taken: HashMap<Key, (u64, Option<u64>)>,
    held: HashMap<u64, Seat>,
    per_peer: HashMap<Ipv4Addr, BTreeSet<u64>>,
    /// Seats whose client has not answered, oldest first.
    unanswered: Unanswered,
    /// Seats of clients that the owner does not know.
    strangers: usize,
    last: u64,
}

/// A client's port, and the file it asked for there.
pub type Key = (SocketAddrV4, String);

/// What is known of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The owner knows who has it.
    Known,
    /// It has answered lately.
    Answers,
    /// Nothing: it may be made up.
    Stranger,
}

struct Seat {
    key: Key,
    standing: Standing,
    answered: bool,
    /// Its client has asked for something else since.
    left: bool,
}

#[derive(Default)]
struct Unanswered {
    strangers: BTreeSet<u64>,
    others: BTreeSet<u64>,
}

/// The answer to who wants a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A seat, known by this number, which never comes again.
    Seated(u64),
    /// This client is already being served this file in this seat (RFC 1350 §4: one transfer per pair of ports).
    Duplicate(u64),
    /// There is one, after this seat was left: its client has not answered.
    After(u64),
    /// None is free.
    Full,
}

impl Seats {
    /// `limit` seats, of which one address gets at most `limit_per_peer`.
    pub fn new(limit: usize, limit_per_peer: usize) -> Seats {
        Seats {
            limit,
            limit_per_peer,
            taken: HashMap::new(),
            held: HashMap::new(),
            per_peer: HashMap::new(),
            unanswered: Unanswered::default(),
            strangers: 0,
            last: 0,
        }
    }

    /// Seats a client.
    pub fn admit(&mut self, key: &Key, standing: Standing) -> Admission {
        if let Some((seat, beside)) = self.taken.get(key) {
            return Admission::Duplicate(beside.unwrap_or(*seat));
        }
        self.admit_anew(key, standing)
    }

    /// The client that has a seat.
    pub fn client(&self, seat: u64) -> Option<Ipv4Addr> {
        self.held.get(&seat).map(|seat| *seat.key.0.ip())
    }

    /// Seats a client, beside itself if it has a seat: it may have started anew, and a request alone, which can be forged,
    /// does not end a transfer that the client has answered.
    pub fn admit_anew(&mut self, key: &Key, standing: Standing) -> Admission {
        if let Err(gives_way) = self.has_room(*key.0.ip(), standing) {
            return gives_way.map_or(Admission::Full, Admission::After);
        }
        self.leaves_others(key.0);
        self.last += 1;
        let seat = self.last;
        self.taken.entry(key.clone()).and_modify(|taken| taken.1 = Some(seat)).or_insert((seat, None));
        self.per_peer.entry(*key.0.ip()).or_default().insert(seat);
        if standing == Standing::Stranger {
            self.unanswered.strangers.insert(seat);
        } else {
            self.unanswered.others.insert(seat);
        }
        self.strangers += usize::from(standing != Standing::Known);
        self.held.insert(seat, Seat { key: key.clone(), standing, answered: false, left: false });
        Admission::Seated(seat)
    }

    /// Fails where no seat is free, with the seat that gives way, if there is one.
    fn has_room(&self, peer: Ipv4Addr, standing: Standing) -> Result<(), Option<u64>> {
        let its_own = self.per_peer.get(&peer);
        let mut own = its_own
            .into_iter()
            .flatten()
            .filter(|seat| self.held.get(seat).is_some_and(|seat| !seat.answered));
        if its_own.map_or(0, BTreeSet::len) >= self.limit_per_peer {
            return Err(own.next().copied());
        }
        if standing != Standing::Known && self.strangers >= (self.limit - self.limit / 4) {
            return Err(self.unanswered.strangers.first().copied());
        }
        if standing == Standing::Stranger {
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
        let others = || self.unanswered.others.first().filter(|_| standing == Standing::Known);
        Err(self.unanswered.strangers.first().or_else(others).copied())
    }

    /// Notes that the client in this seat has answered. Returns the seat that it held before it started anew.
    pub fn answered(&mut self, seat: u64) -> Option<u64> {
        let held = self.held.get_mut(&seat)?;
        held.answered = true;
        self.unanswered.remove(seat);
        let (first, beside) = *self.taken.get(&held.key)?;
        (beside == Some(seat)).then_some(first)
    }

    /// Whether the client in this seat never answered, and has asked for something since, from the same port.
    pub fn is_left(&self, seat: u64) -> bool {
        self.held.get(&seat).is_some_and(|seat| seat.left && !seat.answered)
    }

    /// Notes that a client has left what it asked for before from the same port, unless it answers yet.
    fn leaves_others(&mut self, client: SocketAddrV4) {
        for seat in self.per_peer.get(client.ip()).into_iter().flatten() {
            if let Some(seat) = self.held.get_mut(seat).filter(|seat| seat.key.0 == client) {
                seat.left = true;
            }
        }
    }

    /// Seats that are taken.
    pub fn taken(&self) -> usize {
        self.held.len()
    }

    /// How an address stood when it was seated.
    pub fn standing(&self, seat: u64) -> Option<Standing> {
        self.held.get(&seat).map(|seat| seat.standing)
    }

    /// Gives a seat back.
    pub fn leave(&mut self, seat: u64) {
        let Some(Seat { key, standing, .. }) = self.held.remove(&seat) else { return };
        self.unanswered.remove(seat);
        self.strangers -= usize::from(standing != Standing::Known);
        match self.taken.get_mut(&key) {
            Some((first, beside @ Some(_))) => {
                if *first == seat {
                    *first = beside.take().unwrap_or(seat);
                } else {
                    *beside = None;
                }
            }
            _ => _ = self.taken.remove(&key),
        }
        if let Some(own) = self.per_peer.get_mut(key.0.ip()) {
            own.remove(&seat);
            if own.is_empty() {
                self.per_peer.remove(key.0.ip());
            }
        }
    }
}

impl Unanswered {
    fn remove(&mut self, seat: u64) {
        if !self.strangers.remove(&seat) {
            self.others.remove(&seat);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing::*, *};

    fn key(host: u8, name: &str) -> Key {
        (SocketAddrV4::new(Ipv4Addr::new(10, 23, 45, host), 49152), name.to_owned())
    }

    fn made_up(number: u32) -> Key {
        (SocketAddrV4::new(Ipv4Addr::from(0x0a63_0000 + number), 49152), "f".to_owned())
    }

    #[test]
    fn t06_one_transfer_per_port_and_file() {
        let mut seats = Seats::new(10, 10);
        assert_eq!(seats.admit(&key(1, "a"), Known), Admission::Seated(1));
        assert_eq!(seats.admit(&key(1, "a"), Known), Admission::Duplicate(1));
        assert_eq!(seats.admit(&key(1, "b"), Known), Admission::Seated(2));
        seats.leave(1);
        assert_eq!(seats.admit(&key(1, "a"), Known), Admission::Seated(3));
    }

    #[test]
    fn answered_seats_are_counted_in_all_and_for_each_address() {
        let mut seats = Seats::new(3, 2);
        assert_eq!(seats.admit(&key(1, "a"), Known), Admission::Seated(1));
        assert_eq!(seats.admit(&key(1, "b"), Known), Admission::Seated(2));
        assert_eq!(seats.admit(&key(1, "c"), Known), Admission::After(1), "nobody answered");
        assert_eq!((seats.answered(1), seats.answered(2)), (None, None));
        assert_eq!(seats.admit(&key(1, "c"), Known), Admission::Full);
        assert_eq!(seats.admit(&key(2, "a"), Known), Admission::Seated(3));
        assert_eq!(seats.admit(&key(3, "a"), Known), Admission::After(3));
        seats.answered(3);
        assert_eq!(seats.admit(&key(3, "a"), Known), Admission::Full);
        seats.leave(1);
        seats.leave(1);
        assert_eq!(seats.admit(&key(3, "a"), Known), Admission::Seated(4));
        assert_eq!(seats.admit(&key(1, "c"), Known), Admission::After(4));
    }

    #[test]
    fn who_may_have_started_anew_is_seated_beside_itself_until_one_of_both_is_over() {
        let mut seats = Seats::new(10, 10);
        let (one, again) = (key(1, "a"), Admission::Seated);
        assert_eq!((seats.admit(&one, Known), seats.answered(1)), (again(1), None));
        assert_eq!(seats.admit_anew(&one, Known), again(2));
        assert_eq!(seats.admit(&one, Known), Admission::Duplicate(2));
        seats.leave(2);
        assert_eq!(seats.admit(&one, Known), Admission::Duplicate(1));
        assert_eq!(seats.admit_anew(&one, Known), again(3));
        assert_eq!(seats.answered(3), Some(1));
        seats.leave(1);
        assert_eq!(seats.admit(&one, Known), Admission::Duplicate(3));
        assert_eq!(seats.admit_anew(&one, Known), again(4));
        assert_eq!(seats.answered(4), Some(3));
    }

    #[test]
    fn strangers_that_do_not_answer_hold_few_seats_and_give_way() {
        let mut seats = Seats::new(4096, 16);
        for number in 0..256 {
            assert!(matches!(seats.admit(&made_up(number), Stranger), Admission::Seated(_)));
        }
        assert_eq!(seats.admit(&made_up(256), Stranger), Admission::After(1), "the oldest");
        for host in 0..200 {
            assert!(matches!(seats.admit(&key(host, "a"), Known), Admission::Seated(_)), "{host}");
        }
        let mut seats = Seats::new(4096, 16);
        for name in ["a", "b"] {
            seats.admit(&key(1, name), Stranger);
        }
        assert_eq!(seats.admit(&key(1, "c"), Stranger), Admission::After(1), "two for an address");
    }

    #[test]
    fn strangers_that_answer_leave_a_quarter_of_the_seats_to_those_the_owner_knows() {
        let mut seats = Seats::new(8, 8);
        for number in 0..6 {
            let Admission::Seated(seat) = seats.admit(&made_up(number), Stranger) else { panic!() };
            seats.answered(seat);
        }
        assert_eq!(seats.admit(&made_up(6), Stranger), Admission::Full);
        assert_eq!(seats.admit(&made_up(6), Answers), Admission::Full);
        for host in 0..2 {
            assert!(matches!(seats.admit(&key(host, "a"), Known), Admission::Seated(_)));
        }
    }
}
