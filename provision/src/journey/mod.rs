//! A phone's journey: its facts, folded as they come. What follows from them is derived each time
//! (`belief`, `assess`), so that a license that arrives lifts a hold and a newer catalog rewrites nothing.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client;
use crate::load::{LoadName, Side};
use crate::mac::Mac;
use crate::time::Time;

mod assess;
mod belief;
mod claims;
mod facts;
pub(crate) mod fetched;
mod finish;
mod fold;
mod gate;
mod history;
mod known_before;
mod loops;
mod observation;
mod outside;
mod own_page;
mod proof;
mod registration;
mod restart;
mod stall;
mod starts;
#[cfg(test)]
mod tests;
mod transfers;
mod tries;
mod verdict;
mod way;

pub use assess::{assess, assess_request};
pub use belief::{Belief, believe};
pub use facts::{Offer, OwnPage, Progress, Round, Stay};
pub use fetched::under_way;
pub use finish::Finish;
pub use gate::Request;
pub use history::{Deed, History, HookRun, Met, Passage, Stand, Sum, origin, passages};
pub use known_before::KnownBefore;
pub use observation::{Act, Answer, Fact, Observation, UpgradeInstruction};
pub use outside::unattested;
pub use own_page::{disagreements, is_of_another, page_due};
pub use proof::{Heard, Proof};
pub use registration::{Means, Report, Restart, Told};
pub use restart::{Order, by_operator};
pub use verdict::{Assessment, LicenseState, Next, Stage};
pub use way::{Context, obstacle, plan};

/// What is known of one phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    /// The phone.
    pub mac: Mac,
    /// First fact.
    pub first_seen: Time,
    /// Latest fact.
    pub last_seen: Time,
    /// Its address, as last leased or used.
    pub address: Option<Ipv4Addr>,
    /// Latest option 60.
    pub vendor_class: Option<String>,
    /// Latest option 55.
    pub request_list: Vec<u8>,
    /// Latest DHCP message.
    pub dhcp_at: Option<Time>,
    /// Latest User-Agent.
    pub user_agent: Option<String>,
    /// When it was sent.
    #[serde(default)]
    pub user_agent_at: Option<Time>,
    /// Since when it has sent nothing else since it started.
    #[serde(default)]
    pub user_agent_since: Option<Time>,
    /// The model as file names told it.
    pub named_model: Option<String>,
    /// The model as option 60 last named it: what a phone sends after a crossing may name none (cisco-phones §1.1).
    #[serde(default)]
    pub class_model: Option<String>,
    /// Option 60 has not always named the same model, or none.
    #[serde(default)]
    pub class_varies: bool,
    /// What its own page told.
    #[serde(default)]
    pub page: OwnPage,
    /// Latest boot.
    pub booted: Option<Time>,
    /// When it was first given an address since each boot, and until when it was certainly there; oldest first. One that
    /// starts and takes another server's address is given none.
    #[serde(default)]
    pub stays: Vec<Stay>,
    /// Latest request for any file.
    pub asked: Option<Time>,
    /// The first boot since it asked for a file.
    #[serde(default)]
    pub silent_since: Option<Time>,
    /// Latest fact that the phone itself gave.
    #[serde(default)]
    pub heard: Option<Time>,
    /// Since its license was given: from when to when it could have asked for anything without being heard.
    #[serde(default)]
    pub unheard: Vec<(Time, Time)>,
    /// It was not heard of for so long that somebody may have loaded it elsewhere, and has not shown since what it runs or
    /// wants.
    #[serde(default)]
    pub away: bool,
    /// When it was heard last before that.
    #[serde(default)]
    pub left: Option<Time>,
    /// When it did so first after that, by what it asked for, its page or its registration: what was known of its load before
    /// counts no more.
    #[serde(default)]
    pub returned: Option<Time>,
    /// When it was first seen to ask as a phone of a side, after each boot and each change of side; oldest first.
    pub sightings: Vec<(Time, Side)>,
    /// First request for a signed configuration since the latest unsigned one.
    pub signed_asked: Option<Time>,
    /// Latest request for an unsigned Enterprise configuration.
    pub unsigned_asked: Option<Time>,
    /// Documents given that named a load, oldest first.
    pub offers: Vec<Offer>,
    /// Fetches of loads, oldest first.
    pub rounds: Vec<Round>,
    /// First and latest time that the license was given whole.
    pub license_given: Option<(Time, Time)>,
    /// Latest refused `.loads` request.
    pub refused: Option<(Time, String)>,
    /// Names asked for and not found, with the latest time.
    pub missing: BTreeMap<String, Time>,
    /// Signals that disagreed.
    pub contradictions: Vec<(Time, String)>,
    /// What it said when it registered, each time it said something new or had started again; oldest first.
    #[serde(default)]
    pub reports: Vec<(Time, Report)>,
    /// Since when it is registered.
    #[serde(default)]
    pub registered: Option<Time>,
    /// Restarts that it was told of, oldest first.
    #[serde(default)]
    pub restarts: Vec<Told>,
    /// Restarts before this moment do not count.
    #[serde(default)]
    pub restarts_from: Option<Time>,
    /// Held by the operator since.
    pub held_by_operator: Option<Time>,
    /// Failures before this moment are forgiven.
    pub retried: Option<Time>,
    /// It was done, and nothing has denied that since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
    /// The same record of what was heard two-way alone.
    #[serde(default, skip_serializing_if = "Proof::is_empty")]
    pub proof: Proof,
    /// For people; nothing is decided by it.
    #[serde(default)]
    pub history: History,
}

impl Journey {
    /// A phone nothing is known of but its address.
    pub fn new(mac: Mac, at: Time) -> Self {
        Self {
            mac,
            first_seen: at,
            last_seen: at,
            address: None,
            vendor_class: None,
            request_list: Vec::new(),
            dhcp_at: None,
            user_agent: None,
            user_agent_at: None,
            user_agent_since: None,
            named_model: None,
            class_model: None,
            class_varies: false,
            page: OwnPage::default(),
            booted: None,
            stays: Vec::new(),
            asked: None,
            silent_since: None,
            heard: None,
            unheard: Vec::new(),
            away: false,
            left: None,
            returned: None,
            sightings: Vec::new(),
            signed_asked: None,
            unsigned_asked: None,
            offers: Vec::new(),
            rounds: Vec::new(),
            license_given: None,
            refused: None,
            missing: BTreeMap::new(),
            contradictions: Vec::new(),
            reports: Vec::new(),
            registered: None,
            restarts: Vec::new(),
            restarts_from: None,
            held_by_operator: None,
            retried: None,
            finish: None,
            proof: Proof::default(),
            history: History::default(),
        }
    }

    /// The phone itself was heard of, by whatever it sends.
    fn was_heard(&self) -> bool {
        self.dhcp_at.is_some()
            || self.asked.is_some()
            || self.address.is_some()
            || self.page.read.is_some()
            || !self.reports.is_empty()
    }

    /// There is something to say of it. Whom only the operator's hand has touched is not seen, but may be held.
    pub fn is_known(&self) -> bool {
        self.was_heard() || self.held_by_operator.is_some() || self.proof.has_requests()
    }

    /// It has started, and has not asked for any file since.
    pub(super) fn has_asked_nothing(&self) -> bool {
        self.booted.is_some_and(|booted| self.asked.is_none_or(|asked| asked < booted))
    }

    /// The model as the phone itself tells it: its registration first, then its page, option 60, file names,
    /// User-Agent.
    pub fn model(&self) -> Option<String> {
        let registered = self.reports.iter().rev().find_map(|(_, report)| report.model.clone());
        registered.or_else(|| self.model_by_weaker_signals())
    }

    /// Only broadcasts name its model, and not always the same one: anybody may have sent them.
    pub(super) fn is_model_doubtful(&self) -> bool {
        let agent = || self.user_agent.as_deref().and_then(client::user_agent)?.model;
        let told = self.reports.iter().any(|(_, report)| report.model.is_some())
            || self.page.model.is_some()
            || self.named_model.is_some();
        self.class_varies && !told && agent().is_none()
    }

    /// The same without its registration.
    pub fn model_by_weaker_signals(&self) -> Option<String> {
        if let Some(model) = &self.page.model {
            return Some(model.clone());
        }
        let by_class = self.vendor_class.as_deref().and_then(|text| client::vendor_class(text.as_bytes()));
        let by_agent = || self.user_agent.as_deref().and_then(client::user_agent);
        by_class
            .and_then(|signal| signal.model)
            .or_else(|| self.variant().or(self.named_model.as_ref()).or(self.class_model.as_ref()).cloned())
            .or_else(|| by_agent().and_then(|signal| signal.model))
    }

    /// A profile's name stands for all variants of a model (8851 for the 8851NR); a DHCP class tells the variant.
    fn variant(&self) -> Option<&String> {
        let (named, class) = self.named_model.as_ref().zip(self.class_model.as_ref())?;
        class.starts_with(named.as_str()).then_some(class)
    }

    /// Whether it has started and was given no address since.
    pub fn wants_address(&self) -> bool {
        self.booted.is_some_and(|booted| self.stays.last().is_none_or(|stay| stay.from < booted))
    }

    /// First and latest time that the license was given, as far as the phone can still have it.
    pub fn license_known(&self) -> Option<(Time, Time)> {
        let (first, latest) = self.license_given?;
        (Some(latest) >= self.returned).then_some((self.returned.map_or(first, |at| first.max(at)), latest))
    }

    /// Whether a document that names a load is in the hands of a phone that reads those of this side.
    pub(super) fn was_told_a_load(&self, side: Side) -> bool {
        self.offers.iter().any(|offer| offer.awaits_answer() && offer.side == side)
    }

    /// Whether it was silent about its license for so long, as far as it could be heard.
    pub(super) fn rests_licensed(&self, patience: Duration, now: Time) -> bool {
        let Some((_, latest)) = self.license_known() else { return false };
        let mut from = latest;
        let stretches = self.unheard.iter().copied().chain([(self.audible_until(now), now)]);
        stretches.into_iter().any(|(until, again)| {
            let quiet = until - from >= patience;
            from = from.max(again);
            quiet
        })
    }

    /// Whether the phone's silence may tell something: a document is in its hands, it fetches, it has started again after a
    /// fetch that somebody else told it of, or it has its license.
    pub fn awaits_answer(&self) -> bool {
        self.is_waited_for() || self.proven().is_waited_for()
    }

    /// The round that no start has ended yet.
    pub(super) fn open_round(&self) -> Option<&Round> {
        self.rounds.last().filter(|round| round.booted.is_none())
    }

    /// It was told a load, and neither a start nor an order has ended that.
    pub(super) fn is_told(&self) -> bool {
        self.offers.iter().any(|offer| offer.closed.is_none())
    }

    /// From a load's listing on, a phone may fetch and write it, for as long as writing flash can take (`flash`). It may
    /// have no flash mark: a fetch that nobody remembers has none.
    pub fn may_write(&self, flash: Duration, now: Time) -> bool {
        self.open_round().is_some_and(|round| round.broken.is_none() && now - round.last < flash)
    }

    fn is_waited_for(&self) -> bool {
        let tells = |round: &Round| match round.booted {
            None => true,
            Some(_) => round.unwatched.is_none() && !self.was_told(round),
        };
        self.is_told() || self.rounds.last().is_some_and(tells) || self.license_given.is_some()
    }

    /// Whether the phone has said since it fetched this load that it runs another one.
    fn denies(&self, round: &Round) -> bool {
        let reported = self.reports.iter().filter_map(|(at, report)| Some((at, report.active.as_ref()?)));
        let shown = self.page.loads.iter().map(|(at, load)| (at, load));
        reported.chain(shown).any(|(at, load)| Some(*at) >= round.booted && *load != round.load)
    }

    /// Whether a document of ours led to a fetch.
    pub(super) fn was_told(&self, round: &Round) -> bool {
        self.was_told_on(round, Side::Enterprise) || self.was_told_on(round, Side::Multiplatform)
    }

    /// Whether a document of this side did.
    fn was_told_on(&self, round: &Round, side: Side) -> bool {
        let led = |offer: &Offer| offer.load == round.load && offer.answered == Some(round.began);
        self.offers.iter().any(|offer| offer.side == side && led(offer))
    }

    /// Whether a document that says exactly this is in the phone's hands since its latest boot.
    pub fn holds_offer(&self, load: &LoadName, attempt: u32) -> bool {
        self.offers
            .iter()
            .filter(|offer| offer.closed.is_none() && offer.unwatched.is_none())
            .any(|offer| offer.load == *load && offer.attempt == attempt)
    }

    /// Its registration stands, as far as is known.
    pub fn is_registered(&self) -> bool {
        self.registered.is_some() || self.proven().registered.is_some()
    }

    /// Whether this disagreement is on record.
    pub fn knows_contradiction(&self, what: &str) -> bool {
        self.contradictions.iter().any(|(_, known)| known == what)
    }
}
