//! What follows from a journey's facts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::restart::Order;
use super::{Fact, Journey};
use crate::client::Persona;
use crate::hold::{Hold, HoldCode};
use crate::library::Library;
use crate::load::{LoadName, Side};
use crate::time::Time;

/// Where a phone stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// In the roster, never seen.
    Absent,
    /// Seen, nothing offered yet.
    Seen,
    /// On a hop within its side.
    Moving,
    /// On the hop that changes sides, or on the far side until its license is settled.
    Crossing,
    /// At the target.
    Done,
    /// Stopped on purpose before it could be stranded.
    Held,
    /// Offered a hop and not getting on.
    Stuck,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Absent, Self::Seen, Self::Moving, Self::Crossing, Self::Done, Self::Held, Self::Stuck];

    /// The word the contract uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Seen => "seen",
            Self::Moving => "moving",
            Self::Crossing => "crossing",
            Self::Done => "done",
            Self::Held => "held",
            Self::Stuck => "stuck",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of the phone's license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LicenseState {
    /// Not at hand.
    Absent,
    /// At hand, not fetched yet.
    Present,
    /// Given to the phone.
    Fetched,
    /// The phone went on after it as only a licensed phone does, or stopped asking.
    Accepted,
    /// The phone was beyond the crossing when first seen.
    Unwitnessed,
}

/// What the phone is given when it asks next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// No load: Enterprise boot files are not found; a profile says "no upgrade" and comes back soon.
    Nothing,
    /// Not found, though nothing holds it: its page is read meanwhile, and it asks again by itself.
    Later,
    /// A valid document without a load, so that the phone settles and can be asked what it is.
    Introduction,
    /// A document that names a load.
    Load {
        /// The load to name.
        load: LoadName,
        /// Only to a phone that runs this one, which every other phone is told to load first: the seed's
        /// `($SWVER eq when)? load | when`.
        when: Option<LoadName>,
        /// For the URL, from 1.
        attempt: u32,
        /// The document also names the license.
        license: bool,
    },
    /// On the target, the license not settled: a profile with the license and no upgrade.
    License,
    /// At the target: the final document.
    Final,
}

impl Assessment {
    /// Whether a phone that is held is still asked to register: its hold can be lifted here, and then it can be
    /// told to go on at once.
    pub fn may_register(&self) -> bool {
        let beyond_help = [HoldCode::NotEligible, HoldCode::NotListed];
        self.hold.as_ref().is_none_or(|hold| !beyond_help.contains(&hold.code))
    }

    /// What a document for the next step, given to a phone of this side, leaves out that an earlier one said: from then
    /// on the phone's silence about it tells nothing.
    pub fn unsays(&self, journey: &Journey, side: Side) -> Vec<Fact> {
        let load = journey.was_told_a_load(side) && !matches!(self.next, Next::Load { .. });
        let named = matches!(self.next, Next::License | Next::Final | Next::Load { license: true, .. });
        let license = side == Side::Multiplatform && self.license == LicenseState::Fetched && !named;
        [load.then_some(Fact::LoadUnsaid { side }), license.then_some(Fact::LicenseUnsaid)]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Whether the phone may have this load's `.loads` file: the last gate, whoever told it to ask. A condition may
    /// name a load that the phone is believed to run already and that is no longer all here. What led it over the crossing
    /// behind CDA it may have again: who asks for that does not run it.
    pub fn permits(&self, name: &LoadName, library: &Library) -> bool {
        let named = matches!(&self.next, Next::Load { load, when, .. } if load == name || when.as_ref() == Some(name));
        (named || self.again.as_ref() == Some(name)) && library.complete(name).is_some()
    }
}

/// Everything derived about one phone at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// The model's name, if any signal tells it.
    pub model: Option<String>,
    /// What it behaves as.
    pub persona: Persona,
    /// The persona whose DHCP options it is given; `Unknown` where signals disagree.
    pub steered_as: Persona,
    /// The load it is believed to run.
    pub load: Option<LoadName>,
    /// Why that is believed.
    pub evidence: String,
    /// From where it began, or the first load offered, to the target.
    pub route: Vec<LoadName>,
    /// The route's end.
    pub target: Option<LoadName>,
    /// The hop in progress, from 1; 0 without a route.
    pub hop: usize,
    /// Steps of the route.
    pub hops: usize,
    /// Where it stands.
    pub stage: Stage,
    /// Present exactly for held and stuck phones.
    pub hold: Option<Hold>,
    /// Between the first component and the boot: do not unplug.
    pub writing: bool,
    /// Bytes of the hop in progress, 0 to 1.
    pub progress: Ratio,
    /// Of the hop in progress, from 1.
    pub attempt: u32,
    /// The license.
    pub license: LicenseState,
    /// What it is given when it asks.
    pub next: Next,
    /// The load it may have again, though it is taken to run it.
    pub again: Option<LoadName>,
    /// It has to read its configuration again, and can be told to.
    pub restart: Option<Order>,
    /// When this could change without a new fact.
    pub deadline: Option<Time>,
}

/// Bytes there of bytes in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ratio {
    /// Bytes there.
    pub part: u64,
    /// Bytes in all.
    pub whole: u64,
}

impl Ratio {
    /// 0 to 1; 0 where nothing is to be fetched.
    pub fn value(self) -> f64 {
        if self.whole == 0 {
            return 0.0;
        }
        // Exact far beyond any firmware's size.
        #[allow(clippy::cast_precision_loss)]
        let ratio = self.part as f64 / self.whole as f64;
        ratio.min(1.0)
    }
}
