//! What a journey remembers of documents given and loads fetched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::load::{LoadName, Side};
use crate::time::Time;

/// A document that named a load, given to the phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// When it was first given since the latest boot.
    pub at: Time,
    /// The load named.
    pub load: LoadName,
    /// Named only for a phone that runs this load.
    pub when: Option<LoadName>,
    /// One branch of several.
    pub conditional: bool,
    /// The number in its URL.
    pub attempt: u32,
    /// The side whose document it was.
    pub side: Side,
    /// The phone asked for the `.loads` file.
    pub answered: Option<Time>,
    /// It asked, and was refused.
    #[serde(default)]
    pub refused: bool,
    /// Since when the phone may have asked without being seen: silence after this moment tells nothing.
    #[serde(default)]
    pub unwatched: Option<Time>,
    /// A boot, a refusal or another offer ended it.
    pub closed: Option<Time>,
}

impl Offer {
    /// Nothing has come of it yet.
    pub fn awaits_answer(&self) -> bool {
        self.answered.is_none() && self.closed.is_none()
    }
}

/// One fetch of a load: from its `.loads` file to the boot after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// The load.
    pub load: LoadName,
    /// When the `.loads` file was given.
    pub began: Time,
    /// Latest byte.
    pub last: Time,
    /// Components, by lower-case name.
    pub components: BTreeMap<String, Progress>,
    /// Why the latest transfer broke, if nothing moved since.
    pub broken: Option<String>,
    /// The boot that ended the round.
    pub booted: Option<Time>,
}

/// How far a file got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// When its first bytes arrived.
    pub began: Time,
    /// One past the furthest byte that arrived.
    pub reached: u64,
    /// Bytes in all.
    pub size: u64,
}

impl Progress {
    /// Everything arrived.
    pub fn whole(self) -> bool {
        self.reached >= self.size
    }
}
