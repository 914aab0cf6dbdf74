//! Reads phones' own web pages: one at a time from each phone, a few at once, never ahead of serving. A phone is asked
//! only at its leased address, and redirections are not followed.

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

use crate::bench::{Bench, PageSchedule, Visit};
use crate::config::values::has_host;
use crate::runtime::addresses::ServiceAddresses;
use crate::runtime::segment::Segment;

/// Simultaneous reads.
const AT_ONCE: usize = 8;
/// The time limit for one page, in real time. A rehearsal's phone always answers, once the machine has time.
const PATIENCE: Duration = Duration::from_secs(3);
const PATIENCE_IN_REHEARSALS: Duration = Duration::from_secs(60);
/// Time between two checks for due pages, on the bench's clock, but at least the second in real time.
const TICK: Duration = Duration::from_secs(1);
const SHORTEST_TICK: Duration = Duration::from_millis(50);

/// Reads pages from phones' addresses.
#[derive(Debug, Clone)]
pub struct PageReader {
    segments: Vec<Segment>,
    port: u16,
    patience: Duration,
    tick: Duration,
}

impl PageReader {
    /// A reader on the staging interfaces; on loopback in a rehearsal.
    pub fn new(place: &ServiceAddresses, pace: &Pace) -> Self {
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

    /// The interface of the phone's segment. Phones behind a relay are reached from the bench's own segment.
    fn device(&self, phone: Ipv4Addr) -> Option<&str> {
        let at = |segment: &&Segment| segment.look().is_ok_and(|standing| has_host(standing.network, phone));
        self.segments.iter().find(at).or(self.segments.first())?.interface.as_deref()
    }

    /// Whether the address belongs to a staging network. A leased public address belongs to others and is not asked.
    fn may_ask(&self, address: Ipv4Addr) -> bool {
        address.is_private() || (self.is_rehearsal() && address.is_loopback())
    }

    /// Reads the first page that a phone of this side may have.
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
                // The phone does not answer, so another path would not help.
                Ok(Err(error)) => {
                    tracing::debug!(%address, %error, "the phone's page cannot be read");
                    return None;
                }
                Err(_) => return None,
            }
        }
        None
    }

    /// Reads up to [`MAX_PAGE`] bytes at a path; `None` if there is no such page.
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
        // A connection error reaches the response by itself.
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

/// Reads due pages until `stop`.
pub async fn serve(reader: PageReader, bench: Arc<Bench>, stop: CancellationToken) {
    let reader = Arc::new(reader);
    let mut schedule = PageSchedule::default();
    let mut visits: JoinSet<Visit> = JoinSet::new();
    let pace = bench.pace().clone();
    let mut due = pace.elapsed();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(Ok(visit)) = visits.join_next() => schedule.back(visit.mac),
            _hold = pace.sleep_until(due) => {
                due = pace.elapsed() + reader.tick;
                for visit in bench.visits(&mut schedule, AT_ONCE - visits.len()) {
                    let (reader, bench) = (Arc::clone(&reader), Arc::clone(&bench));
                    let hold = pace.hold("a look at a phone's page");
                    visits.spawn(async move {
                        if reader.may_ask(visit.address)
                            && let Some(page) = reader.read(visit.address, visit.side).await
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
