//! Who is being served: each transfer holds a seat, and the seats are counted.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
};

/// All seats.
pub struct Seats {
    limit: usize,
    limit_per_peer: usize,
    taken: HashMap<Key, u64>,
    count: usize,
    per_peer: HashMap<Ipv4Addr, usize>,
    last: u64,
}

/// A client's port, and the file it asked for there.
pub type Key = (SocketAddrV4, String);

/// The answer to who wants a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A seat, known by this number, which never comes again.
    Seated(u64),
    /// This client is already being served this file in this seat (RFC 1350 §4: one transfer per pair of ports).
    Duplicate(u64),
    /// None is free.
    Full,
}

impl Seats {
    /// `limit` seats, of which one address gets at most `limit_per_peer`.
    pub fn new(limit: usize, limit_per_peer: usize) -> Seats {
        Seats { limit, limit_per_peer, taken: HashMap::new(), count: 0, per_peer: HashMap::new(), last: 0 }
    }

    /// Seats a client.
    pub fn admit(&mut self, key: Key) -> Admission {
        if let Some(seat) = self.taken.get(&key) {
            return Admission::Duplicate(*seat);
        }
        let peer = *key.0.ip();
        let of_peer = self.per_peer.get(&peer).copied().unwrap_or(0);
        if self.count >= self.limit || of_peer >= self.limit_per_peer {
            return Admission::Full;
        }
        self.count += 1;
        self.per_peer.insert(peer, of_peer + 1);
        self.last += 1;
        self.taken.insert(key, self.last);
        Admission::Seated(self.last)
    }

    /// Gives a seat back.
    pub fn leave(&mut self, key: &Key) {
        if self.taken.remove(key).is_none() {
            return;
        }
        self.count -= 1;
        if let Some(count) = self.per_peer.get_mut(key.0.ip()) {
            *count -= 1;
            if *count == 0 {
                self.per_peer.remove(key.0.ip());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(host: u8, name: &str) -> Key {
        (SocketAddrV4::new(Ipv4Addr::new(10, 23, 45, host), 49152), name.to_owned())
    }

    #[test]
    fn t06_one_transfer_per_port_and_file() {
        let mut seats = Seats::new(10, 10);
        assert_eq!(seats.admit(key(1, "a")), Admission::Seated(1));
        assert_eq!(seats.admit(key(1, "a")), Admission::Duplicate(1));
        assert_eq!(seats.admit(key(1, "b")), Admission::Seated(2));
        seats.leave(&key(1, "a"));
        assert_eq!(seats.admit(key(1, "a")), Admission::Seated(3));
    }

    #[test]
    fn seats_are_counted_in_all_and_for_each_address() {
        let mut seats = Seats::new(3, 2);
        assert_eq!(seats.admit(key(1, "a")), Admission::Seated(1));
        assert_eq!(seats.admit(key(1, "b")), Admission::Seated(2));
        assert_eq!(seats.admit(key(1, "c")), Admission::Full);
        assert_eq!(seats.admit(key(2, "a")), Admission::Seated(3));
        assert_eq!(seats.admit(key(2, "b")), Admission::Full);
        seats.leave(&key(1, "a"));
        seats.leave(&key(1, "a"));
        assert_eq!(seats.admit(key(2, "b")), Admission::Seated(4));
        assert_eq!(seats.admit(key(1, "c")), Admission::Full);
    }
}
