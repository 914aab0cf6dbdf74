//! The rule "nothing irreversible on one-way words". A broadcast or a lone datagram can be sent by anybody on the
//! wire in the name of a phone. A TCP connection, or a TFTP transfer from its first acknowledgment on, cannot: the other
//! side has answered from the leased address. So a second journey is kept of what was heard two-way, and a crossing, a
//! license, the end of the flash mark and "done" follow from that one alone.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fold::drop_oldest;
use super::outside;
use super::verdict::{Assessment, HoldCode, LicenseState, Next, Stage};
use super::{Fact, Journey, Observation, Round};
use crate::client;
use crate::load::{Kind, Side};
use crate::mac::Mac;
use crate::settings::Settings;
use crate::time::Time;

/// One-way words of each kind that wait for proof; older ones are dropped.
const WAITING: usize = 16;

/// No phone writes flash for so long.
const LONG: Duration = Duration::from_secs(3600);

/// How a fact was heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heard {
    /// A release before 0.2 wrote it down and did not say. It counts as one-way.
    #[default]
    Unrecorded,
    /// A DHCP message.
    Broadcast,
    /// A datagram that nobody has acknowledged yet.
    OneWay,
    /// Through a TCP connection, or acknowledged; or the bench did it itself.
    TwoWay,
}

/// A request that is being answered. The answer goes to the leased address, so that the request needs no proof of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// What was heard at this moment by datagram.
    Datagram(Time),
    /// A `.loads` file, of which no fact tells yet.
    Load {
        /// It came two-way.
        proven: bool,
    },
}

/// What of a phone's words nobody else can have said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The journey of these alone.
    journey: Option<Box<Journey>>,
    /// DHCP messages and leases since the phone's latest two-way request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    starts: Vec<Observation>,
    /// Requests by datagram that nobody has acknowledged yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    requests: Vec<Observation>,
}

impl Proof {
    /// There is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.journey.is_none() && self.starts.is_empty() && self.requests.is_empty()
    }

    /// A datagram that waits for its acknowledgment.
    pub(super) fn wait(&mut self, observation: &Observation) {
        self.requests.push(observation.clone());
        drop_oldest(&mut self.requests, WAITING);
    }

    /// What a request at this moment said has been acknowledged.
    pub(super) fn acknowledged(&mut self, asked: Time) -> Vec<Observation> {
        let said = self.requests.extract_if(.., |request| request.at == asked);
        said.map(|request| Observation { heard: Heard::TwoWay, ..request }).collect()
    }

    /// Takes in a fact of which the rest of the journey knows already.
    pub(super) fn observe(&mut self, mac: Mac, observation: &Observation) {
        if observation.fact.is_ours() {
            return;
        }
        if observation.heard == Heard::Broadcast {
            // Renewals that say the same do not push out the start before them.
            if let Some(last) = self.starts.last_mut().filter(|last| is_same_renewal(last, observation)) {
                last.at = observation.at;
                return;
            }
            self.starts.push(observation.clone());
            drop_oldest(&mut self.starts, WAITING);
            return;
        }
        let proven = self.journey.get_or_insert_with(|| Box::new(Journey::new(mac, observation.at)));
        if let Some(side) = shows_start(proven, observation) {
            proven.starts(start(&std::mem::take(&mut self.starts), proven, side).iter());
        }
        proven.take(observation);
    }

    /// What a release before 0.2 knew: it counts as one-way, so that of its loads only what they may be doing remains.
    pub(super) fn take_over(&mut self, journey: &Journey, at: Time) {
        let model = journey.model();
        let mut proven = Journey {
            proof: Self::default(),
            history: super::History::default(),
            returned: Some(at),
            away: false,
            license_given: None,
            unheard: Vec::new(),
            sightings: Vec::new(),
            reports: Vec::new(),
            registered: None,
            ..journey.clone()
        };
        proven.named_model = proven.named_model.or(model);
        proven.page.loads.clear();
        proven.withdraw_offers(at);
        self.journey = Some(Box::new(proven));
    }

    /// The journey of what was heard two-way, if anything was. A start that only a broadcast told of is believed once the
    /// phone cannot be writing flash any more; its lease, if the phone was met two-way so long after that that its silence tells.
    fn evidence(&self, settings: &Settings, now: Time) -> Option<Cow<'_, Journey>> {
        let timing = &settings.timing;
        let proven = self.journey.as_deref().filter(|proven| proven.was_heard())?;
        let started = |since: Time| self.starts.iter().any(|start| is_start(start) && start.at > since);
        let believed = match proven.rounds.last().filter(|round| round.booted.is_none()) {
            // What the operator vouched for after that is newer.
            Some(round) if round.broken.is_none() => {
                let since = round.last.max(proven.retried.unwrap_or_default());
                now - round.last >= timing.flash && started(since)
            }
            Some(round) => started(round.last),
            // Elsewhere it asks for what nobody here hears.
            None => (settings.cda || settings.call_managers.is_some()) && started(Time::default()),
        };
        if !believed {
            return Some(Cow::Borrowed(proven));
        }
        let mut supposed = proven.clone();
        let met = |start: &Observation| proven.heard >= Some(start.at + timing.not_asking);
        let leased = |start: &Observation| matches!(start.fact, Fact::Leased { .. });
        let starts = start(&self.starts, proven, None);
        supposed.starts(starts.iter().filter(|start| !leased(start) || met(start)));
        Some(Cow::Owned(supposed))
    }

    /// The same as if the phone itself had sent what is being answered.
    fn supposing(&self, mac: Mac, request: Request, now: Time) -> Self {
        let mut supposed = self.clone();
        match request {
            Request::Datagram(asked) => {
                for request in supposed.acknowledged(asked) {
                    supposed.observe(mac, &request);
                }
            }
            Request::Load { .. } => {
                let proven = supposed.journey.get_or_insert_with(|| Box::new(Journey::new(mac, now)));
                let told_here = proven.offers.iter().any(|offer| offer.closed.is_none());
                if !told_here {
                    let start = start(&std::mem::take(&mut supposed.starts), proven, None);
                    proven.starts(start.iter());
                }
            }
        }
        supposed
    }
}

impl Journey {
    /// The journey of what was heard two-way; all of it, where nothing was.
    pub fn proven(&self) -> &Self {
        self.proof.journey.as_deref().filter(|proven| proven.was_heard()).unwrap_or(self)
    }

    /// Something was heard of it two-way.
    pub fn is_met(&self) -> bool {
        self.proof.journey.as_deref().is_some_and(Self::was_heard)
    }

    /// The same, to be changed.
    pub(super) fn proven_mut(&mut self) -> Option<&mut Self> {
        self.proof.journey.as_deref_mut()
    }

    /// Takes in that it has started, as broadcasts told. It was there when it was met two-way after that.
    fn starts<'a>(&mut self, words: impl Iterator<Item = &'a Observation>) {
        let heard = self.heard;
        for word in words {
            self.take(word);
            if let Some(stay) = self.stays.last_mut().filter(|stay| heard > Some(stay.from)) {
                stay.heard = heard;
            }
        }
    }

    /// A release before 0.2 wrote it.
    pub(super) fn is_unproven_record(&self) -> bool {
        self.proof.journey.is_none()
            && (self.asked.is_some() || !self.rounds.is_empty() || !self.reports.is_empty())
    }
}

/// What follows from everything that was heard, and from what was heard two-way: where a phone is given something that
/// cannot be taken back, the latter decides.
pub(super) fn decide(
    journey: &Journey,
    request: Option<Request>,
    settings: &Settings,
    now: Time,
    conclude: impl Fn(&Journey) -> Assessment,
) -> Assessment {
    let heard = conclude(journey);
    let answered = journey.is_met() || request == Some(Request::Load { proven: true });
    let supposed = request.map(|request| journey.proof.supposing(journey.mac, request, now));
    match supposed.as_ref().unwrap_or(&journey.proof).evidence(settings, now) {
        Some(proven) if answered => join(heard, conclude(&proven)),
        Some(proven) => restrain(conclude(&proven), journey.retried.is_some()),
        None => restrain(heard, journey.retried.is_some()),
    }
}

/// The proven verdict, with what a broadcast may change: the options of the next lease, and that the phone asks for
/// nothing.
fn join(heard: Assessment, proven: Assessment) -> Assessment {
    let mut verdict = Assessment { steered_as: heard.steered_as, ..proven };
    verdict.model = verdict.model.or(heard.model);
    if verdict.persona == client::Persona::Unknown {
        verdict.persona = heard.persona;
    }
    verdict.deadline = [verdict.deadline, heard.deadline].into_iter().flatten().min();
    let silent = heard.hold.filter(|hold| hold.code == HoldCode::NotAsking);
    let at_rest = verdict.hold.is_none() && !verdict.writing && verdict.stage != Stage::Done;
    if let Some(hold) = silent.filter(|_| at_rest) {
        verdict.stage = heard.stage;
        verdict.hold = Some(hold);
        verdict.restart = None;
    }
    verdict
}

/// Nothing was heard two-way yet: what cannot be taken back waits for that, or for an operator who vouches for the roster.
fn restrain(mut verdict: Assessment, vouched: bool) -> Assessment {
    if verdict.stage == Stage::Done && vouched {
        return verdict;
    }
    verdict.again = None;
    let stays = verdict.persona == client::Persona::Enterprise;
    let reversible = match &verdict.next {
        // Nobody but the roster can have told what it runs.
        Next::Load { .. } if verdict.load.is_some() => true,
        Next::Load { load, when, .. } => stays && load.kind() == Kind::Enterprise && when.is_none(),
        Next::License | Next::Final => false,
        Next::Nothing | Next::Later | Next::Introduction => true,
    };
    if !reversible {
        verdict.next = Next::Introduction;
    }
    if verdict.stage == Stage::Done {
        verdict.stage = Stage::Held;
        verdict.hold = verdict.load.as_ref().map(outside::not_confirmed);
    }
    if matches!(verdict.license, LicenseState::Accepted | LicenseState::Fetched) {
        verdict.license = LicenseState::Present;
    }
    verdict
}

fn is_start(observation: &Observation) -> bool {
    matches!(observation.fact, Fact::Dhcp { boot: true, .. })
}

fn is_same_renewal(one: &Observation, other: &Observation) -> bool {
    matches!(one.fact, Fact::Dhcp { boot: false, .. }) && one.fact == other.fact
}

/// Whether a two-way fact shows that the start which broadcasts told of has happened: with the side that it shows, if it
/// shows one. A file of the fetch that was under way shows none.
fn shows_start(proven: &Journey, observation: &Observation) -> Option<Option<Side>> {
    let open = proven.rounds.last().filter(|round| round.booted.is_none());
    let fetches = open.map(|round| &round.load);
    let told_here = proven.offers.iter().any(|offer| offer.closed.is_none());
    match &observation.fact {
        Fact::ConfigAsked { side, .. } => Some(Some(*side)),
        Fact::LoadsGiven { .. } | Fact::LoadsRefused { .. } => (!told_here).then_some(None),
        // Enterprise firmware has no use for a license.
        Fact::LicenseGiven { .. } if open.is_some_and(|round| round.from == Some(Side::Enterprise)) => {
            Some(Some(Side::Multiplatform))
        }
        Fact::Probed(page) if page.load.is_some() && page.load.as_ref() == fetches => Some(None),
        Fact::Registered { report } if report.active.is_some() && report.active.as_ref() == fetches => {
            Some(None)
        }
        // The operator has it before the eyes.
        Fact::Operator { act: super::Act::Retry } => {
            let over = |round: &Round| round.broken.is_some() || observation.at - round.last >= LONG;
            open.is_none_or(over).then_some(None)
        }

        Fact::LicenseGiven { .. } | Fact::Missing { .. } | Fact::Probed(_) | Fact::Registered { .. } => {
            (open.is_none() && !told_here).then_some(None)
        }
        _ => None,
    }
}

/// One start out of the broadcasts that told of it. Where these contradict each other, those count that fit what the
/// phone shows; where they still do, what was known of its class stays.
fn start(words: &[Observation], proven: &Journey, side: Option<Side>) -> Vec<Observation> {
    let mut classes: Vec<(&Option<String>, &Vec<u8>)> = words.iter().filter_map(class).collect();
    classes.dedup();
    if classes.len() > 1 {
        classes.retain(|(class, list)| {
            let persona = client::dhcp(class.as_deref().map(str::as_bytes), list, proven.mac);
            let said = persona.and_then(|signal| signal.persona.side());
            side.is_none() || said.is_none() || said == side
        });
    }
    let known = (&proven.vendor_class, &proven.request_list);
    let (vendor_class, request_list) = match classes.as_slice() {
        [one] => *one,
        _ => known,
    };
    let word = |observation: &Observation| Observation {
        fact: match &observation.fact {
            Fact::Dhcp { boot, .. } => Fact::Dhcp {
                boot: *boot,
                vendor_class: vendor_class.clone(),
                request_list: request_list.clone(),
            },
            other => other.clone(),
        },
        ..observation.clone()
    };
    let boot = words.iter().rposition(is_start);
    let renewal = || words.iter().rposition(|word| matches!(word.fact, Fact::Dhcp { .. }));
    let from = boot.or_else(renewal);
    let lease = words.iter().rposition(|word| matches!(word.fact, Fact::Leased { .. }));
    let lease = lease.filter(|lease| from.is_none_or(|from| *lease > from));
    [from, lease].into_iter().flatten().map(|index| word(&words[index])).collect()
}

fn class(observation: &Observation) -> Option<(&Option<String>, &Vec<u8>)> {
    match &observation.fact {
        Fact::Dhcp { vendor_class, request_list, .. } => Some((vendor_class, request_list)),
        _ => None,
    }
}
