//! Which firmware a phone runs: signals in order of time merged into one belief, with its evidence.

use std::borrow::Cow;

use super::Journey;
use super::claims::{Claim, claims, dhcp_side, hinted_side, is_of, release};
use super::way::Context;
use crate::client::{self, Persona};
use crate::library::Library;
use crate::load::{Kind, LoadName, Side, Version};
use crate::settings::Timing;
use crate::time::Time;

/// What is believed of a phone's firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belief {
    /// The side it behaves as.
    pub side: Option<Side>,
    /// The load it runs.
    pub load: Option<LoadName>,
    /// The Multiplatform release it runs, where the load is not known but the User-Agent tells.
    pub release: Option<Version>,
    /// Since when that load is believed.
    pub since: Time,
    /// Why, for the technician.
    pub evidence: String,
    /// Loads it has run, oldest first; the present one last if known.
    pub passed: Vec<LoadName>,
    /// DHCP says another side than everything else does.
    pub disputed: bool,
    /// The side that option 60 names.
    pub(super) class: Option<Side>,
    strength: Strength,
    /// DHCP alone says which side it is on.
    side_by_dhcp: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    Told,
    Silence,
    Behavior,
    Fetched,
    /// Fetched whole, and not asked for when told again.
    Settled,
    /// The phone's own page says so.
    Page,
    /// The phone itself named it when it registered.
    Reported,
}

/// Merges all signals up to `now`. `told` is the roster's word for the load.
pub fn believe(
    journey: &Journey,
    library: &Library,
    timing: &Timing,
    told: Option<&LoadName>,
    now: Time,
) -> Belief {
    let mut belief = Belief {
        side: None,
        load: None,
        release: None,
        since: journey.first_seen,
        evidence: String::from("nothing tells yet"),
        passed: Vec::new(),
        disputed: false,
        class: dhcp_side(journey),
        strength: Strength::Told,
        side_by_dhcp: false,
    };
    let mut claims = claims(journey, library, timing, told, belief.class, now);
    claims.sort_by_key(|(at, _)| *at);
    for (at, claim) in claims {
        belief.weigh(at, claim, journey);
    }
    if belief.side.is_none() && journey.vendor_class.is_none() {
        belief.side = match client::request_list(&journey.request_list) {
            Some(Persona::Enterprise) => Some(Side::Enterprise),
            Some(Persona::Multiplatform | Persona::Transition) => Some(Side::Multiplatform),
            _ => None,
        };
    }
    if belief.side == Some(Side::Multiplatform) && belief.load.is_none() {
        belief.release = release(journey, library);
        if let Some(release) = &belief.release {
            belief.evidence = format!("its User-Agent says release {release}");
        }
    }
    let said = [belief.class, hinted_side(journey)];
    belief.disputed = said.into_iter().flatten().any(|said| belief.side.is_some_and(|side| side != said));
    belief
}

impl Belief {
    fn weigh(&mut self, at: Time, claim: Claim<'_>, journey: &Journey) {
        match claim {
            Claim::Reports(load) => self.reports(at, load),
            Claim::Runs(load, strength, why) => {
                let weaker = strength == Strength::Silence && self.strength > Strength::Silence;
                // What a phone said itself holds until it has started with another load.
                let said = self.strength == Strength::Reported
                    && strength != Strength::Fetched
                    && (strength != Strength::Page || journey.said_since_boot());
                // The roster's word, given once more, is of use where nothing else tells, or nothing but that a load was fetched.
                let fetched = journey.rounds.last().is_some_and(|round| round.load == *load);
                let again = strength == Strength::Told && !fetched;
                // Nor where the phone has shown itself on the other side since.
                let shown = self.side.is_some_and(|side| side != load.kind().side()) && !self.side_by_dhcp;
                let denied = strength == Strength::Told && shown;
                if denied || (self.load.is_some() && (weaker || said || again)) {
                    return;
                }
                self.runs(at, load, strength, why);
            }
            Claim::RunsNot(load)
                if self.load.as_ref() == Some(load) && self.strength < Strength::Reported =>
            {
                self.back_to(at, None, format!("it asks for {load}, so it does not run it"));
            }
            // What leads on from the one strands it on the other.
            Claim::MayRun(load) if self.load.as_ref().is_some_and(|known| known.kind() != load.kind()) => {
                let why = format!(
                    "it fetched {load} and started again while the ledger could not be written, perhaps with it"
                );
                self.since = at;
                self.forget(self.side, why);
            }
            Claim::RunsNot(_) | Claim::MayRun(_) => {}
            Claim::Returned(side) => {
                self.since = at;
                self.forget(side, "it was away for long, and may have been loaded elsewhere".into());
                self.side_by_dhcp = false;
            }
            // A User-Agent can be configured: what the phone does when told again weighs more.
            Claim::SaysRelease(..) if self.strength >= Strength::Settled => {}
            Claim::SaysRelease(said, clear) => {
                let confirmed = |load: &LoadName| load.kind() == Kind::Multiplatform && is_of(load, &said);
                if clear && self.strength == Strength::Fetched && self.load.as_ref().is_some_and(confirmed) {
                    self.strength = Strength::Settled;
                }
                let denied = |load: &&LoadName| load.kind() == Kind::Multiplatform && !is_of(load, &said);
                if let Some(load) = self.load.as_ref().filter(denied) {
                    let why = format!("its User-Agent says release {said}, so it does not run {load}");
                    self.back_to(at, Some(Side::Multiplatform), why);
                }
            }
            Claim::On(side, why) => {
                self.on(at, side, why, journey);
                self.side_by_dhcp = false;
            }
            // A phone that fetched all of a crossing load is on the far side, whatever it sends.
            Claim::DhcpSays(side) => {
                let fetched = self.strength >= Strength::Fetched && self.strength < Strength::Reported;
                let latest = journey.rounds.iter().rev().find(|round| round.began < at);
                let followed = latest.is_some_and(|round| round.load.kind().side() == side);
                let crossed = fetched && self.load.is_some() && !followed;
                // What transition loads call themselves is not known (cisco-phones §1.1).
                let transition =
                    self.load.as_ref().is_some_and(|load| matches!(load.kind(), Kind::Transition(_)));
                if (!crossed && (!transition || followed)) || self.side == Some(side) {
                    self.side_by_dhcp |= self.side != Some(side);
                    self.on(at, side, "its DHCP vendor class says so", journey);
                }
            }
        }
    }

    /// That the load was written, and not thrown away or cut off by a pulled plug, is only a conclusion: the phone fetched
    /// it and started again, or it was told of it once and was not heard of since.
    pub(super) fn is_unconfirmed(&self) -> bool {
        matches!(self.strength, Strength::Fetched | Strength::Silence)
    }

    /// The same, where the roster has not been said to be right since.
    pub(super) fn is_doubtful(&self, journey: &Journey, context: &Context<'_>) -> bool {
        let listed = context.entry.and_then(|entry| entry.load.as_ref());
        let said = self.load.as_ref() == listed && journey.retried >= Some(self.since);
        self.is_unconfirmed() && !said
    }

    /// It was told of its load and not heard of since.
    pub(super) fn is_by_silence(&self) -> bool {
        self.strength == Strength::Silence
    }

    /// What the phone is taken to run is beyond guessing.
    pub(super) fn is_certain(&self) -> bool {
        self.load.is_some() && self.strength >= Strength::Fetched && !self.disputed
    }

    /// Whatever was believed without the phone's own word gives way to it, and is shown beside it.
    fn reports(&mut self, at: Time, load: &LoadName) {
        let mut why = format!("it registered with ActiveLoad={load}");
        if let Some(other) = self.load.clone().filter(|other| other != load) {
            if self.strength < Strength::Reported {
                why = format!("{why}; it was taken for {other}, because {}", self.evidence);
                self.passed.pop();
            }
            if let Some(known) = self.passed.iter().position(|passed| passed == load) {
                self.passed.truncate(known + 1);
            }
        }
        self.runs(at, load, Strength::Reported, why.into());
    }

    fn runs(&mut self, at: Time, load: &LoadName, strength: Strength, why: Cow<'static, str>) {
        if strength == Strength::Page && self.load.as_ref() != Some(load) {
            // It denies what was concluded: the phone has not left that load, or the guess was wrong.
            match self.passed.iter().rposition(|passed| passed == load) {
                Some(position) => self.passed.truncate(position + 1),
                None if self.strength < Strength::Behavior => drop(self.passed.pop()),
                None => {}
            }
        }
        if self.passed.last() != Some(load) {
            self.passed.push(load.clone());
        }
        if self.load.as_ref() != Some(load) || strength > self.strength {
            self.evidence = why.into_owned();
            self.strength = strength;
        }
        if self.load.as_ref() != Some(load) {
            self.since = at;
        }
        self.side = Some(load.kind().side());
        self.load = Some(load.clone());
    }

    /// The phone behaves as one of `side`.
    fn on(&mut self, at: Time, side: Side, why: &'static str, journey: &Journey) {
        if self.side == Some(side) {
            if self.load.is_none() {
                self.evidence = why.into();
            }
            return;
        }
        let came = self.load.is_some() || (self.side.is_some() && !self.side_by_dhcp);
        self.side = Some(side);
        // It asked for a load of this side and came up on this side: a phone with that load in its
        // second partition activates it without fetching its components (AG-fmt). Where it asked for several of this side,
        // the first one took it over.
        let before = journey.rounds.iter().rev().skip_while(|round| round.began >= at);
        let first = before.take_while(|round| round.load.kind().side() == side).last();
        match first.filter(|_| came) {
            Some(round) => {
                let why = format!("it asked for {} and came back on the other side", round.load);
                self.runs(at, &round.load, Strength::Behavior, why.into());
            }
            None => self.back_to(at, Some(side), why.into()),
        }
    }

    /// What was known of its load counts no more.
    pub(super) fn forget(&mut self, side: Option<Side>, why: String) {
        (self.load, self.side, self.strength) = (None, side, Strength::Told);
        self.passed.clear();
        self.evidence = why;
    }

    /// The belief was wrong. If the load before it fits what is seen, the phone has not moved; otherwise somebody
    /// else has loaded it meanwhile, and what it runs is not known.
    fn back_to(&mut self, at: Time, side: Option<Side>, why: String) {
        if self.load.is_some() {
            self.passed.pop();
        }
        let before = self.passed.last().cloned();
        self.load = before.filter(|load| side.is_none_or(|side| load.kind().side() == side));
        if self.load.is_none() {
            self.passed.clear();
        }
        self.side = side.or(self.load.as_ref().map(|load| load.kind().side())).or(self.side);
        self.since = at;
        self.evidence = why;
        self.strength = Strength::Told;
    }
}
