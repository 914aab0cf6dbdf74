//! Admits requests and begins transfers.

use std::{
    hash::BuildHasher,
    io,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    EventLoop, PendingOpen,
    request_history::{RequestHistory, RequestMeaning},
};
use crate::{
    active::ActiveTransfer,
    blocks::Blocks,
    listen::{self, ReceivedRequest},
    mailbox::LoopMessage,
    packet::Fault,
    request::{self, ParsedRequest, ReadRequest},
    session::{self, TransferSession},
    slots::{Admission, PeerStanding, TransferKey},
    source::{Abort, FileContent, OpenRefusal},
    strangers,
    terms::{self, TermLimits},
    transfer::Transfer,
};

/// Longest request read; RFC 2347 asks for 512 bytes.
const REQUEST_LIMIT: usize = 2048;
/// Requests taken before transfers under way have their turn again.
const REQUESTS_AT_ONCE: usize = 32;
/// A client that asks again from the same port, after its transfer had begun and then stood still this long, has
/// started anew; before that its request is a duplicate that was under way.
pub(super) const SILENCE: Duration = Duration::from_secs(3);
/// The MTU if the system does not tell it.
const ETHERNET: u16 = 1500;

impl EventLoop {
    pub(super) fn requests(&mut self, now: Instant) {
        let mut buffer = [0; REQUEST_LIMIT];
        for _ in 0..REQUESTS_AT_ONCE {
            match listen::receive(&self.socket, &mut buffer) {
                Ok(Some(arrival)) => {
                    let packet = buffer.get(..arrival.length).unwrap_or_default();
                    let digest = self.digests.hash_one(packet);
                    self.request(arrival, request::read(packet), digest, now);
                }
                Ok(None) => {}
                Err(error) => {
                    if error.kind() != io::ErrorKind::WouldBlock {
                        tracing::warn!(%error, "the TFTP port failed; trying again");
                    }
                    return;
                }
            }
        }
    }

    fn request(&mut self, arrival: ReceivedRequest, asked: ParsedRequest, digest: u64, now: Instant) {
        let wanted = match asked {
            ParsedRequest::Nothing => return,
            ParsedRequest::Read(_) if self.draining.is_some() => Err(Fault::Stopping),
            ParsedRequest::Read(request) => Ok(request),
            ParsedRequest::Write => Err(Fault::ReadOnly),
            ParsedRequest::Illegal => Err(Fault::Illegal),
        };
        let peer = *arrival.peer.ip();
        let standing = self.strangers.standing(peer, now, || self.source.knows(peer));
        // To a stranger, a refusal costs as much as an answer.
        if standing == PeerStanding::Stranger && !self.strangers.take(now) {
            return self.ignore(peer, now);
        }
        let request = match wanted {
            Ok(request) => request,
            Err(fault) => return self.refuse(arrival, fault),
        };
        let key = (arrival.peer, request.name.clone());
        let (admission, requested) = self.admit(&key, digest, standing, now);
        match admission {
            Admission::Duplicate(_) => {}
            Admission::Full | Admission::After(_) => {
                self.reached.refuse(peer);
                self.refuse(arrival, Fault::Busy);
            }
            Admission::Granted(slot) => self.open(slot, arrival, request, requested),
        }
    }

    /// Finds a slot, if need be in place of a client that has not answered.
    fn admit(
        &mut self,
        key: &TransferKey,
        digest: u64,
        standing: PeerStanding,
        now: Instant,
    ) -> (Admission, RequestHistory) {
        let mut requested = RequestHistory::new(digest, now);
        let mut admission = self.slots.admit(key, standing);
        let mut anew = false;
        if let Admission::Duplicate(slot) = admission
            && let Some(before) = self.requested(slot)
        {
            let heard = self.transfers.get(&slot).and_then(|active| active.session.heard());
            let again = before.again(digest, heard, now);
            if again != RequestMeaning::Duplicate {
                requested = before.replaced_by(digest, now);
            }
            if again == RequestMeaning::Instead {
                self.leave_unanswered(slot, Abort::Restarted, now);
            }
            anew = again != RequestMeaning::Duplicate;
        }
        if anew {
            admission = self.slots.admit_anew(key, standing);
        }
        let Admission::After(slot) = admission else { return (admission, requested) };
        if let Some(client) = self.slots.client(slot) {
            self.reached.give_way(client);
        }
        self.leave_unanswered(slot, Abort::GaveWay, now);
        let admission =
            if anew { self.slots.admit_anew(key, standing) } else { self.slots.admit(key, standing) };
        (admission, requested)
    }

    fn requested(&self, slot: u64) -> Option<&RequestHistory> {
        let opening = self.opening.get(&slot).map(|opening| &opening.requested);
        opening.or_else(|| self.transfers.get(&slot).map(|active| &active.requested))
    }

    /// Ends what a client has not answered, begun or not.
    fn leave_unanswered(&mut self, slot: u64, why: Abort, now: Instant) {
        if let Some(opening) = self.opening.remove(&slot) {
            opening.task.abort();
            self.slots.leave(slot);
        }
        self.break_off(slot, why, now);
    }

    fn open(&mut self, slot: u64, arrival: ReceivedRequest, request: ReadRequest, requested: RequestHistory) {
        let opening = Arc::clone(&self.source).open(arrival.peer.into(), request.name.clone());
        let opening = self.runtime.spawn(opening);
        let task = opening.abort_handle();
        let mailbox = self.mailbox.clone();
        self.runtime.spawn(async move {
            mailbox.send(LoopMessage::Opened { slot, content: opening.await.ok() });
        });
        self.opening.insert(slot, PendingOpen { arrival, request, requested, task });
    }

    fn ignore(&mut self, peer: Ipv4Addr, now: Instant) {
        self.reached.ignore(peer);
        if self.strangers.say(now) {
            tracing::warn!(
                "more TFTP requests come from unknown addresses than can be answered; some get no answer"
            );
        }
    }

    pub(super) fn refuse(&self, arrival: ReceivedRequest, fault: Fault) {
        tracing::debug!(peer = %arrival.peer, ?fault, "TFTP request refused");
        listen::answer(&self.socket, arrival, &fault.packet());
    }

    pub(super) fn opened(
        &mut self,
        slot: u64,
        opening: PendingOpen,
        content: Option<Result<Box<dyn FileContent>, OpenRefusal>>,
        now: Instant,
    ) {
        let fault = match content {
            Some(Ok(content)) => return self.begin(slot, opening, content, now),
            Some(Err(OpenRefusal::NotFound)) => Fault::NotFound,
            Some(Err(OpenRefusal::Forbidden)) => Fault::Forbidden,
            Some(Err(OpenRefusal::Busy)) | None => Fault::Busy,
        };
        self.slots.leave(slot);
        self.refuse(opening.arrival, fault);
    }

    fn begin(&mut self, slot: u64, opening: PendingOpen, content: Box<dyn FileContent>, now: Instant) {
        let PendingOpen { arrival, request, requested, .. } = opening;
        let standing = self.slots.standing(slot);
        let secret = standing == Some(PeerStanding::Known);
        let line = match self.ports.take(arrival.local, arrival.peer, slot, secret) {
            Ok(line) => line,
            Err(error) => {
                tracing::warn!(peer = %arrival.peer, %error, "no port for a TFTP transfer");
                self.slots.leave(slot);
                self.refuse(arrival, Fault::Busy);
                return session::never_begun(content, &error);
            }
        };
        let device = self.config.device.as_deref();
        let mtu = listen::mtu(arrival.local, arrival.peer, device).unwrap_or(ETHERNET);
        let limits = TermLimits { block_size: terms::largest_block(mtu), window: self.config.max_window };
        let (terms, oack) = terms::agree(&request, limits, content.size());
        let mut transfer = Transfer::new(terms, self.config.rollover, oack.is_some());
        if standing == Some(PeerStanding::Stranger) {
            transfer.expect_answer(strangers::PATIENCE);
        }
        let blocks = Blocks::new(content, terms.mode, terms.block_size);
        let session = TransferSession::new(line, transfer, oack, blocks, now);
        self.transfers.insert(slot, ActiveTransfer { session, requested, alarm: None, turn: None });
        self.with(slot, now, |session, outbox| session.start(now, outbox));
    }
}
