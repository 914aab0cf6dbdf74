//! Probes addresses by ARP before an offer (RFC 2131 §3.1(2)), and before a DECLINE or RELEASE counts. Each probe has a
//! task of its own, so that no other client is delayed.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::replies::DecisionBatch;
use super::{ServerCore, ServerState};
use crate::engine::Decision;
use crate::event::DhcpOutcome;
use crate::packet::Packet;
use crate::sockets::{LinkSocket, ReceivedPacket};
use crate::{MacOctets, MessageType};

/// Addresses tried for one DISCOVER. The client's next one goes on from there.
const MOST_TRIES: usize = 8;
/// Most probes at once after a quiet time.
pub(super) const BURST: u32 = 256;
/// One more may be tried each time this has passed. A flood must neither pile up tasks nor fill the segment with
/// broadcasts; what goes beyond is offered untried, and left to the client's own check.
pub(super) const EVERY: Duration = Duration::from_millis(60);

/// Clients that may be checked at once which say that they gave up their address, and how soon one more may. These words
/// cost a question to the segment and a record on disk; one that is not heeded does no harm, because its client asks for
/// an address again, or the lease ends in time.
pub(super) const CHECKS: u32 = 32;
pub(super) const CHECK_EVERY: Duration = Duration::from_secs(1);

/// A message that waits for a probe, and the socket for its answer.
pub(super) struct PendingProbe {
    pub(super) packet: Packet,
    pub(super) door: Arc<LinkSocket>,
    pub(super) received: ReceivedPacket,
}

impl ServerCore {
    /// Has the segment asked for the address before the decision is carried out. Hands back what can be carried out at
    /// once.
    pub(super) fn try_first(
        self: &Arc<Self>,
        state: &mut ServerState,
        question: PendingProbe,
        address: Ipv4Addr,
        decision: Decision,
    ) -> Option<Decision> {
        let gives_up = matches!(decision.event.kind, MessageType::Decline | MessageType::Release);
        if question.door.arp.is_none() {
            return Some(if gives_up { self.given_up(state, &question, None) } else { decision });
        }
        if state.trying.contains(&address) {
            return Some(ignored(decision, "asked again while its address is being tried"));
        }
        let allowance = if gives_up { &mut state.checks } else { &mut state.allowance };
        if allowance.take(Instant::now()).is_err() {
            let many = "too many clients say that they gave up their address; this one was not checked";
            return Some(if gives_up { ignored(decision, many) } else { decision });
        }
        state.trying.insert(address);
        if gives_up {
            tokio::spawn(Arc::clone(self).check(question, address));
        } else {
            tokio::spawn(Arc::clone(self).try_out(question, address, decision));
        }
        None
    }

    fn given_up(
        &self,
        state: &mut ServerState,
        question: &PendingProbe,
        answer: Option<MacOctets>,
    ) -> Decision {
        let ingress = question.door.ingress(&question.received);
        state.engine.given_up((self.clock)(), &question.packet, ingress, answer)
    }

    /// Carries out what a client says that gave up its address, unless it still answers there.
    async fn check(self: Arc<Self>, question: PendingProbe, address: Ipv4Addr) {
        let answer = question.who_has(address, Some(question.packet.chaddr)).await;
        let mut state = self.state();
        state.trying.remove(&address);
        let decision = self.given_up(&mut state, &question, answer);
        say_proxies(&mut state, (self.clock)());
        let mut batch = DecisionBatch::default();
        batch.add(&mut state, decision, &question.door, question.received);
        self.carry_out(state, batch);
    }

    async fn try_out(self: Arc<Self>, question: PendingProbe, mut address: Ipv4Addr, mut offer: Decision) {
        for _ in 0..MOST_TRIES {
            let answer = question.who_has(address, None).await;
            let mut state = self.state();
            let mut batch = DecisionBatch::default();
            state.trying.remove(&address);
            let now = (self.clock)();
            let conflict = state.engine.probed(now, address, answer);
            say_proxies(&mut state, now);
            let Some(conflict) = conflict else {
                batch.add(&mut state, offer, &question.door, question.received);
                return self.carry_out(state, batch);
            };
            batch.add(&mut state, conflict, &question.door, question.received);
            let ingress = question.door.ingress(&question.received);
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
        let offer = ignored(offer, "every address that was tried is in use");
        let mut batch = DecisionBatch::default();
        batch.add(&mut state, offer, &question.door, question.received);
        self.carry_out(state, batch);
    }
}

impl PendingProbe {
    async fn who_has(&self, address: Ipv4Addr, holder: Option<MacOctets>) -> Option<MacOctets> {
        let arp = self.door.arp.as_ref()?;
        arp.who_has(address, holder).await.unwrap_or_else(|cause| {
            tracing::debug!(%address, %cause, "the address cannot be tried");
            None
        })
    }
}

fn ignored(mut decision: Decision, why: &'static str) -> Decision {
    (decision.reply, decision.event.sent_to) = (None, None);
    decision.event.outcome = DhcpOutcome::Ignored(why.into());
    decision
}

/// Says once of each machine that it answers for addresses of others.
fn say_proxies(state: &mut ServerState, now: u64) {
    let proxies = state.engine.proxies(now);
    for mac in proxies.iter().filter(|mac| !state.said.contains(mac)) {
        let mac = mac.map(|octet| format!("{octet:02x}")).join(":");
        tracing::warn!(
            "{mac} answers ARP for addresses that it does not use, as a router with proxy ARP does. Its answers are \
             ignored from now on. Turn proxy ARP off on the interface of that router: no ip proxy-arp"
        );
    }
    state.said = proxies;
}
