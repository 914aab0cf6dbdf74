//! Places for connections, and the choice of a connection to give way when all are taken.
//!
//! Strangers are addresses without a lease. They share a part of the places, so that the rest stays for leaseholders.
//! A connection waits for its client if it has sent no complete request yet, or nothing since its last answer. A
//! waiting connection gives way to a newcomer: strangers first, then the address with the most connections, and of
//! those the oldest. A connection with a request in work never gives way.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, oneshot};

/// The numbers of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// In all.
    pub(super) all: usize,
    /// For all addresses without a lease.
    pub(super) strangers: usize,
    /// For one address.
    pub(super) per_peer: usize,
}

/// The places of one listener, or of several that share them.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Mutex<PlaceTable>>, Arc<Notify>);

#[derive(Debug)]
struct PlaceTable {
    room: Room,
    next: u64,
    all: usize,
    strangers: usize,
    peers: HashMap<IpAddr, Peer>,
}

#[derive(Debug, Default)]
struct Peer {
    leased: bool,
    all: usize,
    /// Since when and which; the first has waited longest.
    waiting: BTreeSet<(u64, u64)>,
    /// Dropping the sender ends the connection.
    open: HashMap<u64, (oneshot::Sender<()>, Option<u64>)>,
}

/// The outcome for a newcomer.
#[derive(Debug)]
pub(super) struct PlaceOffer {
    /// Its place, if there is one.
    pub(super) seat: Option<(Seat, GivesWay)>,
    /// A bound was reached: the newcomer has no place, or another connection gave way.
    pub(super) full: bool,
}

/// Resolves when the connection has to give way.
pub type GivesWay = oneshot::Receiver<()>;

/// A taken place; dropping it frees the place.
#[derive(Debug)]
pub struct Seat {
    places: Places,
    peer: IpAddr,
    id: u64,
}

impl Places {
    pub(super) fn new(room: Room) -> Self {
        let table = PlaceTable { room, next: 0, all: 0, strangers: 0, peers: HashMap::new() };
        Self(Arc::new(Mutex::new(table)), Arc::default())
    }

    fn table(&self) -> MutexGuard<'_, PlaceTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves once a place is free, or can be freed, that was not before this call. One task waits at a time.
    pub(super) fn freed(&self) -> OwnedNotified {
        Arc::clone(&self.1).notified_owned()
    }

    /// A place for a newcomer, which then waits for its client.
    pub(super) fn enter(&self, peer: IpAddr, leased: bool) -> PlaceOffer {
        let mut table = self.table();
        table.know(peer, leased);
        let mut full = false;
        while let Some(whose) = table.lacks(peer, leased) {
            full = true;
            if !table.make_room(whose, peer, leased) {
                table.forget_if_gone(peer);
                return PlaceOffer { seat: None, full };
            }
        }
        let (id, gives_way) = table.add(peer, leased);
        let seat = Seat { places: self.clone(), peer, id };
        PlaceOffer { seat: Some((seat, gives_way)), full }
    }
}

/// The connections that may have to give way.
#[derive(Debug, Clone, Copy)]
enum Whose {
    Own,
    Strangers,
    Everybody,
}

impl PlaceTable {
    fn count(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Records whether an address has a lease now.
    fn know(&mut self, address: IpAddr, leased: bool) {
        let peer = self.peers.entry(address).or_insert_with(|| Peer { leased, ..Peer::default() });
        if peer.leased != leased {
            peer.leased = leased;
            let of_it = peer.all;
            self.strangers = if leased { self.strangers - of_it } else { self.strangers + of_it };
        }
    }

    fn lacks(&self, address: IpAddr, leased: bool) -> Option<Whose> {
        let of_it = self.peers.get(&address).map_or(0, |peer| peer.all);
        if of_it >= self.room.per_peer {
            Some(Whose::Own)
        } else if !leased && self.strangers >= self.room.strangers {
            Some(Whose::Strangers)
        } else if self.all >= self.room.all {
            Some(if leased { Whose::Everybody } else { Whose::Strangers })
        } else {
            None
        }
    }

    /// Ends one waiting connection. Returns false if none may end.
    fn make_room(&mut self, whose: Whose, newcomer: IpAddr, leased: bool) -> bool {
        let chosen = match whose {
            Whose::Own => self.oldest_of(newcomer),
            Whose::Strangers => self.most_of(newcomer, false),
            Whose::Everybody => {
                self.most_of(newcomer, false).or_else(|| self.most_of(newcomer, true).filter(|_| leased))
            }
        };
        let Some((address, id)) = chosen else { return false };
        self.remove(address, id);
        true
    }

    fn oldest_of(&self, address: IpAddr) -> Option<(IpAddr, u64)> {
        let (_, id) = self.peers.get(&address)?.waiting.first()?;
        Some((address, *id))
    }

    /// The oldest waiting connection of the address with the most; the newcomer counts for its own address.
    fn most_of(&self, newcomer: IpAddr, leased: bool) -> Option<(IpAddr, u64)> {
        let of_kind = self.peers.iter().filter(|(_, peer)| peer.leased == leased);
        let waiting = of_kind.filter_map(|(address, peer)| {
            let (since, id) = peer.waiting.first()?;
            let count = peer.all + usize::from(*address == newcomer);
            Some(((count, u64::MAX - since), *address, *id))
        });
        waiting.max_by_key(|(order, ..)| *order).map(|(_, address, id)| (address, id))
    }

    fn add(&mut self, address: IpAddr, leased: bool) -> (u64, GivesWay) {
        let id = self.count();
        let (stays, gives_way) = oneshot::channel();
        let peer = self.peers.entry(address).or_default();
        peer.leased = leased;
        peer.all += 1;
        peer.waiting.insert((id, id));
        peer.open.insert(id, (stays, Some(id)));
        self.all += 1;
        self.strangers += usize::from(!leased);
        (id, gives_way)
    }

    fn remove(&mut self, address: IpAddr, id: u64) {
        let Some(peer) = self.peers.get_mut(&address) else { return };
        let Some((_, waiting)) = peer.open.remove(&id) else { return };
        if let Some(since) = waiting {
            peer.waiting.remove(&(since, id));
        }
        peer.all -= 1;
        self.all -= 1;
        self.strangers -= usize::from(!peer.leased);
        self.forget_if_gone(address);
    }

    fn forget_if_gone(&mut self, address: IpAddr) {
        if self.peers.get(&address).is_some_and(|peer| peer.all == 0) {
            self.peers.remove(&address);
        }
    }

    fn set_waiting(&mut self, address: IpAddr, id: u64, waits: bool) {
        let now = self.count();
        let Some(peer) = self.peers.get_mut(&address) else { return };
        let Some((_, waiting)) = peer.open.get_mut(&id) else { return };
        if let Some(since) = waiting.take() {
            peer.waiting.remove(&(since, id));
        }
        if waits {
            *waiting = Some(now);
            peer.waiting.insert((now, id));
        }
    }
}

impl Seat {
    /// A request is in work: the connection does not give way.
    pub(crate) fn works(&self) {
        self.places.table().set_waiting(self.peer, self.id, false);
    }

    /// As [`Seat::works`]; besides, every other connection of the address may give way, since the client has left
    /// them for this one.
    pub(super) fn works_alone(&self) {
        let mut table = self.places.table();
        let others = table.peers.get(&self.peer).map_or_else(Vec::new, |peer| {
            let working = peer.open.iter().filter(|(_, (_, waiting))| waiting.is_none());
            working.map(|(id, _)| *id).filter(|id| *id != self.id).collect()
        });
        for id in others {
            table.set_waiting(self.peer, id, true);
        }
        table.set_waiting(self.peer, self.id, false);
    }

    /// The client's turn: the connection may give way.
    pub(crate) fn waits(&self) {
        self.places.table().set_waiting(self.peer, self.id, true);
        self.places.1.notify_one();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.table().remove(self.peer, self.id);
        self.places.1.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { all: 10, strangers: 6, per_peer: 4 };

    fn at(last: u8) -> IpAddr {
        IpAddr::from([10, 23, 45, last])
    }

    fn enter(places: &Places, last: u8, leased: bool) -> (Seat, GivesWay) {
        places.enter(at(last), leased).seat.unwrap()
    }

    fn has_to_go(gives_way: &mut GivesWay) -> bool {
        gives_way.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    fn is_consistent(places: &Places) {
        let table = places.table();
        let all: usize = table.peers.values().map(|peer| peer.open.len()).sum();
        let strangers: usize =
            table.peers.values().filter(|peer| !peer.leased).map(|peer| peer.open.len()).sum();
        assert_eq!((table.all, table.strangers), (all, strangers));
        assert!(table.peers.values().all(|peer| peer.all == peer.open.len() && peer.all > 0));
    }

    #[test]
    fn one_address_gives_way_to_itself() {
        let places = Places::new(ROOM);
        let mut held: Vec<_> = (0..4).map(|_| enter(&places, 1, true)).collect();
        held[0].0.works();
        let admission = places.enter(at(1), true);
        assert!(admission.full && admission.seat.is_some());
        assert!(!has_to_go(&mut held[0].1), "its request is in work");
        assert!(has_to_go(&mut held[1].1), "it has waited longest");
        is_consistent(&places);
        drop(held);
        assert_eq!(places.table().all, 1);
        is_consistent(&places);
    }

    #[test]
    fn a_connection_whose_answer_has_just_ended_is_younger_than_one_that_never_asked() {
        let places = Places::new(ROOM);
        let mut held: Vec<_> = (0..4).map(|_| enter(&places, 1, false)).collect();
        held[0].0.works();
        held[0].0.waits();
        let _fifth = enter(&places, 1, false);
        assert!(!has_to_go(&mut held[0].1) && has_to_go(&mut held[1].1));
    }

    #[test]
    fn a_client_that_works_alone_leaves_its_earlier_connections() {
        let places = Places::new(ROOM);
        let mut held: Vec<_> = (0..4).map(|_| enter(&places, 1, true)).collect();
        for (seat, _) in &held {
            seat.works();
        }
        assert!(places.enter(at(1), true).seat.is_none());
        held[3].0.works_alone();
        let _fifth = enter(&places, 1, true);
        let gone: Vec<_> = held.iter_mut().map(|(_, gives_way)| has_to_go(gives_way)).collect();
        assert_eq!(gone.iter().filter(|gone| **gone).count(), 1);
        assert!(!gone[3]);
        is_consistent(&places);
    }

    #[test]
    fn strangers_leave_the_rest_to_leaseholders() {
        let places = Places::new(ROOM);
        let strangers: Vec<_> = (0..6).map(|last| enter(&places, last, false)).collect();
        for (seat, _) in &strangers {
            seat.works();
        }
        let refused = places.enter(at(9), false);
        assert!(refused.seat.is_none() && refused.full);
        let mut leased: Vec<_> = (20..24).map(|last| enter(&places, last, true)).collect();
        for (seat, _) in &leased {
            seat.works();
        }
        assert!(places.enter(at(30), true).seat.is_none(), "everybody is served");
        leased[3].0.waits();
        let _last = enter(&places, 30, true);
        assert!(has_to_go(&mut leased[3].1));
        is_consistent(&places);
    }

    #[test]
    fn the_oldest_waiting_stranger_gives_way_to_a_leaseholder_and_no_leaseholder_to_a_stranger() {
        let places = Places::new(ROOM);
        let mut strangers: Vec<_> = (0..6).map(|last| enter(&places, last, false)).collect();
        let mut leased: Vec<_> = (20..24).map(|last| enter(&places, last, true)).collect();
        let _newcomer = enter(&places, 25, true);
        assert!(has_to_go(&mut strangers[0].1));
        for (seat, _) in &strangers[1..] {
            seat.works();
        }
        assert!(places.enter(at(9), false).seat.is_none(), "all places are taken");
        assert!(leased.iter_mut().all(|(_, gives_way)| !has_to_go(gives_way)));
        is_consistent(&places);
    }

    #[test]
    fn the_address_with_the_most_connections_gives_way() {
        let places = Places::new(ROOM);
        let mut one = enter(&places, 1, false);
        let mut many: Vec<_> = (0..4).map(|_| enter(&places, 2, false)).collect();
        let _other = enter(&places, 3, false);
        let _newcomer = enter(&places, 4, false);
        assert!(has_to_go(&mut many[0].1) && !has_to_go(&mut one.1));
    }

    #[test]
    fn a_lease_that_comes_or_goes_counts_at_the_next_connection() {
        let places = Places::new(ROOM);
        let stranger = enter(&places, 1, false);
        let _same = enter(&places, 1, true);
        assert_eq!(places.table().strangers, 0);
        let _again = enter(&places, 1, false);
        assert_eq!(places.table().strangers, 3);
        drop(stranger);
        is_consistent(&places);
    }
}
