//! What a journey remembers of documents given and loads fetched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::Vid;
use crate::load::{LoadName, Side};
use crate::page::Page;
use crate::time::Time;

/// Components recorded per round; a real load has fewer than twenty per platform.
const COMPONENTS_KEPT: usize = 64;

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
    /// How often it asked for its configuration again, and was told the same.
    #[serde(default)]
    pub again: u32,
    /// When it did so last.
    #[serde(default)]
    pub again_at: Option<Time>,
    /// How often it fetched its license since.
    #[serde(default)]
    pub licenses: u32,
    /// When the phone was last heard as one that runs on: it renewed its lease, registered, or showed its page.
    #[serde(default)]
    pub heard: Option<Time>,
    /// The phone asked for the `.loads` file.
    pub answered: Option<Time>,
    /// It asked, and was refused.
    #[serde(default)]
    pub refused: bool,
    /// Since when the phone may have asked, or its fetch have failed, without being seen: silence after this moment tells
    /// nothing.
    #[serde(default)]
    pub unwatched: Option<Time>,
    /// A boot, a refusal or another offer ended it.
    pub closed: Option<Time>,
}

impl Offer {
    /// When the phone was last told of it.
    pub(super) fn latest(&self) -> Time {
        self.again_at.unwrap_or(self.at)
    }

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
    /// The latest moment at which it was fetching for certain. Of a file's last bytes nothing tells how long ago they
    /// arrived; only that it was after the file was asked for.
    #[serde(default)]
    pub fetching: Option<Time>,
    /// Components, by lower-case name.
    pub components: BTreeMap<String, Progress>,
    /// How often the `.loads` file was asked for since the phone was told of it last, or the operator retried it.
    #[serde(default)]
    pub requests: u32,
    /// The `.loads` file was asked for before, given or not, as far as the phone can remember that.
    #[serde(default)]
    pub asked_before: bool,
    /// Why the latest transfer broke, if nothing moved since.
    pub broken: Option<String>,
    /// The boot that ended the round.
    pub booted: Option<Time>,
    /// Since when the phone may have asked for the load once more without being seen; before it started, since when its fetch
    /// may have failed for good.
    #[serde(default)]
    pub unwatched: Option<Time>,
    /// The bench was stopped while it fetched, and it started again before it was seen to fetch more: whether it had the rest by
    /// then is not on record where the ledger could not be written.
    #[serde(default)]
    pub end_unseen: bool,
    /// The side that its DHCP messages told when it began.
    #[serde(default)]
    pub from: Option<Side>,
    /// The side that its DHCP messages told when it started after that.
    #[serde(default)]
    pub to: Option<Side>,
    /// It asked for the load once more and was refused it: it does not run it after all.
    #[serde(default)]
    pub denied: Option<Time>,
}

/// A phone with an address, where it can reach what it was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// Since when.
    pub from: Time,
    /// When it started again, or the bench may have missed what it does.
    pub until: Option<Time>,
    /// When it was last heard meanwhile.
    #[serde(default)]
    pub heard: Option<Time>,
}

impl Round {
    /// How far a component came.
    pub(super) fn component(&self, name: &str) -> Option<Progress> {
        let found = self.components.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, progress)| *progress)
    }

    /// A component has come so far.
    pub(super) fn bring(&mut self, at: Time, name: &str, reached: u64, size: u64) {
        let key = name.to_ascii_lowercase();
        if self.components.len() >= COMPONENTS_KEPT && !self.components.contains_key(&key) {
            return;
        }
        let progress = self.components.entry(key).or_insert(Progress { began: at, reached: 0, size });
        progress.size = size;
        // Who asks for the rest of a file has its beginning, also where a connection or this bench broke down
        // before that was seen.
        progress.reached = progress.reached.max(reached);
    }
}

/// What the phone's own page told. Hardware does not change: what a later page leaves out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPage {
    /// When it was last read.
    pub read: Option<Time>,
    /// `8851NR`.
    pub model: Option<String>,
    /// Hardware version, from the UDI.
    pub vid: Option<Vid>,
    /// Serial number.
    pub serial: Option<String>,
    /// Loads that it named: when each was first and last read in a row, oldest first.
    pub loads: Vec<(Time, LoadName)>,
}

impl OwnPage {
    pub(super) fn take(&mut self, at: Time, page: &Page) {
        self.read = Some(at);
        // Multiplatform firmware is not known to tell an 8851NR from an 8851.
        let coarser =
            |known: &String| page.model.as_ref().is_some_and(|model| known.starts_with(model.as_str()));
        if !self.model.as_ref().is_some_and(coarser) {
            self.model = page.model.clone().or(self.model.take());
        }
        self.vid = page.vid.or(self.vid);
        self.serial = page.serial.clone().or(self.serial.take());
        let Some(load) = &page.load else { return };
        if self.loads.iter().rev().take(2).filter(|(_, known)| known == load).count() == 2 {
            self.loads.pop();
        }
        self.loads.push((at, load.clone()));
    }
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
