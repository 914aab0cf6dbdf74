//! What the bench remembers of phones, in memory and in the ledger.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use transload_provision::journey::{Context, Fact, Heard, Journey, Observation};
use transload_provision::mac::Mac;
use transload_provision::time::Time;
use transload_provision::worlds::{Checkpoint, StoredCheckpoint, Worlds};

use super::forget::Forgotten;
use super::judge::context;
use super::{AT_ONCE, Bench, Phone, State};
use crate::state::ledger::{Record, Replay, Ticket, WriteFailed};
use crate::state::resume;

/// Phones written down beyond the roster's; a flood of made-up addresses ends here.
pub(super) const PHONES_KEPT: usize = 6144;
/// Phones kept that are not written down: they have only asked for an address and not taken it yet, or there is no room.
pub(super) const NEWCOMERS_KEPT: usize = 2048;
/// How long facts are folded when the bench ends, in real time. What is left is folded as the ledger is read.
const FOLD_AT_END: Duration = Duration::from_secs(2);

/// When a request came, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hearing {
    pub(super) at: Time,
    pub(super) heard: Heard,
}

impl Hearing {
    pub(super) fn of(self, fact: Fact) -> Observation {
        Observation { at: self.at, heard: self.heard, fact }
    }
}

impl Bench {
    /// What every phone that was seen may be doing.
    pub fn worlds(&self) -> BTreeMap<Mac, Worlds> {
        let (state, now) = (self.state(), self.now());
        let at_present = |(mac, phone): (&Mac, &Phone)| {
            let mut worlds = (*phone.worlds).clone();
            worlds.pass(now, &context(&state, *mac, now));
            (*mac, worlds)
        };
        state.phones.iter().map(at_present).collect()
    }

    /// Folds facts and closes the ledger.
    pub async fn close(&self) {
        let due = |phone: &Phone| phone.unfolded > 0;
        let folded = tokio::time::timeout(FOLD_AT_END, self.fold(due)).await.unwrap_or(Ok(()));
        if let Err(error) = folded.and_then(|()| self.ledger.close()) {
            tracing::error!(%error, "the ledger could not be closed properly; it will be checked at the next start");
        }
    }

    /// Writes down how late it is, so that a box without a clock never goes back. Where facts could not be written
    /// meanwhile, folds those of all phones: a ledger with a gap would take what a phone did in it for silence.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn housekeeping(&self) -> Result<(), WriteFailed> {
        let commits = self.ledger.commits();
        let failed = commits.failed.get();
        let gap = self.failed_before.load(Ordering::Relaxed) != failed;
        let now = self.now();
        let mark = Record::Mark { at: now, vouched: resume::vouches_for(now) };
        if !gap && commits.failing().is_none() {
            self.ledger.note_lazily(mark);
            return Ok(());
        }
        self.ledger.append(vec![mark]).await?;
        self.fold(|_| true).await?;
        self.failed_before.store(failed, Ordering::Relaxed);
        Ok(())
    }

    /// Folds the facts of phones that have some and are `due`.
    async fn fold(&self, due: impl Fn(&Phone) -> bool) -> Result<(), WriteFailed> {
        let due = |(mac, phone): (&Mac, &Phone)| (phone.written && due(phone)).then_some(*mac);
        let macs: Vec<Mac> = self.state().phones.iter().filter_map(due).collect();
        for macs in macs.chunks(AT_ONCE) {
            self.append_snapshots(macs).await?;
        }
        Ok(())
    }

    /// Folds the facts of phones that have written too many, as [`Ledger::fold_by`] wants it.
    ///
    /// [`Ledger::fold_by`]: crate::state::ledger::Ledger::fold_by
    pub(super) fn fold_at_once(&self, macs: &[Mac]) {
        for macs in macs.chunks(AT_ONCE) {
            drop(self.append_snapshots(macs));
        }
    }

    pub(super) fn append_snapshots(&self, macs: &[Mac]) -> Ticket {
        // Held until the snapshots are queued: a fact that came between would be folded away unseen.
        let mut state = self.state();
        let whole = self.failed_before.load(Ordering::Relaxed) == self.ledger.commits().failed.get();
        let snapshot = |mac: &Mac| {
            let phone = state.phones.get_mut(mac).filter(|phone| phone.written)?;
            phone.unfolded = 0;
            phone.snapshot(*mac, whole)
        };
        let records = macs.iter().filter_map(snapshot).collect();
        self.ledger.append(records)
    }

    /// Takes in a fact and writes it down. The ticket says when it is on disk.
    pub(super) fn observe(&self, state: &mut State, mac: Mac, fact: Fact) -> Option<Ticket> {
        self.observe_at(state, mac, fact, self.now())
    }

    fn observe_at(&self, state: &mut State, mac: Mac, fact: Fact, at: Time) -> Option<Ticket> {
        let record = self.take_in(state, mac, &Observation::new(at, fact))?;
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
        let record = self.take_in(state, mac, &hearing.of(fact))?;
        Some(self.ledger.append(vec![record]))
    }

    /// As [`Self::observe_heard`], for what comes again and again: thousands of phones at rest share a commit a minute.
    pub(super) fn note_lazily_heard(&self, state: &mut State, mac: Mac, fact: Fact, hearing: Hearing) {
        self.note_lazily(state, mac, &hearing.of(fact));
    }

    pub(super) fn note_lazily(&self, state: &mut State, mac: Mac, observation: &Observation) {
        if let Some(record) = self.take_in(state, mac, observation) {
            self.ledger.note_lazily(record);
        }
    }

    /// As [`Self::observe`], for facts that come by thousands when a site's power returns, and may be lost: they share
    /// other facts' commits.
    pub(super) fn note_down(&self, state: &mut State, mac: Mac, fact: Fact) {
        self.note_down_at(state, mac, fact, self.now());
    }

    pub(super) fn note_down_at(&self, state: &mut State, mac: Mac, fact: Fact, at: Time) {
        if let Some(record) = self.take_in(state, mac, &Observation::new(at, fact)) {
            self.ledger.note(record);
        }
    }

    fn take_in(&self, state: &mut State, mac: Mac, observation: &Observation) -> Option<Record> {
        self.note_listed(state, mac);
        self.make_room_for(state, mac, observation);
        take_in(state, mac, observation)
    }

    /// What the roster says of phones' loads is a fact as soon as it says something else.
    pub(super) fn note_roster(&self) {
        let mut state = self.state();
        let macs: Vec<Mac> = state.phones.keys().copied().collect();
        for mac in macs {
            self.note_listed(&mut state, mac);
        }
    }

    fn note_listed(&self, state: &mut State, mac: Mac) {
        let Some(phone) = state.phones.get(&mac) else { return };
        let load = state.roster.get(&mac).and_then(|entry| entry.load.as_ref());
        if phone.worlds.observed().listed.as_ref() != load {
            let fact = Fact::Listed { load: load.cloned() };
            if let Some(record) = take_in(state, mac, &Observation::new(self.now(), fact)) {
                self.ledger.note(record);
            }
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
    let room = state.has_room_for(mac);
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
    state.take(mac, observation);
    let phone = state.phones.get_mut(&mac)?;
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
    phone.snapshot(mac, false)
}

impl Phone {
    /// All that is known of it; `whole` if no fact since the snapshot before was lost.
    fn snapshot(&self, mac: Mac, whole: bool) -> Option<Record> {
        let folded = Folded { journey: &self.journey, worlds: Checkpoint::from(&*self.worlds) };
        Some(Record::Snapshot { mac, json: serde_json::to_string(&folded).ok()?, whole })
    }
}

/// A snapshot, as the ledger has it.
#[derive(Serialize, Deserialize)]
struct Folded<J, W> {
    journey: J,
    worlds: W,
}

/// Snapshots of the first releases are a journey alone.
fn unfold(json: &str) -> serde_json::Result<(Journey, Option<Worlds>)> {
    match serde_json::from_str::<Folded<Journey, StoredCheckpoint>>(json) {
        Ok(Folded { journey, worlds }) => Ok((journey, worlds.worlds())),
        Err(_) => Ok((serde_json::from_str(json)?, None)),
    }
}

impl State {
    /// A phone takes in a fact.
    pub(super) fn take(&mut self, mac: Mac, observation: &Observation) {
        self.with_phone(mac, observation.at, |phone, context| {
            phone.journey.observe(observation);
            phone.worlds.observe(observation, context);
            phone.facts = phone.facts.wrapping_add(1);
        });
    }

    /// The worlds of phones take in facts that their journeys have taken in.
    pub(super) fn read_facts(&mut self, facts: HashMap<Mac, Vec<Observation>>) {
        for (mac, facts) in facts {
            for fact in &facts {
                self.with_phone(mac, fact.at, |phone, context| phone.worlds.observe(fact, context));
            }
        }
    }

    /// Hands over a phone with what decisions on it rest on, as [`super::judge::context`] has it.
    fn with_phone(&mut self, mac: Mac, now: Time, act: impl FnOnce(&mut Phone, &Context<'_>)) {
        let Self { catalog, shelf, rules, roster, phones, .. } = self;
        let (library, settings, entry) = (&shelf.index, &rules.settings, roster.get(&mac));
        if let Some(phone) = phones.get_mut(&mac) {
            act(phone, &Context { catalog, library, settings, entry, now });
        }
    }

    /// Forgets the newcomers that were heard longest ago, where there are too many.
    fn make_room(&mut self) {
        while self.newcomers.len() >= NEWCOMERS_KEPT {
            let Some(oldest) = self.newcomers.pop_front() else { return };
            self.phones.remove(&oldest);
        }
    }
}

/// Phones as a ledger tells of them: journeys from snapshots and the observations after them. A record that this version
/// cannot read is left out with a warning: a phone then counts as met for the first time, which is safe.
#[derive(Default)]
pub struct Known {
    pub(super) phones: HashMap<Mac, Phone>,
    /// Facts that their worlds have not taken in: that needs more than the ledger.
    pub(super) facts: HashMap<Mac, Vec<Observation>>,
    pub(super) forgotten: Forgotten,
    /// Phones whose facts begin with what their newest snapshot comes to.
    unfolded: HashSet<Mac>,
}

impl Known {
    /// What an older record tells, in the place of the facts behind it.
    fn known_before(&mut self, mac: Mac, journey: &Journey) {
        let fact = Fact::KnownBefore(journey.known_before());
        self.facts.insert(mac, vec![Observation::new(journey.last_seen, fact)]);
    }
}

impl Replay for Known {
    fn snapshot(&mut self, mac: Mac, json: &str) -> bool {
        match unfold(json) {
            Ok((journey, worlds)) => {
                let is_known = worlds.is_some();
                if !is_known {
                    self.known_before(mac, &journey);
                    self.unfolded.insert(mac);
                }
                let mut phone = Phone::new(journey);
                phone.worlds = worlds.map_or(phone.worlds, Box::new);
                self.phones.insert(mac, phone);
                !is_known
            }
            Err(error) => {
                tracing::warn!(%mac, %error, "the ledger's snapshot of this phone cannot be read");
                false
            }
        }
    }

    fn snapshot_before(&mut self, mac: Mac, json: &str) {
        if let Ok((journey, _)) = unfold(json) {
            self.known_before(mac, &journey);
            self.unfolded.remove(&mac);
        }
    }

    fn observation(&mut self, mac: Mac, json: &str, covered: bool) {
        match serde_json::from_str::<Observation>(json) {
            Ok(observation) => {
                if !covered {
                    let new = || Phone::new(Journey::new(mac, observation.at));
                    let phone = self.phones.entry(mac).or_insert_with(new);
                    phone.journey.observe(&observation);
                    phone.unfolded += 1;
                } else if self.unfolded.remove(&mac) {
                    self.facts.remove(&mac);
                }
                self.facts.entry(mac).or_default().push(observation);
            }
            Err(error) => tracing::warn!(%mac, %error, "an observation in the ledger cannot be read"),
        }
    }

    fn forgotten(&mut self, mac: Mac, at: Time) {
        self.forgotten.0.insert(mac, at);
    }
}
