//! Keeps the facts of phones in memory and in the ledger.

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
use super::{AT_ONCE, Bench, BenchState, TrackedPhone};
use crate::state::ledger::{Record, Replay, Ticket, WriteFailed};
use crate::state::resume;

/// Unlisted phones in the ledger. This bounds a flood of made-up addresses.
pub(super) const PHONES_KEPT: usize = 6144;
/// Phones kept in memory only: they have asked for an address and not taken it, or the ledger has no room.
pub(super) const NEWCOMERS_KEPT: usize = 2048;
/// Time spent folding facts at the end of the bench, in real time. The rest is folded when the ledger is next read.
const FOLD_AT_END: Duration = Duration::from_secs(2);

/// The time of a request and the strength of its evidence.
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
    /// The states that every known phone may be in.
    pub fn worlds(&self) -> BTreeMap<Mac, Worlds> {
        let (state, now) = (self.state(), self.now());
        let at_present = |(mac, phone): (&Mac, &TrackedPhone)| {
            let mut worlds = (*phone.worlds).clone();
            worlds.pass(now, &context(&state, *mac, now));
            (*mac, worlds)
        };
        state.phones.iter().map(at_present).collect()
    }

    /// Folds facts and closes the ledger.
    pub async fn close(&self) {
        let due = |phone: &TrackedPhone| phone.unfolded > 0;
        let folded = tokio::time::timeout(FOLD_AT_END, self.fold(due)).await.unwrap_or(Ok(()));
        if let Err(error) = folded.and_then(|()| self.ledger.close()) {
            tracing::error!(
                %error, "the ledger could not be closed properly; it will be checked at the next start"
            );
        }
    }

    /// Records the time, so that a box without a clock never goes back. After a failed commit, folds the facts of all
    /// phones: otherwise a gap in the ledger would later read as silence of the phone.
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

    /// Folds the facts of the phones that are `due`.
    async fn fold(&self, due: impl Fn(&TrackedPhone) -> bool) -> Result<(), WriteFailed> {
        let due = |(mac, phone): (&Mac, &TrackedPhone)| (phone.written && due(phone)).then_some(*mac);
        let macs: Vec<Mac> = self.state().phones.iter().filter_map(due).collect();
        for macs in macs.chunks(AT_ONCE) {
            self.append_snapshots(macs).await?;
        }
        Ok(())
    }

    /// Folds the facts of phones with too many records, as [`Ledger::fold_by`] asks.
    ///
    /// [`Ledger::fold_by`]: crate::state::ledger::Ledger::fold_by
    pub(super) fn fold_at_once(&self, macs: &[Mac]) {
        for macs in macs.chunks(AT_ONCE) {
            drop(self.append_snapshots(macs));
        }
    }

    pub(super) fn append_snapshots(&self, macs: &[Mac]) -> Ticket {
        // The lock is held until the snapshots are queued: a fact in between would be folded away unseen.
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

    /// Takes in a fact and records it. The ticket resolves when it is on disk.
    pub(super) fn observe(&self, state: &mut BenchState, mac: Mac, fact: Fact) -> Option<Ticket> {
        self.observe_at(state, mac, fact, self.now())
    }

    fn observe_at(&self, state: &mut BenchState, mac: Mac, fact: Fact, at: Time) -> Option<Ticket> {
        let record = self.take_in(state, mac, &Observation::new(at, fact))?;
        Some(self.ledger.append(vec![record]))
    }

    /// As [`Self::observe`], for a fact from a request.
    pub(super) fn observe_heard(
        &self,
        state: &mut BenchState,
        mac: Mac,
        fact: Fact,
        hearing: Hearing,
    ) -> Option<Ticket> {
        let record = self.take_in(state, mac, &hearing.of(fact))?;
        Some(self.ledger.append(vec![record]))
    }

    /// As [`Self::observe_heard`], for facts that recur: thousands of phones at rest share a commit a minute.
    pub(super) fn note_lazily_heard(&self, state: &mut BenchState, mac: Mac, fact: Fact, hearing: Hearing) {
        self.note_lazily(state, mac, &hearing.of(fact));
    }

    pub(super) fn note_lazily(&self, state: &mut BenchState, mac: Mac, observation: &Observation) {
        if let Some(record) = self.take_in(state, mac, observation) {
            self.ledger.note_lazily(record);
        }
    }

    /// As [`Self::observe`], for facts that may be lost and come by thousands after a power failure: they share other
    /// facts' commits.
    pub(super) fn note_down(&self, state: &mut BenchState, mac: Mac, fact: Fact) {
        self.note_down_at(state, mac, fact, self.now());
    }

    pub(super) fn note_down_at(&self, state: &mut BenchState, mac: Mac, fact: Fact, at: Time) {
        if let Some(record) = self.take_in(state, mac, &Observation::new(at, fact)) {
            self.ledger.note(record);
        }
    }

    fn take_in(&self, state: &mut BenchState, mac: Mac, observation: &Observation) -> Option<Record> {
        self.note_listed(state, mac);
        self.make_room_for(state, mac, observation);
        take_in(state, mac, observation)
    }

    /// Records the roster's loads of all phones where they changed.
    pub(super) fn note_roster(&self) {
        let mut state = self.state();
        let macs: Vec<Mac> = state.phones.keys().copied().collect();
        for mac in macs {
            self.note_listed(&mut state, mac);
        }
    }

    fn note_listed(&self, state: &mut BenchState, mac: Mac) {
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

/// Adds a fact to its phone's journey. Returns `None` if there is no room for another phone or nothing to record: a
/// client that has only asked for an address may be made up and is kept in memory only.
pub(super) fn take_in(state: &mut BenchState, mac: Mac, observation: &Observation) -> Option<Record> {
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
        state
            .phones
            .insert(mac, TrackedPhone { written, ..TrackedPhone::new(Journey::new(mac, observation.at)) });
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

impl TrackedPhone {
    /// All facts of the phone; `whole` if none was lost since the previous snapshot.
    fn snapshot(&self, mac: Mac, whole: bool) -> Option<Record> {
        let folded = Folded { journey: &self.journey, worlds: Checkpoint::from(&*self.worlds) };
        Some(Record::Snapshot { mac, json: serde_json::to_string(&folded).ok()?, whole })
    }
}

/// A snapshot as the ledger stores it.
#[derive(Serialize, Deserialize)]
struct Folded<J, W> {
    journey: J,
    worlds: W,
}

/// Snapshots of the first releases hold a journey alone.
fn unfold(json: &str) -> serde_json::Result<(Journey, Option<Worlds>)> {
    match serde_json::from_str::<Folded<Journey, StoredCheckpoint>>(json) {
        Ok(Folded { journey, worlds }) => Ok((journey, worlds.worlds())),
        Err(_) => Ok((serde_json::from_str(json)?, None)),
    }
}

impl BenchState {
    /// Adds a fact to a phone's journey and worlds.
    pub(super) fn take(&mut self, mac: Mac, observation: &Observation) {
        self.with_phone(mac, observation.at, |phone, context| {
            phone.journey.observe(observation);
            phone.worlds.observe(observation, context);
            phone.facts = phone.facts.wrapping_add(1);
        });
    }

    /// Adds facts to the worlds of phones whose journeys already have them.
    pub(super) fn read_facts(&mut self, facts: HashMap<Mac, Vec<Observation>>) {
        for (mac, facts) in facts {
            for fact in &facts {
                self.with_phone(mac, fact.at, |phone, context| phone.worlds.observe(fact, context));
            }
        }
    }

    /// Calls `act` with a phone and the context of [`super::judge::context`].
    fn with_phone(&mut self, mac: Mac, now: Time, act: impl FnOnce(&mut TrackedPhone, &Context<'_>)) {
        let Self { catalog, library, rules, roster, phones, .. } = self;
        let (library, settings, entry) = (&library.index, &rules.settings, roster.get(&mac));
        if let Some(phone) = phones.get_mut(&mac) {
            act(phone, &Context { catalog, library, settings, entry, now });
        }
    }

    /// Drops the oldest newcomers if there are too many.
    fn make_room(&mut self) {
        while self.newcomers.len() >= NEWCOMERS_KEPT {
            let Some(oldest) = self.newcomers.pop_front() else { return };
            self.phones.remove(&oldest);
        }
    }
}

/// Phones as the ledger stores them: snapshots and the observations after them. A record that this version cannot
/// read is skipped with a warning: its phone then counts as new, which is safe.
#[derive(Default)]
pub struct ReplayedPhones {
    pub(super) phones: HashMap<Mac, TrackedPhone>,
    /// Facts that the worlds have not taken in, because that needs the library and the catalog.
    pub(super) facts: HashMap<Mac, Vec<Observation>>,
    pub(super) forgotten: Forgotten,
    /// Phones whose facts begin with the content of their newest snapshot.
    unfolded: HashSet<Mac>,
}

impl ReplayedPhones {
    /// Replaces earlier facts by what an older record says.
    fn known_before(&mut self, mac: Mac, journey: &Journey) {
        let fact = Fact::KnownBefore(journey.known_before());
        self.facts.insert(mac, vec![Observation::new(journey.last_seen, fact)]);
    }
}

impl Replay for ReplayedPhones {
    fn snapshot(&mut self, mac: Mac, json: &str) -> bool {
        match unfold(json) {
            Ok((journey, worlds)) => {
                let is_known = worlds.is_some();
                if !is_known {
                    self.known_before(mac, &journey);
                    self.unfolded.insert(mac);
                }
                let mut phone = TrackedPhone::new(journey);
                phone.worlds = worlds.map_or(phone.worlds, Box::new);
                self.phones.insert(mac, phone);
                !is_known
            }
            Err(error) => {
                tracing::warn!(
                    %mac, %error, "a snapshot of this phone in the ledger cannot be read; the phone counts as new"
                );
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
                    let new = || TrackedPhone::new(Journey::new(mac, observation.at));
                    let phone = self.phones.entry(mac).or_insert_with(new);
                    phone.journey.observe(&observation);
                    phone.unfolded += 1;
                } else if self.unfolded.remove(&mac) {
                    self.facts.remove(&mac);
                }
                self.facts.entry(mac).or_default().push(observation);
            }
            Err(error) => {
                tracing::warn!(
                    %mac, %error, "a fact of this phone in the ledger cannot be read and is skipped"
                );
            }
        }
    }

    fn forgotten(&mut self, mac: Mac, at: Time) {
        self.forgotten.0.insert(mac, at);
    }
}
