//! Carries decisions out: leases go to the journal, and a reply leaves after the journal has saved its lease.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{ServerCore, ServerState};
use crate::MacOctets;
use crate::engine::{Decision, Reply};
use crate::event::{DhcpEvent, DhcpOutcome};
use crate::journal::CommitFailed;
use crate::lease::LeaseRecord;
use crate::packet::MalformedMessage;
use crate::sockets::{LinkSocket, ReceivedPacket};

/// Replies that leave at once after a commit. A slow write holds many back, and who receives them all, a relay for
/// one, has by default room for about 250; so further ones follow no faster than a receiver takes them.
pub(super) const BURST: u32 = 128;
/// One more each time this has passed.
pub(super) const EVERY: Duration = Duration::from_micros(60);
/// How long the others wait for their turn.
const PAUSE: Duration = Duration::from_millis(1);

/// Replies to INFORMs, and refusals through unknown relays, that may leave at once, and how soon one more may, to addresses
/// that nobody leased from us. They may be made up, and what is sent to an address that nobody has takes an entry of the kernel's table of neighbors, and room in
/// the socket's buffer, for three seconds.
pub(super) const INFORMS: u32 = 64;
pub(super) const INFORM_EVERY: Duration = Duration::from_millis(50);

/// A reply and an event that may leave once commit `after` has succeeded.
pub(super) struct PendingReply {
    after: u64,
    reply: Option<Reply>,
    event: DhcpEvent,
    door: Arc<LinkSocket>,
    received: ReceivedPacket,
}

/// The decisions about messages that were handled together.
#[derive(Default)]
pub(super) struct DecisionBatch {
    /// Replies that need no commit.
    ready: Vec<PendingReply>,
    writes: Vec<LeaseRecord>,
    /// The number of the last decision in `writes`.
    through: u64,
}

impl DecisionBatch {
    /// Takes in a decision; of what it wants saved, [`ServerCore::carry_out`] takes care.
    pub(super) fn add(
        &mut self,
        state: &mut ServerState,
        decision: Decision,
        door: &Arc<LinkSocket>,
        received: ReceivedPacket,
    ) {
        let Decision { writes, after, reply, event, probe: _ } = decision;
        if !writes.is_empty() {
            self.writes.extend(writes);
            self.through = after;
        }
        let waiting = PendingReply { after, reply, event, door: Arc::clone(door), received };
        if after == 0 {
            self.ready.push(waiting);
        } else {
            state.waiting.push(waiting);
        }
    }
}

impl DecisionBatch {
    /// Takes in that a client sent what is no DHCP message.
    pub(super) fn add_unread(
        &mut self,
        now: u64,
        client: MacOctets,
        cause: MalformedMessage,
        door: &Arc<LinkSocket>,
        received: ReceivedPacket,
    ) {
        let event = DhcpEvent::unread(now, client, cause);
        self.ready.push(PendingReply { after: 0, reply: None, event, door: Arc::clone(door), received });
    }
}

impl ServerState {
    /// Drops the reply to an INFORM, or through an unknown relay, where too many come from addresses that nobody leased from
    /// us.
    pub(super) fn bound_informs(&mut self, now: u64, mut decision: Decision) -> Decision {
        let event = &decision.event;
        let lease = event.address.and_then(|address| self.engine.lease(address));
        let unknown_relay = matches!(event.outcome, DhcpOutcome::Refused(_)) && event.network.is_none();
        if unknown_relay && self.informs.take(Instant::now()).is_err() {
            (decision.reply, decision.event.sent_to) = (None, None);
            decision.event.outcome =
                DhcpOutcome::Ignored("too many requests come through unknown relays".into());
            return decision;
        }
        if event.outcome == DhcpOutcome::Informed
            && !lease.is_some_and(|lease| lease.is_bound(now) && lease.mac == event.mac)
            && self.informs.take(Instant::now()).is_err()
        {
            (decision.reply, decision.event.sent_to) = (None, None);
            decision.event.outcome =
                DhcpOutcome::Ignored("too many clients without a lease ask for options alone".into());
        }
        decision
    }
}

impl ServerCore {
    /// Hands over what is to be saved, and sends what need not wait for that. Takes the lock that the decisions were
    /// made under: the journal must have them in their order.
    pub(super) fn carry_out(self: &Arc<Self>, mut state: MutexGuard<'_, ServerState>, batch: DecisionBatch) {
        let DecisionBatch { ready, writes, through } = batch;
        if !writes.is_empty() {
            state.commits += 1;
            let inner = Arc::clone(self);
            self.journal.commit(writes, Box::new(move |outcome| inner.settle(through, outcome)));
        }
        drop(state);
        for waiting in &ready {
            self.finish(waiting);
        }
    }

    /// Tells the engine how a commit went; what waited for it leaves.
    fn settle(&self, through: u64, outcome: Result<(), CommitFailed>) {
        let mut state = self.state();
        match &outcome {
            Ok(()) => state.engine.committed(through),
            Err(_) => state.engine.commit_failed(through),
        }
        let mut done: Vec<_> = state.waiting.extract_if(.., |waiting| waiting.after <= through).collect();
        drop(state);
        if let Err(CommitFailed(cause)) = outcome {
            for waiting in &mut done {
                waiting.reply = None;
                (waiting.event.lease_ends, waiting.event.sent_to) = (None, None);
                waiting.event.outcome = DhcpOutcome::NotSaved(cause.clone());
            }
        }
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        for waiting in &done {
            while waiting.reply.is_some() && pace.take(Instant::now()).is_err() {
                std::thread::sleep(PAUSE);
            }
            self.finish(waiting);
        }
        drop(pace);
        self.state().commits -= 1;
        self.room.notify_waiters();
    }

    /// The observer is told first, so that it knows a client by its address before that client can use it.
    fn finish(&self, waiting: &PendingReply) {
        (self.observer)(&waiting.event, waiting.received.at.elapsed());
        if let Some(reply) = &waiting.reply
            && let Err(cause) = waiting.door.send(reply, waiting.received.source)
        {
            tracing::warn!(to = ?reply.destination, %cause, "a DHCP reply could not be sent");
        }
    }

    /// Ready once every commit has had its outcome and every reply has left.
    pub(super) async fn settled(&self) {
        loop {
            let room = self.room.notified();
            if self.state().commits == 0 {
                return;
            }
            room.await;
        }
    }
}
