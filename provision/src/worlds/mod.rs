//! What one phone may be doing: possible worlds, ranked by the accidents that each needs. Facts come in by [`Worlds::observe`]
//! in order of time; everything else asks what all worlds have in common that have to be reckoned with.
//!
//! | module | what it decides |
//! |---|---|
//! | `observed` | what the bench saw and did, common to all worlds |
//! | `world`, `firmware` | one possible state of a phone |
//! | `react` | what a phone does, fact by fact; with `start`, `reading`, `fetch` and `says` |
//! | `known_before` | what an older record without its facts leaves open |
//! | `overdue` | what had to be seen by now |
//! | `trust` | what a word is worth that anybody could have said |
//! | `rank` | which worlds are kept |
//! | `checkpoint` | what is kept of them where the facts behind them are not at hand |
//! | `view`, `explain` | what all worlds have in common, for decisions and for people |

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::journey::{Context, Fact, Observation};
use crate::load::{LoadName, Side};
use crate::mac::Mac;
use crate::time::Time;

mod checkpoint;
mod explain;
mod fetch;
mod firmware;
mod known_before;
mod observed;
mod overdue;
mod rank;
mod react;
mod reading;
mod says;
mod start;
#[cfg(test)]
mod tests;
mod trust;
mod view;
mod world;

pub use checkpoint::{Checkpoint, StoredCheckpoint};
pub use explain::Explained;
pub use firmware::{Band, Runs};
pub use observed::Observed;
pub use rank::{Accident, MARGIN};
pub use view::{Believed, WaitsFor};
pub use world::{FailedUrl, Fetching, License, Mode, Order, Reason, World};

use react::{Scene, react};
use trust::Worth;

/// A phone that was not heard for so long may have been loaded elsewhere. One at rest renews its lease or reads its profile
/// sooner.
const AWAY: Duration = Duration::from_secs(90 * 60);
/// The same where another server gives the leases, and a phone at rest is not heard.
const AWAY_UNLEASED: Duration = Duration::from_secs(24 * 60 * 60);
/// A phone that reads its profile here is heard every minute. Where it was not for so long, nobody knows whether it asked
/// for its license again.
const UNHEARD: Duration = Duration::from_secs(10 * 60);

/// What one phone may be doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worlds {
    mac: Mac,
    observed: Observed,
    /// The best first; never none, since no world would allow everything.
    possible: Vec<World>,
    /// How often a phone did what no world allowed.
    misfits: u32,
}

impl Worlds {
    /// A phone of which nothing was seen.
    pub fn new(mac: Mac) -> Self {
        let first = World::some(None, Reason::Unknown, Time(0));
        Self { mac, observed: Observed::default(), possible: vec![first], misfits: 0 }
    }

    /// Takes in one fact.
    pub fn observe(&mut self, observation: &Observation, context: &Context<'_>) {
        let at = observation.at;
        match observation.fact {
            Fact::Unwatched { since } => self.pass(since, context),
            Fact::Stood { .. } | Fact::HookRan { .. } | Fact::Finished { .. } => return,
            Fact::KnownBefore(ref known) => return self.possible = known_before::worlds(known, at),
            _ => self.pass(at, context),
        }
        let worth = trust::worth(observation);
        if worth != Worth::Own {
            self.breaks_silence(at, worth);
        }
        if let Fact::Acknowledged { asked } = observation.fact {
            self.acknowledged(asked, at, context);
        } else {
            self.take(observation, worth, context);
        }
        self.observed.after(observation, worth == Worth::Exchange);
    }

    fn take(&mut self, observation: &Observation, worth: Worth, context: &Context<'_>) {
        if worth == Worth::OneWay && trust::is_datagram(observation) {
            self.observed.wait_for(observation.at, &mut self.possible);
        }
        self.observed.before(observation);
        if worth != Worth::OneWay {
            self.adds_named(observation);
        }
        let place = trust::place(observation, &self.observed);
        let fact = &observation.fact;
        let fits = self.step(observation.at, context, |world, scene| match worth {
            Worth::OneWay => trust::hears(&world, fact, place, scene),
            Worth::Own | Worth::Exchange => react(world, fact, scene),
        });
        if !fits {
            self.misfits += 1;
            let anything = World::some(None, Reason::NothingFits, observation.at);
            self.possible = vec![anything.clone()];
            if !self.step(observation.at, context, |world, scene| react(world, fact, scene)) {
                self.possible = vec![anything];
            }
        }
    }

    fn acknowledged(&mut self, asked: Time, at: Time, context: &Context<'_>) {
        if let Some(place) = self.observed.datagram(asked) {
            self.step(at, context, |world, scene| vec![trust::acknowledged(world, place, scene)]);
            self.observed.waits_no_more(asked, &mut self.possible);
        }
    }

    /// A load that is named and that no world runs: somebody loaded it unseen.
    fn adds_named(&mut self, observation: &Observation) {
        let (load, reason) = match &observation.fact {
            Fact::Probed(page) => (page.load.as_ref(), Reason::Page),
            Fact::Registered { report } => (report.active.as_ref(), Reason::Registered),
            Fact::Listed { load } => (load.as_ref(), Reason::Listed),
            _ => return,
        };
        let Some(load) = load.filter(|load| !self.possible.iter().any(|world| world.runs.may_be(load)))
        else {
            return;
        };
        let world = World::new(Runs::Load(load.clone()), reason, observation.at);
        self.possible.push(world.after(Accident::LoadedElsewhere, observation.at));
    }

    /// Takes in that it is this late.
    pub fn pass(&mut self, now: Time, context: &Context<'_>) {
        if self.deadline(context.settings).is_some_and(|due| due <= now) {
            self.step(now, context, overdue::overdue);
        }
    }

    /// When something has to be seen of the phone at the latest.
    pub fn deadline(&self, settings: &crate::settings::Settings) -> Option<Time> {
        let due = |world| overdue::due(world, &self.observed, settings);
        self.possible.iter().filter_map(due).min()
    }

    /// It is heard after a while.
    fn breaks_silence(&mut self, at: Time, worth: Worth) {
        let silent = |since: Option<Time>| since.map(|since| at - since);
        let alone = silent(self.observed.exchanged);
        if worth == Worth::Exchange && alone.is_some_and(|silent| silent >= UNHEARD) {
            self.possible.iter_mut().filter(|world| !world.outside).for_each(|world| world.unheard(at));
        }
        let away = if self.observed.leased { AWAY } else { AWAY_UNLEASED };
        let spoken = silent(self.observed.heard).is_some_and(|silent| silent >= away);
        let away_from_all = alone.is_some_and(|silent| silent >= away);
        if self.observed.registered || !(spoken || away_from_all) {
            return;
        }
        let mut elsewhere = World::some(None, Reason::Away, at).after(Accident::LoadedWhileAway, at);
        // All that was heard meanwhile was somebody else.
        if !spoken {
            elsewhere = trust::doubting(elsewhere, at);
        }
        self.possible.push(elsewhere);
    }

    /// Each world becomes those that follow from it. Tells whether any is left.
    fn step(
        &mut self,
        at: Time,
        context: &Context<'_>,
        next: impl Fn(World, &Scene<'_>) -> Vec<World>,
    ) -> bool {
        let (library, settings) = (context.library, context.settings);
        let scene = Scene { at, mac: self.mac, observed: &self.observed, library, settings };
        let mut worlds = Vec::with_capacity(2 * self.possible.len());
        for world in std::mem::take(&mut self.possible) {
            worlds.extend(next(world, &scene));
        }
        self.possible = rank::settle(worlds, at);
        !self.possible.is_empty()
    }

    /// What the bench saw and did.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Every world that is remembered, the best first.
    pub fn all(&self) -> &[World] {
        &self.possible
    }

    /// How often the phone did what no world allowed.
    pub fn misfits(&self) -> u32 {
        self.misfits
    }

    /// The worlds that have to be reckoned with, the best first.
    pub fn kept(&self, margin: u8) -> impl Iterator<Item = &World> {
        self.possible.iter().take_while(move |world| world.surprise() < margin)
    }
}
