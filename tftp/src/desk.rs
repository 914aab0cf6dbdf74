//! The thread that serves: it alone owns the sockets, and takes turns among all transfers, a packet at a time. Whatever
//! may take long (opening a file, reading it from a disk) is done elsewhere, and comes back by [`post`](crate::post).

mod requested;
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
    blocks::Blocks,
    bulk::{Outbox, Replies},
    listen::{self, Arrival},
    packet::Fault,
    ports::{Port, Ports},
    post::{self, Inbox, Message, Post},
    ready,
    request::Request,
    room::Occupancy,
    seated::Seated,
    seats::{Seats, Standing},
    server::Config,
    session::{Need, Session},
    source::{Abort, Source},
    strangers::{Reached, Strangers},
};
pub use requested::Requested;

/// How often packets are taken from one port, strangers' too, before the others have their turn again.
const CALLS_AT_ONCE: usize = 16;
/// Threads that read files at once. A disk serves few readers better than many.
const READERS: usize = 8;
/// Everything there is to a running server.
pub struct Desk {
    config: Config,
    source: Arc<dyn Source>,
    runtime: Handle,
    reads: Arc<Semaphore>,
    socket: UdpSocket,
    inbox: Inbox,
    post: Post,
    seats: Seats,
    strangers: Strangers,
    reached: Arc<Reached>,
    occupancy: Occupancy,
    ports: Ports,
    opening: HashMap<u64, Opening>,
    /// Makes digests of requests that nobody outside can foresee.
    digests: RandomState,
    transfers: HashMap<u64, Seated>,
    /// Deadlines mostly move on with every packet: an alarm that is merely early is set anew when it goes off.
    alarms: BinaryHeap<Reverse<(Instant, u64)>>,
    /// When transfers still under way are broken off.
    draining: Option<Instant>,
    /// Blocks that are about to leave.
    outbox: Outbox,
}

/// A client whose request the source thinks about.
struct Opening {
    arrival: Arrival,
    request: Request,
    requested: Requested,
    task: AbortHandle,
}

impl Desk {
    /// A desk that serves requests arriving at `socket`, and where to leave messages for it.
    pub fn new(
        config: Config,
        source: Arc<dyn Source>,
        socket: UdpSocket,
        runtime: Handle,
        reached: Arc<Reached>,
    ) -> io::Result<(Desk, Post)> {
        let (post, inbox) = post::open()?;
        let desk = Desk {
            ports: Ports::new(config.device.clone()),
            seats: Seats::new(config.max_transfers, config.max_per_peer),
            strangers: Strangers::new(Instant::now()),
            occupancy: Occupancy::new(Arc::clone(&reached), config.max_transfers),
            reached,
            config,
            source,
            runtime,
            reads: Arc::new(Semaphore::new(READERS)),
            socket,
            inbox,
            post: post.clone(),
            opening: HashMap::new(),
            digests: RandomState::new(),
            transfers: HashMap::new(),
            alarms: BinaryHeap::new(),
            draining: None,
            outbox: Outbox::default(),
        };
        Ok((desk, post))
    }

    /// Serves until told to drain or to quit.
    pub fn serve(mut self) {
        let mut replies = Replies::new();
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
                // What a client said before its port was closed, the last ACK above all, is heard first; and
                // before it asks for the same file again from the same port.
                if self.packets(place, &mut replies, now) && failed {
                    self.failures(place, now);
                }
            }
            if ready.requests {
                self.requests(now);
            }
            if ready.post {
                self.inbox.silence();
                while let Some(message) = self.inbox.next() {
                    if !self.message(message, now) {
                        return;
                    }
                }
            }
            self.ring(now);
            self.outbox.send();
            self.occupancy.tell(self.seats.taken());
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

    /// How long nothing is to be done, if no packet comes.
    fn pause(&self) -> PollTimeout {
        let alarm = self.alarms.peek().map(|Reverse((due, _))| *due);
        let Some(next) = [alarm, self.draining].into_iter().flatten().min() else {
            return PollTimeout::NONE;
        };
        // Rounded up, or the last part of a millisecond would be spent turning round and round.
        let milliseconds = next.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        PollTimeout::from(u16::try_from(milliseconds).unwrap_or(u16::MAX))
    }

    /// Takes what has arrived at a port: as many packets of transfers as there are, or those that are answered fastest
    /// would be served over and over. Says whether nothing is left there.
    fn packets(&mut self, place: usize, replies: &mut Replies, now: Instant) -> bool {
        let mut turns = self.ports.at(place).map_or(0, Port::transfers);
        for _ in 0..CALLS_AT_ONCE {
            let Some(port) = self.ports.at(place).filter(|_| turns > 0) else { return false };
            match replies.receive(port.socket(), turns) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                // Of an error more is told elsewhere.
                Err(_) => continue,
            }
            for (peer, packet) in replies.iter() {
                let Some(port) = self.ports.at(place) else { return false };
                match port.seat(peer) {
                    Some(seat) => {
                        turns = turns.saturating_sub(1);
                        self.with(seat, now, |session, outbox| session.receive(packet, now, outbox));
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
                        && let Some(seat) = port.seat(peer)
                    {
                        self.with(seat, now, |session, _| session.unreachable(why));
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Takes a message; `false` if it is to stop at once.
    fn message(&mut self, message: Message, now: Instant) -> bool {
        match message {
            Message::Opened { seat, content } => {
                if let Some(opening) = self.opening.remove(&seat) {
                    self.opened(seat, opening, content, now);
                }
            }
            Message::Loaded { seat, loaded: Some((blocks, loaded)) } => {
                self.with(seat, now, |session, outbox| session.loaded(blocks, loaded, now, outbox));
            }
            Message::Loaded { seat, loaded: None } => self.leave(seat, now),
            Message::Allowed { seat, bytes } => {
                if let Some(seated) = self.transfers.get_mut(&seat) {
                    seated.turn = None;
                }
                self.with(seat, now, |session, outbox| session.allow(bytes, now, outbox));
            }
            Message::Drain => self.draining = Some(now + self.config.drain),
            Message::Quit => return false,
        }
        true
    }

    /// Lets a transfer do something, and sees to what it needs then.
    fn with(&mut self, seat: u64, now: Instant, act: impl FnOnce(&mut Session, &mut Outbox) -> Need) {
        let Some(seated) = self.transfers.get_mut(&seat) else { return };
        let need = act(&mut seated.session, &mut self.outbox);
        let mut before = None;
        if seated.session.has_news() {
            let peer = *seated.session.line().peer().ip();
            self.strangers.answers(peer, self.seats.standing(seat).unwrap_or(Standing::Known), now);
            before = self.seats.answered(seat);
        }
        let goes_on = !matches!(need, Need::End);
        if let Some(due) = seated.earlier_alarm() {
            self.alarms.push(Reverse((due, seat)));
        }
        match need {
            Need::Nothing => {}
            Need::Load(blocks, block) => self.load(seat, blocks, block),
            Need::Turn(turn) => {
                let post = self.post.clone();
                let task = self.runtime.spawn(async move {
                    let bytes = turn.await;
                    post.send(Message::Allowed { seat, bytes });
                });
                seated.turn = Some(task.abort_handle());
            }
            Need::End => self.leave(seat, now),
        }
        if let Some(before) = before.filter(|_| goes_on) {
            self.break_off(before, Abort::Restarted, now);
        }
    }

    /// Ends a transfer for a reason of ours.
    fn break_off(&mut self, seat: u64, why: Abort, now: Instant) {
        let Some(seated) = self.transfers.get_mut(&seat) else { return };
        if matches!(seated.session.abort(why), Need::End) {
            self.leave(seat, now);
        }
    }

    fn load(&self, seat: u64, mut blocks: Blocks, block: u64) {
        let (post, reads) = (self.post.clone(), Arc::clone(&self.reads));
        self.runtime.spawn(async move {
            let _permit = reads.acquire().await;
            let reading = tokio::task::spawn_blocking(move || {
                let loaded = blocks.load(block);
                (blocks, loaded)
            });
            post.send(Message::Loaded { seat, loaded: reading.await.ok() });
        });
    }

    fn leave(&mut self, seat: u64, now: Instant) {
        if let Some(Seated { session, turn, .. }) = self.transfers.remove(&seat) {
            // Whoever hears of the ending may ask again at once.
            self.seats.leave(seat);
            self.ports.leave(session.line());
            if let Some(turn) = turn {
                turn.abort();
            }
            session.close(now);
        }
    }

    /// Sees to all whose deadline has come.
    fn ring(&mut self, now: Instant) {
        let due_by = |alarm: &Reverse<(Instant, u64)>| alarm.0.0 <= now;
        while let Some(Reverse((due, seat))) = self.alarms.peek().copied().filter(due_by) {
            self.alarms.pop();
            let Some(seated) = self.transfers.get_mut(&seat).filter(|seated| seated.alarm == Some(due))
            else {
                continue;
            };
            seated.alarm = None;
            // A client that never answered, and has asked for something else from the same port, has left: what it
            // left, sent again, would only confuse it.
            let left = seated.session.waits_for_first_answer(now) && self.seats.is_left(seat);
            if left {
                self.break_off(seat, Abort::Restarted, now);
            } else {
                self.with(seat, now, |session, outbox| session.tick(now, outbox));
            }
        }
    }

    /// Breaks off everything. A transfer whose file is being read ends when that is done.
    fn stop_all(&mut self, now: Instant) {
        let opening: Vec<(u64, Opening)> = self.opening.drain().collect();
        for (seat, Opening { arrival, task, .. }) in opening {
            task.abort();
            self.seats.leave(seat);
            self.refuse(arrival, Fault::Stopping);
        }
        let seats: Vec<u64> = self.transfers.keys().copied().collect();
        for seat in seats {
            self.break_off(seat, Abort::Stopped, now);
        }
    }
}
