//! The running server: datagrams in, the engine's decisions carried out, replies out.
//!
//! One task reads each link, and one more waits for each address being tried. Leases are saved by the journal, which
//! sends the replies that waited for them from its own thread: handing them to another one would cost more than they do.

mod conflict;
mod link;
mod queue;
mod replies;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::MacOctets;
use crate::config::{ConfigError, DhcpConfig};
use crate::engine::{Engine, SetAside};
use crate::event::DhcpEvent;
use crate::journal::Journal;
use crate::lease::LeaseRecord;
use crate::policy::Policy;
use crate::sockets::{Link, LinkSocket, OpenError};
use crate::token_bucket::TokenBucket;
use replies::PendingReply;

/// Milliseconds since the epoch.
pub type ClockFn = Arc<dyn Fn() -> u64 + Send + Sync>;
/// Told about every message, and how long ago it was received. Called from the server's tasks: it must not block.
pub type Observer = Arc<dyn Fn(&DhcpEvent, Duration) + Send + Sync>;

/// All a server is made of.
pub struct Setup {
    /// Networks and rules.
    pub config: DhcpConfig,
    /// The journal's records: the last one of each address.
    pub leases: Vec<LeaseRecord>,
    /// Where clients are; one for each interface. An interface that goes, or loses its address, is served again once
    /// it is back.
    pub links: Vec<Link>,
    /// Start also while an interface or its address is missing, and serve it once it is there.
    pub await_links: bool,
    /// Decides about clients.
    pub policy: Arc<dyn Policy>,
    /// Where leases are saved.
    pub journal: Arc<dyn Journal>,
    /// The time.
    pub clock: ClockFn,
    /// Hears of every message.
    pub observer: Observer,
}

/// The server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A link could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// A running server. It stops when [`DhcpServer::shutdown`] is called or when it is dropped.
pub struct DhcpServer {
    inner: Arc<ServerCore>,
    readers: Mutex<Vec<LinkReader>>,
}

/// The task that serves a link.
struct LinkReader {
    link: Link,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl LinkReader {
    fn start(inner: &Arc<ServerCore>, link: Link, door: Option<Arc<LinkSocket>>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(Arc::clone(inner).tend(link.clone(), door, stopped));
        Self { link, stop, task }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        _ = self.task.await;
    }
}

struct ServerCore {
    state: Mutex<ServerState>,
    /// Where each link listens, or will.
    addresses: Vec<SocketAddrV4>,
    policy: Arc<dyn Policy>,
    journal: Arc<dyn Journal>,
    clock: ClockFn,
    observer: Observer,
    /// How many replies that waited for a commit may leave now.
    pace: Mutex<TokenBucket>,
    /// Tells that a commit is through, and fewer replies wait.
    room: Notify,
    /// Datagrams that were no DHCP message.
    strange: AtomicU64,
    /// Messages that were not handled, because more came than can be.
    shed: AtomicU64,
}

struct ServerState {
    engine: Engine,
    /// Replies that wait for the journal.
    waiting: Vec<PendingReply>,
    /// Commits under way.
    commits: usize,
    /// Addresses the segment is being asked for.
    trying: HashSet<Ipv4Addr>,
    /// How many offers may be tried now.
    allowance: TokenBucket,
    /// How many clients may be checked now that say they gave up their address.
    checks: TokenBucket,
    /// How many replies may leave now to addresses that nobody leased from us.
    informs: TokenBucket,
    /// Machines of which it was said that they answer for addresses of others.
    said: Vec<MacOctets>,
}

impl DhcpServer {
    /// Opens the links and starts serving. To be called within a tokio runtime.
    pub fn start(setup: Setup) -> Result<Self, StartError> {
        let engine = Engine::new(setup.config, setup.leases)?;
        let mut doors = Vec::new();
        for link in setup.links {
            let door = match LinkSocket::open(&link) {
                Ok(door) => Some(Arc::new(door)),
                Err(OpenError::Missing { .. }) if setup.await_links => {
                    tracing::warn!(%link, "not served yet: there is no such interface with that address");
                    None
                }
                Err(cause) => return Err(cause.into()),
            };
            doors.push((link, door));
        }
        let addresses = doors
            .iter()
            .map(|(link, door)| door.as_ref().map_or(link.address(), |door| door.local))
            .collect();
        let inner = Arc::new(ServerCore {
            state: Mutex::new(ServerState {
                engine,
                waiting: Vec::new(),
                commits: 0,
                trying: HashSet::new(),
                allowance: TokenBucket::full(conflict::BURST, conflict::EVERY),
                checks: TokenBucket::full(conflict::CHECKS, conflict::CHECK_EVERY),
                informs: TokenBucket::full(replies::INFORMS, replies::INFORM_EVERY),
                said: Vec::new(),
            }),
            addresses,
            policy: setup.policy,
            journal: setup.journal,
            clock: setup.clock,
            observer: setup.observer,
            pace: Mutex::new(TokenBucket::full(replies::BURST, replies::EVERY)),
            room: Notify::new(),
            strange: AtomicU64::new(0),
            shed: AtomicU64::new(0),
        });
        let readers = doors.into_iter().map(|(link, door)| LinkReader::start(&inner, link, door));
        let readers = Mutex::new(readers.collect());
        Ok(Self { inner, readers })
    }

    fn readers(&self) -> MutexGuard<'_, Vec<LinkReader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it listened, or was to, when it started; in the order of the links.
    pub fn addresses(&self) -> Vec<SocketAddrV4> {
        self.inner.addresses.clone()
    }

    /// Takes another configuration; leases stay. On an error nothing changes. Links are not opened or closed.
    pub fn reconfigure(&self, config: DhcpConfig) -> Result<(), ConfigError> {
        self.inner.state().engine.reconfigure(config)
    }

    /// Datagrams since the start that were no DHCP messages, and messages that gave way to newer ones.
    pub fn unobserved(&self) -> (u64, u64) {
        (self.inner.strange.load(Ordering::Relaxed), self.inner.shed.load(Ordering::Relaxed))
    }

    /// Counts addresses that are set aside now.
    pub fn set_aside(&self) -> SetAside {
        self.inner.state().engine.set_aside((self.inner.clock)())
    }

    /// All leases, saved or about to be, in the order of their addresses.
    pub fn leases(&self) -> Vec<LeaseRecord> {
        let mut leases: Vec<_> = self.inner.state().engine.leases().cloned().collect();
        leases.sort_by_key(|record| record.address);
        leases
    }

    /// The record of one address.
    pub fn lease(&self, address: Ipv4Addr) -> Option<LeaseRecord> {
        self.inner.state().engine.lease(address).cloned()
    }

    /// Stops answering on the link of this address, or starts again; see [`Engine::set_silent`].
    pub fn set_silent(&self, local: Ipv4Addr, silent: bool) {
        self.inner.state().engine.set_silent(local, silent);
    }

    /// Serves these links from now on, whenever they are there, and no others.
    pub async fn set_links(&self, links: Vec<Link>) {
        let ended = {
            let mut readers = self.readers();
            let (keep, end) = std::mem::take(&mut *readers)
                .into_iter()
                .partition::<Vec<_>, _>(|reader| links.contains(&reader.link) && !reader.task.is_finished());
            *readers = keep;
            end
        };
        for reader in ended {
            reader.stop().await;
        }
        let mut readers = self.readers();
        for link in links {
            if readers.iter().all(|reader| reader.link != link) {
                let door = LinkSocket::open(&link).ok().map(Arc::new);
                readers.push(LinkReader::start(&self.inner, link, door));
            }
        }
    }

    /// Stops receiving, saves what is to be saved, sends what waits for it, and ends.
    pub async fn shutdown(&self) {
        let readers = std::mem::take(&mut *self.readers());
        for reader in &readers {
            reader.stop.send_replace(true);
        }
        for reader in readers {
            reader.stop().await;
        }
        self.inner.settled().await;
    }
}

impl ServerCore {
    fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
