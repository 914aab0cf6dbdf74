//! The SIP listener: connections and datagrams on one port, within limits. The pure registrar judges messages; the
//! bench identifies phones.

mod line;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transload_dhcp::token_bucket::TokenBucket;
use transload_pace::Pace;
use transload_provision::journey::Restart;
use transload_provision::mac::Mac;
use transload_provision::sip::{
    Action, Flow, LARGEST, Message, Registrar, RegistrarEvent, Sender, Transport,
};

use super::places::{Places, Room};
use crate::listeners::bounds::Bound;
use line::line;

/// Connections at one time: in all, of addresses without a phone, and of one address. A connection without a
/// registered phone gives way to another when places are short.
const ROOM: Room = Room { all: 8192, strangers: 256, per_peer: PER_PEER };
const PER_PEER: usize = 4;
/// Messages queued for one connection; further ones are dropped.
const WAITING: usize = 32;
/// The longest pause between two complete messages: of a stranger, of a phone before it registers, and after that.
const STRANGERS_PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(240));
/// Rate of datagrams per address and of messages per connection: a burst, and the interval of one more.
const OF_ONE: (u32, Duration) = (60, Duration::from_millis(50));
/// Rate of datagrams from all addresses without a phone together.
const OF_STRANGERS: (u32, Duration) = (300, Duration::from_millis(10));
/// Addresses whose rate is remembered. A flood of addresses makes the table forget, never grow.
const PEERS_KEPT: usize = 16_384;
/// Interval of the registrar's clock, half of its shortest wait.
const TICK: Duration = Duration::from_millis(250);

/// The decisions behind the SIP listener.
pub trait Exchange: Send + Sync + 'static {
    /// The phone at an address.
    fn caller(&self, address: Ipv4Addr) -> Option<Mac>;
    /// Takes in an event of the registrar.
    fn heard(&self, event: RegistrarEvent);
    /// The pace of the clock.
    fn pace(&self) -> Pace {
        Pace::system()
    }
}

/// The listener's shared state: registrations and the connections to phones.
pub struct Switchboard<E> {
    exchange: Arc<E>,
    udp: UdpSocket,
    pace: Pace,
    places: Places,
    full: Box<dyn Fn(Bound, Ipv4Addr) + Send + Sync>,
    state: Mutex<SipState>,
}

struct SipState {
    registrar: Registrar,
    lines: HashMap<SocketAddrV4, mpsc::Sender<Vec<u8>>>,
    /// The datagram allowance of each address.
    peers: HashMap<Ipv4Addr, TokenBucket>,
    strangers: TokenBucket,
}

impl<E: Exchange> Switchboard<E> {
    /// A listener that sends datagrams through `udp`. `full` is called when a client reaches a bound.
    ///
    /// # Errors
    /// The socket has no address, or the system has no randomness.
    pub fn new(
        udp: UdpSocket,
        exchange: Arc<E>,
        full: impl Fn(Bound, Ipv4Addr) + Send + Sync + 'static,
    ) -> io::Result<Arc<Self>> {
        let SocketAddr::V4(own) = udp.local_addr()? else {
            return Err(io::Error::other("no IPv4 address"));
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mut key = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        let registrar = Registrar::new(own, now.as_nanos() as u64, key);
        let strangers = TokenBucket::full(OF_STRANGERS.0, OF_STRANGERS.1);
        let state = SipState { registrar, lines: HashMap::new(), peers: HashMap::new(), strangers };
        let (places, full) = (Places::new(ROOM), Box::new(full));
        let pace = exchange.pace();
        Ok(Arc::new(Self { exchange, udp, pace, places, full, state: Mutex::new(state) }))
    }

    /// Tells a registered phone to read its configuration again. Returns false if the phone is not registered.
    pub fn restart(&self, mac: Mac, how: Restart) -> bool {
        let now = self.now();
        let action = self.state().registrar.restart(mac, how, now);
        let found = action.is_some();
        self.act(action.into_iter().collect());
        found
    }

    /// The port of the listener.
    pub fn port(&self) -> u16 {
        self.udp.local_addr().map_or(0, |address| address.port())
    }

    fn state(&self) -> MutexGuard<'_, SipState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.pace.undisturbed().as_millis() as u64
    }

    /// True if a datagram from this address may be handled now. All strangers share a small rate, so that phones are
    /// heard whatever strangers send.
    fn allows(&self, address: Ipv4Addr) -> bool {
        let now = Instant::now();
        if allowance(&mut self.state().peers, address).take(now).is_err() {
            return false;
        }
        self.knows(address) || self.state().strangers.take(now).is_ok()
    }

    /// True if a phone of the bench has this address.
    fn knows(&self, address: Ipv4Addr) -> bool {
        self.exchange.caller(address).is_some()
    }

    /// Takes in one message. Returns true if its sender is registered by it, false if it no longer is.
    fn take(&self, bytes: &[u8], flow: Flow) -> Result<Option<bool>, ()> {
        let message = Message::parse(bytes).map_err(|error| {
            tracing::debug!(peer = %flow.peer, %error, "a SIP message cannot be read");
        })?;
        let caller = Sender { phone: self.exchange.caller(*flow.peer.ip()) };
        let now = self.now();
        let actions = self.state().registrar.receive(&message, flow, caller, now);
        let registered = actions.iter().rev().find_map(|action| match action {
            Action::Tell(RegistrarEvent::Registered(..)) => Some(true),
            Action::Tell(RegistrarEvent::Gone(_)) => Some(false),
            _ => None,
        });
        self.act(actions);
        Ok(registered)
    }

    fn act(&self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Tell(event) => self.exchange.heard(event),
                Action::Full(address) => (self.full)(Bound::Challenges, address),
                Action::Send(Flow { transport: Transport::Udp, peer }, bytes) => {
                    // If the network has no room now, the registrar sends again.
                    if let Err(error) = self.udp.try_send_to(&bytes, peer.into()) {
                        tracing::debug!(%peer, %error, "a SIP datagram was not sent");
                    }
                }
                Action::Send(Flow { transport: Transport::Tcp, peer }, bytes) => {
                    let line = self.state().lines.get(&peer).cloned();
                    if line.is_none_or(|line| line.try_send(bytes).is_err()) {
                        tracing::debug!(%peer, "a SIP message was not sent: the connection is gone or does not take it");
                    }
                }
            }
        }
    }
}

fn of_one() -> TokenBucket {
    TokenBucket::full(OF_ONE.0, OF_ONE.1)
}

fn allowance(peers: &mut HashMap<Ipv4Addr, TokenBucket>, address: Ipv4Addr) -> &mut TokenBucket {
    if peers.len() >= PEERS_KEPT && !peers.contains_key(&address) {
        // A quiet address is forgotten without loss.
        let now = Instant::now();
        peers.retain(|_, peer| !peer.is_full(now));
        if peers.len() >= PEERS_KEPT {
            peers.clear();
        }
    }
    peers.entry(address).or_insert_with(of_one)
}

/// The SIP listeners of all segments. A phone is registered at one of them.
pub struct Boards<E>(Arc<Mutex<Vec<Weak<Switchboard<E>>>>>);

impl<E> Default for Boards<E> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<E> Clone for Boards<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Exchange> Boards<E> {
    /// Adds a listener; it is forgotten when it closes.
    pub fn add(&self, board: &Arc<Switchboard<E>>) {
        let mut boards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        boards.retain(|board| board.strong_count() > 0);
        boards.push(Arc::downgrade(board));
    }

    /// Tells a registered phone to read its configuration again. Returns false if the phone is not registered.
    pub fn restart(&self, mac: Mac, how: Restart) -> bool {
        let boards = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        boards.iter().filter_map(Weak::upgrade).any(|board| board.restart(mac, how))
    }
}

/// Both sockets on one port; with an interface's name, only for packets from that interface.
///
/// # Errors
/// The port is taken, or a privilege is missing.
pub fn bind(at: SocketAddrV4, interface: Option<&str>) -> io::Result<(TcpListener, UdpSocket)> {
    /// For port 0, a port that is free for TCP may be taken for UDP.
    const TRIES: u32 = 20;
    let mut tries = 0;
    loop {
        tries += 1;
        let tcp = super::bind_tcp(at, interface)?;
        let SocketAddr::V4(address) = tcp.local_addr()? else {
            return Err(io::Error::other("no IPv4 address"));
        };
        match super::bind_udp(address, interface) {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) if at.port() != 0 || tries == TRIES => return Err(error),
            Err(_) => {}
        }
    }
}

/// Serves until `stop`.
pub async fn serve<E: Exchange>(board: Arc<Switchboard<E>>, listener: TcpListener, stop: CancellationToken) {
    let mut tasks = JoinSet::new();
    tasks.spawn(datagrams(Arc::clone(&board)));
    tasks.spawn(clock(Arc::clone(&board)));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, SocketAddr::V4(peer))) => {
                let known = board.knows(*peer.ip());
                let admission = board.places.enter((*peer.ip()).into(), known);
                if admission.full {
                    (board.full)(Bound::Registrar, *peer.ip());
                }
                let Some((seat, gives_way)) = admission.seat else { continue };
                let board = Arc::clone(&board);
                let patience = if known { PATIENCE.0 } else { STRANGERS_PATIENCE };
                tasks.spawn(async move { line(&board, stream, peer, patience, seat, gives_way).await });
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "a SIP connection could not be accepted");
                tokio::time::sleep(TICK).await;
            }
        }
    }
    tasks.shutdown().await;
    let actions = board.state().registrar.end();
    board.act(actions);
}

async fn clock<E: Exchange>(board: Arc<Switchboard<E>>) {
    loop {
        let _hold = board.pace.sleep_undisturbed(TICK).await;
        let now = board.now();
        let actions = board.state().registrar.tick(now);
        board.act(actions);
    }
}

async fn datagrams<E: Exchange>(board: Arc<Switchboard<E>>) {
    let mut buffer = vec![0; LARGEST + 1];
    loop {
        let (length, peer) = match board.udp.recv_from(&mut buffer).await {
            Ok((length, SocketAddr::V4(peer))) => (length, peer),
            Ok(_) => continue,
            Err(error) => {
                // For example "port unreachable" for an earlier answer.
                tracing::debug!(%error, "a SIP datagram could not be received");
                continue;
            }
        };
        // Keepalives of up to four bytes hold a firewall open and carry no message (RFC 5626 §3.5.2).
        if length > 4 && board.allows(*peer.ip()) {
            let _ = board.take(&buffer[..length], Flow { transport: Transport::Udp, peer });
        }
    }
}
