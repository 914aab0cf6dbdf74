//! Drives one transfer over its port: carries out the steps of the transfer machine.

use std::{io, time::Instant};

use crate::{
    blocks::Blocks,
    bulk::Outbox,
    listen::Unreachable,
    packet::Fault,
    ports::TransferSocket,
    source::{Abort, FileContent, SendPermit, TransferEnd, TransferOutcome},
    transfer::{Transfer, TransferStep},
};

/// Most packets that the kernel cuts from one buffer (`UDP_MAX_SEGMENTS`), within the longest IPv4 packet.
const PACKETS_AT_ONCE: usize = 64;
const BYTES_AT_ONCE: usize = 60 * 1024;

/// One transfer.
pub struct TransferSession {
    line: TransferSocket,
    transfer: Transfer,
    /// Sent first, if options were agreed on.
    oack: Vec<u8>,
    /// `None` while a thread reads the file.
    blocks: Option<Blocks>,
    packet_size: usize,
    /// Most bytes that are sent in one call.
    at_once: usize,
    /// The kernel cuts buffers into packets.
    cuts: bool,
    /// Bytes that the rate limit still allows.
    allowance: u64,
    /// The step that cannot be carried out yet, and since when.
    held: Option<(TransferStep, Instant)>,
    begun: Instant,
    /// The client's last progress.
    heard: Option<Instant>,
    /// The source was told that the client has answered.
    told: bool,
    /// So was whoever asks with [`TransferSession::has_news`].
    asked: bool,
    bytes: u64,
    outcome: Option<TransferOutcome>,
}

/// The resource that a transfer waits for.
pub enum Need {
    /// The next packet, or its deadline.
    Nothing,
    /// The file, read from this block on; [`TransferSession::loaded`] takes it back.
    Load(Blocks, u64),
    /// The rate limit; [`TransferSession::allow`] adds to it.
    SendPermit(SendPermit),
    /// Nothing: the transfer is over.
    End,
}

impl TransferSession {
    /// A transfer begun `now`; the `oack` goes first if there is one.
    pub fn new(
        line: TransferSocket,
        transfer: Transfer,
        oack: Option<Vec<u8>>,
        blocks: Blocks,
        now: Instant,
    ) -> TransferSession {
        TransferSession {
            line,
            transfer,
            oack: oack.unwrap_or_default(),
            packet_size: blocks.packet_size(),
            at_once: (blocks.packet_size() * PACKETS_AT_ONCE).min(BYTES_AT_ONCE),
            cuts: true,
            blocks: Some(blocks),
            allowance: 0,
            held: None,
            begun: now,
            heard: None,
            told: false,
            asked: false,
            bytes: 0,
            outcome: None,
        }
    }

    /// Whether the deadline of the first packet has passed without an answer.
    pub fn waits_for_first_answer(&self, now: Instant) -> bool {
        self.heard.is_none() && self.deadline().is_some_and(|due| due <= now)
    }

    /// The client's last progress, its first answer included; `None` before that.
    pub fn heard(&self) -> Option<Instant> {
        self.heard
    }

    /// When [`tick`](TransferSession::tick) is due; `None` while the transfer waits for this server.
    pub fn deadline(&self) -> Option<Instant> {
        self.held.is_none().then(|| self.begun + self.transfer.deadline())
    }

    /// Sends the first packets. Packets of the file leave by `outbox`.
    pub fn start(&mut self, now: Instant, outbox: &mut Outbox) -> Need {
        let step = self.transfer.start();
        self.carry_out(step, now, outbox)
    }

    /// Takes a packet from the client.
    pub fn receive(&mut self, packet: &[u8], now: Instant, outbox: &mut Outbox) -> Need {
        let elapsed = now - self.begun;
        let before = self.transfer.acknowledged();
        let step = self.transfer.receive(elapsed, packet);
        let acknowledged = self.transfer.acknowledged();
        self.tell();
        if acknowledged > before || (self.heard.is_none() && self.transfer.is_answered()) {
            self.heard = Some(now);
        }
        if let Some(blocks) = self.blocks.as_mut().filter(|_| acknowledged > before) {
            self.bytes = blocks.acknowledge(acknowledged);
        }
        self.carry_out(step, now, outbox)
    }

    /// Ends the transfer, because the client's port is closed. A host that cannot be reached may come back, so then the
    /// transfer ends only if the client has never answered.
    pub fn unreachable(&mut self, why: Unreachable) -> Need {
        match why {
            Unreachable::Host if self.transfer.is_answered() => Need::Nothing,
            Unreachable::Port | Unreachable::Host => self.end(self.transfer.gone()),
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Instant, outbox: &mut Outbox) -> Need {
        if self.held.is_some() {
            return Need::Nothing;
        }
        let step = self.transfer.tick(now - self.begun);
        self.carry_out(step, now, outbox)
    }

    /// Takes the file back from its reader.
    pub fn loaded(
        &mut self,
        blocks: Blocks,
        loaded: io::Result<()>,
        now: Instant,
        outbox: &mut Outbox,
    ) -> Need {
        self.blocks = Some(blocks);
        self.tell();
        if let Some(blocks) = self.blocks.as_mut().filter(|_| self.transfer.acknowledged() > 0) {
            self.bytes = blocks.acknowledge(self.transfer.acknowledged());
        }
        if self.outcome.is_some() {
            return Need::End;
        }
        match loaded {
            Ok(()) => self.go_on(now, outbox),
            Err(error) => self.end(unreadable(&error)),
        }
    }

    /// Tells the source once that the client has answered.
    fn tell(&mut self) {
        if !self.told
            && self.transfer.is_answered()
            && let Some(blocks) = &self.blocks
        {
            self.told = true;
            blocks.answered();
        }
    }

    /// Whether the client has answered; true only once.
    pub fn has_news(&mut self) -> bool {
        let news = !self.asked && self.transfer.is_answered();
        self.asked |= news;
        news
    }

    /// Allows this many more bytes.
    pub fn allow(&mut self, bytes: u64, now: Instant, outbox: &mut Outbox) -> Need {
        self.allowance = self.allowance.saturating_add(bytes);
        self.go_on(now, outbox)
    }

    /// Breaks the transfer off for a reason on this side.
    pub fn abort(&mut self, abort: Abort) -> Need {
        self.end(TransferOutcome::Aborted(abort))
    }

    /// The socket that its packets leave by.
    pub fn line(&self) -> &TransferSocket {
        &self.line
    }

    /// Tells the source how the transfer ended.
    pub fn close(self, now: Instant) {
        if let Some(blocks) = self.blocks {
            blocks.ended(TransferEnd {
                outcome: self.outcome.unwrap_or(TransferOutcome::Aborted(Abort::Stopped)),
                bytes: self.bytes,
                retransmissions: self.transfer.retransmissions(),
                elapsed: now - self.begun,
            });
        }
    }

    /// Ends the transfer, at once or when the file's reader is done.
    fn end(&mut self, outcome: TransferOutcome) -> Need {
        if self.outcome.is_none() {
            // ERROR is sent once, and not waited for (RFC 1350 §7).
            let fault = match &outcome {
                TransferOutcome::Aborted(Abort::Unreadable(_)) => Some(Fault::Unreadable),
                TransferOutcome::Aborted(Abort::Stopped) => Some(Fault::Stopping),
                _ => None,
            };
            if let Some(fault) = fault {
                self.line.send(&fault.packet());
            }
            self.outcome = Some(outcome);
        }
        if self.blocks.is_some() { Need::End } else { Need::Nothing }
    }

    /// Sends the step that was held back. The time it waited does not count against the client.
    fn go_on(&mut self, now: Instant, outbox: &mut Outbox) -> Need {
        let Some((step, since)) = self.held.take() else {
            return Need::Nothing;
        };
        self.transfer.held(now - since);
        self.carry_out(step, now, outbox)
    }

    fn carry_out(&mut self, step: TransferStep, now: Instant, outbox: &mut Outbox) -> Need {
        match (step, &mut self.held) {
            (_, _) if self.outcome.is_some() => Need::Nothing,
            (TransferStep::Wait, _) => Need::Nothing,
            (TransferStep::End(outcome), _) => self.end(outcome),
            // A packet that came meanwhile has replaced the step that waits.
            (step, Some((held, _))) => {
                *held = step;
                Need::Nothing
            }
            (TransferStep::SendOack, None) => {
                self.line.send(&self.oack);
                self.transfer.sent(now - self.begun, None, false);
                Need::Nothing
            }
            (TransferStep::SendBlocks(range), None) => {
                self.send_blocks(*range.start(), *range.end(), now, outbox)
            }
        }
    }

    /// Sends these blocks, up to the file's last or the first that cannot be sent yet.
    fn send_blocks(&mut self, first: u64, last: u64, now: Instant, outbox: &mut Outbox) -> Need {
        let (mut made, mut ends) = (first - 1, false);
        outbox.open(&self.line);
        let need = loop {
            if ends || made == last {
                break Need::Nothing;
            }
            match self.wait_for(made + 1) {
                Ok(Need::Nothing) => {}
                Ok(need) => {
                    self.held = Some((TransferStep::SendBlocks(made + 1..=last), now));
                    break need;
                }
                Err(error) => return self.end(unreadable(&error)),
            }
            if outbox.appended() + self.packet_size > self.at_once {
                self.dispatch(outbox);
            }
            made += 1;
            ends = match self.make(made, outbox.room()) {
                Ok(ends) => ends,
                Err(error) => return self.end(unreadable(&error)),
            };
        };
        self.dispatch(outbox);
        if made >= first {
            self.transfer.sent(now - self.begun, Some(made), ends);
        }
        need
    }

    /// The resource needed before `block` can be made.
    fn wait_for(&mut self, block: u64) -> io::Result<Need> {
        let Some(blocks) = &mut self.blocks else { return Ok(Need::Nothing) };
        if self.allowance == 0 {
            match blocks.turn() {
                Some(turn) => return Ok(Need::SendPermit(turn)),
                None => self.allowance = u64::MAX,
            }
        }
        if blocks.ready(block)? {
            return Ok(Need::Nothing);
        }
        Ok(self.blocks.take().map_or(Need::Nothing, |blocks| Need::Load(blocks, block)))
    }

    /// Appends the packet of `block`, and says whether it is the last.
    fn make(&mut self, block: u64, packets: &mut Vec<u8>) -> io::Result<bool> {
        let blocks = self.blocks.as_mut().ok_or_else(|| io::Error::other("its reader has it"))?;
        let before = packets.len();
        let ends = blocks.write(block, self.transfer.number(block), packets)?;
        if self.allowance < u64::MAX {
            self.allowance = self.allowance.saturating_sub((packets.len() - before) as u64);
        }
        Ok(ends)
    }

    /// Lets the packets that were made leave.
    fn dispatch(&mut self, outbox: &mut Outbox) {
        if self.cuts && outbox.appended() > self.packet_size {
            self.cuts = outbox.send_cut(&self.line, self.packet_size as u16).is_ok();
        }
        outbox.seal(&self.line, self.packet_size);
    }
}

fn unreadable(error: &io::Error) -> TransferOutcome {
    TransferOutcome::Aborted(Abort::Unreadable(error.to_string()))
}

/// Tells the source that an opened file was never sent.
pub fn never_begun(content: Box<dyn FileContent>, error: &io::Error) {
    let outcome = TransferOutcome::Aborted(Abort::NoSocket(error.to_string()));
    let ending = TransferEnd { outcome, bytes: 0, retransmissions: 0, elapsed: std::time::Duration::ZERO };
    content.ended(ending);
}
