//! One possible state of a phone: what nobody saw. It says nothing of what the bench saw; that stands in `observed`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::firmware::{Band, Runs};
use super::rank::Accident;
use crate::load::{Direction, Kind, LoadName, Side};
use crate::time::Time;

/// Loads that a phone ran before, URLs that failed and accidents, each kept for one world at most.
const KEPT: usize = 8;

/// Loads that one of many is not; anybody can ask for any name.
const EXCLUDED: usize = 16;

/// What many worlds have in common.
type Shared<T> = Arc<Vec<T>>;

/// What is due of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing: it rests, or is off, or somebody else tells it what to do.
    Quiet,
    /// It must be without power, or it would have shown itself.
    Off,
    /// It has started and not shown more.
    Starting,
    /// It has to ask for this load.
    Told(Order),
    /// It fetches or writes this load, and starts then.
    Fetching(Fetching),
}

/// A load that a phone was told of and does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The load.
    pub load: LoadName,
    /// The number in its URL.
    pub attempt: u32,
    /// When it was told first.
    pub since: Time,
    /// How often it came back for its profile and was told the same.
    pub readings: u8,
    /// A call manager or CDA told it.
    pub outside: bool,
}

/// A load that a phone asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetching {
    /// The load.
    pub load: LoadName,
    /// The number in its URL.
    pub attempt: u32,
    /// When it asked for the list first.
    pub since: Time,
    /// When it did so last.
    pub asked: Time,
    /// Nobody watched it for a while.
    pub unseen: bool,
}

/// Whether a phone that came straight to its target still asks for its license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum License {
    /// It has no use for one.
    Settled,
    /// It needs one.
    Due,
    /// It was given one and has not accepted it. It asks again, and has not since this moment.
    Refused(Time),
}

/// A URL that a phone may not try again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedUrl {
    /// The load.
    pub load: LoadName,
    /// The number in the URL.
    pub attempt: u32,
    /// It has failed; otherwise it may have.
    pub certain: bool,
}

/// Why a phone may run what it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nothing tells.
    Unknown,
    /// An older record says so.
    KnownBefore,
    /// The roster says so.
    Listed,
    /// It fetched the load whole and started.
    FetchedWhole,
    /// It fetched what only this load has, and started.
    FetchedEnough,
    /// It fetched a part, which it may have completed unseen or have had already, and started.
    FetchedPart,
    /// It was told to load it and did not ask for it.
    Silent,
    /// Its own page says so.
    Page,
    /// It said so when it registered.
    Registered,
    /// The condition in its document chose what only this load chooses.
    Condition,
    /// It was not heard for long, and somebody may have loaded it elsewhere.
    Away,
    /// It did what nothing that was thought possible allows.
    NothingFits,
    /// More was possible than is kept.
    TooMany,
}

/// What of the words that anybody could have said one world takes for lies. See `trust`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Doubts {
    /// Somebody else speaks in the phone's name.
    pub somebody_lies: bool,
    /// Datagrams that are not the phone's, by their place in [`super::observed::Observed::datagrams`].
    pub disbelieved: u16,
}

/// One possible state of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// Its firmware.
    pub runs: Runs,
    /// Why.
    pub why: Reason,
    /// Since when.
    pub since: Time,
    /// What is due of it.
    pub mode: Mode,
    /// Whether it needs a license to stay on its target.
    pub license: License,
    /// When it was last given its license.
    pub licensed_at: Option<Time>,
    /// It has gone on as only a licensed phone does, and has not asked for its license in vain since.
    pub licensed: bool,
    /// URLs that it may not try again.
    pub failed: Shared<FailedUrl>,
    /// Loads it ran before, oldest first. It may still have components of them.
    pub passed: Shared<LoadName>,
    /// A call manager or CDA tells it what to load.
    pub outside: bool,
    /// What those told it last.
    pub ordered: Option<LoadName>,
    /// It has a document that it can use, and has not started since.
    pub has_document: bool,
    /// Its latest start.
    pub started: Option<Time>,
    /// What it fetched when it started last.
    pub ended: Option<Fetching>,
    /// What had to go wrong, with the time.
    pub accidents: Shared<(Accident, Time)>,
    /// How much more that is than in the best world.
    pub(super) surprise: u8,
    pub(super) doubts: Doubts,
}

impl World {
    pub(super) fn new(runs: Runs, why: Reason, since: Time) -> Self {
        Self {
            runs,
            why,
            since,
            mode: Mode::Quiet,
            license: License::Settled,
            licensed_at: None,
            licensed: false,
            failed: Shared::default(),
            passed: Shared::default(),
            outside: false,
            ordered: None,
            has_document: false,
            started: None,
            ended: None,
            accidents: Shared::default(),
            surprise: 0,
            doubts: Doubts::default(),
        }
    }

    /// A phone of which no more than its side is known.
    pub(super) fn some(side: Option<Side>, why: Reason, since: Time) -> Self {
        Self::new(Runs::Band(Arc::new(Band { side, ..Band::default() })), why, since)
    }

    /// The side, if it is known.
    pub fn side(&self) -> Option<Side> {
        self.runs.side()
    }

    /// Whether it certainly runs this load.
    pub fn is(&self, load: &LoadName) -> bool {
        self.runs.load() == Some(load)
    }

    pub(super) fn fetching(&self) -> Option<&Fetching> {
        match &self.mode {
            Mode::Fetching(fetching) => Some(fetching),
            _ => None,
        }
    }

    pub(super) fn told(&self) -> Option<&Order> {
        match &self.mode {
            Mode::Told(order) => Some(order),
            _ => None,
        }
    }

    pub(super) fn in_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same, with one thing more gone wrong.
    pub(super) fn after(mut self, accident: Accident, at: Time) -> Self {
        self.surprise = self.surprise.saturating_add(accident.weight());
        add(&mut self.accidents, (accident, at));
        self
    }

    /// The same, with something gone wrong that explains everything of its kind at once.
    pub(super) fn after_once(self, accident: Accident, at: Time, since: Option<Time>) -> Self {
        let known = |(known, when): &(Accident, Time)| *known == accident && Some(*when) >= since;
        if self.accidents.iter().any(known) { self } else { self.after(accident, at) }
    }

    /// On this side; `None` if it is on the other.
    pub(super) fn on_side(mut self, side: Side) -> Option<Self> {
        match &mut self.runs {
            Runs::Band(band) if band.side.is_none() => Arc::make_mut(band).side = Some(side),
            runs if runs.side() == Some(side) => {}
            _ => return None,
        }
        Some(self)
    }

    /// It runs this one of those that it may run.
    pub(super) fn named(mut self, load: &LoadName, why: Reason, at: Time) -> Self {
        if !self.is(load) {
            self.since = at;
        }
        (self.runs, self.why) = (Runs::Load(load.clone()), why);
        self
    }

    /// It does not run this load.
    pub(super) fn without(mut self, load: &LoadName) -> Self {
        if let Runs::Band(band) = &mut self.runs
            && band.may_be(load)
            && band.not.len() < EXCLUDED
        {
            Arc::make_mut(band).not.push(load.clone());
        }
        self
    }

    /// It starts with another load. A crossing is a factory reset.
    pub(super) fn becomes(mut self, load: &LoadName, why: Reason, at: Time) -> Self {
        let (from, to) = (self.side(), load.kind().side());
        if let Some(old) = self.runs.load().cloned() {
            add(&mut self.passed, old);
        }
        if from != Some(to) {
            self.failed = Shared::default();
            self.licensed = false;
            let crossed_directly = load.kind() == Kind::Multiplatform && from.is_some();
            self.license = if crossed_directly { License::Due } else { License::Settled };
        }
        self.ordered = None;
        (self.runs, self.why, self.since) = (Runs::Load(load.clone()), why, at);
        self.fresh(at)
    }

    /// What a start makes of any phone: it forgets what it was told.
    pub(super) fn fresh(mut self, at: Time) -> Self {
        self.ended = self.fetching().cloned();
        self.mode = Mode::Starting;
        (self.outside, self.has_document) = (false, false);
        self.started = Some(at);
        self.unheard(at);
        self
    }

    /// Nobody knows whether it asked for its license again until now.
    pub(super) fn unheard(&mut self, at: Time) {
        if let License::Refused(since) = &mut self.license {
            *since = at;
        }
    }

    pub(super) fn will_not_try(&self, load: &LoadName, attempt: u32) -> bool {
        self.failed.iter().any(|known| known.load == *load && known.attempt == attempt)
    }

    /// A fetch from this URL has failed, or may have.
    pub(super) fn fails(mut self, load: &LoadName, attempt: u32, certain: bool) -> Self {
        let same = |known: &FailedUrl| known.load == *load && known.attempt == attempt;
        match self.failed.iter().position(same) {
            Some(known) if !certain || self.failed[known].certain => {}
            Some(known) => Arc::make_mut(&mut self.failed)[known].certain = true,
            None => add(&mut self.failed, FailedUrl { load: load.clone(), attempt, certain }),
        }
        self
    }

    /// Whether it may have to be licensed before it takes this load.
    pub(super) fn needs_license(&self, to: &LoadName) -> bool {
        let needs = |kind| {
            matches!(
                (kind, to.kind()),
                (Kind::Transition(Direction::E2m), Kind::Multiplatform)
                    | (Kind::Transition(Direction::M2e) | Kind::Multiplatform, Kind::Enterprise)
            )
        };
        match &self.runs {
            Runs::Load(load) => needs(load.kind()),
            Runs::Band(band) => {
                let transition = band.release.is_none() || band.or_transition;
                (transition && needs(Kind::Transition(Direction::E2m))) || needs(Kind::Multiplatform)
            }
        }
    }
}

/// Adds to what several worlds have in common, and drops the oldest.
fn add<T: Clone>(list: &mut Shared<T>, one: T) {
    let list = Arc::make_mut(list);
    list.push(one);
    if list.len() > KEPT {
        list.remove(0);
    }
}
