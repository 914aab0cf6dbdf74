//! Accepts TCP connections within limits, gives each a place, and ends them.

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
pub use queue::QueueLimits;

/// Connections told to come back at one time, in all and per peer; further ones are closed.
const TURNED_AWAY: usize = 256;
const TURNED_AWAY_OF_ONE: usize = 8;
/// Time for a client without a place to send its request and receive "come back later".
const TURNING_AWAY: Duration = Duration::from_secs(5);
/// Wait after the system had no resources for another connection.
const NO_ROOM: Duration = Duration::from_millis(200);

/// Time limits of a client.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the head of a request, including the time before it begins.
    pub head: Duration,
    /// For taking the least amount of an answer.
    pub stall: Duration,
}

/// Limits of a listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at one time; further ones are told to come back.
    pub connections: usize,
    /// Connections at one time from all addresses without a lease; the other places are for leaseholders.
    pub strangers: usize,
    /// Connections at one time from one peer.
    pub per_peer: usize,
    /// For leaseholders.
    pub patience: Patience,
    /// For all others.
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

/// Admission of connections to a listener. Clones share one set of places.
#[derive(Clone)]
pub struct Entrance {
    limits: Limits,
    places: Places,
    turned_away: Places,
    /// The queue of leaseholders that wait for a place.
    queue: Option<Queue>,
    is_leased: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    full: Arc<dyn Fn(IpAddr) + Send + Sync>,
}

impl Entrance {
    /// `is_leased` tells leaseholders; `full` is called with a peer that found no place or took another's.
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

    /// Adds a queue for leaseholders. A leaseholder without a place is told to come back only while TFTP has room,
    /// since the phone then turns to TFTP at once.
    #[must_use]
    pub fn with_queue(
        self,
        waiting: QueueLimits,
        tftp_has_room: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { queue: Some(Queue::new(waiting, Arc::new(tftp_has_room))), ..self }
    }

    /// Admission without leases and without reports of a reached bound.
    pub fn alike(limits: Limits) -> Self {
        Self::new(limits, |_| true, |_| ())
    }

    fn enter(&self, peer: IpAddr) -> Admitted {
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
            Some((queue, Some(taken))) => Admitted::Queued(taken, queue.clone()),
            Some((queue, None)) if !queue.tftp_has_room() => Admitted::Closed,
            _ => self.turn_away(peer, leased),
        }
    }

    /// A place to be served at, if one is free, and whether a bound was reached.
    fn seat(&self, peer: IpAddr) -> (Option<Admitted>, bool) {
        let leased = (self.is_leased)(peer);
        let admission = self.places.enter(peer, leased);
        let patience = if leased { self.limits.patience } else { self.limits.strangers_patience };
        (admission.seat.map(|taken| Admitted::Served(taken, patience)), admission.full)
    }

    /// A place for the answer "come back later", if one is free.
    fn turn_away(&self, peer: IpAddr, leased: bool) -> Admitted {
        let patience = if leased { self.limits.patience } else { self.limits.strangers_patience };
        let brief = |patience: Duration| patience.min(TURNING_AWAY);
        let patience = Patience { head: brief(patience.head), stall: brief(patience.stall) };
        match self.turned_away.enter(peer, leased).seat {
            Some(taken) => Admitted::TurnedAway(taken, patience),
            None => Admitted::Closed,
        }
    }
}

type Taken = (Seat, GivesWay);

enum Admitted {
    Served(Taken, Patience),
    Queued(Taken, Queue),
    TurnedAway(Taken, Patience),
    Closed,
}

/// The peer of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// The peer's address.
    pub peer: SocketAddr,
    /// Our address of the connection; unspecified unless it is IPv4.
    pub local: Ipv4Addr,
}

/// An accepted connection, which may have to wait for its place.
pub struct Arrival {
    /// The peer.
    pub caller: Caller,
    stream: TcpStream,
    place: Admitted,
    entrance: Entrance,
    stop: CancellationToken,
}

/// A connection with its place.
pub struct Connection {
    /// The socket.
    pub stream: TcpStream,
    /// The peer.
    pub caller: Caller,
    /// Its time limits.
    pub patience: Patience,
    /// Its place.
    pub seat: Seat,
    /// The connection only gets the answer "come back later".
    pub turned_away: bool,
}

impl Arrival {
    /// Waits for a place. `None` if there is none: the connection is closed.
    pub async fn seated(self) -> Option<(Connection, GivesWay)> {
        let Self { caller, stream, place, entrance, stop } = self;
        let place = match place {
            Admitted::Queued(waits, queue) => {
                let place = tokio::select! {
                    place = queue.place(&entrance, caller.peer.ip()) => place,
                    () = stop.cancelled() => Admitted::Closed,
                };
                drop(waits);
                place
            }
            place => place,
        };
        let ((seat, gives_way), patience, turned_away) = match place {
            Admitted::Served(taken, patience) => (taken, patience, false),
            Admitted::TurnedAway(taken, patience) => (taken, patience, true),
            Admitted::Queued(..) | Admitted::Closed => {
                let peer = caller.peer;
                tracing::debug!(%peer, "too many connections, and too many who are told so; closed");
                return None;
            }
        };
        Some((Connection { stream, caller, patience, seat, turned_away }, gives_way))
    }
}

/// Accepts connections until `stop` and serves each in a task of its own; returns when the last one has ended.
/// Dropping the future ends them at once.
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
