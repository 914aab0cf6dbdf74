//! TCP connections within limits: accepted, given a place, and let go.

mod queue;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
pub use transload_http::RETRY_AFTER;

use super::places::{GivesWay, Places, Room, Seat};
use queue::Queue;
pub use queue::Waiting;

/// Connections that are told to come back at one time, in all and of one peer; beyond them, they are closed.
const TURNED_AWAY: usize = 256;
const TURNED_AWAY_OF_ONE: usize = 8;
/// How long one that is told to come back may take to ask and to hear it.
const TURNING_AWAY: Duration = Duration::from_secs(5);
/// The wait after the system had no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(200);

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a request's head, the time before it begins included.
    pub head: Duration,
    /// For next to nothing of an answer.
    pub stall: Duration,
}

/// How much is taken in at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at one time; further ones are told to come back.
    pub connections: usize,
    /// Connections of all addresses without a lease at one time; the other places are for leaseholders.
    pub strangers: usize,
    /// Connections of one peer at one time.
    pub per_peer: usize,
    /// With leaseholders.
    pub patience: Patience,
    /// With everybody else.
    pub strangers_patience: Patience,
}

impl Default for Limits {
    fn default() -> Self {
        let patience =
            |head, stall| Patience { head: Duration::from_secs(head), stall: Duration::from_secs(stall) };
        Self {
            connections: 4096,
            strangers: 1024,
            per_peer: 64,
            patience: patience(120, 120),
            strangers_patience: patience(10, 30),
        }
    }
}

/// Who is let in. Clones share one set of places.
#[derive(Clone)]
pub struct Entrance {
    limits: Limits,
    places: Places,
    turned_away: Places,
    /// Where leaseholders wait for a place.
    queue: Option<Queue>,
    is_leased: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    full: Arc<dyn Fn(IpAddr) + Send + Sync>,
}

impl Entrance {
    /// `is_leased` tells who goes first; `full` is told whose connection found no place, or took another's.
    pub fn new(
        limits: Limits,
        is_leased: impl Fn(IpAddr) -> bool + Send + Sync + 'static,
        full: impl Fn(IpAddr) + Send + Sync + 'static,
    ) -> Self {
        let Limits { connections: all, strangers, per_peer, .. } = limits;
        Self {
            limits,
            places: Places::new(Room { all, strangers, per_peer }),
            turned_away: Places::new(Room {
                all: TURNED_AWAY,
                strangers: TURNED_AWAY,
                per_peer: TURNED_AWAY_OF_ONE,
            }),
            queue: None,
            is_leased: Arc::new(is_leased),
            full: Arc::new(full),
        }
    }

    /// Has leaseholders wait for a place. Those that do not get one are told to come back only while TFTP has room: they
    /// go there at once.
    #[must_use]
    pub fn with_queue(
        self,
        waiting: Waiting,
        tftp_has_room: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { queue: Some(Queue::new(waiting, Arc::new(tftp_has_room))), ..self }
    }

    /// Everybody is alike, and nobody is told when it is full.
    pub fn alike(limits: Limits) -> Self {
        Self::new(limits, |_| true, |_| ())
    }

    fn enter(&self, peer: IpAddr) -> Place {
        let leased = (self.is_leased)(peer);
        let queue = self.queue.as_ref().filter(|_| leased);
        if queue.is_none_or(|queue| !queue.has_somebody()) {
            let (served, full) = self.seat(peer);
            if full {
                (self.full)(peer);
            }
            if let Some(served) = served {
                return served;
            }
        }
        match queue.map(|queue| (queue, queue.enter(peer))) {
            Some((queue, Some(taken))) => Place::Queued(taken, queue.clone()),
            Some((queue, None)) if !queue.tftp_has_room() => Place::Closed,
            _ => self.turn_away(peer, leased),
        }
    }

    /// A place to be served at, if there is one; and whether a bound was reached.
    fn seat(&self, peer: IpAddr) -> (Option<Place>, bool) {
        let leased = (self.is_leased)(peer);
        let admission = self.places.enter(peer, leased);
        let patience = if leased { self.limits.patience } else { self.limits.strangers_patience };
        (admission.seat.map(|taken| Place::Served(taken, patience)), admission.full)
    }

    /// A place to be told to come back at, if there is one.
    fn turn_away(&self, peer: IpAddr, leased: bool) -> Place {
        let patience = if leased { self.limits.patience } else { self.limits.strangers_patience };
        let brief = |patience: Duration| patience.min(TURNING_AWAY);
        let patience = Patience { head: brief(patience.head), stall: brief(patience.stall) };
        match self.turned_away.enter(peer, leased).seat {
            Some(taken) => Place::TurnedAway(taken, patience),
            None => Place::Closed,
        }
    }
}

type Taken = (Seat, GivesWay);

enum Place {
    Served(Taken, Patience),
    Queued(Taken, Queue),
    TurnedAway(Taken, Patience),
    Closed,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// Its address.
    pub peer: SocketAddr,
    /// The address of ours that it has connected to; unspecified where that is none of IPv4.
    pub local: Ipv4Addr,
}

/// A connection that was accepted. It may have to wait for its place.
pub struct Arrival {
    /// Who has come.
    pub caller: Caller,
    stream: TcpStream,
    place: Place,
    entrance: Entrance,
    stop: CancellationToken,
}

/// A connection that has its place.
pub struct Connection {
    /// The connection itself.
    pub stream: TcpStream,
    /// Its other end.
    pub caller: Caller,
    /// How long it may take.
    pub patience: Patience,
    /// Its place.
    pub seat: Seat,
    /// It is only to be told to come back.
    pub turned_away: bool,
}

impl Arrival {
    /// Waits for a place. `None` if there is none: the connection is closed.
    pub async fn seated(self) -> Option<(Connection, GivesWay)> {
        let Self { caller, stream, place, entrance, stop } = self;
        let place = match place {
            Place::Queued(waits, queue) => {
                let place = tokio::select! {
                    place = queue.place(&entrance, caller.peer.ip()) => place,
                    () = stop.cancelled() => Place::Closed,
                };
                drop(waits);
                place
            }
            place => place,
        };
        let ((seat, gives_way), patience, turned_away) = match place {
            Place::Served(taken, patience) => (taken, patience, false),
            Place::TurnedAway(taken, patience) => (taken, patience, true),
            Place::Queued(..) | Place::Closed => {
                let peer = caller.peer;
                tracing::debug!(%peer, "too many connections, and too many who are told so; closed");
                return None;
            }
        };
        Some((Connection { stream, caller, patience, seat, turned_away }, gives_way))
    }
}

/// Accepts until `stop`, and has each connection served by a task of its own; returns when the last one has ended. Dropped,
/// it ends them at once.
pub async fn serve<S>(
    listener: TcpListener,
    entrance: Entrance,
    stop: CancellationToken,
    serve_one: impl Fn(Arrival) -> S,
) where
    S: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(NO_ROOM).await;
                continue;
            }
        };
        let local = match stream.local_addr() {
            Ok(SocketAddr::V4(local)) => *local.ip(),
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let (place, caller) = (entrance.enter(peer.ip()), Caller { peer, local });
        let arrival = Arrival { caller, stream, place, entrance: entrance.clone(), stop: stop.clone() };
        tasks.spawn(serve_one(arrival));
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}
