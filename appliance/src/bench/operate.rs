//! The operator's orders for one phone or all selected phones.

use transload_provision::journey::{Act, Deed, Fact, Means, Restart, by_operator};
use transload_provision::mac::Mac;

use super::forget;
use super::intake::registrar::PendingRestart;
use super::outcome::{OrderRefusal, PhoneOutcome, RefusalReason, no_such, outcome, written};
use super::{AT_ONCE, Bench, BenchState};
use crate::bench::selection::{Selected, Selection};
use crate::state::ledger::Ticket;

enum Pending {
    Refused(OrderRefusal),
    Act(Option<Ticket>),
    Restart(PendingRestart, Option<Ticket>),
}

impl Bench {
    /// Orders a restart; the order is in the ledger when this returns and is carried out after that.
    ///
    /// # Errors
    /// The phone is unknown, may be writing flash, or has to be restarted by hand.
    pub async fn restart(&self, mac: Mac, how: Restart) -> Result<Means, OrderRefusal> {
        let pending = self.begin(&mut self.state(), mac, how.into());
        Ok(self.finish(pending).await?.unwrap_or(Means::Registration))
    }

    /// Records an operator's action; it is in the ledger when this returns.
    ///
    /// # Errors
    /// The phone is unknown, or the ledger cannot be written.
    pub async fn operate(&self, mac: Mac, act: Act) -> Result<(), OrderRefusal> {
        let pending = self.begin(&mut self.state(), mac, act.into());
        self.finish(pending).await.map(drop)
    }

    /// Records an operator's action for every selected phone; with `dry_run`, only lists them. The actions are in the
    /// ledger when this returns.
    pub async fn operate_all(&self, selection: &Selection, deed: Deed, dry_run: bool) -> Vec<PhoneOutcome> {
        let Selected { phones, unknown } = selection.of(self.phones());
        let mut outcomes = Vec::with_capacity(phones.len() + unknown.len());
        for phones in phones.chunks(AT_ONCE) {
            let pending: Vec<Option<Pending>> = {
                let mut state = self.state();
                phones
                    .iter()
                    .map(|phone| (!dry_run).then(|| self.begin(&mut state, phone.mac, deed)))
                    .collect()
            };
            for (phone, pending) in phones.iter().zip(pending) {
                let result = match pending {
                    Some(pending) => Some(self.finish(pending).await),
                    None => None,
                };
                outcomes.push(outcome(phone, result));
            }
        }
        outcomes.extend(unknown.into_iter().map(PhoneOutcome::unknown));
        outcomes
    }

    /// Queues an order; it is in the ledger once [`Self::finish`] has returned.
    fn begin(&self, state: &mut BenchState, mac: Mac, deed: Deed) -> Pending {
        let act = match deed {
            Deed::Hold => Act::Hold,
            Deed::Release => Act::Release,
            Deed::Retry => Act::Retry,
            Deed::Restart => return self.begin_restart(state, mac, Restart::Restart),
            Deed::Reset => return self.begin_restart(state, mac, Restart::Reset),
        };
        if state.phones.contains_key(&mac) || state.roster.contains_key(&mac) {
            // The report shows the stage after this action, even if another action follows at once.
            self.stand_now(state, mac);
            let ticket = self.observe(state, mac, Fact::Operator { act });
            self.stand_now(state, mac);
            Pending::Act(ticket)
        } else {
            Pending::Refused(no_such(mac))
        }
    }

    fn begin_restart(&self, state: &mut BenchState, mac: Mac, how: Restart) -> Pending {
        let verdict = self.assess(state, mac);
        let Some(journey) = state.phones.get(&mac).map(|phone| &phone.journey) else {
            return Pending::Refused(no_such(mac));
        };
        if verdict.writing {
            return Pending::Refused(forget::writes(mac));
        }
        let side = verdict.persona.side();
        let hook = state.rules.settings.restart_hook;
        let Some(order) = by_operator(journey, side, how, hook) else {
            let cause =
                format!("{mac} is not registered, and no program under [hooks] restart cuts its power");
            let reason = RefusalReason::new(cause, "unplug it and plug it in again");
            return Pending::Refused(OrderRefusal::Conflict(reason));
        };
        let address = journey.address;
        let fact = Fact::RestartTold { how: order.how, by: order.by, operator: true };
        let ticket = self.observe(state, mac, fact);
        Pending::Restart(PendingRestart { mac, order, address }, ticket)
    }

    /// Waits for the ledger, then carries the order out.
    async fn finish(&self, pending: Pending) -> Result<Option<Means>, OrderRefusal> {
        match pending {
            Pending::Refused(refusal) => Err(refusal),
            Pending::Act(ticket) => written(ticket).await.map(|()| None),
            Pending::Restart(restart, ticket) => {
                written(ticket).await?;
                self.state().pending_restarts.push(restart);
                Ok(Some(restart.order.by))
            }
        }
    }
}
