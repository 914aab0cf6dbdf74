//! Drives one transfer over its socket.

use std::{
    io::{self, ErrorKind},
    pin::pin,
    time::{Duration, Instant},
};

use tokio::{
    net::UdpSocket,
    select,
    sync::{Semaphore, oneshot},
    task::spawn_blocking,
    time::sleep_until,
};

use crate::{
    blocks::Blocks,
    packet::Fault,
    seats::Seat,
    source::{Abort, Ending, Outcome},
    transfer::{Step, Transfer},
};

/// A client's packets are ACKs of 4 bytes and ERRORs with a short text; a longer one is cut off.
const REPLY_LIMIT: usize = 512;

/// Packets still read after the client's port was found closed.
const UNREAD_LIMIT: usize = 64;

/// One transfer, and what it needs from the server.
pub struct Session<'a> {
    /// Connected to the client.
    pub socket: UdpSocket,
    /// Decides what is sent next.
    pub transfer: Transfer,
    /// Sent first, where options were agreed on.
    pub oack: Vec<u8>,
    /// Taken while a thread reads the file.
    pub blocks: Option<Blocks>,
    /// Told whenever the client makes progress.
    pub seat: Seat,
    /// Bounds how many threads read files at once.
    pub reads: &'a Semaphore,
    /// The beginning of the transfer.
    pub begun: Instant,
}

impl Session<'_> {
    /// Runs the transfer to its end, or until `stopped` says to break it off, and tells the file's owner.
    pub async fn run(mut self, mut stopped: oneshot::Receiver<Abort>) {
        let mut bytes = 0;
        let mut packet = Vec::new();
        let mut reply = [0; REPLY_LIMIT];
        let mut step = self.transfer.start();
        let mut alarm = pin!(sleep_until(self.begun.into()));
        let outcome = loop {
            match self.carry_out(step, &mut packet).await {
                Ok(()) => {}
                Err(Outcome::Aborted(Abort::Gone)) => break self.gone(&mut bytes),
                Err(outcome) => break outcome,
            }
            // Deadlines mostly move on with every ACK: an alarm that is merely early is left alone and set anew when
            // it goes off.
            let due = (self.begun + self.transfer.deadline()).into();
            if alarm.is_elapsed() || alarm.deadline() > due {
                alarm.as_mut().reset(due);
            }
            step = select! {
                biased;
                received = self.socket.recv(&mut reply) => match received {
                    Ok(length) => self.receive(reply.get(..length).unwrap_or_default(), &mut bytes),
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => Step::End(self.gone(&mut bytes)),
                    Err(_) => Step::Wait,
                },
                () = alarm.as_mut() => self.transfer.tick(self.begun.elapsed()),
                abort = &mut stopped => Step::End(Outcome::Aborted(abort.unwrap_or(Abort::Stopped))),
            };
        };
        match &outcome {
            Outcome::Aborted(Abort::Unreadable(_)) => self.farewell(Fault::Unreadable),
            Outcome::Aborted(Abort::Stopped) => self.farewell(Fault::Stopping),
            _ => {}
        }
        let Session { seat, transfer, blocks, begun, .. } = self;
        // Whoever hears of the ending may ask again at once.
        drop(seat);
        if let Some(blocks) = blocks {
            let retransmissions = transfer.retransmissions();
            blocks.ended(Ending { outcome, bytes, retransmissions, elapsed: begun.elapsed() });
        }
    }

    /// Sends what a step asks for; an error is the transfer's end.
    async fn carry_out(&mut self, step: Step, packet: &mut Vec<u8>) -> Result<(), Outcome> {
        match step {
            Step::Wait => {}
            Step::End(outcome) => return Err(outcome),
            Step::SendOack => {
                self.send(&self.oack).await?;
                self.transfer.sent(self.begun.elapsed(), None, false);
            }
            Step::SendBlocks(range) => {
                let mut through = *range.end();
                let mut ends = false;
                for block in range {
                    ends = self.make(block, packet).await.map_err(|error| unreadable(&error))?;
                    self.send(packet).await?;
                    if ends {
                        through = block;
                        break;
                    }
                }
                self.transfer.sent(self.begun.elapsed(), Some(through), ends);
            }
        }
        Ok(())
    }

    /// Makes the packet of `block`, with a thread reading the file where more of it is needed.
    async fn make(&mut self, block: u64, packet: &mut Vec<u8>) -> io::Result<bool> {
        let lost = || io::Error::other("reading it failed");
        let mut blocks = self.blocks.take().ok_or_else(lost)?;
        let mut loaded = Ok(());
        if !blocks.ready(block) {
            let _permit = self.reads.acquire().await.map_err(io::Error::other)?;
            let reading = spawn_blocking(move || {
                let loaded = blocks.load(block);
                (blocks, loaded)
            });
            (blocks, loaded) = reading.await.map_err(|_| lost())?;
        }
        let made = loaded.and_then(|()| blocks.write(block, self.transfer.number(block), packet));
        self.blocks = Some(blocks);
        made
    }

    /// A packet that cannot leave is as good as lost on its way, and is sent again in time: links flap.
    async fn send(&self, packet: &[u8]) -> Result<(), Outcome> {
        match self.socket.send(packet).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Err(Outcome::Aborted(Abort::Gone)),
            _ => Ok(()),
        }
    }

    fn receive(&mut self, reply: &[u8], bytes: &mut u64) -> Step {
        let now = self.begun.elapsed();
        let before = self.transfer.acknowledged();
        let step = self.transfer.receive(now, reply);
        let acknowledged = self.transfer.acknowledged();
        if acknowledged > before {
            self.seat.heard(self.begun + now);
            if let Some(blocks) = &mut self.blocks {
                *bytes = blocks.acknowledge(acknowledged);
            }
        }
        // A client that sends nonsense without pause does not stop the clock.
        if step == Step::Wait { self.transfer.tick(now) } else { step }
    }

    /// The client's port is closed; but what it said before that still counts, the last ACK above all.
    fn gone(&mut self, bytes: &mut u64) -> Outcome {
        let mut reply = [0; REPLY_LIMIT];
        for _ in 0..UNREAD_LIMIT {
            let Ok(length) = self.socket.try_recv(&mut reply) else {
                break;
            };
            if let Step::End(outcome) = self.receive(reply.get(..length).unwrap_or_default(), bytes) {
                return outcome;
            }
        }
        self.transfer.gone()
    }

    /// ERROR is sent once, and not waited for (RFC 1350 §7).
    fn farewell(&self, fault: Fault) {
        let _ = self.socket.try_send(&fault.packet());
    }
}

fn unreadable(error: &io::Error) -> Outcome {
    Outcome::Aborted(Abort::Unreadable(error.to_string()))
}

/// The ending of a file that was opened but never sent.
pub fn never_begun(error: &io::Error) -> Ending {
    let outcome = Outcome::Aborted(Abort::NoSocket(error.to_string()));
    Ending { outcome, bytes: 0, retransmissions: 0, elapsed: Duration::ZERO }
}
