//! Receiving on one link: from its socket into a queue, from there to the engine.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::conflict::Question;
use super::queue::Queue;
use super::{Inner, Waiting};
use crate::packet::Packet;
use crate::sockets::{Door, LARGEST, Link};

/// Messages handled before what came in meanwhile is received, and other tasks get their turn.
const BATCH: usize = 64;
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

impl Inner {
    /// Serves a link whenever it is there.
    pub(super) async fn tend(
        self: Arc<Self>,
        link: Link,
        mut door: Option<Arc<Door>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let served = async {
            loop {
                if let Some(door) = door.take() {
                    tokio::select! {
                        () = self.serve(&door) => {}
                        () = hear_answers(&door) => {}
                        () = gone(&link, &door) => {}
                    }
                    tracing::warn!(%link, "not served: the interface or its address is gone");
                }
                door = Some(Arc::new(opened(&link).await));
                tracing::info!(%link, "served");
            }
        };
        tokio::select! {
            _ = stop.changed() => {}
            () = served => {}
        }
    }

    async fn serve(self: &Arc<Self>, door: &Arc<Door>) {
        let mut buffer = vec![0; LARGEST];
        let mut queue = Queue::default();
        let mut said = None;
        loop {
            let room = self.room.notified();
            let handled = self.handle(door, &mut queue);
            let ready = if queue.is_empty() {
                door.readable().await
            } else if handled {
                tokio::task::yield_now().await;
                Ok(())
            } else {
                tokio::select! {
                    () = room => Ok(()),
                    ready = door.readable() => ready,
                }
            };
            if let Err(cause) = ready.and_then(|()| receive(door, &mut buffer, &mut queue)) {
                // An interface that goes down and comes back must not end the service.
                tracing::warn!(address = %door.local, %cause, "DHCP cannot receive; trying again");
                tokio::time::sleep(AGAIN).await;
            }
            if said.is_none_or(|said: Instant| said.elapsed() > SAY) {
                let shed = queue.take_shed();
                if shed > 0 {
                    said = Some(Instant::now());
                    tracing::warn!(address = %door.local, shed, "more DHCP messages than can be served; the oldest went");
                }
            }
        }
    }

    /// Handles what is queued, up to a batch. False where it must wait for the journal.
    fn handle(self: &Arc<Self>, door: &Arc<Door>, queue: &mut Queue) -> bool {
        if queue.is_empty() {
            return true;
        }
        let mut ready = Vec::new();
        let mut state = self.state();
        for _ in 0..BATCH {
            if state.waiting.len() >= MOST_WAITING {
                return false;
            }
            let Some(datagram) = queue.pop() else { break };
            let received = datagram.received;
            let decoded = Packet::decode(&datagram.octets);
            queue.recycle(datagram.octets);
            let packet = match decoded {
                Ok(packet) => packet,
                Err(cause) => {
                    tracing::debug!(source = %received.source, %cause, "no DHCP message");
                    continue;
                }
            };
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
        true
    }
}

/// Puts what has arrived into the queue. The kernel's own queue would drop the newest, and keep the stale.
fn receive(door: &Door, buffer: &mut [u8], queue: &mut Queue) -> io::Result<()> {
    for _ in 0..MOST_RECEIVED {
        match door.try_receive(buffer) {
            Ok(received) => queue.push(buffer.get(..received.length).unwrap_or_default(), received),
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => break,
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
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

/// Ready once the interface is gone, was replaced by another of its name, or has lost the address.
async fn gone(link: &Link, door: &Door) {
    loop {
        tokio::time::sleep(LOOK).await;
        if link.index() != Some(door.index()) {
            return;
        }
    }
}

/// The link's sockets, once it is there.
async fn opened(link: &Link) -> Door {
    let mut said = false;
    loop {
        if link.index().is_some() {
            match Door::open(link) {
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
