//! HTTP/1 connections within limits: taken in, served one after another's request, and let go.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
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
use super::wire::Wire;

/// The longest request line and headers, in bytes; what is larger is answered with 431 or 414.
const HEADER: usize = 16 * 1024;
/// What is held of one answer beside the piece being sent, in bytes.
const BUFFER: usize = 16 * 1024;
/// Seconds after which a client that was told to come back may.
pub(super) const RETRY_AFTER: &str = "5";
/// Connections that are told to come back at one time, in all and of one peer; beyond them, they are closed.
const TURNED_AWAY: usize = 256;
const TURNED_AWAY_OF_ONE: usize = 8;
/// How long one that is told to come back may take to ask and to hear it.
const TURNING_AWAY: Duration = Duration::from_secs(5);
/// The wait after the system had no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(200);

/// How much is taken in at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at one time; further ones are told to come back.
    pub connections: usize,
    /// Connections of one peer at one time; further ones are told to come back.
    pub per_peer: usize,
    /// How long a connection may take for a request's head, or stand idle, or take next to nothing of an answer.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096, per_peer: 64, patience: Duration::from_secs(120) }
    }
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
pub async fn serve<F, S, B>(listener: TcpListener, limits: Limits, stop: CancellationToken, service_for: F)
where
    F: Fn(Caller) -> S,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (peers, strangers) = (Peers::new(limits.connections), Peers::new(TURNED_AWAY));
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
        if let Some(seat) = peers.enter(peer.ip(), limits.per_peer) {
            let local = match stream.local_addr() {
                Ok(SocketAddr::V4(local)) => *local.ip(),
                _ => Ipv4Addr::UNSPECIFIED,
            };
            let service = service_for(Caller { peer, local, carrier: carrier.clone() });
            tasks.spawn(async move {
                connection(stream, carrier, limits.patience, stop, service).await;
                drop(seat);
            });
        } else if let Some(seat) = strangers.enter(peer.ip(), TURNED_AWAY_OF_ONE) {
            tasks.spawn(async move {
                connection(stream, carrier, limits.patience.min(TURNING_AWAY), stop, service_fn(busy)).await;
                drop(seat);
            });
        } else {
            tracing::debug!(%peer, "too many connections, and too many who are told so; closed");
        }
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
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
    patience: Duration,
    stop: CancellationToken,
    service: S,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let wire = Wire::new(stream, carrier, patience);
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .max_header_size(HEADER)
            .max_buf_size(BUFFER)
            // A client may say that it will send no more and still wait for the answer.
            .half_close(true)
            .serve_connection(TokioIo::new(wire), service)
    );
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// How many connections there are, and of whom.
#[derive(Clone)]
struct Peers {
    limit: usize,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

struct Seat {
    peers: Peers,
    peer: IpAddr,
}

impl Peers {
    fn new(limit: usize) -> Self {
        Self { limit, counts: Arc::default() }
    }

    fn enter(&self, peer: IpAddr, limit_of_one: usize) -> Option<Seat> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = counts.of.get(&peer).copied().unwrap_or(0);
        if counts.all >= self.limit || of_peer >= limit_of_one {
            return None;
        }
        counts.all += 1;
        counts.of.insert(peer, of_peer + 1);
        Some(Seat { peers: self.clone(), peer })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.peers.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(count) = counts.of.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                counts.of.remove(&self.peer);
            }
        }
    }
}
