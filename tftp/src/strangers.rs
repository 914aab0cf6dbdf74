//! Decides which addresses are strangers, and how many requests of strangers are answered.
//!
//! A packet to a forged address on the segment takes an entry of the kernel's table of neighbors for some seconds:
//! 1,024 in all (`gc_thresh3` of arp(7)), for the whole machine. Until the kernel gives up, the packet also takes
//! about 768 bytes of the sending socket's buffer of 208 KiB, and when that is full, nobody gets an answer. So there is an
//! allowance of packets to addresses that nobody knows and that have not answered. An answer gives its part of the
//! allowance back at once.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crate::slots::PeerStanding;

/// Requests of strangers that are answered at once after a quiet time.
const BURST: u32 = 64;
/// One more request is answered each time this has passed. The kernel gives up on a neighbor after three seconds.
const EVERY: Duration = Duration::from_millis(50);
/// How long a stranger has for its first answer, enough for two retransmissions.
pub const PATIENCE: Duration = Duration::from_millis(3500);
/// How long an address that has answered is trusted.
const REMEMBERED: Duration = Duration::from_secs(600);
/// How long the source's word for an address is good.
const VOUCHED: Duration = Duration::from_secs(5);
/// Most addresses that are remembered.
const MOST: usize = 8192;
/// Shortest time between two log lines about ignored strangers.
const SAY: Duration = Duration::from_secs(60);

/// Counts how often a server's limits were reached since it started, and its free slots.
#[derive(Debug, Default)]
pub struct LimitCounters {
    ignored: AtomicU64,
    given_way: AtomicU64,
    refused: AtomicU64,
    /// The latest clients; 0.0.0.0 if there was none.
    unheard: AtomicU32,
    busy: AtomicU32,
    /// Slots of all running servers.
    slots: AtomicUsize,
    taken: AtomicUsize,
}

impl LimitCounters {
    /// Requests of strangers that got no answer, because too many strangers had not answered.
    pub fn ignored(&self) -> u64 {
        self.ignored.load(Ordering::Relaxed)
    }

    /// Transfers whose client had not answered and that gave way to others.
    pub fn given_way(&self) -> u64 {
        self.given_way.load(Ordering::Relaxed)
    }

    /// Requests that were refused, because too many transfers were under way.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The latest client that was ignored or gave way.
    pub fn latest_unheard(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.unheard.load(Ordering::Relaxed))
    }

    /// The latest client that was refused.
    pub fn latest_refused(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.busy.load(Ordering::Relaxed))
    }

    /// Whether one more transfer has room now; false if no server runs.
    pub fn has_room(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < self.slots.load(Ordering::Relaxed)
    }

    pub(crate) fn add_slots(&self, slots: usize) {
        self.slots.fetch_add(slots, Ordering::Relaxed);
    }

    pub(crate) fn remove_slots(&self, slots: usize) {
        self.slots.fetch_sub(slots, Ordering::Relaxed);
    }

    pub(crate) fn take_slots(&self, before: usize, now: usize) {
        // The addition wraps around if there are fewer now, which subtracts.
        self.taken.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    pub(crate) fn ignore(&self, client: Ipv4Addr) {
        self.unheard.store(client.to_bits(), Ordering::Relaxed);
        self.ignored.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn give_way(&self, client: Ipv4Addr) {
        self.unheard.store(client.to_bits(), Ordering::Relaxed);
        self.given_way.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self, client: Ipv4Addr) {
        self.busy.store(client.to_bits(), Ordering::Relaxed);
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Trusted addresses, and the token bucket for all others.
pub struct Strangers {
    left: u32,
    since: Instant,
    /// Until when the source's word counts.
    vouched: HashMap<Ipv4Addr, Instant>,
    answered: HashMap<Ipv4Addr, Instant>,
    said: Option<Instant>,
}

impl Strangers {
    /// Starts with a full token bucket and no trusted address.
    pub fn new(now: Instant) -> Strangers {
        Strangers { left: BURST, since: now, vouched: HashMap::new(), answered: HashMap::new(), said: None }
    }

    /// The trust in an address; `knows` asks the source.
    pub fn standing(&mut self, peer: Ipv4Addr, now: Instant, knows: impl FnOnce() -> bool) -> PeerStanding {
        let lasts = |map: &HashMap<Ipv4Addr, Instant>| map.get(&peer).is_some_and(|until| now < *until);
        if lasts(&self.vouched) {
            return PeerStanding::Known;
        }
        if knows() {
            remember(&mut self.vouched, peer, now, VOUCHED);
            return PeerStanding::Known;
        }
        if lasts(&self.answered) { PeerStanding::Answers } else { PeerStanding::Stranger }
    }

    /// Takes a token, if there is one left.
    pub fn take(&mut self, now: Instant) -> bool {
        let more = now.saturating_duration_since(self.since).as_millis() / EVERY.as_millis();
        let more = u32::try_from(more).unwrap_or(BURST).min(BURST);
        self.left = (self.left + more).min(BURST);
        self.since = if self.left == BURST { now } else { self.since + EVERY * more };
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        some
    }

    /// Notes that an address has answered.
    pub fn answers(&mut self, peer: Ipv4Addr, standing: PeerStanding, now: Instant) {
        if standing == PeerStanding::Stranger {
            self.left = (self.left + 1).min(BURST);
        }
        remember(&mut self.answered, peer, now, REMEMBERED);
    }

    /// Whether ignored strangers may be logged again.
    pub fn say(&mut self, now: Instant) -> bool {
        let due = self.said.is_none_or(|said| now.saturating_duration_since(said) >= SAY);
        if due {
            self.said = Some(now);
        }
        due
    }
}

fn remember(map: &mut HashMap<Ipv4Addr, Instant>, peer: Ipv4Addr, now: Instant, long: Duration) {
    if map.len() >= MOST && !map.contains_key(&peer) {
        map.retain(|_, until| now < *until);
        if map.len() >= MOST {
            return;
        }
    }
    map.insert(peer, now + long);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

    #[test]
    fn strangers_are_heeded_no_faster_than_the_kernel_forgets_them_and_an_answer_counts_nothing() {
        let start = Instant::now();
        let mut strangers = Strangers::new(start);
        let mut heeded = |from: u64| {
            let times = (0..1000)
                .map(|number| start + Duration::from_secs(from) + 2 * number * Duration::from_millis(1));
            times.filter(|now| strangers.take(*now)).count()
        };
        // Five hundred a second for two seconds.
        assert!((64 + 38..64 + 42).contains(&heeded(0)));
        assert!((38..42).contains(&heeded(2)));
        let now = start + Duration::from_secs(100);
        for _ in 0..5000 {
            assert!(strangers.take(now));
            strangers.answers(PEER, PeerStanding::Stranger, now);
        }
    }

    #[test]
    fn an_address_that_answered_is_no_stranger_for_a_while() {
        let start = Instant::now();
        let mut strangers = Strangers::new(start);
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(strangers.standing(PEER, start, || false), PeerStanding::Stranger);
        strangers.answers(PEER, PeerStanding::Stranger, start);
        assert_eq!(strangers.standing(PEER, after(599), || false), PeerStanding::Answers);
        assert_eq!(strangers.standing(PEER, after(599), || true), PeerStanding::Known);
        assert_eq!(strangers.standing(PEER, after(601), || panic!("asked again")), PeerStanding::Known);
        assert_eq!(strangers.standing(PEER, after(605), || false), PeerStanding::Stranger);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let start = Instant::now();
        let mut strangers = Strangers::new(start);
        for number in 0..20_000 {
            strangers.answers(Ipv4Addr::from(number), PeerStanding::Known, start);
        }
        assert_eq!(strangers.answered.len(), MOST);
        strangers.answers(PEER, PeerStanding::Known, start + REMEMBERED);
        assert_eq!(strangers.answered.len(), 1);
    }
}
