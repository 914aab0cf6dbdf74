//! HTTP/1 connections within limits: taken in, served one after another's request, and let go.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::wire::{Receipts, Wire};

/// The longest request line and headers, in bytes; what is larger is answered with 431 or 414.
const HEADER: usize = 16 * 1024;
/// What is held of one answer beside the piece being sent, in bytes.
const BUFFER: usize = 16 * 1024;
/// The wait after the system had no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(200);

/// How much is taken in at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at one time; others wait to be accepted.
    pub connections: usize,
    /// Connections of one peer at one time; others are closed.
    pub per_peer: usize,
    /// How long a connection may take for a request's head, or stand idle, or take no byte of an answer.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096, per_peer: 1024, patience: Duration::from_secs(120) }
    }
}

/// The other end of a connection.
#[derive(Clone)]
pub struct Caller {
    /// Its address.
    pub peer: SocketAddr,
    /// Tells when it has what was sent.
    pub receipts: Receipts,
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
    let room = Arc::new(Semaphore::new(limits.connections));
    let peers = Peers::default();
    let mut tasks = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = tasks.join_next() => continue,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(NO_ROOM).await;
                continue;
            }
        };
        let Some(seat) = peers.enter(peer.ip(), limits.per_peer) else {
            tracing::debug!(%peer, "too many connections from one address; closed");
            continue;
        };
        let receipts = Receipts::default();
        let service = service_for(Caller { peer, receipts: receipts.clone() });
        let connection = connection(stream, receipts, limits.patience, stop.clone(), service);
        tasks.spawn(async move {
            connection.await;
            drop((place, seat));
        });
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

async fn connection<S, B>(
    stream: TcpStream,
    receipts: Receipts,
    patience: Duration,
    stop: CancellationToken,
    service: S,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let wire = Wire::new(stream, receipts, patience);
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

/// How many connections each peer has.
#[derive(Clone, Default)]
struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

struct Seat {
    peers: Peers,
    peer: IpAddr,
}

impl Peers {
    fn enter(&self, peer: IpAddr, limit: usize) -> Option<Seat> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(peer).or_default();
        (*count < limit).then(|| {
            *count += 1;
            Seat { peers: self.clone(), peer }
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.peer);
            }
        }
    }
}
