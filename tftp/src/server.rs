//! The server: reads requests on the well-known port and starts a task for each transfer.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::UdpSocket,
    select,
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::{sleep, sleep_until},
};

use crate::{
    blocks::Blocks,
    listen::{self, Arrival},
    packet::{Fault, Rollover},
    request::{self, Asked, Request},
    seats::{Admission, Seat, Seats},
    session::{self, Session},
    source::{Abort, Refusal, Source},
    terms::{self, Limits},
    transfer::Transfer,
};

/// Longest request read; RFC 2347 asks for 512 bytes.
const REQUEST_LIMIT: usize = 2048;

/// Threads that read files at once. A disk serves few readers better than many.
const READERS: usize = 8;

/// How a [`Server`] is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where requests arrive. With the unspecified address, each is answered from the address it was sent to.
    pub bind: SocketAddrV4,
    /// The only network interface served (`SO_BINDTODEVICE`), all if `None`.
    pub device: Option<String>,
    /// That interface's MTU in bytes: no block is agreed on that would be fragmented. Not used towards loopback.
    pub mtu: u16,
    /// The number that follows block 65535.
    pub rollover: Rollover,
    /// Most transfers at once; who comes later is told to come again. Each takes a file descriptor.
    pub max_transfers: usize,
    /// Most transfers at once for one client address.
    pub max_per_peer: usize,
    /// Largest window agreed on, in blocks.
    pub max_window: u16,
    /// How long transfers under way may go on after the shutdown was asked for.
    pub drain: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            bind: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 69),
            device: None,
            mtu: 1500,
            rollover: Rollover::Zero,
            max_transfers: 4096,
            max_per_peer: 16,
            max_window: 64,
            drain: Duration::from_secs(10),
        }
    }
}

/// A TFTP server whose port is open. It answers once it [`run`](Server::run)s.
pub struct Server {
    socket: UdpSocket,
    local: SocketAddrV4,
    config: Config,
    source: Arc<dyn Source>,
}

/// What every transfer shares.
struct Shared {
    socket: UdpSocket,
    config: Config,
    source: Arc<dyn Source>,
    reads: Semaphore,
}

impl Server {
    /// Opens the port. Needs a tokio runtime around it. The error keeps its kind (`PermissionDenied`, `AddrInUse`, …)
    /// and says what could not be opened.
    pub fn bind(config: Config, source: Arc<dyn Source>) -> io::Result<Server> {
        let explain = |error: io::Error| {
            let on = config.device.as_ref().map(|device| format!(" on {device}")).unwrap_or_default();
            io::Error::new(error.kind(), format!("cannot open UDP {}{on} for TFTP: {error}", config.bind))
        };
        let socket = listen::request_socket(config.bind, config.device.as_deref()).map_err(explain)?;
        let local = match socket.local_addr().map_err(explain)? {
            SocketAddr::V4(local) => local,
            SocketAddr::V6(_) => config.bind,
        };
        Ok(Server { socket, local, config, source })
    }

    /// The address requests arrive at, with the port the system chose if the configured one was 0.
    pub fn local_addr(&self) -> SocketAddrV4 {
        self.local
    }

    /// Serves until `shutdown` is ready, then refuses new requests, lets transfers under way go on for
    /// [`Config::drain`], and breaks off the rest. Every opened file has been told of its ending when this returns.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Server { socket, config, source, .. } = self;
        let seats = Seats::new(config.max_transfers, config.max_per_peer);
        let drain = config.drain;
        let shared = Arc::new(Shared { socket, config, source, reads: Semaphore::new(READERS) });
        let mut transfers = JoinSet::new();
        let mut buffer = [0; REQUEST_LIMIT];
        let mut shutdown = pin!(shutdown);
        loop {
            select! {
                () = &mut shutdown => break,
                Some(_) = transfers.join_next() => {}
                arrived = listen::receive(&shared.socket, &mut buffer) => match arrived {
                    Ok(Some(arrival)) => {
                        let asked = request::read(buffer.get(..arrival.length).unwrap_or_default());
                        shared.handle(arrival, asked, &seats, &mut transfers);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "the TFTP port failed; trying again");
                        sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
        let end = Instant::now() + drain;
        while !transfers.is_empty() {
            select! {
                _ = transfers.join_next() => {}
                arrived = listen::receive(&shared.socket, &mut buffer) => match arrived {
                    Ok(Some(arrival)) => shared.refuse(arrival, Fault::Stopping),
                    Ok(None) => {}
                    Err(_) => sleep(Duration::from_millis(100)).await,
                },
                () = sleep_until(end.into()) => break,
            }
        }
        seats.stop_all();
        while transfers.join_next().await.is_some() {}
    }
}

impl Shared {
    fn handle(
        self: &Arc<Shared>,
        arrival: Arrival,
        asked: Asked,
        seats: &Seats,
        transfers: &mut JoinSet<()>,
    ) {
        let request = match asked {
            Asked::Read(request) => request,
            Asked::Write => return self.refuse(arrival, Fault::ReadOnly),
            Asked::Illegal => return self.refuse(arrival, Fault::Illegal),
            Asked::Nothing => return,
        };
        match seats.admit(arrival.peer, &request.name, Instant::now()) {
            Admission::Duplicate => {}
            Admission::Full => self.refuse(arrival, Fault::Busy),
            Admission::Seated(seat, stopped) => {
                let shared = Arc::clone(self);
                transfers.spawn(async move { shared.serve(arrival, request, seat, stopped).await });
            }
        }
    }

    fn refuse(&self, arrival: Arrival, fault: Fault) {
        tracing::debug!(peer = %arrival.peer, ?fault, "TFTP request refused");
        listen::answer(&self.socket, arrival, &fault.packet());
    }

    async fn serve(
        &self,
        arrival: Arrival,
        request: Request,
        seat: Seat,
        mut stopped: oneshot::Receiver<Abort>,
    ) {
        let opened = select! {
            opened = self.source.open(arrival.peer.into(), &request.name) => opened,
            _ = &mut stopped => return self.refuse(arrival, Fault::Stopping),
        };
        let content = match opened {
            Ok(content) => content,
            Err(Refusal::NotFound) => return self.refuse(arrival, Fault::NotFound),
            Err(Refusal::Forbidden) => return self.refuse(arrival, Fault::Forbidden),
            Err(Refusal::Busy) => return self.refuse(arrival, Fault::Busy),
        };
        let device = self.config.device.as_deref();
        let socket = match listen::transfer_socket(arrival.local, arrival.peer, device) {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(peer = %arrival.peer, %error, "no socket for a TFTP transfer");
                self.refuse(arrival, Fault::Busy);
                return content.ended(session::never_begun(&error));
            }
        };
        let limits = Limits {
            block_size: terms::largest_block(*arrival.peer.ip(), self.config.mtu),
            window: self.config.max_window,
        };
        let (terms, oack) = terms::agree(&request, limits, content.size());
        let session = Session {
            socket,
            transfer: Transfer::new(terms, self.config.rollover, oack.is_some()),
            oack: oack.unwrap_or_default(),
            blocks: Some(Blocks::new(content, terms.mode, terms.block_size)),
            seat,
            reads: &self.reads,
            begun: Instant::now(),
        };
        session.run(stopped).await;
    }
}
