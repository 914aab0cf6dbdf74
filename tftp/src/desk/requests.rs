//! Requests: who is served, and how a transfer begins.

use std::{
    hash::BuildHasher,
    io,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Desk, Opening,
    requested::{Again, Requested},
};
use crate::{
    blocks::Blocks,
    listen::{self, Arrival},
    packet::Fault,
    post::Message,
    request::{self, Asked, Request},
    seated::Seated,
    seats::{Admission, Key, Standing},
    session::{self, Session},
    source::{Abort, Content, Refusal},
    strangers,
    terms::{self, Limits},
    transfer::Transfer,
};

/// Longest request read; RFC 2347 asks for 512 bytes.
const REQUEST_LIMIT: usize = 2048;
/// Requests taken before transfers under way have their turn again.
const REQUESTS_AT_ONCE: usize = 32;
/// A client that asks again from the same port, after its transfer had begun and then stood still this long, has
/// started anew; before that its request is a duplicate that was under way.
pub(super) const SILENCE: Duration = Duration::from_secs(3);
/// What is assumed where the system does not tell.
const ETHERNET: u16 = 1500;

impl Desk {
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

    fn request(&mut self, arrival: Arrival, asked: Asked, digest: u64, now: Instant) {
        let wanted = match asked {
            Asked::Nothing => return,
            Asked::Read(_) if self.draining.is_some() => Err(Fault::Stopping),
            Asked::Read(request) => Ok(request),
            Asked::Write => Err(Fault::ReadOnly),
            Asked::Illegal => Err(Fault::Illegal),
        };
        let peer = *arrival.peer.ip();
        let standing = self.strangers.standing(peer, now, || self.source.knows(peer));
        // To a stranger, a refusal costs as much as an answer.
        if standing == Standing::Stranger && !self.strangers.take(now) {
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
            Admission::Seated(seat) => self.open(seat, arrival, request, requested),
        }
    }

    /// Finds a seat, if need be in place of a client that has not answered.
    fn admit(&mut self, key: &Key, digest: u64, standing: Standing, now: Instant) -> (Admission, Requested) {
        let mut requested = Requested::new(digest, now);
        let mut admission = self.seats.admit(key, standing);
        let mut anew = false;
        if let Admission::Duplicate(seat) = admission
            && let Some(before) = self.requested(seat)
        {
            let heard = self.transfers.get(&seat).and_then(|seated| seated.session.heard());
            let again = before.again(digest, heard, now);
            if again != Again::Duplicate {
                requested = before.replaced_by(digest, now);
            }
            if again == Again::Instead {
                self.leave_unanswered(seat, Abort::Restarted, now);
            }
            anew = again != Again::Duplicate;
        }
        if anew {
            admission = self.seats.admit_anew(key, standing);
        }
        let Admission::After(seat) = admission else { return (admission, requested) };
        if let Some(client) = self.seats.client(seat) {
            self.reached.give_way(client);
        }
        self.leave_unanswered(seat, Abort::GaveWay, now);
        let admission =
            if anew { self.seats.admit_anew(key, standing) } else { self.seats.admit(key, standing) };
        (admission, requested)
    }

    fn requested(&self, seat: u64) -> Option<&Requested> {
        let opening = self.opening.get(&seat).map(|opening| &opening.requested);
        opening.or_else(|| self.transfers.get(&seat).map(|seated| &seated.requested))
    }

    /// Ends what a client has not answered, begun or not.
    fn leave_unanswered(&mut self, seat: u64, why: Abort, now: Instant) {
        if let Some(opening) = self.opening.remove(&seat) {
            opening.task.abort();
            self.seats.leave(seat);
        }
        self.break_off(seat, why, now);
    }

    fn open(&mut self, seat: u64, arrival: Arrival, request: Request, requested: Requested) {
        let opening = Arc::clone(&self.source).open(arrival.peer.into(), request.name.clone());
        let opening = self.runtime.spawn(opening);
        let task = opening.abort_handle();
        let post = self.post.clone();
        self.runtime.spawn(async move {
            post.send(Message::Opened { seat, content: opening.await.ok() });
        });
        self.opening.insert(seat, Opening { arrival, request, requested, task });
    }

    fn ignore(&mut self, peer: Ipv4Addr, now: Instant) {
        self.reached.ignore(peer);
        if self.strangers.say(now) {
            tracing::warn!(
                "more TFTP requests come from unknown addresses than can be answered; some get no answer"
            );
        }
    }

    pub(super) fn refuse(&self, arrival: Arrival, fault: Fault) {
        tracing::debug!(peer = %arrival.peer, ?fault, "TFTP request refused");
        listen::answer(&self.socket, arrival, &fault.packet());
    }

    pub(super) fn opened(
        &mut self,
        seat: u64,
        opening: Opening,
        content: Option<Result<Box<dyn Content>, Refusal>>,
        now: Instant,
    ) {
        let fault = match content {
            Some(Ok(content)) => return self.begin(seat, opening, content, now),
            Some(Err(Refusal::NotFound)) => Fault::NotFound,
            Some(Err(Refusal::Forbidden)) => Fault::Forbidden,
            Some(Err(Refusal::Busy)) | None => Fault::Busy,
        };
        self.seats.leave(seat);
        self.refuse(opening.arrival, fault);
    }

    fn begin(&mut self, seat: u64, opening: Opening, content: Box<dyn Content>, now: Instant) {
        let Opening { arrival, request, requested, .. } = opening;
        let standing = self.seats.standing(seat);
        let secret = standing == Some(Standing::Known);
        let line = match self.ports.take(arrival.local, arrival.peer, seat, secret) {
            Ok(line) => line,
            Err(error) => {
                tracing::warn!(peer = %arrival.peer, %error, "no port for a TFTP transfer");
                self.seats.leave(seat);
                self.refuse(arrival, Fault::Busy);
                return session::never_begun(content, &error);
            }
        };
        let device = self.config.device.as_deref();
        let mtu = listen::mtu(arrival.local, arrival.peer, device).unwrap_or(ETHERNET);
        let limits = Limits { block_size: terms::largest_block(mtu), window: self.config.max_window };
        let (terms, oack) = terms::agree(&request, limits, content.size());
        let mut transfer = Transfer::new(terms, self.config.rollover, oack.is_some());
        if standing == Some(Standing::Stranger) {
            transfer.expect_answer(strangers::PATIENCE);
        }
        let blocks = Blocks::new(content, terms.mode, terms.block_size);
        let session = Session::new(line, transfer, oack, blocks, now);
        self.transfers.insert(seat, Seated { session, requested, alarm: None, turn: None });
        self.with(seat, now, |session, outbox| session.start(now, outbox));
    }
}
