//! Reads phones' own pages, politely: one at a time from each phone, a few at once, and never in the way of serving.
//! A phone is asked at the address that it has a lease of, and nowhere else: no redirection is followed.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transload_pace::Pace;
use transload_provision::load::Side;
use transload_provision::page::{self, MAX_PAGE, Page};

use crate::bench::{Bench, Round, Visit};
use crate::runtime::place::Place;
use crate::runtime::segment::Segment;

/// Pages read at once.
const AT_ONCE: usize = 8;
/// How long a phone has to give one page, in real time. In a rehearsal every phone gives it, once the machine gets round
/// to it.
const PATIENCE: Duration = Duration::from_secs(3);
const PATIENCE_IN_REHEARSALS: Duration = Duration::from_secs(60);
/// How often it is looked whose page is due, on the bench's clock; in reality no more often than the other.
const TICK: Duration = Duration::from_secs(1);
const SHORTEST_TICK: Duration = Duration::from_millis(50);

/// How phones are reached.
#[derive(Debug, Clone)]
pub struct Visitor {
    segments: Vec<Segment>,
    port: u16,
    patience: Duration,
    tick: Duration,
}

impl Visitor {
    /// From the staging interfaces; in a rehearsal, whose time runs faster, on loopback.
    pub fn new(place: &Place, pace: &Pace) -> Self {
        Self {
            segments: place.segments.clone(),
            port: place.page_port,
            patience: if pace.is_rehearsed() { PATIENCE_IN_REHEARSALS } else { PATIENCE },
            tick: TICK.max(pace.stretch(SHORTEST_TICK)),
        }
    }

    fn is_rehearsal(&self) -> bool {
        self.segments.iter().all(|segment| segment.interface.is_none())
    }

    /// The interface of the phone's segment; one behind a relay is reached from the bench's own.
    fn device(&self, phone: Ipv4Addr) -> Option<&str> {
        let at = |segment: &&Segment| segment.look().is_ok_and(|standing| standing.network.has_host(phone));
        self.segments.iter().find(at).or(self.segments.first())?.interface.as_deref()
    }

    /// Whether this is an address of a staging network: a lease of a public one is nobody's to be asked.
    fn may_ask(&self, address: Ipv4Addr) -> bool {
        address.is_private() || (self.is_rehearsal() && address.is_loopback())
    }

    /// The first of the pages that a phone of this side may have.
    async fn read(&self, address: Ipv4Addr, side: Option<Side>) -> Option<Page> {
        for path in page::paths(side) {
            let read = tokio::time::timeout(self.patience, self.get(address, path)).await;
            match read {
                Ok(Ok(Some(body))) => {
                    if let Some(page) = page::parse(&body) {
                        return Some(page);
                    }
                }
                Ok(Ok(None)) => {}
                // Nobody listens there, or does not answer: another path would not help.
                Ok(Err(error)) => {
                    tracing::debug!(%address, %error, "the phone's page cannot be read");
                    return None;
                }
                Err(_) => return None,
            }
        }
        None
    }

    /// What is at a path, up to [`MAX_PAGE`] bytes; `None` where there is no such page.
    async fn get(&self, address: Ipv4Addr, path: &str) -> io::Result<Option<Vec<u8>>> {
        let stream = self.connect(SocketAddrV4::new(address, self.port)).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let request = Request::get(format!("/{path}"))
            .header("Host", address.to_string())
            .header("Connection", "close")
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        let answer = async {
            let mut response = sender.send_request(request).await.map_err(io::Error::other)?;
            if response.status() != StatusCode::OK {
                return Ok(None);
            }
            let mut body = Vec::new();
            while let Some(Ok(frame)) = response.frame().await {
                if let Some(part) = frame.data_ref() {
                    let room = MAX_PAGE - body.len();
                    body.extend_from_slice(part.get(..room).unwrap_or(part));
                }
                if body.len() >= MAX_PAGE {
                    break;
                }
            }
            Ok(Some(body))
        };
        // What the connection ends with reaches the answer by itself.
        let carry = async {
            let _ = connection.await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = answer => answer,
            () = carry => Ok(None),
        }
    }

    async fn connect(&self, phone: SocketAddrV4) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None)?;
        if let Some(device) = self.device(*phone.ip()) {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        TcpSocket::from_std_stream(socket.into()).connect(SocketAddr::V4(phone)).await
    }
}

/// Reads the pages that are due, until told to stop.
pub async fn serve(visitor: Visitor, bench: Arc<Bench>, stop: CancellationToken) {
    let visitor = Arc::new(visitor);
    let mut round = Round::default();
    let mut visits: JoinSet<Visit> = JoinSet::new();
    let pace = bench.pace().clone();
    let mut due = pace.elapsed();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(Ok(visit)) = visits.join_next() => round.back(visit.mac),
            _hold = pace.sleep_until(due) => {
                due = pace.elapsed() + visitor.tick;
                for visit in bench.visits(&mut round, AT_ONCE - visits.len()) {
                    let (visitor, bench) = (Arc::clone(&visitor), Arc::clone(&bench));
                    let hold = pace.hold("a look at a phone's page");
                    visits.spawn(async move {
                        if visitor.may_ask(visit.address)
                            && let Some(page) = visitor.read(visit.address, visit.side).await
                        {
                            bench.page_read(&visit, page);
                        }
                        drop(hold);
                        visit
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
