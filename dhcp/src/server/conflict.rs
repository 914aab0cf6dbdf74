//! Offers that wait until nobody answers for their address (RFC 2131 §3.1(2)). Each waits in a task of its own, so
//! that no other client is delayed.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::replies::Batch;
use super::{Inner, State};
use crate::engine::Decision;
use crate::event::Outcome;
use crate::packet::Packet;
use crate::sockets::Door;

/// Addresses tried for one DISCOVER. The client's next one goes on from there.
const MOST_TRIES: usize = 8;
/// Addresses that may be tried at once after a quiet time; enough for the benches there are.
const BURST: u32 = 256;
/// One more may be tried each time this has passed. A flood must neither pile up tasks nor fill the segment with
/// broadcasts; what goes beyond is offered untried, and left to the client's own check.
const EVERY: Duration = Duration::from_millis(60);

/// How many addresses may still be tried now.
pub(super) struct Allowance {
    left: u32,
    since: Instant,
}

impl Allowance {
    pub(super) fn full() -> Self {
        Self { left: BURST, since: Instant::now() }
    }

    fn take(&mut self, now: Instant) -> bool {
        let more = now.saturating_duration_since(self.since).as_millis() / EVERY.as_millis();
        let more = u32::try_from(more).unwrap_or(BURST).min(BURST);
        self.left = (self.left + more).min(BURST);
        self.since = if self.left == BURST { now } else { self.since + EVERY * more };
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        some
    }
}

/// A message, and the way its answer goes.
pub(super) struct Question {
    pub(super) packet: Packet,
    pub(super) unicast: bool,
    pub(super) door: Arc<Door>,
    pub(super) source: SocketAddrV4,
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
                batch.add(&mut state, offer, &question.door, question.source);
                return self.carry_out(state, batch);
            };
            batch.add(&mut state, conflict, &question.door, question.source);
            let ingress = question.door.ingress(question.unicast);
            offer = state.engine.handle(now, &question.packet, ingress, &*self.policy);
            let next = offer.probe.filter(|next| state.trying.insert(*next));
            let Some(next) = next else {
                batch.add(&mut state, offer, &question.door, question.source);
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
        batch.add(&mut state, offer, &question.door, question.source);
        self.carry_out(state, batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_tried_no_faster_than_allowed_and_a_quiet_time_restores_it() {
        let start = Instant::now();
        let mut allowance = Allowance { left: BURST, since: start };
        let mut taken = |at: Duration| (0..1000).filter(|_| allowance.take(start + at)).count();
        assert_eq!(taken(Duration::ZERO), 256);
        assert_eq!(taken(EVERY / 2), 0);
        assert_eq!(taken(EVERY), 1);
        assert_eq!(taken(EVERY * 11), 10);
        assert_eq!(taken(Duration::from_secs(3600)), 256);
    }
}
