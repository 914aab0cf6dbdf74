//! Receiving on one link: from its socket into a queue, from there to the engine.

use std::io::{self, PipeReader, PipeWriter};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::ServerCore;
use super::conflict::PendingProbe;
use super::queue::ReceiveQueue;
use super::replies::DecisionBatch;
use crate::packet::{Packet, peek_client};
use crate::sockets::{LARGEST, Link, LinkSocket};

/// Messages handled before what came in meanwhile is received.
const BATCH: usize = 64;
/// Rounds of receiving begin at least this far apart, so that under load one waking of the thread serves several
/// messages; a lone one never waits.
const APART: Duration = Duration::from_millis(2);
/// Datagrams received at a time.
const MOST_RECEIVED: usize = 1024;
/// Replies that may wait for the journal. Beyond that, messages wait in the queue, where the oldest give way.
const MOST_WAITING: usize = 1024;
/// How long a socket that fails is left alone.
const AGAIN: Duration = Duration::from_millis(200);
/// How often an interface is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// At most so often is it said that messages were shed.
const SAY: Duration = Duration::from_secs(10);

impl ServerCore {
    /// Serves a link whenever it is there, until told to stop.
    pub(super) async fn tend(
        self: Arc<Self>,
        link: Link,
        mut door: Option<Arc<LinkSocket>>,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            if let Some(door) = door.take() {
                let stopped = match self.receive_on_a_thread(&door) {
                    Ok(mut thread) => {
                        let stopped = tokio::select! {
                            _ = stop.changed() => true,
                            _ = &mut thread.ended => false,
                            () = hear_answers(&door) => false,
                            () = gone(&link, &door) => false,
                        };
                        thread.stop().await;
                        stopped
                    }
                    Err(cause) => {
                        tracing::error!(%link, %cause, "no thread to receive on; trying again");
                        false
                    }
                };
                if stopped {
                    return;
                }
                tracing::warn!(%link, "not served: the interface or its address is gone");
            }
            tokio::select! {
                _ = stop.changed() => return,
                opened = opened(&link) => door = Some(Arc::new(opened)),
            }
            tracing::info!(%link, "served");
        }
    }

    /// Starts receiving. On a thread of its own, because a task would be woken by every datagram.
    fn receive_on_a_thread(self: &Arc<Self>, door: &Arc<LinkSocket>) -> io::Result<Receiving> {
        let (stopped, stop) = io::pipe()?;
        let (end, ended) = oneshot::channel();
        let (inner, door, runtime) = (Arc::clone(self), Arc::clone(door), Handle::current());
        std::thread::Builder::new().name("dhcp".into()).spawn(move || {
            // For the tasks that wait while an address is tried.
            let _runtime = runtime.enter();
            inner.serve(&door, &stopped);
            drop((door, end));
        })?;
        Ok(Receiving { stop, ended })
    }

    /// Receives and handles until `stopped` is closed.
    fn serve(self: &Arc<Self>, door: &Arc<LinkSocket>, stopped: &PipeReader) {
        let mut buffer = vec![0; LARGEST];
        let mut queue = ReceiveQueue::default();
        let mut said: Option<Instant> = None;
        let mut unsaid = 0;
        let mut last = Instant::now();
        loop {
            match door.wait(stopped, queue.is_empty()) {
                Ok(true) => {}
                Ok(false) => return,
                Err(cause) => cannot_receive(door, &cause),
            }
            let round = Instant::now();
            if let Err(cause) = self.receive(door, &mut buffer, &mut queue) {
                cannot_receive(door, &cause);
            }
            let shed = queue.take_shed();
            if shed > 0 {
                self.shed.fetch_add(shed, Ordering::Relaxed);
            }
            let has_room = self.handle(door, &mut queue);
            let busy = round.duration_since(last) < 2 * APART;
            last = round;
            if (queue.is_empty() && busy) || !has_room {
                std::thread::sleep(APART.saturating_sub(round.elapsed()));
            }
            unsaid += shed;
            if unsaid > 0 && said.is_none_or(|said| said.elapsed() > SAY) {
                said = Some(Instant::now());
                tracing::warn!(address = %door.local, shed = unsaid, "more DHCP messages than can be served; the oldest went");
                unsaid = 0;
            }
        }
    }

    /// Puts what has arrived into the queue. The kernel's own queue would drop the newest, and keep the stale.
    fn receive(&self, door: &LinkSocket, buffer: &mut [u8], queue: &mut ReceiveQueue) -> io::Result<()> {
        let knows = |mac| self.state().engine.knows(mac) || self.policy.expects(mac);
        for _ in 0..MOST_RECEIVED {
            match door.try_receive(buffer) {
                Ok(received) => {
                    queue.push(buffer.get(..received.length).unwrap_or_default(), received, knows);
                }
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => break,
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }

    /// Handles what is queued, up to a batch. False where it must wait for the journal.
    fn handle(self: &Arc<Self>, door: &Arc<LinkSocket>, queue: &mut ReceiveQueue) -> bool {
        if queue.is_empty() {
            return true;
        }
        let mut batch = DecisionBatch::default();
        let mut state = self.state();
        let mut has_room = true;
        for _ in 0..BATCH {
            has_room = state.waiting.len() < MOST_WAITING;
            if !has_room {
                break;
            }
            let Some(datagram) = queue.pop() else { break };
            let received = datagram.received;
            let decoded = Packet::decode(&datagram.octets);
            let client = peek_client(&datagram.octets);
            queue.recycle(datagram.octets);
            let now = (self.clock)();
            let packet = match decoded {
                Ok(packet) => packet,
                Err(cause) => {
                    self.strange.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(source = %received.source, %cause, "no DHCP message");
                    if let Some(client) = client {
                        batch.add_unread(now, client, cause, door, received);
                    }
                    continue;
                }
            };
            let ingress = door.ingress(&received);
            let decision = state.engine.handle(now, &packet, ingress, &*self.policy);
            let mut decision = Some(state.bound_informs(now, decision));
            if let Some(address) = decision.as_ref().and_then(|decision| decision.probe) {
                let question = PendingProbe { packet, door: Arc::clone(door), received };
                decision =
                    decision.and_then(|decision| self.try_first(&mut state, question, address, decision));
            }
            if let Some(decision) = decision {
                batch.add(&mut state, decision, door, received);
            }
        }
        self.carry_out(state, batch);
        has_room
    }
}

/// An interface that goes down and comes back must not end the service.
fn cannot_receive(door: &LinkSocket, cause: &io::Error) {
    tracing::warn!(address = %door.local, %cause, "DHCP cannot receive; trying again");
    std::thread::sleep(AGAIN);
}

/// A thread that receives.
struct Receiving {
    /// Closed, it ends the thread.
    stop: PipeWriter,
    ended: oneshot::Receiver<()>,
}

impl Receiving {
    /// Ends it, and waits for that.
    async fn stop(self) {
        drop(self.stop);
        if !self.ended.is_terminated() {
            _ = self.ended.await;
        }
    }
}

/// Takes in answers about addresses being tried; without ARP there are none.
async fn hear_answers(door: &LinkSocket) {
    let Some(arp) = &door.arp else { return std::future::pending().await };
    loop {
        let cause = arp.listen().await;
        tracing::debug!(address = %door.local, %cause, "ARP cannot be received; trying again");
        tokio::time::sleep(AGAIN).await;
    }
}

/// Ready once the interface is gone, was replaced by another of its name, or has lost the address.
async fn gone(link: &Link, door: &LinkSocket) {
    loop {
        tokio::time::sleep(LOOK).await;
        if link.index() != Some(door.index()) {
            return;
        }
    }
}

/// The link's sockets, once it is there.
async fn opened(link: &Link) -> LinkSocket {
    let mut said = false;
    loop {
        if link.index().is_some() {
            match LinkSocket::open(link) {
                Ok(door) => return door,
                Err(cause) if !said => {
                    said = true;
                    tracing::warn!("{cause}");
                }
                Err(_) => {}
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
