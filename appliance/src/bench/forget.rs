//! Forgets phones on the operator's order. The phone's facts go; the record of the forgetting, its lease and its
//! roster line stay.

use std::collections::BTreeMap;

use transload_provision::journey::Fact;
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::outcome::{OrderRefusal, PhoneOutcome, RefusalReason, no_such, outcome, written};
use super::views::timeline::Moment;
use super::{AT_ONCE, Bench, BenchState, TrackedPhone};
use crate::bench::selection::{Selected, Selection};
use crate::bench::views::phone::PhoneView;
use crate::bench::views::report::ForgottenReport;
use crate::state::ledger::{FORGOTTEN_KEPT, Record, Ticket};

/// Remaining work for the operator if the roster lists a forgotten phone.
pub const STILL_LISTED: &str =
    "the roster still lists it, so it is shown as absent; remove its line from the roster to be rid of it";

/// A phone's state at its removal, to restore it if the ledger fails.
struct Removed {
    phone: TrackedPhone,
    /// Time of the phone's previous removal.
    before: Option<Time>,
    ticket: Ticket,
    listed: bool,
}

impl Bench {
    /// Forgets a phone; the removal is in the ledger when this returns. Returns the remaining work for the operator.
    ///
    /// # Errors
    /// The phone is unknown, it may be writing flash, or the ledger cannot be written.
    pub async fn forget(&self, mac: Mac) -> Result<Option<&'static str>, OrderRefusal> {
        let removed = self.remove(&mut self.state(), mac)?;
        self.forgotten(mac, removed).await
    }

    /// Forgets every selected phone that has facts; with `dry_run`, only lists them. The removals are in the ledger
    /// when this returns.
    pub async fn forget_all(&self, selection: &Selection, dry_run: bool) -> Vec<PhoneOutcome> {
        let Selected { mut phones, unknown } = selection.of(self.phones());
        phones.retain(|phone| phone.first_seen.is_some() || selection.mac.contains(&phone.mac));
        // All removals are queued before the first wait, so that thousands of phones share a few commits.
        let mut removed: Vec<Option<Result<Removed, OrderRefusal>>> = Vec::with_capacity(phones.len());
        for phones in phones.chunks(AT_ONCE) {
            let mut state = self.state();
            let remove = |phone: &PhoneView| (!dry_run).then(|| self.remove(&mut state, phone.mac));
            removed.extend(phones.iter().map(remove));
        }
        let mut outcomes = Vec::with_capacity(phones.len() + unknown.len());
        for (phone, removed) in phones.iter().zip(removed) {
            let result = match removed {
                Some(Ok(removed)) => Some(self.forgotten(phone.mac, removed).await),
                Some(Err(refusal)) => Some(Err(refusal)),
                None => None,
            };
            let note = result.as_ref().and_then(|result| *result.as_ref().ok()?);
            let result = result.map(|result| result.map(|_| None));
            outcomes.push(PhoneOutcome { note: note.map(str::to_owned), ..outcome(phone, result) });
        }
        outcomes.extend(unknown.into_iter().map(PhoneOutcome::unknown));
        outcomes
    }

    /// Removes a phone from memory and queues its removal in the ledger.
    fn remove(&self, state: &mut BenchState, mac: Mac) -> Result<Removed, OrderRefusal> {
        let listed = state.roster.contains_key(&mac);
        let Some(phone) = state.phones.get(&mac) else {
            return Err(if listed { nothing_known(mac) } else { no_such(mac) });
        };
        let flash = state.rules.settings.timing.flash;
        if phone.journey.may_write(flash, self.now()) || self.assess(state, mac).writing {
            return Err(writes(mac));
        }
        let phone = state.drop_phone(mac).ok_or_else(|| no_such(mac))?;
        let at = self.now();
        let before = state.forgotten.note(mac, at);
        state.global_changes += 1;
        self.publish(state, mac);
        let ticket = self.ledger.append(vec![Record::Forget { mac, at }]);
        Ok(Removed { phone, before, ticket, listed })
    }

    /// Waits for the ledger; if the commit fails, restores the phone.
    async fn forgotten(&self, mac: Mac, removed: Removed) -> Result<Option<&'static str>, OrderRefusal> {
        let Removed { phone, before, ticket, listed } = removed;
        if let Err(refusal) = written(Some(ticket)).await {
            let mut state = self.state();
            state.forgotten.take_back(mac, before);
            state.put_back(mac, phone, self.now());
            self.publish(&mut state, mac);
            return Err(refusal);
        }
        tracing::info!(%mac, listed, "forgotten by the operator");
        Ok(listed.then_some(STILL_LISTED))
    }
}

/// Refusal for a phone that may be writing flash.
pub fn writes(mac: Mac) -> OrderRefusal {
    let cause = format!("{mac} may be writing flash");
    OrderRefusal::Conflict(RefusalReason::new(cause, "wait until it has started again"))
}

/// Refusal for an unknown phone.
pub fn nothing_known(mac: Mac) -> OrderRefusal {
    let cause = format!("nothing is known of {mac}, only the roster lists it");
    OrderRefusal::Conflict(RefusalReason::new(cause, "remove its line from the roster to be rid of it"))
}

/// Forgotten phones, with the time of the latest removal.
#[derive(Debug, Default)]
pub(super) struct Forgotten(pub BTreeMap<Mac, Time>);

impl Forgotten {
    /// The removal of a phone, for its timeline.
    pub(super) fn moment(&self, mac: Mac) -> Option<Moment> {
        let at = self.0.get(&mac)?;
        Some(Moment { at: Some(*at), what: "operator: forget; earlier facts are gone".to_owned() })
    }

    /// All removals for the report, oldest first.
    pub(super) fn report(&self) -> Vec<ForgottenReport> {
        let mut all: Vec<ForgottenReport> =
            self.0.iter().map(|(mac, at)| ForgottenReport { mac: *mac, at: Some(*at) }).collect();
        all.sort_by_key(|forgotten| forgotten.at);
        all
    }

    fn note(&mut self, mac: Mac, at: Time) -> Option<Time> {
        let before = self.0.insert(mac, at);
        while self.0.len() > FORGOTTEN_KEPT as usize {
            let oldest = self.0.iter().min_by_key(|(mac, at)| (**at, **mac)).map(|(mac, _)| *mac);
            let Some(oldest) = oldest else { break };
            self.0.remove(&oldest);
        }
        before
    }

    fn take_back(&mut self, mac: Mac, before: Option<Time>) {
        match before {
            Some(before) => _ = self.0.insert(mac, before),
            None => _ = self.0.remove(&mac),
        }
    }
}

impl BenchState {
    /// True for a fact that ends something begun before the phone was forgotten. Such a fact does not bring the phone
    /// back.
    pub(super) fn is_over(&self, mac: Mac, fact: &Fact) -> bool {
        let unknown = !self.phones.contains_key(&mac);
        match fact {
            Fact::Fetched { asked: Some(asked), .. } => {
                self.forgotten.0.get(&mac).is_some_and(|forgotten| asked <= forgotten)
            }
            Fact::Broken { .. }
            | Fact::RestartTold { operator: false, .. }
            | Fact::RestartAnswered { .. }
            | Fact::Stood { .. }
            | Fact::HookRan { .. }
            | Fact::Unregistered
            | Fact::Acknowledged { .. }
            | Fact::Unwatched { .. } => unknown,
            _ => false,
        }
    }

    /// Removes a phone from every table except leases, the roster and pending verdicts.
    pub(super) fn drop_phone(&mut self, mac: Mac) -> Option<TrackedPhone> {
        let phone = self.phones.remove(&mac)?;
        if !phone.written {
            self.newcomers.retain(|newcomer| *newcomer != mac);
        }
        self.strangers.remove(&mac);
        self.agenda.remove(&mac);
        self.pending_restarts.retain(|restart| restart.mac != mac);
        self.changes.retain(|change| change.mac != mac);
        Some(phone)
    }

    /// Restores the phone, unless new facts of it arrived meanwhile.
    fn put_back(&mut self, mac: Mac, phone: TrackedPhone, now: Time) {
        self.global_changes += 1;
        if self.phones.contains_key(&mac) {
            return;
        }
        if phone.written {
            self.agenda.insert(mac, now);
        } else {
            self.newcomers.push_back(mac);
        }
        self.phones.insert(mac, phone);
    }
}
