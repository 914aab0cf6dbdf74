//! Offers that wait until nobody answers for their address (RFC 2131 §3.1(2)). Each waits in a task of its own, so
//! that no other client is delayed.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::replies::Batch;
use super::{Inner, State};
use crate::engine::Decision;
use crate::event::Outcome;
use crate::packet::Packet;
use crate::sockets::{Door, Received};

/// Addresses tried for one DISCOVER. The client's next one goes on from there.
const MOST_TRIES: usize = 8;
/// Addresses that may be tried at once after a quiet time; enough for the benches there are.
pub(super) const BURST: u32 = 256;
/// One more may be tried each time this has passed. A flood must neither pile up tasks nor fill the segment with
/// broadcasts; what goes beyond is offered untried, and left to the client's own check.
pub(super) const EVERY: Duration = Duration::from_millis(60);

/// A message, and the way its answer goes.
pub(super) struct Question {
    pub(super) packet: Packet,
    pub(super) door: Arc<Door>,
    pub(super) received: Received,
}

impl Inner {
    /// Has the address tried that the decision asks for, and keeps the offer meanwhile. Hands the decision back where
    /// its offer may leave untried.
    pub(super) fn try_first(
        self: &Arc<Self>,
        state: &mut State,
        question: impl FnOnce() -> Question,
        decision: Decision,
    ) -> Option<Decision> {
        let Some(address) = decision.probe else { return Some(decision) };
        if state.trying.contains(&address) {
            let mut again = decision;
            again.reply = None;
            again.event.outcome = Outcome::Ignored("asked again while its address is being tried".into());
            return Some(again);
        }
        if !state.allowance.take(Instant::now()) {
            return Some(decision);
        }
        state.trying.insert(address);
        tokio::spawn(Arc::clone(self).try_out(question(), address, decision));
        None
    }

    async fn try_out(self: Arc<Self>, question: Question, mut address: Ipv4Addr, mut offer: Decision) {
        for _ in 0..MOST_TRIES {
            let answer = match &question.door.arp {
                Some(arp) => arp.who_has(address).await,
                None => Ok(None),
            };
            let answer = answer.unwrap_or_else(|cause| {
                tracing::debug!(%address, %cause, "the address cannot be tried");
                None
            });
            let mut state = self.state();
            let mut batch = Batch::default();
            state.trying.remove(&address);
            let now = (self.clock)();
            let Some(conflict) = state.engine.probed(now, address, answer) else {
                batch.add(&mut state, offer, &question.door, question.received);
                return self.carry_out(state, batch);
            };
            batch.add(&mut state, conflict, &question.door, question.received);
            let ingress = question.door.ingress(question.received.unicast);
            offer = state.engine.handle(now, &question.packet, ingress, &*self.policy);
            let next = offer.probe.filter(|next| state.trying.insert(*next));
            let Some(next) = next else {
                batch.add(&mut state, offer, &question.door, question.received);
                return self.carry_out(state, batch);
            };
            self.carry_out(state, batch);
            address = next;
        }
        let mut state = self.state();
        state.trying.remove(&address);
        offer.reply = None;
        offer.event.outcome = Outcome::Ignored("every address that was tried is in use".into());
        let mut batch = Batch::default();
        batch.add(&mut state, offer, &question.door, question.received);
        self.carry_out(state, batch);
    }
}
