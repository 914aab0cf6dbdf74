//! One read transfer as a state machine without socket, clock or file.
//!
//! Blocks are counted in `u64` from 1; block 0 stands for the OACK. Of the window only three numbers are kept: what
//! the client has acknowledged, what was sent last, and how far sending ever came. The driver carries out
//! the returned [`TransferStep`], reports each sending with [`Transfer::sent`], and calls [`Transfer::tick`] at
//! [`Transfer::deadline`]. `now` is the time since the transfer's beginning.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    packet::{self, ClientReply, Rollover},
    source::{Abort, TransferOutcome},
    terms::TransferTerms,
    timer::Timer,
};

/// How long a client may make no progress before it is given up on. A phone that erases flash is silent for seconds.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The next action of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferStep {
    /// Nothing until the next packet or the deadline.
    Wait,
    /// Send the OACK.
    SendOack,
    /// Send these blocks, up to the file's last if it comes earlier.
    SendBlocks(RangeInclusive<u64>),
    /// The transfer is over. Nothing more is to be sent: an ERROR is never answered (RFC 1350 §7), and a client that
    /// fell silent is left in peace.
    End(TransferOutcome),
}

/// A read transfer, from the first packet to its ending.
#[derive(Debug)]
pub struct Transfer {
    window: u64,
    rollover: Rollover,
    timer: Timer,
    patience: Duration,
    /// The OACK is sent, and its ACK 0 not yet received.
    offering: bool,
    /// The client has acknowledged something that was sent, or said why it does not want it.
    answered: bool,
    acknowledged: u64,
    /// The end of the present window, or of what was sent of it.
    sent: u64,
    furthest: u64,
    last: Option<u64>,
    sent_at: Duration,
    resend_at: Duration,
    give_up_at: Duration,
    /// Blocks from this one on were sent for the first time in the latest sending.
    fresh: u64,
    /// Something of what is unacknowledged was sent before.
    resent: bool,
    /// A repeated ACK of `acknowledged` may be an echo of something sent twice, and says nothing.
    echoes: bool,
    /// Sending was taken up again within the window, and no whole window was acknowledged since.
    resumed: bool,
    retransmissions: u64,
}

impl Transfer {
    /// A transfer on these terms; `offer` if an OACK goes first.
    pub fn new(terms: TransferTerms, rollover: Rollover, offer: bool) -> Transfer {
        let timer = Timer::new(terms.timeout);
        // A client that wants to be asked seldom gets as many chances as one that does not.
        let patience = terms.timeout.map_or(PATIENCE, |_| PATIENCE.max(timer.timeout() * 5));
        Transfer {
            window: u64::from(terms.window),
            rollover,
            timer,
            patience,
            offering: offer,
            answered: false,
            acknowledged: 0,
            sent: 0,
            furthest: 0,
            last: None,
            sent_at: Duration::ZERO,
            resend_at: Duration::ZERO,
            give_up_at: patience,
            fresh: 0,
            resent: false,
            echoes: false,
            resumed: false,
            retransmissions: 0,
        }
    }

    /// Gives up on the client sooner, if it has not answered `within` this time.
    pub fn expect_answer(&mut self, within: Duration) {
        self.give_up_at = self.give_up_at.min(within);
    }

    /// The first step: the OACK, or DATA at once where no option was agreed on.
    pub fn start(&mut self) -> TransferStep {
        if self.offering { TransferStep::SendOack } else { self.window() }
    }

    /// Notes that a step's packets have left: `through` is the last block of them, `None` for the OACK. `ends` says
    /// that it was the last of the file.
    pub fn sent(&mut self, now: Duration, through: Option<u64>, ends: bool) {
        if let Some(through) = through {
            self.sent = through;
            self.fresh = self.furthest + 1;
            self.furthest = self.furthest.max(through);
            if ends {
                self.last = Some(through);
            }
        }
        self.sent_at = now;
        self.resend_at = now + self.timer.timeout();
    }

    /// Notes that a step was held back for so long before its packets could leave, which is not the client's fault.
    pub fn held(&mut self, time: Duration) {
        self.give_up_at += time;
    }

    /// Takes a packet from the client.
    pub fn receive(&mut self, now: Duration, packet: &[u8]) -> TransferStep {
        match packet::read_reply(packet) {
            Some(ClientReply::Ack(number)) if self.offering => self.oack_acknowledged(now, number),
            Some(ClientReply::Ack(number)) => self.block_acknowledged(now, number),
            Some(ClientReply::Error { code: 5, .. }) if self.last.is_some() => {
                self.answered = true;
                TransferStep::End(TransferOutcome::LastAckMissing)
            }
            Some(ClientReply::Error { code, message }) => {
                self.answered = true;
                TransferStep::End(TransferOutcome::Aborted(Abort::Client { code, message }))
            }
            None => TransferStep::Wait,
        }
    }

    /// Lets time pass: at the deadline, everything unacknowledged is sent again (RFC 7440 §4), or the client is given
    /// up on.
    pub fn tick(&mut self, now: Duration) -> TransferStep {
        if now < self.deadline() {
            return TransferStep::Wait;
        }
        if now >= self.give_up_at {
            return TransferStep::End(self.silent(TransferOutcome::TimedOut));
        }
        self.timer.back_off();
        self.resent = true;
        self.echoes = true;
        self.resumed = false;
        if self.offering {
            self.retransmissions += 1;
            self.fresh = 1;
            return TransferStep::SendOack;
        }
        self.window()
    }

    /// When [`tick`](Self::tick) is due.
    pub fn deadline(&self) -> Duration {
        self.resend_at.min(self.give_up_at)
    }

    /// How the transfer ended if the client's port turned out to be closed.
    pub fn gone(&self) -> TransferOutcome {
        self.silent(TransferOutcome::Aborted(Abort::Gone))
    }

    /// Whether the client has answered: acknowledged something that was sent, or sent an ERROR.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// The last block acknowledged, with all before it; 0 for none.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Packets sent more than once.
    pub fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    /// The number of `block` on the wire.
    pub fn number(&self, block: u64) -> u16 {
        self.rollover.number(block)
    }

    fn oack_acknowledged(&mut self, now: Duration, number: u16) -> TransferStep {
        if number != 0 {
            return TransferStep::Wait;
        }
        self.offering = false;
        self.answered = true;
        self.progress(now, false)
    }

    fn block_acknowledged(&mut self, now: Duration, number: u16) -> TransferStep {
        // The window is far smaller than 65535, so within it a number stands for one block. Others are ignored
        // (RFC 7440 §4).
        let Some(block) =
            (self.acknowledged..=self.sent).find(|block| self.rollover.number(*block) == number)
        else {
            return TransferStep::Wait;
        };
        if block == self.acknowledged {
            return self.repeated_ack();
        }
        let gap = block < self.sent;
        self.acknowledged = block;
        self.answered = true;
        if self.last == Some(block) {
            return TransferStep::End(TransferOutcome::Finished);
        }
        self.progress(now, gap)
    }

    /// Goes on after an ACK that was awaited. With a `gap`, the client lacks the block after the acknowledged one, and
    /// what was sent beyond goes out again (RFC 7440 §4). Until a whole window came through, that is done once: the
    /// client may answer the second copy of a block like a gap, and would then be sent everything twice for ever.
    fn progress(&mut self, now: Duration, gap: bool) -> TransferStep {
        // Karn's rule: only what was sent once tells a round-trip time.
        if self.acknowledged >= self.fresh {
            self.timer.sample(now.saturating_sub(self.sent_at));
        } else {
            self.timer.progress();
        }
        self.give_up_at = now + self.patience;
        self.resend_at = now + self.timer.timeout();
        if gap && self.resumed {
            let new = self.sent + 1..=self.window_end();
            return if new.is_empty() { TransferStep::Wait } else { TransferStep::SendBlocks(new) };
        }
        self.echoes = self.resent || gap;
        self.resent = gap;
        self.resumed = gap;
        self.window()
    }

    /// A repeated ACK never makes a lone block go out again: the Sorcerer's Apprentice (RFC 1123 §4.2.3.1). In a
    /// larger window it can mean that the first block was lost, and is believed once; not, however, while it may be
    /// the echo of something sent twice, or every window to come would be doubled.
    fn repeated_ack(&mut self) -> TransferStep {
        if self.window == 1 || self.echoes || self.sent == self.acknowledged {
            return TransferStep::Wait;
        }
        self.resent = true;
        self.echoes = true;
        self.window()
    }

    /// All of the window, of which some may have been sent before.
    fn window(&mut self) -> TransferStep {
        self.retransmissions += self.furthest.saturating_sub(self.acknowledged);
        TransferStep::SendBlocks(self.acknowledged + 1..=self.window_end())
    }

    fn window_end(&self) -> u64 {
        let end = self.acknowledged + self.window;
        self.last.map_or(end, |last| end.min(last))
    }

    /// A client that has been sent everything and then closes its port, or falls silent, most likely has the file.
    fn silent(&self, otherwise: TransferOutcome) -> TransferOutcome {
        if self.last.is_some() { TransferOutcome::LastAckMissing } else { otherwise }
    }
}
