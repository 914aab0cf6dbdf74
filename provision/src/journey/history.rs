//! What a journey keeps for the report: where its phone stood and since when, what the operator did, what the stage
//! hook said. Nothing is decided by it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Journey;
use super::belief::Belief;
use super::fold::drop_oldest;
use super::observation::Act;
use super::registration::Restart;
use super::verdict::Stage;
use crate::hold::HoldCode;
use crate::load::LoadName;
use crate::time::Time;

/// Changes of stage kept; of what is older, only sums of holds remain.
const STANDS_KEPT: usize = 48;
/// Operator's acts kept.
const ACTS_KEPT: usize = 32;
/// Runs of the stage hook kept.
const RUNS_KEPT: usize = 4;
/// Characters of a hold's cause that are kept.
const CAUSE_KEPT: usize = 200;

/// What happened to a phone, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Where it stood, oldest first, each until the next.
    pub stands: Vec<Stand>,
    /// Holds that ended before the oldest of `stands`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub earlier: BTreeMap<HoldCode, Sum>,
    /// What the operator did, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<(Time, Deed)>,
    /// What came of the stage hook, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookRun>,
}

/// Where a phone stood from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stand {
    /// Since when.
    pub at: Time,
    /// Where.
    pub stage: Stage,
    /// What held it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<HoldCode>,
    /// Why, as it was first said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Several holds of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// How many.
    pub times: u32,
    /// How long in all, in milliseconds.
    pub ms: u64,
}

/// What an operator does to a phone.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Stopped it before its next hop.
    Hold,
    /// Let it go on.
    Release,
    /// Forgot its failed attempts.
    Retry,
    /// Made it read its configuration again.
    Restart,
    /// Let it boot.
    Reset,
}

/// One run of the program that is told of changes of stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    /// When it had ended.
    pub at: Time,
    /// The stage that it was told.
    pub stage: Stage,
    /// What it printed, or why it was of no use; shortened.
    pub output: String,
    /// It failed, or did not run.
    pub failed: bool,
}

/// A hold that a phone met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// Since when.
    pub from: Time,
    /// Until when; none while it lasts.
    pub until: Option<Time>,
    /// held or stuck.
    pub stage: Stage,
    /// What kind.
    pub code: HoldCode,
    /// Why.
    pub cause: String,
}

/// A load on a phone's way: how it came and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The load.
    pub load: LoadName,
    /// When its fetch began; none where nobody saw one, as for a load that the phone held in reserve.
    pub began: Option<Time>,
    /// When the phone started after its last fetch.
    pub ended: Option<Time>,
    /// Bytes of firmware that arrived, of every attempt.
    pub bytes: u64,
    /// Fetches of it, from 1; 0 where nobody saw one.
    pub attempts: u32,
    /// The phone has run it.
    pub arrived: bool,
    /// Why the latest fetch broke, if it did.
    pub broken: Option<String>,
}

impl Stand {
    /// Nothing that a report would tell has changed.
    pub fn is_at(&self, stage: Stage, code: Option<HoldCode>) -> bool {
        self.stage == stage && self.code == code
    }

    fn met(&self, until: Option<Time>) -> Option<Met> {
        let (from, stage, code) = (self.at, self.stage, self.code?);
        Some(Met { from, until, stage, code, cause: self.cause.clone().unwrap_or_default() })
    }
}

impl History {
    /// Where the phone stood last.
    pub fn last(&self) -> Option<&Stand> {
        self.stands.last()
    }

    pub(super) fn stood(&mut self, mut stand: Stand) {
        if self.last().is_some_and(|last| last.is_at(stand.stage, stand.code)) {
            return;
        }
        stand.cause = stand.cause.map(|cause| cause.chars().take(CAUSE_KEPT).collect());
        self.stands.push(stand);
        while self.stands.len() > STANDS_KEPT {
            let oldest = self.stands.remove(0);
            if let (Some(code), Some(next)) = (oldest.code, self.stands.first()) {
                let sum = self.earlier.entry(code).or_default();
                sum.times = sum.times.saturating_add(1);
                sum.ms = sum.ms.saturating_add((next.at - oldest.at).as_millis() as u64);
            }
        }
    }

    pub(super) fn acted(&mut self, at: Time, deed: Deed) {
        self.acts.push((at, deed));
        drop_oldest(&mut self.acts, ACTS_KEPT);
    }

    pub(super) fn hook_ran(&mut self, run: HookRun) {
        self.hooks.push(run);
        drop_oldest(&mut self.hooks, RUNS_KEPT);
    }

    /// Every hold that is still told apart, oldest first.
    pub fn holds(&self) -> Vec<Met> {
        let ends = self.stands.iter().skip(1).map(|next| Some(next.at)).chain([None]);
        self.stands.iter().zip(ends).filter_map(|(stand, until)| stand.met(until)).collect()
    }

    /// Since when it has been at its target.
    pub fn done_since(&self) -> Option<Time> {
        self.last().filter(|stand| stand.stage == Stage::Done).map(|stand| stand.at)
    }
}

impl From<Act> for Deed {
    fn from(act: Act) -> Self {
        match act {
            Act::Hold => Self::Hold,
            Act::Release => Self::Release,
            Act::Retry => Self::Retry,
        }
    }
}

impl From<Restart> for Deed {
    fn from(how: Restart) -> Self {
        match how {
            Restart::Restart => Self::Restart,
            Restart::Reset => Self::Reset,
        }
    }
}

impl Deed {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Retry => "retry",
            Self::Restart => "restart",
            Self::Reset => "reset",
        }
    }
}

impl Passage {
    /// From the beginning of its fetch to the start after it.
    pub fn took(&self) -> Option<Duration> {
        Some(self.ended? - self.began?)
    }
}

/// The load that the phone came with; none where nothing told. Where it was given another before it said anything, what
/// it then held in reserve tells.
pub fn origin<'a>(journey: &'a Journey, belief: &'a Belief, passages: &[Passage]) -> Option<&'a LoadName> {
    let brought = passages.first().filter(|passage| passage.began.is_some());
    let first = belief.passed.first().filter(|load| brought.is_none_or(|passage| passage.load != **load));
    let in_reserve = || {
        let (_, report) = journey
            .reports
            .iter()
            .find(|(_, report)| report.active.as_ref() == brought.map(|it| &it.load))?;
        report.inactive.as_ref().filter(|load| brought.is_some_and(|passage| passage.load != **load))
    };
    first.or_else(in_reserve)
}

/// The loads that a phone fetched or was found to have come to, in order.
pub fn passages(journey: &Journey, belief: &Belief) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    for round in &journey.rounds {
        let bytes = round.components.values().map(|file| file.reached).sum::<u64>();
        match passages.last_mut().filter(|last| last.load == round.load) {
            Some(again) => {
                again.bytes += bytes;
                again.attempts += 1;
                again.ended = round.booted;
                again.broken.clone_from(&round.broken);
            }
            None => passages.push(Passage {
                load: round.load.clone(),
                began: Some(round.began),
                ended: round.booted,
                bytes,
                attempts: 1,
                arrived: belief.passed.contains(&round.load),
                broken: round.broken.clone(),
            }),
        }
    }
    for (before, load) in belief.passed.iter().zip(belief.passed.iter().skip(1)) {
        if passages.iter().any(|passage| passage.load == *load) {
            continue;
        }
        let after = passages.iter().rposition(|passage| passage.load == *before).map_or(0, |at| at + 1);
        let unseen = Passage {
            load: load.clone(),
            began: None,
            ended: None,
            bytes: 0,
            attempts: 0,
            arrived: true,
            broken: None,
        };
        passages.insert(after, unseen);
    }
    passages
}
