//! A lossy wire for real clients: a proxy on loopback that loses, doubles, delays and reorders what passes.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use crate::common::Random;

/// What happens to packets, out of a thousand in each direction.
#[derive(Clone, Copy, Debug)]
pub struct ProxyFaults {
    pub lost: u64,
    pub doubled: u64,
    /// Held back long enough that others overtake them.
    pub reordered: u64,
    pub seed: u64,
}

/// How long a packet that is reordered is held back, and longer than a packet takes on loopback.
const HELD_BACK: Duration = Duration::from_millis(4);

/// A running proxy; dropping it ends it.
pub struct Proxy {
    pub address: SocketAddrV4,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One client: the port it sees as its transfer's, and the port the server sees as the client's.
struct Pair {
    towards_client: UdpSocket,
    towards_server: UdpSocket,
    client: SocketAddr,
    /// The server's port of this transfer, once it has spoken.
    transfer: Option<SocketAddr>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due: Instant,
    order: u64,
    client: SocketAddr,
    to_server: bool,
    packet: Vec<u8>,
}

struct Wire {
    /// Tells when a packet has come, at whichever socket.
    epoll: Epoll,
    server: SocketAddrV4,
    trouble: ProxyFaults,
    random: Random,
    pairs: HashMap<SocketAddr, Pair>,
    held: BinaryHeap<Reverse<Held>>,
    order: u64,
}

impl Proxy {
    pub fn start(server: SocketAddrV4, trouble: ProxyFaults) -> Proxy {
        let socket = quick();
        let SocketAddr::V4(address) = socket.local_addr().unwrap() else { panic!("not IPv4") };
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let random = Random(trouble.seed);
            let epoll = watching(&socket);
            let (pairs, held) = (HashMap::new(), BinaryHeap::new());
            let mut wire = Wire { epoll, server, trouble, random, pairs, held, order: 0 };
            while !ended.load(Ordering::Relaxed) {
                wire.turn(&socket);
            }
        });
        Proxy { address, over, thread: Some(thread) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Wire {
    /// Waits a little for packets, and moves what has come.
    fn turn(&mut self, socket: &UdpSocket) {
        let pause = if self.held.is_empty() { 50_u8 } else { 1 };
        let _ = self.epoll.wait(&mut [EpollEvent::empty(); 8], pause);
        // A request itself always arrives: clients take seconds to repeat it.
        while let Some((request, client)) = take(socket) {
            let pair = self.pairs.entry(client).or_insert_with(|| {
                let pair = Pair { towards_client: quick(), towards_server: quick(), client, transfer: None };
                self.epoll.add(&pair.towards_client, incoming()).unwrap();
                self.epoll.add(&pair.towards_server, incoming()).unwrap();
                pair
            });
            pair.towards_server.send_to(&request, self.server).unwrap();
        }
        let mut came = Vec::new();
        for (client, pair) in &mut self.pairs {
            while let Some((packet, from)) = take(&pair.towards_server) {
                pair.transfer = Some(from);
                came.push((*client, false, packet));
            }
            while let Some((packet, from)) = take(&pair.towards_client) {
                if from == pair.client {
                    came.push((*client, true, packet));
                }
            }
        }
        for (client, to_server, packet) in came {
            self.pass(client, to_server, &packet);
        }
        let now = Instant::now();
        while self.held.peek().is_some_and(|Reverse(held)| held.due <= now) {
            if let Some(Reverse(Held { client, to_server, packet, .. })) = self.held.pop() {
                self.deliver(client, to_server, &packet);
            }
        }
    }

    fn pass(&mut self, client: SocketAddr, to_server: bool, packet: &[u8]) {
        let ProxyFaults { lost, doubled, reordered, .. } = self.trouble;
        let copies = if self.random.one_in_thousand(doubled) { 2 } else { 1 };
        for _ in 0..copies {
            if self.random.one_in_thousand(lost) {
                continue;
            }
            if self.random.one_in_thousand(reordered) {
                self.order += 1;
                let (due, order, packet) = (Instant::now() + HELD_BACK, self.order, packet.to_vec());
                self.held.push(Reverse(Held { due, order, client, to_server, packet }));
            } else {
                self.deliver(client, to_server, packet);
            }
        }
    }

    /// Who has gone gets nothing, as on a wire.
    fn deliver(&self, client: SocketAddr, to_server: bool, packet: &[u8]) {
        let Some(pair) = self.pairs.get(&client) else { return };
        let _ = match (to_server, pair.transfer) {
            (true, Some(transfer)) => pair.towards_server.send_to(packet, transfer),
            (true, None) => Ok(0),
            (false, _) => pair.towards_client.send_to(packet, pair.client),
        };
    }
}

fn watching(socket: &UdpSocket) -> Epoll {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    epoll.add(socket, incoming()).unwrap();
    epoll
}

fn incoming() -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN, 0)
}

fn quick() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn take(socket: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut buffer = vec![0; 65_536];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                buffer.truncate(length);
                return Some((buffer, from));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => return None,
        }
    }
}
