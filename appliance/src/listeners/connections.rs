//! HTTP/1 connections within limits: taken in, served one after another's request, and let go.

mod queue;
mod spelling;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::carrier::Carrier;
use super::places::{GivesWay, Places, Room, Seat};
use super::wire::Wire;
use queue::Queue;
pub use queue::Waiting;

/// The longest request line and headers, in bytes; what is larger is answered with 431 or 414.
const HEADER: usize = 16 * 1024;
/// What is held of one answer beside the piece being sent, in bytes.
const BUFFER: usize = 16 * 1024;
/// Seconds after which a client that was told to come back may.
pub const RETRY_AFTER: &str = "5";
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
#[derive(Clone)]
pub struct Caller {
    /// Its address.
    pub peer: SocketAddr,
    /// The address of ours that it has connected to; unspecified where that is none of IPv4.
    pub local: Ipv4Addr,
    /// The connection itself.
    pub carrier: Carrier,
}

/// Serves until `stop`, then lets requests under way end, and returns when the last one has. Dropped, it ends them at
/// once.
pub async fn serve<F, S, B>(
    listener: TcpListener,
    entrance: Entrance,
    stop: CancellationToken,
    service_for: F,
) where
    F: Fn(Caller) -> S,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
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
        let carrier = Carrier::default();
        let stop = stop.clone();
        let place = entrance.enter(peer.ip());
        let service = matches!(place, Place::Served(..) | Place::Queued(..)).then(|| {
            let local = match stream.local_addr() {
                Ok(SocketAddr::V4(local)) => *local.ip(),
                _ => Ipv4Addr::UNSPECIFIED,
            };
            service_for(Caller { peer, local, carrier: carrier.clone() })
        });
        let Place::Queued(waits, queue) = place else {
            tasks.spawn(at(place, stream, carrier, stop, service));
            continue;
        };
        let entrance = entrance.clone();
        tasks.spawn(async move {
            let place = tokio::select! {
                place = queue.place(&entrance, peer.ip()) => place,
                () = stop.cancelled() => Place::Closed,
            };
            drop(waits);
            at(place, stream, carrier, stop, service).await;
        });
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// Serves a connection at its place.
async fn at<S, B>(
    place: Place,
    stream: TcpStream,
    carrier: Carrier,
    stop: CancellationToken,
    service: Option<S>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match (place, service) {
        (Place::Served(taken, patience), Some(service)) => {
            connection(stream, carrier, patience, stop, service, taken).await;
        }
        (Place::TurnedAway(taken, patience), _) => {
            connection(stream, carrier, patience, stop, service_fn(busy), taken).await;
        }
        (Place::Served(..) | Place::Queued(..) | Place::Closed, _) => {
            tracing::debug!(peer = ?stream.peer_addr(), "too many connections, and too many who are told so; closed");
        }
    }
}

/// The answer to whoever came when all places were taken.
async fn busy(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from("busy, try again\n"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

async fn connection<S, B>(
    stream: TcpStream,
    carrier: Carrier,
    patience: Patience,
    stop: CancellationToken,
    service: S,
    (seat, gives_way): (Seat, GivesWay),
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let peer = stream.peer_addr();
    let wire = Wire::new(stream, carrier.clone(), patience.stall);
    let seat = Arc::new(seat);
    let service = service_fn(move |request| {
        let turn = Turn::begin(&seat, &carrier);
        let answer = service.call(request);
        async move {
            let mut response = answer.await?.map(|body| Answer { body, _turn: turn });
            response.extensions_mut().extend(spelling::names());
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .max_header_size(HEADER)
            .max_buf_size(BUFFER)
            .title_case_headers(true)
            .preserve_header_case(true)
            // A client may say that it will send no more and still wait for the answer.
            .half_close(true)
            .serve_connection(TokioIo::new(wire), service)
    );
    let ended = async {
        tokio::select! {
            result = connection.as_mut() => result,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    tokio::select! {
        result = ended => if let Err(error) = result {
            tracing::debug!(%error, "a connection ended early");
        },
        _ = gives_way => tracing::debug!(?peer, "an idle connection gave way to another"),
    }
}

/// A request in work: from its whole head until its answer has gone to the kernel, the connection does not give way.
struct Turn {
    seat: Arc<Seat>,
    carrier: Carrier,
}

impl Turn {
    fn begin(seat: &Arc<Seat>, carrier: &Carrier) -> Self {
        seat.works();
        Self { seat: Arc::clone(seat), carrier: carrier.clone() }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // All of the answer is handed over, and its last pieces may not have left yet.
        let seat = Arc::clone(&self.seat);
        self.carrier.on_departure(move || seat.waits());
    }
}

/// An answer's content, and that its request is in work until it is through.
struct Answer<B> {
    body: B,
    _turn: Turn,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
