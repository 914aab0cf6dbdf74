//! The running server: datagrams in, the engine's decisions carried out, replies out.
//!
//! One task reads each link. One task saves leases, one commit at a time: what is granted while a commit is under way
//! goes into the next, so that under load many ACKs share one write. One more task waits for each address being tried.

mod conflict;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::config::{Config, ConfigError};
use crate::engine::{Decision, Engine, Reply};
use crate::event::{Event, Outcome};
use crate::journal::Journal;
use crate::lease::LeaseRecord;
use crate::packet::Packet;
use crate::policy::Policy;
use crate::sockets::{Door, LARGEST, Link, OpenError};
use conflict::{Allowance, Question};

/// Messages handled before other tasks get their turn.
const BATCH: usize = 64;
/// Replies that may wait for the journal; beyond that, messages go unanswered until it has caught up.
const MOST_WAITING: usize = 4096;

/// How long a socket that fails is left alone.
const AGAIN: Duration = Duration::from_millis(200);

/// Milliseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;
/// Told about every message. Called from the server's tasks: it must not block.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// All a server is made of.
pub struct Setup {
    /// Networks and rules.
    pub config: Config,
    /// What the journal kept: the last record of each address.
    pub leases: Vec<LeaseRecord>,
    /// Where clients are; one for each interface.
    pub links: Vec<Link>,
    /// Who gets what.
    pub policy: Arc<dyn Policy>,
    /// Where leases are saved.
    pub journal: Arc<dyn Journal>,
    /// The time.
    pub clock: Clock,
    /// Who is told.
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

/// A running server. It stops when [`Server::shutdown`] is called or when it is dropped.
pub struct Server {
    inner: Arc<Inner>,
    stop_reading: watch::Sender<bool>,
    stop_saving: watch::Sender<bool>,
    readers: Mutex<Vec<JoinHandle<()>>>,
    saver: Mutex<Option<JoinHandle<()>>>,
}

struct Inner {
    state: Mutex<State>,
    doors: Vec<Arc<Door>>,
    policy: Arc<dyn Policy>,
    journal: Arc<dyn Journal>,
    clock: Clock,
    observer: Observer,
    /// Wakes the saver.
    to_save: Notify,
}

struct State {
    engine: Engine,
    /// What the next commit will save.
    unsaved: Vec<LeaseRecord>,
    /// The number of the last decision in `unsaved`.
    through: u64,
    waiting: Vec<Waiting>,
    /// Addresses the segment is being asked for.
    trying: HashSet<Ipv4Addr>,
    allowance: Allowance,
}

/// A reply and an event that may leave once commit `after` has succeeded.
struct Waiting {
    after: u64,
    reply: Option<Reply>,
    event: Event,
    door: Arc<Door>,
    source: SocketAddrV4,
    writes: Vec<LeaseRecord>,
}

impl Waiting {
    fn of(decision: Decision, door: &Arc<Door>, source: SocketAddrV4) -> Self {
        let Decision { writes, after, reply, event, probe: _ } = decision;
        Self { after, reply, event, door: Arc::clone(door), source, writes }
    }
}

impl Server {
    /// Opens the links and starts serving. To be called within a tokio runtime.
    pub fn start(setup: Setup) -> Result<Self, StartError> {
        let engine = Engine::new(setup.config, setup.leases)?;
        let doors =
            setup.links.iter().map(|link| Door::open(link).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let inner = Arc::new(Inner {
            state: Mutex::new(State {
                engine,
                unsaved: Vec::new(),
                through: 0,
                waiting: Vec::new(),
                trying: HashSet::new(),
                allowance: Allowance::full(),
            }),
            doors,
            policy: setup.policy,
            journal: setup.journal,
            clock: setup.clock,
            observer: setup.observer,
            to_save: Notify::new(),
        });
        let (stop_reading, reading) = watch::channel(false);
        let (stop_saving, saving) = watch::channel(false);
        let readers = inner
            .doors
            .iter()
            .map(|door| tokio::spawn(Arc::clone(&inner).read(Arc::clone(door), reading.clone())));
        let readers = Mutex::new(readers.collect());
        let saver = Mutex::new(Some(tokio::spawn(Arc::clone(&inner).save(saving))));
        Ok(Self { inner, stop_reading, stop_saving, readers, saver })
    }

    /// Where it listens, in the order of the links.
    pub fn addresses(&self) -> Vec<SocketAddrV4> {
        self.inner.doors.iter().map(|door| door.local).collect()
    }

    /// Takes another configuration; leases stay. On an error nothing changes. Links are not opened or closed.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        self.inner.state().engine.reconfigure(config)
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

    /// Stops answering, or starts again; see [`Engine::set_silent`].
    pub fn set_silent(&self, silent: bool) {
        self.inner.state().engine.set_silent(silent);
    }

    /// Stops receiving, saves what is to be saved, sends what waits for it, and ends.
    pub async fn shutdown(&self) {
        self.stop_reading.send_replace(true);
        let readers = std::mem::take(&mut *self.readers.lock().unwrap_or_else(PoisonError::into_inner));
        for reader in readers {
            _ = reader.await;
        }
        self.stop_saving.send_replace(true);
        let saver = self.saver.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(saver) = saver {
            _ = saver.await;
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(self: Arc<Self>, door: Arc<Door>, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.changed() => {}
            () = self.serve(&door) => {}
            () = hear_answers(&door) => {}
        }
    }

    async fn serve(self: &Arc<Self>, door: &Arc<Door>) {
        let mut buffer = vec![0; LARGEST];
        loop {
            let ready = door.readable().await;
            if let Err(cause) = ready.and_then(|()| self.receive(door, &mut buffer)) {
                // An interface that goes down and comes back must not end the service.
                tracing::warn!(address = %door.local, %cause, "DHCP cannot receive; trying again");
                tokio::time::sleep(AGAIN).await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Handles what is there, up to a batch.
    fn receive(self: &Arc<Self>, door: &Arc<Door>, buffer: &mut [u8]) -> std::io::Result<()> {
        let mut ready = Vec::new();
        let mut result = Ok(());
        let mut state = self.state();
        for _ in 0..BATCH {
            let received = match door.try_receive(buffer) {
                Ok(received) => received,
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(cause) => {
                    result = Err(cause);
                    break;
                }
            };
            let packet = match Packet::decode(buffer.get(..received.length).unwrap_or_default()) {
                Ok(packet) => packet,
                Err(cause) => {
                    tracing::debug!(source = %received.source, %cause, "no DHCP message");
                    continue;
                }
            };
            if state.waiting.len() >= MOST_WAITING {
                continue;
            }
            let now = (self.clock)();
            let ingress = door.ingress(received.unicast);
            let mut decision = Some(state.engine.handle(now, &packet, ingress, &*self.policy));
            if door.arp.is_some() {
                let question = || Question {
                    packet,
                    unicast: received.unicast,
                    door: Arc::clone(door),
                    source: received.source,
                };
                decision = decision.and_then(|decision| self.try_first(&mut state, question, decision));
            }
            if let Some(decision) = decision {
                self.carry_out(&mut state, Waiting::of(decision, door, received.source), &mut ready);
            }
        }
        drop(state);
        for done in &ready {
            self.finish(done);
        }
        result
    }

    /// Hands over what is to be saved. What need not wait for that goes to `ready`, to be finished without the lock.
    fn carry_out(&self, state: &mut State, mut waiting: Waiting, ready: &mut Vec<Waiting>) {
        if !waiting.writes.is_empty() {
            state.unsaved.append(&mut waiting.writes);
            state.through = waiting.after;
            self.to_save.notify_one();
        }
        if waiting.after == 0 {
            ready.push(waiting);
        } else {
            state.waiting.push(waiting);
        }
    }

    async fn save(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            let stopping = tokio::select! {
                () = self.to_save.notified() => false,
                _ = stop.changed() => true,
            };
            while self.save_once().await {}
            if stopping {
                return;
            }
        }
    }

    /// Saves what is there and finishes what waited for it. False if there was nothing.
    async fn save_once(&self) -> bool {
        let (records, through) = {
            let mut state = self.state();
            (std::mem::take(&mut state.unsaved), state.through)
        };
        if records.is_empty() {
            return false;
        }
        let outcome = self.journal.commit(records).await;
        let mut state = self.state();
        match &outcome {
            Ok(()) => state.engine.committed(through),
            Err(_) => state.engine.commit_failed(through),
        }
        let (done, later) =
            std::mem::take(&mut state.waiting).into_iter().partition(|waiting| waiting.after <= through);
        state.waiting = later;
        drop(state);
        for mut waiting in Vec::from_iter::<Vec<Waiting>>(done) {
            if let Err(cause) = &outcome {
                waiting.reply = None;
                waiting.event.outcome = Outcome::NotSaved(cause.0.clone());
            }
            self.finish(&waiting);
        }
        true
    }

    /// The observer is told first, so that it knows a client by its address before that client can use it.
    fn finish(&self, done: &Waiting) {
        (self.observer)(&done.event);
        if let Some(reply) = &done.reply
            && let Err(cause) = done.door.send(reply, done.source)
        {
            tracing::warn!(to = ?reply.destination, %cause, "a DHCP reply could not be sent");
        }
    }
}

/// Takes in answers about addresses being tried; without ARP there are none.
async fn hear_answers(door: &Door) {
    let Some(arp) = &door.arp else { return std::future::pending().await };
    loop {
        let cause = arp.listen().await;
        tracing::debug!(address = %door.local, %cause, "ARP cannot be received; trying again");
        tokio::time::sleep(AGAIN).await;
    }
}
