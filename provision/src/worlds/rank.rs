//! Which worlds have to be reckoned with: the fewer accidents a world needs, the better it explains what was seen.

use serde::{Deserialize, Serialize};

use super::world::{FailedUrl, License, Mode, Reason, World};
use crate::load::Side;
use crate::time::Time;

/// A world that needs this much more than the best one is not reckoned with where something cannot be undone.
pub const MARGIN: u8 = 3;
/// Worlds beyond that are kept for the case that the better ones turn out to be impossible.
const REMEMBERED: u8 = 5;
/// Worlds of one phone.
const MOST: usize = 16;

/// What had to go wrong, that nobody saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accident {
    /// The roster's load column is wrong.
    WrongRoster,
    /// Its plug was pulled while it wrote, or it threw the load away.
    CutWhileWriting,
    /// It was without power when it had to ask.
    SwitchedOff,
    /// A document was lost on its way.
    DocumentLost,
    /// It fetched the rest of a load while nobody watched.
    FetchedUnseen,
    /// It asked for a load's list while nobody watched.
    AskedUnseen,
    /// It started, and no DHCP message of that was seen.
    StartedUnseen,
    /// It had a load in its other partition that it was not seen to fetch.
    LoadInReserve,
    /// Somebody loaded it while it was not heard for long.
    LoadedWhileAway,
    /// Somebody loaded it while it was not heard for a moment.
    LoadedElsewhere,
    /// Its User-Agent is configured.
    AgentConfigured,
    /// Its vendor class is configured.
    ClassConfigured,
    /// Transition loads name themselves Enterprise phones.
    ClassOfTransition,
    /// It waits longer than any phone before it asks for its license again.
    WaitedLonger,
    /// It was licensed before.
    LicensedElsewhere,
    /// Its profile in CDA is not the one that was exported.
    OtherProfile,
    /// It goes by an older document than its latest.
    OlderDocument,
    /// It asks for a load that nobody told it of.
    ToldByNobody,
    /// It was there and did not ask for what it was told to load.
    DidNotAsk,
    /// Somebody else spoke in its name, by broadcast or datagram.
    SomebodyLies,
    /// Somebody else had its address, and answered.
    FalseExchange,
    /// Its page names a load that it does not run.
    FalsePage,
    /// It registered with a load that it does not run.
    FalseRegistration,
}

impl Accident {
    /// How much it takes to believe it.
    pub fn weight(self) -> u8 {
        match self {
            Self::AgentConfigured | Self::ClassConfigured | Self::WrongRoster | Self::LoadedElsewhere => 2,
            Self::DidNotAsk
            | Self::WaitedLonger
            | Self::OlderDocument
            | Self::ToldByNobody
            | Self::FalsePage
            | Self::FalseExchange => 3,
            Self::FalseRegistration => 4,
            _ => 1,
        }
    }
}

impl World {
    /// How much more has to have gone wrong in it than in the best world.
    pub fn surprise(&self) -> u8 {
        self.surprise
    }

    /// Whatever the other world may still turn out to be, this one may for no higher price. A world that claims less may: that
    /// nothing is due, that more URLs may have failed, that it has not gone on as a licensed phone does.
    fn covers(&self, other: &Self) -> bool {
        let lies = other.doubts.somebody_lies && !self.doubts.somebody_lies;
        self.surprise + u8::from(lies) <= other.surprise
            && self.doubts.disbelieved & !other.doubts.disbelieved == 0
            && self.runs.includes(&other.runs)
            && asks_no_more(&self.mode, &other.mode)
            && refused_no_sooner(self.license, other.license)
            && other.failed.iter().all(|url| self.has_failed(url))
            && (self.has_document <= other.has_document || self.side() == Some(Side::Multiplatform))
            && self.licensed <= other.licensed
            && (self.outside, &self.ordered) == (other.outside, &other.ordered)
    }

    fn has_failed(&self, url: &FailedUrl) -> bool {
        let same = |known: &FailedUrl| known.load == url.load && known.attempt == url.attempt;
        self.failed.iter().any(|known| same(known) && known.certain >= url.certain)
    }
}

fn asks_no_more(one: &Mode, other: &Mode) -> bool {
    match (one, other) {
        (Mode::Quiet, Mode::Told(_) | Mode::Off) => true,
        (Mode::Told(one), Mode::Told(other)) => {
            one.load == other.load && one.attempt == other.attempt && one.outside == other.outside
        }
        (Mode::Fetching(one), Mode::Fetching(other)) => {
            one.load == other.load && one.attempt == other.attempt && one.since == other.since
        }
        _ => one == other,
    }
}

fn refused_no_sooner(one: License, other: License) -> bool {
    match (one, other) {
        (License::Refused(one), License::Refused(other)) => one >= other,
        _ => one == other,
    }
}

/// Ranks worlds and drops those that others cover or that need too much.
pub(super) fn settle(mut worlds: Vec<World>, at: Time) -> Vec<World> {
    worlds.sort_by_key(|world| world.surprise);
    let best = worlds.first().map_or(0, |world| world.surprise);
    let mut kept: Vec<World> = Vec::with_capacity(worlds.len());
    for mut world in worlds {
        world.surprise -= best;
        if world.surprise > REMEMBERED {
            break;
        }
        if !kept.iter().any(|better| better.covers(&world)) {
            kept.push(world);
        }
    }
    if kept.len() > MOST {
        let rest = kept.split_off(MOST - 1);
        kept.extend(widened(&rest, at));
    }
    kept
}

/// One world in the place of many.
fn widened(rest: &[World], at: Time) -> Option<World> {
    let first = rest.first()?;
    let side: Option<Side> = first.side().filter(|side| rest.iter().all(|world| world.side() == Some(*side)));
    let mut wide = World::some(side, Reason::TooMany, at);
    wide.surprise = first.surprise;
    wide.doubts.somebody_lies = rest.iter().all(|world| world.doubts.somebody_lies);
    Some(wide)
}
