//! Who is being served: each transfer holds a seat, and the seats are counted.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::source::Abort;

/// A client that asks again from the same port, after its transfer had begun and then stood still this long, has
/// started anew; before that its request is a duplicate that was under way.
const SILENCE: Duration = Duration::from_secs(3);

/// All seats.
#[derive(Clone)]
pub struct Seats(Arc<Shared>);

struct Shared {
    limit: usize,
    limit_per_peer: usize,
    opened: Instant,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    transfers: HashMap<(SocketAddrV4, String), Entry>,
    per_peer: HashMap<Ipv4Addr, usize>,
    seats: usize,
    next: u64,
}

struct Entry {
    number: u64,
    /// Milliseconds since the seats were opened; 0 before any progress.
    heard: Arc<AtomicU64>,
    stop: oneshot::Sender<Abort>,
}

/// The answer to who wants a seat.
pub enum Admission {
    /// A seat, and the way its transfer learns that it must stop.
    Seated(Seat, oneshot::Receiver<Abort>),
    /// This client is already being served this file (RFC 1350 §4: one transfer per pair of ports).
    Duplicate,
    /// None is free.
    Full,
}

/// The right to one transfer, given back when dropped.
pub struct Seat {
    seats: Seats,
    key: (SocketAddrV4, String),
    number: u64,
    heard: Arc<AtomicU64>,
}

impl Seats {
    /// `limit` seats, of which one address gets at most `limit_per_peer`.
    pub fn new(limit: usize, limit_per_peer: usize) -> Seats {
        let taken = Mutex::default();
        Seats(Arc::new(Shared { limit, limit_per_peer, opened: Instant::now(), taken }))
    }

    /// Seats a client that asks for `name` at `now`.
    pub fn admit(&self, peer: SocketAddrV4, name: &str, now: Instant) -> Admission {
        let mut taken = self.taken();
        let key = (peer, name.to_owned());
        if let Some(entry) = taken.transfers.get(&key) {
            let heard = Duration::from_millis(entry.heard.load(Ordering::Relaxed));
            if heard.is_zero() || now.duration_since(self.0.opened).saturating_sub(heard) < SILENCE {
                return Admission::Duplicate;
            }
            if let Some(entry) = taken.transfers.remove(&key) {
                let _ = entry.stop.send(Abort::Restarted);
            }
        }
        let of_peer = taken.per_peer.get(peer.ip()).copied().unwrap_or(0);
        if taken.seats >= self.0.limit || of_peer >= self.0.limit_per_peer {
            return Admission::Full;
        }
        taken.seats += 1;
        taken.per_peer.insert(*peer.ip(), of_peer + 1);
        taken.next += 1;
        let (number, heard) = (taken.next, Arc::new(AtomicU64::new(0)));
        let (stop, stopped) = oneshot::channel();
        taken.transfers.insert(key.clone(), Entry { number, heard: Arc::clone(&heard), stop });
        Admission::Seated(Seat { seats: self.clone(), key, number, heard }, stopped)
    }

    /// Tells every transfer to stop.
    pub fn stop_all(&self) {
        for (_, entry) in self.taken().transfers.drain() {
            let _ = entry.stop.send(Abort::Stopped);
        }
    }

    /// A panic elsewhere leaves the counts as they were: whole.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Notes that the transfer made progress at `now`.
    pub fn heard(&self, now: Instant) {
        let milliseconds = now.duration_since(self.seats.0.opened).as_millis() as u64;
        self.heard.store(milliseconds.max(1), Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.seats = taken.seats.saturating_sub(1);
        let peer = *self.key.0.ip();
        if let Some(count) = taken.per_peer.get_mut(&peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.per_peer.remove(&peer);
            }
        }
        // After a restart, another transfer sits under the same key.
        if taken.transfers.get(&self.key).is_some_and(|entry| entry.number == self.number) {
            taken.transfers.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 23, 45, 101), 49152);

    fn seat(seats: &Seats, peer: SocketAddrV4, name: &str, now: Instant) -> (Seat, oneshot::Receiver<Abort>) {
        match seats.admit(peer, name, now) {
            Admission::Seated(seat, stopped) => (seat, stopped),
            Admission::Duplicate => panic!("duplicate"),
            Admission::Full => panic!("full"),
        }
    }

    #[test]
    fn t06_a_duplicate_is_swallowed_but_a_client_that_fell_silent_may_start_anew() {
        let seats = Seats::new(10, 10);
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let (first, mut stopped) = seat(&seats, PHONE, "a", begun);
        assert!(
            matches!(seats.admit(PHONE, "a", after(20)), Admission::Duplicate),
            "not begun: still a duplicate"
        );
        first.heard(after(20));
        assert!(matches!(seats.admit(PHONE, "a", after(22)), Admission::Duplicate), "under way");
        assert!(stopped.try_recv().is_err());
        let (_second, _stop) = seat(&seats, PHONE, "a", after(24));
        assert_eq!(stopped.try_recv(), Ok(Abort::Restarted));
        drop(first);
        assert!(
            matches!(seats.admit(PHONE, "a", after(24)), Admission::Duplicate),
            "the second keeps its seat"
        );
    }

    #[test]
    fn seats_are_counted_in_all_and_for_each_address() {
        let seats = Seats::new(3, 2);
        let now = Instant::now();
        let other = SocketAddrV4::new(Ipv4Addr::new(10, 23, 45, 102), 1);
        let first = seat(&seats, PHONE, "a", now);
        let _second = seat(&seats, PHONE, "b", now);
        assert!(matches!(seats.admit(PHONE, "c", now), Admission::Full));
        let _third = seat(&seats, other, "a", now);
        assert!(matches!(seats.admit(other, "b", now), Admission::Full));
        drop(first);
        let _again = seat(&seats, other, "b", now);
        assert!(matches!(seats.admit(PHONE, "c", now), Admission::Full));
    }
}
