//! What the bench saw and did: common to all worlds, and no guess.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client::Persona;
use crate::journey::fetched::{Fetch, grade};
use crate::journey::{Answer, Fact, Heard, Observation, Progress, UpgradeInstruction};
use crate::library::Library;
use crate::load::{LoadName, Side};
use crate::names::{self, Asked};
use crate::time::Time;

use super::world::{Fetching, World};

/// Files remembered; a real load has fewer than twenty components for each platform.
const FILES_KEPT: usize = 64;
/// Loads remembered that were named to it.
const LOADS_KEPT: usize = 16;
/// Datagrams that wait for their acknowledgment.
const DATAGRAMS_KEPT: usize = 16;
/// How long they do.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(60);

/// A component that a phone fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    name: String,
    /// When its first bytes moved, of the latest fetch.
    began: Time,
    /// When it was asked for, of the latest fetch that brought all of it.
    whole: Option<Time>,
    size: u64,
}

/// What the bench saw and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The latest word in the phone's name.
    pub heard: Option<Time>,
    /// The latest word that nobody else can have said.
    pub exchanged: Option<Time>,
    /// The bench gives it its leases, and so sees its starts.
    pub leased: bool,
    /// The persona whose options went with its latest lease.
    pub options: Option<Persona>,
    /// Its registration stands.
    pub registered: bool,
    /// The load column of its line in the roster.
    pub listed: Option<LoadName>,
    /// The end of the latest gap in observation.
    pub gap: Option<Time>,
    /// When bytes of a load last moved.
    pub moved: Option<Time>,
    /// A transfer ended early, and nothing has moved since.
    pub broken: bool,
    /// It asks for signed configuration alone, since this moment.
    pub signed_only: Option<Time>,
    /// Its latest reading of a configuration.
    pub read: Option<Time>,
    answers: [Option<Answer>; 2],
    named: Vec<LoadName>,
    files: Vec<File>,
    pub(super) datagrams: Vec<Time>,
}

impl Observed {
    /// What its configuration of this side was last answered with: the next reading is answered the same, unless a fact says
    /// otherwise.
    pub fn answer(&self, side: Side) -> Option<&Answer> {
        self.answers[slot(side)].as_ref()
    }

    /// A start of the phone would have been seen.
    pub(super) fn sees_starts(&self) -> bool {
        self.leased && self.watched()
    }

    /// Nobody looked away since the latest exchange with the phone.
    pub(super) fn watched(&self) -> bool {
        self.gap.is_none_or(|gap| self.exchanged > Some(gap))
    }

    /// How much of a load was fetched since its list was asked for.
    pub(super) fn grade(&self, fetching: &Fetching, library: &Library) -> Fetch {
        let component = |name: &str| {
            let file = self.files.iter().find(|file| file.name.eq_ignore_ascii_case(name))?;
            let whole = file.whole >= Some(fetching.since);
            (whole || file.began >= fetching.since).then_some(Progress {
                began: file.began,
                reached: if whole { file.size } else { 0 },
                size: file.size,
            })
        };
        grade(&fetching.load, component, library)
    }

    /// When anything of a fetch was last seen.
    pub(super) fn last_of(&self, fetching: &Fetching) -> Time {
        self.moved.map_or(fetching.asked, |moved| moved.max(fetching.asked))
    }

    /// Which place a datagram has among those that wait for their acknowledgment.
    pub(super) fn datagram(&self, at: Time) -> Option<u16> {
        let place = self.datagrams.iter().position(|known| *known == at)?;
        Some(1 << place)
    }

    /// One more datagram waits; the worlds forget the oldest where there are too many.
    pub(super) fn wait_for(&mut self, at: Time, worlds: &mut [World]) {
        if self.datagram(at).is_some() {
            return;
        }
        let over = |known: &&Time| at - **known > ACKNOWLEDGED_WITHIN;
        let over = self.datagrams.iter().filter(over).count();
        let crowded = usize::from(over == 0 && self.datagrams.len() >= DATAGRAMS_KEPT);
        for _ in 0..over + crowded {
            self.forget(0, worlds);
        }
        self.datagrams.push(at);
    }

    /// A datagram does not wait any more.
    pub(super) fn waits_no_more(&mut self, at: Time, worlds: &mut [World]) {
        if let Some(place) = self.datagrams.iter().position(|known| *known == at) {
            self.forget(place, worlds);
        }
    }

    fn forget(&mut self, place: usize, worlds: &mut [World]) {
        self.datagrams.remove(place);
        let below = (1u16 << place) - 1;
        for world in worlds {
            let all = world.doubts.disbelieved;
            world.doubts.disbelieved = (all & below) | ((all >> 1) & !below);
        }
    }

    /// What has to be known before the worlds take a fact in.
    pub(super) fn before(&mut self, observation: &Observation) {
        let at = observation.at;
        match &observation.fact {
            Fact::Dhcp { boot, .. } => {
                self.leased |= observation.heard == Heard::Broadcast;
                self.registered &= !boot;
            }
            Fact::Leased { .. } => self.leased |= observation.heard == Heard::Broadcast,
            Fact::Fetched { name, to, size, asked, .. } if is_component(name) => {
                self.fetched(at, name, *to >= *size, *size, asked.unwrap_or(at));
            }
            Fact::Broken { name, .. } if is_component(name) || is_list(name) => {
                let whole = self
                    .files
                    .iter()
                    .any(|file| file.name.eq_ignore_ascii_case(name) && file.whole.is_some());
                self.broken |= !whole;
            }
            Fact::OptionsGiven { persona } => self.options = Some(*persona),
            Fact::Listed { load } => self.listed.clone_from(load),
            Fact::Answered { side, answer } => self.answers(*side, answer),
            Fact::Unwatched { .. } => self.gap = Some(at),
            _ => {}
        }
    }

    /// What is known once they have.
    pub(super) fn after(&mut self, observation: &Observation, exchange: bool) {
        let at = observation.at;
        if is_word(&observation.fact) {
            self.heard = self.heard.max(Some(at));
            if exchange {
                self.exchanged = self.exchanged.max(Some(at));
            }
        }
        match &observation.fact {
            Fact::ConfigAsked { signed, .. } if exchange => {
                self.read = Some(at);
                self.signed_only = if *signed { Some(self.signed_only.unwrap_or(at)) } else { None };
            }
            Fact::LoadsGiven { .. } if exchange => self.broken = false,
            Fact::Registered { .. } if exchange => self.registered = true,
            Fact::Unregistered => self.registered = false,
            _ => {}
        }
    }

    /// Whether a document of the bench has named this load to the phone.
    pub(super) fn has_named(&self, load: &LoadName) -> bool {
        self.named.contains(load)
    }

    fn answers(&mut self, side: Side, answer: &Answer) {
        self.answers[slot(side)] = Some(answer.clone());
        let Answer::Document { load: Some(UpgradeInstruction { load, when, .. }), .. } = answer else {
            return;
        };
        for load in when.iter().chain([load]) {
            if !self.named.contains(load) {
                self.named.push(load.clone());
            }
        }
        if self.named.len() > LOADS_KEPT {
            self.named.remove(0);
        }
    }

    fn fetched(&mut self, at: Time, name: &str, whole: bool, size: u64, asked: Time) {
        self.moved = self.moved.max(Some(if whole { asked.max(at) } else { at }));
        self.broken = false;
        let place = self.files.iter().position(|file| file.name.eq_ignore_ascii_case(name));
        let known = place.map(|place| self.files.remove(place));
        let again = known.as_ref().is_none_or(|known| known.whole.is_some_and(|whole| whole < asked));
        let began = known.as_ref().filter(|_| !again).map_or(asked, |known| known.began);
        let before = known.and_then(|known| known.whole);
        let file =
            File { name: name.to_owned(), began, whole: if whole { Some(asked) } else { before }, size };
        self.files.push(file);
        if self.files.len() > FILES_KEPT {
            self.files.remove(0);
        }
    }
}

fn slot(side: Side) -> usize {
    match side {
        Side::Enterprise => 0,
        Side::Multiplatform => 1,
    }
}

/// Whether it is a word of the phone, or of somebody in its name.
pub(super) fn is_word(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Dhcp { .. }
            | Fact::Leased { .. }
            | Fact::ConfigAsked { .. }
            | Fact::Answered { .. }
            | Fact::LoadsGiven { .. }
            | Fact::LoadsRefused { .. }
            | Fact::Fetched { .. }
            | Fact::LicenseGiven { .. }
            | Fact::Missing { .. }
            | Fact::Registered { .. }
            | Fact::Probed(_)
            | Fact::Acknowledged { .. }
    )
}

pub(super) fn is_component(name: &str) -> bool {
    matches!(names::parse(name), Asked::Component { .. })
}

fn is_list(name: &str) -> bool {
    matches!(names::parse(name), Asked::Loads { .. })
}
