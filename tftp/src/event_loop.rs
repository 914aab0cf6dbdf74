//! The serving thread. It alone owns the sockets, and takes turns among all transfers, a packet at a time. Slow work
//! (opening a file, reading it from a disk) is done by other threads, which answer through [`mailbox`](crate::mailbox).

mod request_history;
mod requests;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    hash::RandomState,
    io,
    net::UdpSocket,
    os::fd::AsFd,
    sync::Arc,
    time::Instant,
};

use nix::{errno::Errno, poll::PollTimeout};
use tokio::{runtime::Handle, sync::Semaphore, task::AbortHandle};

use crate::{
    active::ActiveTransfer,
    blocks::Blocks,
    bulk::{Outbox, ReplyBatch},
    listen::{self, ReceivedRequest},
    mailbox::{self, Inbox, LoopMessage, Mailbox},
    occupancy::Occupancy,
    packet::Fault,
    ports::{Port, Ports},
    ready,
    request::ReadRequest,
    server::TftpConfig,
    session::{Need, TransferSession},
    slots::{PeerStanding, TransferSlots},
    source::{Abort, FileSource},
    strangers::{LimitCounters, Strangers},
};
pub use request_history::RequestHistory;

/// How often packets are taken from one port before the other ports have their turn.
const CALLS_AT_ONCE: usize = 16;
/// Threads that read files at once. A disk serves few readers better than many.
const READERS: usize = 8;
/// The state of a running server.
pub struct EventLoop {
    config: TftpConfig,
    source: Arc<dyn FileSource>,
    runtime: Handle,
    reads: Arc<Semaphore>,
    socket: UdpSocket,
    inbox: Inbox,
    mailbox: Mailbox,
    slots: TransferSlots,
    strangers: Strangers,
    reached: Arc<LimitCounters>,
    occupancy: Occupancy,
    ports: Ports,
    opening: HashMap<u64, PendingOpen>,
    /// Keyed, so that nobody outside can make two requests of one digest.
    digests: RandomState,
    transfers: HashMap<u64, ActiveTransfer>,
    /// Deadlines move with every packet, so an alarm that goes off early is set anew instead of being moved.
    alarms: BinaryHeap<Reverse<(Instant, u64)>>,
    /// When transfers still under way are broken off.
    draining: Option<Instant>,
    /// Blocks that are about to leave.
    outbox: Outbox,
}

/// A request that the source is opening a file for.
struct PendingOpen {
    arrival: ReceivedRequest,
    request: ReadRequest,
    requested: RequestHistory,
    task: AbortHandle,
}

impl EventLoop {
    /// Makes an event loop that serves requests at `socket`, and the mailbox to reach it.
    pub fn new(
        config: TftpConfig,
        source: Arc<dyn FileSource>,
        socket: UdpSocket,
        runtime: Handle,
        reached: Arc<LimitCounters>,
    ) -> io::Result<(EventLoop, Mailbox)> {
        let (mailbox, inbox) = mailbox::open()?;
        let event_loop = EventLoop {
            ports: Ports::new(config.device.clone()),
            slots: TransferSlots::new(config.max_transfers, config.max_per_peer),
            strangers: Strangers::new(Instant::now()),
            occupancy: Occupancy::new(Arc::clone(&reached), config.max_transfers),
            reached,
            config,
            source,
            runtime,
            reads: Arc::new(Semaphore::new(READERS)),
            socket,
            inbox,
            mailbox: mailbox.clone(),
            opening: HashMap::new(),
            digests: RandomState::new(),
            transfers: HashMap::new(),
            alarms: BinaryHeap::new(),
            draining: None,
            outbox: Outbox::default(),
        };
        Ok((event_loop, mailbox))
    }

    /// Serves until told to drain or to quit.
    pub fn serve(mut self) {
        let mut replies = ReplyBatch::new();
        loop {
            let (requests, inbox) = (self.socket.as_fd(), self.inbox.as_fd());
            let ready = match ready::wait(requests, inbox, &self.ports, self.pause()) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => continue,
                Err(error) => {
                    tracing::error!(%error, "TFTP can wait for packets no longer");
                    return;
                }
            };
            let now = Instant::now();
            for (place, failed) in ready.ports {
                // Packets that a client sent before its port closed, the last ACK above all, are read first; and
                // before it asks for the same file again from the same port.
                if self.packets(place, &mut replies, now) && failed {
                    self.failures(place, now);
                }
            }
            if ready.requests {
                self.requests(now);
            }
            if ready.mailbox {
                self.inbox.silence();
                while let Some(message) = self.inbox.next() {
                    if !self.message(message, now) {
                        return;
                    }
                }
            }
            self.ring(now);
            self.outbox.send();
            self.occupancy.tell(self.slots.taken());
            self.ports.close_unused();
            if let Some(end) = self.draining {
                if now >= end {
                    self.stop_all(now);
                }
                if self.opening.is_empty() && self.transfers.is_empty() {
                    return;
                }
            }
        }
    }

    /// The time until the next deadline.
    fn pause(&self) -> PollTimeout {
        let alarm = self.alarms.peek().map(|Reverse((due, _))| *due);
        let Some(next) = [alarm, self.draining].into_iter().flatten().min() else {
            return PollTimeout::NONE;
        };
        // Rounded up: a shorter poll would return at once until the deadline.
        let milliseconds = next.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        PollTimeout::from(u16::try_from(milliseconds).unwrap_or(u16::MAX))
    }

    /// Takes packets that have arrived at a port, at most one for each of its transfers, so that the fastest clients are not
    /// served alone. Returns whether nothing is left.
    fn packets(&mut self, place: usize, replies: &mut ReplyBatch, now: Instant) -> bool {
        let mut turns = self.ports.at(place).map_or(0, Port::transfers);
        for _ in 0..CALLS_AT_ONCE {
            let Some(port) = self.ports.at(place).filter(|_| turns > 0) else { return false };
            match replies.receive(port.socket(), turns) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                // The error queue tells more about an error.
                Err(_) => continue,
            }
            for (peer, packet) in replies.iter() {
                let Some(port) = self.ports.at(place) else { return false };
                match port.slot(peer) {
                    Some(slot) => {
                        turns = turns.saturating_sub(1);
                        self.with(slot, now, |session, outbox| session.receive(packet, now, outbox));
                    }
                    None => port.turn_away(peer, packet),
                }
            }
        }
        false
    }

    /// Ends the transfers whose client's port is closed.
    fn failures(&mut self, place: usize, now: Instant) {
        for _ in 0..CALLS_AT_ONCE {
            let Some(port) = self.ports.at(place) else { return };
            match listen::refused(port.socket()) {
                Ok(refused) => {
                    if let Some((peer, why)) = refused
                        && let Some(slot) = port.slot(peer)
                    {
                        self.with(slot, now, |session, _| session.unreachable(why));
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Handles a message; `false` means stop at once.
    fn message(&mut self, message: LoopMessage, now: Instant) -> bool {
        match message {
            LoopMessage::Opened { slot, content } => {
                if let Some(opening) = self.opening.remove(&slot) {
                    self.opened(slot, opening, content, now);
                }
            }
            LoopMessage::Loaded { slot, loaded: Some((blocks, loaded)) } => {
                self.with(slot, now, |session, outbox| session.loaded(blocks, loaded, now, outbox));
            }
            LoopMessage::Loaded { slot, loaded: None } => self.leave(slot, now),
            LoopMessage::Allowed { slot, bytes } => {
                if let Some(active) = self.transfers.get_mut(&slot) {
                    active.turn = None;
                }
                self.with(slot, now, |session, outbox| session.allow(bytes, now, outbox));
            }
            LoopMessage::Drain => self.draining = Some(now + self.config.drain),
            LoopMessage::Quit => return false,
        }
        true
    }

    /// Runs a transfer's action, and provides what the transfer needs after it.
    fn with(&mut self, slot: u64, now: Instant, act: impl FnOnce(&mut TransferSession, &mut Outbox) -> Need) {
        let Some(active) = self.transfers.get_mut(&slot) else { return };
        let need = act(&mut active.session, &mut self.outbox);
        let mut before = None;
        if active.session.has_news() {
            let peer = *active.session.line().peer().ip();
            self.strangers.answers(peer, self.slots.standing(slot).unwrap_or(PeerStanding::Known), now);
            before = self.slots.answered(slot);
        }
        let goes_on = !matches!(need, Need::End);
        if let Some(due) = active.earlier_alarm() {
            self.alarms.push(Reverse((due, slot)));
        }
        match need {
            Need::Nothing => {}
            Need::Load(blocks, block) => self.load(slot, blocks, block),
            Need::SendPermit(turn) => {
                let mailbox = self.mailbox.clone();
                let task = self.runtime.spawn(async move {
                    let bytes = turn.await;
                    mailbox.send(LoopMessage::Allowed { slot, bytes });
                });
                active.turn = Some(task.abort_handle());
            }
            Need::End => self.leave(slot, now),
        }
        if let Some(before) = before.filter(|_| goes_on) {
            self.break_off(before, Abort::Restarted, now);
        }
    }

    /// Ends a transfer for a reason on this side.
    fn break_off(&mut self, slot: u64, why: Abort, now: Instant) {
        let Some(active) = self.transfers.get_mut(&slot) else { return };
        if matches!(active.session.abort(why), Need::End) {
            self.leave(slot, now);
        }
    }

    fn load(&self, slot: u64, mut blocks: Blocks, block: u64) {
        let (mailbox, reads) = (self.mailbox.clone(), Arc::clone(&self.reads));
        self.runtime.spawn(async move {
            let _permit = reads.acquire().await;
            let reading = tokio::task::spawn_blocking(move || {
                let loaded = blocks.load(block);
                (blocks, loaded)
            });
            mailbox.send(LoopMessage::Loaded { slot, loaded: reading.await.ok() });
        });
    }

    fn leave(&mut self, slot: u64, now: Instant) {
        if let Some(ActiveTransfer { session, turn, .. }) = self.transfers.remove(&slot) {
            // A client may ask again as soon as it knows that the transfer has ended.
            self.slots.leave(slot);
            self.ports.leave(session.line());
            if let Some(turn) = turn {
                turn.abort();
            }
            session.close(now);
        }
    }

    /// Handles all transfers whose deadline has come.
    fn ring(&mut self, now: Instant) {
        let due_by = |alarm: &Reverse<(Instant, u64)>| alarm.0.0 <= now;
        while let Some(Reverse((due, slot))) = self.alarms.peek().copied().filter(due_by) {
            self.alarms.pop();
            let Some(active) = self.transfers.get_mut(&slot).filter(|active| active.alarm == Some(due))
            else {
                continue;
            };
            active.alarm = None;
            // A client that never answered and has asked for another file from the same port has given this one up. A
            // retransmission would only confuse it.
            let left = active.session.waits_for_first_answer(now) && self.slots.is_left(slot);
            if left {
                self.break_off(slot, Abort::Restarted, now);
            } else {
                self.with(slot, now, |session, outbox| session.tick(now, outbox));
            }
        }
    }

    /// Breaks off all transfers. A transfer whose file is being read ends when the read is done.
    fn stop_all(&mut self, now: Instant) {
        let opening: Vec<(u64, PendingOpen)> = self.opening.drain().collect();
        for (slot, PendingOpen { arrival, task, .. }) in opening {
            task.abort();
            self.slots.leave(slot);
            self.refuse(arrival, Fault::Stopping);
        }
        let slots: Vec<u64> = self.transfers.keys().copied().collect();
        for slot in slots {
            self.break_off(slot, Abort::Stopped, now);
        }
    }
}
