//! What the bench remembers of phones, in memory and in the ledger.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use transload_provision::journey::{Fact, Heard, Journey, Observation};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::{AT_ONCE, Bench, Phone, State};
use crate::ledger::{CommitFailed, Record, Restored, Ticket};

/// Phones written down beyond the roster's; a flood of made-up addresses ends here.
pub(super) const PHONES_KEPT: usize = 6144;
/// Phones kept that are not written down: they have only asked for an address and not taken it yet, or there is no room.
pub(super) const NEWCOMERS_KEPT: usize = 2048;
/// Observations of one phone in the ledger before they are folded into a snapshot.
const FOLD_AFTER: u32 = 256;

/// When a request came, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hearing {
    pub(super) at: Time,
    pub(super) heard: Heard,
}

impl Hearing {
    fn of(self, fact: Fact) -> Observation {
        Observation { at: self.at, heard: self.heard, fact }
    }
}

impl Bench {
    /// Folds all facts and closes the ledger.
    pub async fn close(&self) {
        let folded = self.fold(1).await;
        if let Err(error) = folded.and_then(|()| self.ledger.close()) {
            tracing::error!(%error, "the ledger could not be closed properly; it will be checked at the next start");
        }
    }

    /// Writes down how late it is, so that a box without a clock never goes back, and folds old facts.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn housekeeping(&self) -> Result<(), CommitFailed> {
        self.fold(FOLD_AFTER).await
    }

    /// Folds the facts of phones that have so many. Where facts could not be written meanwhile, those of all phones: a
    /// ledger with a gap would take what a phone did in it for silence.
    async fn fold(&self, after: u32) -> Result<(), CommitFailed> {
        let failed = self.ledger.commits().failed.get();
        let gap = self.failed_before.load(Ordering::Relaxed) != failed;
        self.ledger.append(vec![Record::Mark(self.now())]).await?;
        let due = |phone: &Phone| phone.written && (gap || phone.unfolded >= after);
        let macs: Vec<Mac> =
            self.state().phones.iter().filter(|(_, phone)| due(phone)).map(|(mac, _)| *mac).collect();
        for macs in macs.chunks(AT_ONCE) {
            let written = {
                // Held until the snapshots are queued: a fact that came between would be folded away unseen.
                let mut state = self.state();
                let records = macs.iter().filter_map(|mac| snapshot(&mut state, *mac)).collect();
                self.ledger.append(records)
            };
            written.await?;
        }
        self.failed_before.store(failed, Ordering::Relaxed);
        Ok(())
    }

    /// Takes in a fact and writes it down. The ticket says when it is on disk.
    pub(super) fn observe(&self, state: &mut State, mac: Mac, fact: Fact) -> Option<Ticket> {
        self.observe_at(state, mac, fact, self.now())
    }

    fn observe_at(&self, state: &mut State, mac: Mac, fact: Fact, at: Time) -> Option<Ticket> {
        let record = take_in(state, mac, &Observation::new(at, fact))?;
        Some(self.ledger.append(vec![record]))
    }

    /// As [`Self::observe`], for what a request tells.
    pub(super) fn observe_heard(
        &self,
        state: &mut State,
        mac: Mac,
        fact: Fact,
        hearing: Hearing,
    ) -> Option<Ticket> {
        let record = take_in(state, mac, &hearing.of(fact))?;
        Some(self.ledger.append(vec![record]))
    }

    /// As [`Self::note_down`], for what a request tells.
    pub(super) fn note_heard(&self, state: &mut State, mac: Mac, fact: Fact, hearing: Hearing) {
        if let Some(record) = take_in(state, mac, &hearing.of(fact)) {
            self.ledger.note(record);
        }
    }

    /// As [`Self::observe`], for facts that come by thousands when a site's power returns, and may be lost: they share
    /// other facts' commits.
    pub(super) fn note_down(&self, state: &mut State, mac: Mac, fact: Fact) {
        self.note_down_at(state, mac, fact, self.now());
    }

    pub(super) fn note_down_at(&self, state: &mut State, mac: Mac, fact: Fact, at: Time) {
        if let Some(record) = take_in(state, mac, &Observation::new(at, fact)) {
            self.ledger.note(record);
        }
    }
}

/// Adds a fact to its phone's journey. `None` where there is no room for one more phone, or nothing is to be written:
/// whoever has only ever asked for an address may be made up, and is kept in memory alone, while there is room.
pub(super) fn take_in(state: &mut State, mac: Mac, observation: &Observation) -> Option<Record> {
    if state.is_over(mac, &observation.fact) {
        return None;
    }
    let only_dhcp = matches!(observation.fact, Fact::Dhcp { .. });
    let listed = state.roster.contains_key(&mac);
    let room = listed || state.phones.len() - state.newcomers.len() < PHONES_KEPT + state.roster.len();
    if !state.phones.contains_key(&mac) {
        if !listed && only_dhcp {
            state.make_room();
            state.newcomers.push_back(mac);
        } else if !room {
            return None;
        }
        let written = listed || !only_dhcp;
        state.phones.insert(mac, Phone { written, ..Phone::new(Journey::new(mac, observation.at)) });
    }
    let phone = state.phones.get_mut(&mac)?;
    phone.journey.observe(observation);
    phone.facts = phone.facts.wrapping_add(1);
    if phone.written {
        phone.unfolded += 1;
        if !observation.fact.is_ours() {
            state.agenda.insert(mac, observation.at);
        }
        let json = serde_json::to_string(observation).ok()?;
        return Some(Record::Observation { mac, at: observation.at, json });
    }
    if only_dhcp || !room {
        return None;
    }
    phone.written = true;
    if let Some(at) = state.newcomers.iter().rposition(|newcomer| *newcomer == mac) {
        state.newcomers.remove(at);
    }
    state.agenda.insert(mac, observation.at);
    Some(Record::Snapshot { mac, json: serde_json::to_string(&phone.journey).ok()?, first: true })
}

fn snapshot(state: &mut State, mac: Mac) -> Option<Record> {
    let phone = state.phones.get_mut(&mac)?;
    let json = serde_json::to_string(&phone.journey).ok()?;
    phone.unfolded = 0;
    Some(Record::Snapshot { mac, json, first: false })
}

impl State {
    /// Forgets the newcomers that were heard longest ago, where there are too many.
    fn make_room(&mut self) {
        while self.newcomers.len() >= NEWCOMERS_KEPT {
            let Some(oldest) = self.newcomers.pop_front() else { return };
            self.phones.remove(&oldest);
        }
    }
}

/// Journeys from snapshots and the observations after them. A record that this version cannot read is left
/// out with a warning: a phone then counts as met for the first time, which is safe.
pub(super) fn restore(restored: Restored) -> HashMap<Mac, Phone> {
    let mut phones = HashMap::new();
    for (mac, json) in restored.snapshots {
        match serde_json::from_str::<Journey>(&json) {
            Ok(journey) => {
                phones.insert(mac, Phone::new(journey));
            }
            Err(error) => tracing::warn!(%mac, %error, "the ledger's snapshot of this phone cannot be read"),
        }
    }
    for (mac, _, json) in restored.observations {
        match serde_json::from_str::<Observation>(&json) {
            Ok(observation) => {
                let phone =
                    phones.entry(mac).or_insert_with(|| Phone::new(Journey::new(mac, observation.at)));
                phone.journey.observe(&observation);
                phone.unfolded += 1;
            }
            Err(error) => tracing::warn!(%mac, %error, "an observation in the ledger cannot be read"),
        }
    }
    phones
}
