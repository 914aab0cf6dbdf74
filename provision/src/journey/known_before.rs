//! What a record tells of a phone whose facts were not kept.

use serde::{Deserialize, Serialize};

use super::{Journey, Report, Round};
use crate::load::{Kind, LoadName, Side};
use crate::time::Time;

/// What was known of a phone when facts were not kept yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBefore {
    /// The load that it named last, or that it was found done with.
    pub named: Option<LoadName>,
    /// Loads that it fetched after that, the latest first. It may run each of them.
    pub fetched: Vec<LoadName>,
    /// The side whose configuration it asked for last.
    pub side: Option<Side>,
    /// Somebody may have loaded it elsewhere since then.
    pub away: bool,
    /// Loads that it was told of, with the numbers in their URLs. It may not try those again.
    pub tried: Vec<(LoadName, u32)>,
    /// When it was given its license last.
    pub licensed_at: Option<Time>,
    /// It came straight to a Multiplatform load and was not found done: it may still ask for its license.
    pub license_due: bool,
}

impl Journey {
    /// What this record tells of the phone.
    pub fn known_before(&self) -> KnownBefore {
        let registered = |(at, report): &(Time, Report)| Some((*at, report.active.clone()?));
        let reported = self.reports.iter().rev().find_map(registered);
        let done = self.finish.as_ref().map(|finish| (finish.at, finish.load.clone()));
        let words = [self.page.loads.last().cloned(), reported, done].into_iter().flatten();
        let (since, named) = words.max_by_key(|(at, _)| *at).unzip();
        let later = |round: &&Round| Some(round.last) > since && round.denied.is_none();
        let transition = |round: &Round| matches!(round.load.kind(), Kind::Transition(_));
        let was_enterprise = self.sightings.iter().any(|(_, side)| *side == Side::Enterprise);
        KnownBefore {
            named,
            fetched: self.rounds.iter().rev().filter(later).map(|round| round.load.clone()).collect(),
            side: self.sightings.last().map(|(_, side)| *side),
            away: self.away,
            tried: self.offers.iter().map(|offer| (offer.load.clone(), offer.attempt)).collect(),
            licensed_at: self.license_given.map(|(_, latest)| latest),
            license_due: was_enterprise && !self.rounds.iter().any(transition) && self.finish.is_none(),
        }
    }
}
