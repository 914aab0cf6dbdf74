//! The SIP door: connections and datagrams on one port, within limits. What is said there is judged by the pure
//! registrar, and who says it is for the bench to know.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transload_provision::journey::Restart;
use transload_provision::mac::Mac;
use transload_provision::sip::{
    Action, Caller, Event, Flow, Frame, LARGEST, Message, Registrar, Start, Transport, frame, said,
};

use crate::pace::Pace;

/// Connections at one time; others wait to be accepted.
const CONNECTIONS: usize = 8192;
/// Connections of one address at one time; others are closed.
const PER_PEER: usize = 4;
/// Messages waiting for one connection; further ones are dropped.
const WAITING: usize = 32;
/// How long a connection may go without a whole message: before it has registered somebody, and after.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(240));
/// How long a phone may take to accept what it is sent.
const WRITE: Duration = Duration::from_secs(10);
/// Messages of one address: so many at once, and so many more each second.
const BURST: f64 = 60.0;
const RATE: f64 = 20.0;
/// Addresses whose rate is remembered; a flood of them makes it forget, never grow.
const PEERS_KEPT: usize = 16_384;
/// How often time passes for the registrar; half of the shortest wait in it.
const TICK: Duration = Duration::from_millis(250);

/// What stands behind the door.
pub trait Exchange: Send + Sync + 'static {
    /// The phone that has this address. `named` is whom the message says it is from.
    fn caller(&self, address: Ipv4Addr, named: Option<Mac>) -> Option<Mac>;
    /// Takes in what was heard.
    fn heard(&self, event: Event);
    /// What time goes by.
    fn pace(&self) -> Pace {
        Pace::system()
    }
}

/// The door from within: who is registered, and the lines to them.
pub struct Switchboard<E> {
    exchange: Arc<E>,
    udp: UdpSocket,
    pace: Pace,
    state: Mutex<State>,
}

struct State {
    registrar: Registrar,
    lines: HashMap<SocketAddrV4, mpsc::Sender<Vec<u8>>>,
    peers: HashMap<Ipv4Addr, Peer>,
}

struct Peer {
    connections: usize,
    allowance: f64,
    at: Instant,
}

impl<E: Exchange> Switchboard<E> {
    /// A door whose datagrams go through `udp`.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn new(udp: UdpSocket, exchange: Arc<E>) -> io::Result<Arc<Self>> {
        let SocketAddr::V4(own) = udp.local_addr()? else {
            return Err(io::Error::other("no IPv4 address"));
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let registrar = Registrar::new(own, now.as_nanos() as u64);
        let state = State { registrar, lines: HashMap::new(), peers: HashMap::new() };
        let pace = exchange.pace();
        Ok(Arc::new(Self { exchange, udp, pace, state: Mutex::new(state) }))
    }

    /// Tells a registered phone to read its configuration again; false where it is not registered.
    pub fn restart(&self, mac: Mac, how: Restart) -> bool {
        let now = self.now();
        let action = self.state().registrar.restart(mac, how, now);
        let found = action.is_some();
        self.act(action.into_iter().collect());
        found
    }

    /// The port that phones reach it at.
    pub fn port(&self) -> u16 {
        self.udp.local_addr().map_or(0, |address| address.port())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.pace.undisturbed().as_millis() as u64
    }

    /// Whether an address may say something now, or how long it has to wait.
    fn allow(&self, address: Ipv4Addr) -> Result<(), Duration> {
        let mut state = self.state();
        let peer = peer(&mut state.peers, address);
        let now = Instant::now();
        peer.allowance = (peer.allowance + (now - peer.at).as_secs_f64() * RATE).min(BURST);
        peer.at = now;
        if peer.allowance >= 1.0 {
            peer.allowance -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - peer.allowance) / RATE))
    }

    /// Takes in one message; tells whether its sender is registered by it, or not any more.
    fn take(&self, bytes: &[u8], flow: Flow) -> Result<Option<bool>, ()> {
        let message = Message::parse(bytes).map_err(|error| {
            tracing::debug!(peer = %flow.peer, %error, "a SIP message cannot be read");
        })?;
        let register = matches!(&message.start, Start::Request { method, .. } if method == "REGISTER");
        let named = if register { said(&message).device } else { None };
        let caller = Caller { phone: self.exchange.caller(*flow.peer.ip(), named) };
        let now = self.now();
        let actions = self.state().registrar.receive(&message, flow, caller, now);
        let registered = actions.iter().rev().find_map(|action| match action {
            Action::Tell(Event::Registered(..)) => Some(true),
            Action::Tell(Event::Gone(_)) => Some(false),
            _ => None,
        });
        self.act(actions);
        Ok(registered)
    }

    fn act(&self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Tell(event) => self.exchange.heard(event),
                Action::Send(Flow { transport: Transport::Udp, peer }, bytes) => {
                    // What the network has no room for now is asked for again.
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

fn peer(peers: &mut HashMap<Ipv4Addr, Peer>, address: Ipv4Addr) -> &mut Peer {
    if peers.len() >= PEERS_KEPT && !peers.contains_key(&address) {
        peers.retain(|_, peer| peer.connections > 0);
    }
    peers.entry(address).or_insert_with(|| Peer { connections: 0, allowance: BURST, at: Instant::now() })
}

/// The doors of all segments. A phone is registered at one of them.
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
    /// Takes in a door; it is forgotten when it closes.
    pub fn add(&self, board: &Arc<Switchboard<E>>) {
        let mut boards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        boards.retain(|board| board.strong_count() > 0);
        boards.push(Arc::downgrade(board));
    }

    /// Tells a registered phone to read its configuration again; false where it is not registered.
    pub fn restart(&self, mac: Mac, how: Restart) -> bool {
        let boards = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        boards.iter().filter_map(Weak::upgrade).any(|board| board.restart(mac, how))
    }
}

/// Both sockets on one port; with an interface's name, only for what comes in through it.
///
/// # Errors
/// The port is taken, or a privilege is missing.
pub fn bind(at: SocketAddrV4, interface: Option<&str>) -> io::Result<(TcpListener, UdpSocket)> {
    /// Where any port will do, the first one free for TCP may be taken for UDP.
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
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut tasks = JoinSet::new();
    tasks.spawn(datagrams(Arc::clone(&board)));
    tasks.spawn(clock(Arc::clone(&board)));
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
        match accepted {
            Ok((stream, SocketAddr::V4(peer))) => {
                let board = Arc::clone(&board);
                tasks.spawn(async move {
                    line(&board, stream, peer).await;
                    drop(place);
                });
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
                // Such as "port unreachable" for an earlier answer.
                tracing::debug!(%error, "a SIP datagram could not be received");
                continue;
            }
        };
        // A few bytes keep a way open through a firewall (RFC 5626 §3.5.2), and say nothing.
        if length > 4 && board.allow(*peer.ip()).is_ok() {
            let _ = board.take(&buffer[..length], Flow { transport: Transport::Udp, peer });
        }
    }
}

/// One connection from its first byte to its last.
async fn line<E: Exchange>(board: &Switchboard<E>, mut stream: TcpStream, peer: SocketAddrV4) {
    let (sender, mut outgoing) = mpsc::channel(WAITING);
    {
        let mut state = board.state();
        let caller = self::peer(&mut state.peers, *peer.ip());
        if caller.connections >= PER_PEER {
            tracing::debug!(%peer, "too many SIP connections from one address; closed");
            return;
        }
        caller.connections += 1;
        state.lines.insert(peer, sender);
    }
    if let Err(why) = talk(board, &mut stream, peer, &mut outgoing).await {
        tracing::debug!(%peer, why, "a SIP connection was closed");
    }
    let flow = Flow { transport: Transport::Tcp, peer };
    let actions = {
        let mut state = board.state();
        state.lines.remove(&peer);
        if let Some(caller) = state.peers.get_mut(peer.ip()) {
            caller.connections = caller.connections.saturating_sub(1);
        }
        state.registrar.closed(flow)
    };
    board.act(actions);
}

async fn talk<E: Exchange>(
    board: &Switchboard<E>,
    stream: &mut TcpStream,
    peer: SocketAddrV4,
    outgoing: &mut mpsc::Receiver<Vec<u8>>,
) -> Result<(), &'static str> {
    let flow = Flow { transport: Transport::Tcp, peer };
    let (mut reader, mut writer) = stream.split();
    let mut bytes: Vec<u8> = Vec::new();
    let mut chunk = [0; 2048];
    let mut patience = PATIENCE.0;
    let mut since = board.pace.undisturbed();
    loop {
        loop {
            match frame(&bytes).map_err(|_| "what came is no SIP")? {
                Frame::Partial => break,
                Frame::Blank { bytes: blank, ping } => {
                    bytes.drain(..blank);
                    if ping {
                        board.act(vec![Action::Send(flow, b"\r\n".to_vec())]);
                    }
                    if bytes.is_empty() {
                        break;
                    }
                }
                Frame::Whole(length) => {
                    while let Err(wait) = board.allow(*peer.ip()) {
                        tokio::time::sleep(wait).await;
                    }
                    let message: Vec<u8> = bytes.drain(..length).collect();
                    if let Some(registered) =
                        board.take(&message, flow).map_err(|()| "what came is no SIP")?
                    {
                        patience = if registered { PATIENCE.1 } else { PATIENCE.0 };
                    }
                    since = board.pace.undisturbed();
                }
            }
        }
        tokio::select! {
            biased;
            Some(message) = outgoing.recv() => {
                let written = tokio::time::timeout(WRITE, writer.write_all(&message)).await;
                written.map_err(|_| "it takes nothing")?.map_err(|_| "it is broken")?;
            }
            read = reader.read(&mut chunk) => match read {
                Ok(0) => return Ok(()),
                Ok(length) => bytes.extend_from_slice(&chunk[..length]),
                Err(_) => return Err("it is broken"),
            },
            _ = board.pace.sleep_until(board.pace.stretch(since + patience)) => return Err("nothing came for too long"),
        }
    }
}
