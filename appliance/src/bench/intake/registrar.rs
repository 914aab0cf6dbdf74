//! Takes in registrations, and decides which restarts are due.

use std::net::Ipv4Addr;

use transload_pace::Pace;
use transload_provision::catalog::name;
use transload_provision::journey::{Fact, Order, Report};
use transload_provision::load::LoadName;
use transload_provision::mac::Mac;
use transload_provision::sip::{PhoneDescription, RegistrarEvent, SenderProof};

use crate::bench::AT_ONCE;
use crate::bench::Bench;
use crate::bench::BenchState;
use crate::bench::intake::identity::holder;
use crate::listeners::sip::Exchange;

impl Exchange for Bench {
    fn caller(&self, address: Ipv4Addr) -> Option<Mac> {
        let neighbor = self.neighbor(address);
        let state = self.state();
        let mac = holder(&state, address, neighbor, self.now())?;
        state.phones.contains_key(&mac).then_some(mac)
    }

    fn pace(&self) -> Pace {
        Bench::pace(self).clone()
    }

    fn heard(&self, event: RegistrarEvent) {
        let mut state = self.state();
        match event {
            // Anybody can send this datagram. The same event comes again as two-way after the phone has answered.
            RegistrarEvent::Registered(mac, _, SenderProof::OneWay) => {
                tracing::debug!(
                    %mac, "a datagram asks to register this phone; the phone is asked to confirm it"
                );
            }
            RegistrarEvent::Registered(mac, said, SenderProof::TwoWay) => {
                self.registered(&mut state, mac, &said);
            }
            RegistrarEvent::Gone(mac) => {
                if state.phones.get(&mac).is_some_and(|phone| phone.journey.is_registered()) {
                    self.observe(&mut state, mac, Fact::Unregistered);
                }
            }
            RegistrarEvent::Answered(mac, answer) => {
                let refused = answer.as_ref().is_none_or(|(code, _)| *code >= 300);
                let answer = answer
                    .map_or_else(|| "no answer".to_owned(), |(code, reason)| format!("{code} {reason}"));
                tracing::info!(%mac, answer, "the phone answered the order to restart");
                self.observe(&mut state, mac, Fact::RestartAnswered { answer, refused });
            }
            RegistrarEvent::Refused(address, None, why) => {
                tracing::debug!(%address, why, "a registration from this address was refused");
            }
            RegistrarEvent::Refused(address, Some(mac), why) => {
                let what = format!("{address} asked to register and was refused: {why}");
                self.contradicts(&mut state, mac, what);
            }
        }
    }
}

/// A restart to carry out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingRestart {
    /// The phone.
    pub mac: Mac,
    /// The order.
    pub order: Order,
    /// The phone's address.
    pub address: Option<Ipv4Addr>,
}

impl Bench {
    fn registered(&self, state: &mut BenchState, mac: Mac, said: &PhoneDescription) {
        let model = said.model.and_then(|id| state.catalog.model_by_id(id));
        let load = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<LoadName>().ok());
        let report = Report {
            active: load(&said.active),
            inactive: load(&said.inactive),
            model: model.map(|model| model.name.clone()),
            last: said.last.clone(),
        };
        let Some(journey) = state.phones.get(&mac).map(|phone| &phone.journey) else { return };
        let known = journey.reports.last().map(|(_, known)| known);
        if journey.registered.is_some() && known == Some(&report) {
            return;
        }
        let mut doubts = Vec::new();
        if let (Some(said), Some(other)) = (&report.model, journey.model_by_weaker_signals())
            && !name::is_same(said, &other)
        {
            doubts.push(format!("it registered as a {said}, and by other signals it is a {other}"));
        }
        let before = self.assess(state, mac);
        let taken_for =
            before.load.filter(|load| known.is_none_or(|known| known.active.as_ref() != Some(load)));
        if let (Some(active), Some(other)) = (&report.active, taken_for)
            && *active != other
        {
            let why = before.evidence;
            doubts
                .push(format!("it registered with ActiveLoad={active}, and was taken to run {other}: {why}"));
        }
        for what in doubts {
            self.contradicts(state, mac, what);
        }
        let active = said.active.as_deref().unwrap_or("none");
        tracing::info!(%mac, active, last = said.last, "registered");
        self.observe(state, mac, Fact::Registered { report });
    }

    pub(in crate::bench) fn contradicts(&self, state: &mut BenchState, mac: Mac, what: String) {
        let known = state.phones.get(&mac).is_some_and(|phone| phone.journey.knows_contradiction(&what));
        if !known {
            tracing::warn!(%mac, %what, "signals about this phone disagree");
            self.observe(state, mac, Fact::Contradiction { what });
        }
    }

    /// Looks at phones with new facts and records their stages. Returns the restarts that journeys need, which are in
    /// the ledger before they are carried out, and the restarts that the operator ordered. The lock is held for a few
    /// phones at a time.
    pub async fn pending_restarts(&self) -> Vec<PendingRestart> {
        let (mut pending_restarts, due) = {
            let mut state = self.state();
            (std::mem::take(&mut state.pending_restarts), state.due(self.now()))
        };
        let mut waiting = Vec::new();
        for macs in due.chunks(AT_ONCE) {
            let mut state = self.state();
            for mac in macs {
                let verdict = self.assess(&state, *mac);
                self.note_stand(&mut state, *mac, &verdict);
                self.publish(&mut state, *mac);
                if let Some(deadline) = verdict.deadline {
                    state.agenda.entry(*mac).or_insert(deadline);
                }
                if let Some(order) = verdict.restart {
                    let Order { how, by } = order;
                    let told = Fact::RestartTold { how, by, operator: false };
                    let ticket = self.observe(&mut state, *mac, told);
                    waiting.extend(ticket.map(|ticket| (*mac, order, ticket)));
                }
            }
        }
        for (mac, order, ticket) in waiting {
            match ticket.await {
                Ok(()) => pending_restarts.push(self.pending_restart(mac, order)),
                Err(error) => {
                    tracing::error!(
                        %mac, %error,
                        cure = "free space on the ledger's disk",
                        "the phone is not restarted, because the ledger cannot be written"
                    );
                }
            }
        }
        pending_restarts
    }

    fn pending_restart(&self, mac: Mac, order: Order) -> PendingRestart {
        let address = self.state().phones.get(&mac).and_then(|phone| phone.journey.address);
        PendingRestart { mac, order, address }
    }

    /// Records the outcome of a restart.
    pub fn restart_done(&self, mac: Mac, answer: String, refused: bool) {
        tracing::info!(%mac, answer, "the restart was ordered");
        let mut state = self.state();
        self.observe(&mut state, mac, Fact::RestartAnswered { answer, refused });
    }
}
