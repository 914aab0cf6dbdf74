//! The rule "nothing irreversible on one-way words". A broadcast or a lone datagram can be sent by anybody on the
//! wire in the name of a phone. A TCP connection, or a TFTP transfer from its first acknowledgment on, cannot: the other
//! side has answered from the leased address. So a second journey is kept of what was heard two-way, and a crossing, a
//! license, the end of the flash mark and "done" follow from that one alone.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::fold::drop_oldest;
use super::gate::Request;
use super::starts::{class, is_same_renewal, is_start, shows_start, start, variant};
use super::{Fact, Journey, Observation};
use crate::client;
use crate::load::LoadName;
use crate::mac::Mac;
use crate::settings::Settings;
use crate::time::Time;

/// One-way words of each kind that wait for proof; older ones are dropped.
const WAITING: usize = 16;

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

/// What was heard two-way, perhaps with a start that only broadcasts told of.
pub(super) struct Evidence<'a> {
    pub(super) journey: Cow<'a, Journey>,
    /// A start that only broadcasts told of is taken to have happened.
    pub(super) supposed: bool,
}

/// What of a phone's words nobody else can have said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// How facts were heard is on record: a release before 0.2 did not say.
    #[serde(default)]
    kept: bool,
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
        !self.kept && self.journey.is_none() && self.starts.is_empty() && self.requests.is_empty()
    }

    /// From now on it is on record how facts were heard.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Somebody asked in its name and has not acknowledged the answer.
    pub(super) fn has_requests(&self) -> bool {
        !self.requests.is_empty()
    }

    /// When somebody last asked in its name for its configuration and has not acknowledged the answer.
    pub(super) fn asked(&self) -> Option<Time> {
        let asks = |request: &&Observation| matches!(request.fact, Fact::ConfigAsked { .. });
        self.requests.iter().filter(asks).map(|request| request.at).max()
    }

    /// Nothing but what anybody can say was heard of it.
    pub(super) fn is_hearsay(&self) -> bool {
        self.kept && !self.journey.as_deref().is_some_and(Journey::was_heard)
    }

    /// Broadcasts in its name tell of different models.
    pub(super) fn contradicts_model(&self) -> bool {
        let classes = self.starts.iter().filter_map(class).filter_map(|(class, _)| class.as_deref());
        let mut models = classes.filter_map(|class| client::vendor_class(class.as_bytes())?.model);
        models.next().is_some_and(|first| models.any(|other| other != first))
    }

    /// A datagram that waits for its acknowledgment.
    pub(super) fn wait(&mut self, observation: &Observation) {
        self.doubt(observation);
        self.requests.push(observation.clone());
        drop_oldest(&mut self.requests, WAITING);
    }

    /// The phone may not be as silent as it seems.
    pub(super) fn doubt(&mut self, observation: &Observation) {
        if let Some(proven) = self.journey.as_deref_mut() {
            proven.doubt(observation);
        }
    }

    /// What a request at this moment said has been acknowledged.
    pub(super) fn acknowledged(&mut self, asked: Time) -> Vec<Observation> {
        if let Some(proven) = self.journey.as_deref_mut() {
            proven.doubt_no_more(asked);
        }
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
        let Some(shown) = shows_start(proven, observation) else { return proven.take(observation) };
        let words = std::mem::take(&mut self.starts);
        proven.starts(start(&words, proven, shown.side).iter());
        let open = proven.open_round().is_some();
        if open && matches!(observation.fact, Fact::LicenseGiven { .. }) {
            proven.boot(observation.at);
        }
        proven.take(observation);
        proven.hears_variant(&words);
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
    pub(super) fn evidence(&self, settings: &Settings, now: Time) -> Option<Evidence<'_>> {
        let timing = &settings.timing;
        let proven = self.journey.as_deref().filter(|proven| proven.was_heard())?;
        // What the operator vouched for after that is newer.
        let vouched = proven.retried.unwrap_or_default();
        let starts = |since: Time| self.starts.iter().any(|start| is_start(start) && start.at > since);
        let asks = |request: &&Observation| matches!(request.fact, Fact::ConfigAsked { .. });
        let asked = |since: Time| self.requests.iter().filter(asks).find(|request| request.at > since);
        let started = |since: Time| starts(since) || asked(since).is_some();
        let steered_outside = settings.cda || settings.call_managers.is_some();
        let believed = match proven.open_round() {
            Some(round) if round.broken.is_none() => {
                now - round.last >= timing.flash && started(round.last.max(vouched))
            }
            Some(round) => steered_outside && started(round.last.max(vouched)),
            // Elsewhere it asks for what nobody here hears.
            None => {
                let heard = proven.heard.unwrap_or_default().max(vouched);
                steered_outside && starts(heard)
            }
        };
        if !believed {
            return Some(Evidence { journey: Cow::Borrowed(proven), supposed: false });
        }
        let mut supposed = proven.clone();
        let met = |start: &Observation| proven.heard >= Some(start.at + timing.not_asking);
        let leased = |start: &Observation| matches!(start.fact, Fact::Leased { .. });
        let starts = start(&self.starts, proven, None);
        supposed.starts(starts.iter().filter(|start| !leased(start) || met(start)));
        supposed.hears_variant(&self.starts);
        let fetching = proven.open_round().map(|round| round.last);
        if let Some(request) = fetching.and_then(asked).filter(|request| Some(request.at) > supposed.booted) {
            supposed.boot(request.at);
        }
        let unmet = !starts.iter().any(|start| leased(start) && met(start));
        Some(Evidence { journey: Cow::Owned(supposed), supposed: unmet && proven.finish.is_none() })
    }

    /// A phone that asks again and again by datagram started before it asked first.
    fn start_with_first_request(&mut self, asked: Time) {
        let Some(proven) = self.journey.as_deref_mut() else { return };
        let Some(last) = proven.open_round().map(|round| round.last) else { return };
        // The broadcasts of that start tell better when it was.
        if self.starts.iter().any(|word| is_start(word) && word.at > last) {
            return;
        }
        let side = |request: &Observation| match request.fact {
            Fact::ConfigAsked { side, .. } => Some(side),
            _ => None,
        };
        let now = self.requests.iter().find(|request| request.at == asked).and_then(side);
        let same = |request: &&Observation| request.at > last && now.is_some() && side(request) == now;
        if let Some(first) = self.requests.iter().find(same).filter(|first| first.at < asked) {
            proven.boot(first.at);
        }
    }

    /// The same as if the phone itself had sent what is being answered.
    pub(super) fn supposing(journey: &Journey, request: Request, now: Time) -> Self {
        let (mac, mut supposed) = (journey.mac, journey.proof.clone());
        match request {
            Request::Datagram(asked) => {
                supposed.start_with_first_request(asked);
                for request in supposed.acknowledged(asked) {
                    supposed.observe(mac, &request);
                }
            }
            Request::Load { .. } => {
                let proven = supposed.journey.get_or_insert_with(|| Box::new(Journey::new(mac, now)));
                if !proven.is_told() {
                    let words = std::mem::take(&mut supposed.starts);
                    proven.starts(start(&words, proven, None).iter());
                    proven.hears_variant(&words);
                    // One that was never met comes back as well.
                    proven.away |= journey.away && !journey.is_met();
                    proven.comes_back(now);
                }
            }
        }
        supposed
    }
}

impl Journey {
    /// Takes in one fact.
    pub fn observe(&mut self, observation: &Observation) {
        let at = observation.at;
        // Of a phone that nothing is awaited of, a gap changes nothing.
        if matches!(observation.fact, Fact::Unwatched { .. }) && !self.awaits_answer() {
            return;
        }
        if observation.heard == Heard::Unrecorded {
            return self.take(observation);
        }
        if self.is_unproven_record() {
            let mut proof = std::mem::take(&mut self.proof);
            proof.take_over(self, at);
            self.proof = proof;
        }
        self.proof.keep();
        if observation.heard == Heard::OneWay {
            self.last_seen = self.last_seen.max(at);
            match observation.fact {
                // For people; nothing is decided by it.
                Fact::Missing { .. } => {
                    self.take(observation);
                    self.proof.doubt(observation);
                }
                _ => self.proof.wait(observation),
            }
        } else if let Fact::Acknowledged { asked } = observation.fact {
            for said in self.proof.acknowledged(asked) {
                self.observe(&said);
            }
        } else {
            self.take(observation);
            self.proof.observe(self.mac, observation);
        }
    }

    /// The journey of what was heard two-way; all of it, where nothing was.
    pub fn proven(&self) -> &Self {
        self.proof.journey.as_deref().filter(|proven| proven.was_heard()).unwrap_or(self)
    }

    /// Something was heard of it two-way.
    pub fn is_met(&self) -> bool {
        self.proof.journey.as_deref().is_some_and(Self::was_heard)
    }

    /// It has asked for its configuration two-way since it started.
    pub(super) fn has_proven_its_start(&self) -> bool {
        let proven = self.proven().asked.filter(|_| self.is_met());
        proven.is_some() && proven >= self.booted
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

    /// Broadcasts name its variant, though they may contradict each other. They do not make it another model.
    fn hears_variant(&mut self, words: &[Observation]) {
        if let Some(variant) = self.model().and_then(|model| variant(words, &model)) {
            self.class_model = Some(variant);
        }
    }

    /// A request that may be the phone's own: its silence tells nothing.
    fn doubt(&mut self, request: &Observation) {
        let at = request.at;
        let license = |name: &str| name.to_ascii_lowercase().ends_with(".lic");
        let asks = |load: &LoadName| match &request.fact {
            Fact::LoadsGiven { load: asked } => asked == load,
            Fact::LoadsRefused { name } => name == load.as_str(),
            // It goes on from its license to the load.
            Fact::LicenseGiven { .. } => true,
            Fact::Missing { name } => license(name),
            _ => false,
        };
        for offer in self.offers.iter_mut().filter(|offer| offer.closed.is_none() && asks(&offer.load)) {
            offer.unwatched.get_or_insert(at);
        }
        if matches!(request.fact, Fact::LicenseGiven { .. }) {
            self.take(&Observation::new(at, Fact::LicenseUnsaid));
        }
    }

    /// It was its own, and is seen.
    fn doubt_no_more(&mut self, asked: Time) {
        for offer in self.offers.iter_mut().filter(|offer| offer.unwatched == Some(asked)) {
            offer.unwatched = None;
        }
    }

    /// With the requests that nobody has acknowledged: for what people are shown.
    pub(super) fn with_requests(&self) -> Cow<'_, Self> {
        if self.proof.requests.is_empty() {
            return Cow::Borrowed(self);
        }
        let proof = Proof { kept: true, starts: self.proof.starts.clone(), ..Proof::default() };
        let mut supposed = Self { proof, ..self.clone() };
        let shows = |request: &&Observation| {
            Some(request.at) >= self.booted && !matches!(request.fact, Fact::Registered { .. })
        };
        for request in self.proof.requests.iter().filter(shows) {
            supposed.take(request);
        }
        Cow::Owned(supposed)
    }

    /// A release before 0.2 wrote it.
    pub(super) fn is_unproven_record(&self) -> bool {
        !self.proof.kept && (self.asked.is_some() || !self.rounds.is_empty() || !self.reports.is_empty())
    }
}
