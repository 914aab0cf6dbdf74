//! Which firmware a phone runs: signals in order of time merged into one belief, with its evidence.

use std::time::Duration;

use super::{Journey, Offer, Round};
use crate::client::{self, Persona, Signal};
use crate::library::{Library, Platform};
use crate::load::{Kind, LoadName, Side, Version};
use crate::settings::Timing;
use crate::time::Time;

/// What is believed of a phone's firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belief {
    /// The side it behaves as.
    pub side: Option<Side>,
    /// The load it runs.
    pub load: Option<LoadName>,
    /// The Multiplatform release it runs, where the load is not known but the User-Agent tells.
    pub release: Option<Version>,
    /// Since when that load is believed.
    pub since: Time,
    /// Why, for the technician.
    pub evidence: String,
    /// Loads it has run, oldest first; the present one last if known.
    pub passed: Vec<LoadName>,
    /// DHCP says another side than everything else does.
    pub disputed: bool,
    strength: Strength,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Told,
    Silence,
    Behavior,
    Fetched,
    /// Fetched whole, and not asked for when told again.
    Settled,
    /// The phone's own page says so.
    Page,
    /// The phone itself named it when it registered.
    Reported,
}

enum Claim<'a> {
    Reports(&'a LoadName),
    Runs(&'a LoadName, Strength, String),
    RunsNot(&'a LoadName),
    SaysRelease(String),
    On(Side, &'static str),
    DhcpSays(Side),
}

/// Merges all signals up to `now`. `told` is the roster's word for the load.
pub fn believe(
    journey: &Journey,
    library: &Library,
    timing: &Timing,
    told: Option<&LoadName>,
    now: Time,
) -> Belief {
    let mut belief = Belief {
        side: None,
        load: None,
        release: None,
        since: journey.first_seen,
        evidence: String::from("nothing tells yet"),
        passed: Vec::new(),
        disputed: false,
        strength: Strength::Told,
    };
    let mut claims = claims(journey, library, timing, told, now);
    claims.sort_by_key(|(at, _)| *at);
    for (at, claim) in claims {
        belief.weigh(at, claim, journey);
    }
    if belief.side.is_none() && journey.vendor_class.is_none() {
        belief.side = match client::request_list(&journey.request_list) {
            Some(Persona::Enterprise) => Some(Side::Enterprise),
            Some(Persona::Multiplatform | Persona::Transition) => Some(Side::Multiplatform),
            _ => None,
        };
    }
    if belief.side == Some(Side::Multiplatform) && belief.load.is_none() {
        belief.release = release(journey, library);
        if let Some(release) = &belief.release {
            belief.evidence = format!("its User-Agent says release {release}");
        }
    }
    belief.disputed = matches!((belief.side, dhcp_side(journey)), (Some(side), Some(said)) if side != said);
    belief
}

fn claims<'a>(
    journey: &'a Journey,
    library: &Library,
    timing: &Timing,
    told: Option<&'a LoadName>,
    now: Time,
) -> Vec<(Time, Claim<'a>)> {
    let mut claims = Vec::new();
    if let Some(load) = told {
        claims.push((Time(0), Claim::Runs(load, Strength::Told, "the roster says so".into())));
    }
    if let (Some(side), Some(at)) = (dhcp_side(journey), journey.dhcp_at) {
        claims.push((at, Claim::DhcpSays(side)));
    }
    for (at, report) in &journey.reports {
        claims.extend(report.active.as_ref().map(|load| (*at, Claim::Reports(load))));
    }
    for round in &journey.rounds {
        claims.push((round.began, Claim::RunsNot(&round.load)));
        let chosen = journey
            .offers
            .iter()
            .find(|offer| offer.load == round.load && offer.answered == Some(round.began));
        if let Some(running) = chosen.and_then(|offer| offer.when.as_ref()) {
            let why = format!("its upgrade rule chose {}, which only this load does", round.load);
            claims.push((round.began, Claim::Runs(running, Strength::Behavior, why)));
        }
        if let Some(booted) = round.booted.filter(|_| fetched(round, library) == Fetch::Whole) {
            let why = "it fetched the load and its components whole and started again".into();
            claims.push((booted, Claim::Runs(&round.load, Strength::Fetched, why)));
        }
    }
    let release = release(journey, library);
    let page = &journey.page.loads;
    // Where its page was read after it was told, that tells, and silence nothing more.
    let unread = |offer: &&Offer| page.last().is_none_or(|(read, _)| *read <= offer.at);
    for offer in journey.offers.iter().filter(|offer| silence_tells(offer)).filter(unread) {
        let (from, wait) = silence(offer, journey, release.as_ref(), timing);
        let at = from + wait;
        let heard = [offer.closed, offer.unwatched].into_iter().flatten().fold(now, Time::min);
        if heard >= at {
            let before = |round: &&Round| round.load == offer.load && round.last < offer.at;
            let came = journey.rounds.iter().rev().find(before).map(|round| fetched(round, library));
            // Silence after a fetch that was doubtful settles the doubt.
            let strength = match came {
                Some(Fetch::Whole | Fetch::Doubtful) => Strength::Settled,
                Some(Fetch::Part) | None => Strength::Silence,
            };
            let why = format!("it was told to load it and did not ask for it within {} s", wait.as_secs());
            claims.push((at, Claim::Runs(&offer.load, strength, why)));
        }
    }
    let said = agent(journey).and_then(|agent| agent.version);
    if let (Some(at), Some(release)) = (journey.user_agent_at, said) {
        claims.push((at, Claim::SaysRelease(release)));
    }
    for (at, side) in &journey.sightings {
        let why = match side {
            Side::Enterprise => "it asks for Enterprise boot files",
            Side::Multiplatform => "it asks for Multiplatform profiles",
        };
        claims.push((*at, Claim::On(*side, why)));
    }
    let says = |load| Claim::Runs(load, Strength::Page, "its own page says so".into());
    claims.extend(page.iter().map(|(at, load)| (*at, says(load))));
    claims
}

/// Whether not asking for the load offered can mean that the phone runs it: only one load was named, of the
/// side whose document the phone read.
fn silence_tells(offer: &Offer) -> bool {
    offer.answered.is_none()
        && !offer.refused
        && !offer.conditional
        && offer.load.kind().side() == offer.side
        && !matches!(offer.load.kind(), Kind::Transition(_))
}

/// From when, and for how long, silence has to last. A phone that waits for its license to be accepted is silent
/// too, but comes back for the license; so silence counts from the license, and as long as a license may take,
/// unless the phone has shown that it needs none any more: it says that it has the release already, or it went on
/// from its license to fetch this load once before.
pub(super) fn silence(
    offer: &Offer,
    journey: &Journey,
    release: Option<&Version>,
    timing: &Timing,
) -> (Time, Duration) {
    let Some((first, latest)) = journey.license_given.filter(|(_, latest)| *latest >= offer.at) else {
        return (offer.at, timing.already_there);
    };
    let has_release = release.is_some_and(|release| same_release(release, offer.load.version()));
    let went_on = journey.rounds.iter().any(|round| round.load == offer.load && round.began >= first);
    if has_release || went_on { (offer.at, timing.already_there) } else { (latest, timing.license) }
}

/// The newest release of a transition load known (cisco-phones §4.4); beyond it a User-Agent means what it says.
const TRANSITION_RELEASE: (u16, u16, u16) = (11, 2, 3);

/// The Multiplatform release that the User-Agent tells, where no transition load is of that release: whether
/// those name themselves like Multiplatform loads is not known.
fn release(journey: &Journey, library: &Library) -> Option<Version> {
    let release: Version = agent(journey)?.version?.parse().ok()?;
    let ambiguous = (release.major, release.minor, release.micro) <= TRANSITION_RELEASE
        || library
            .loads
            .keys()
            .any(|load| matches!(load.kind(), Kind::Transition(_)) && same_release(load.version(), &release));
    (!ambiguous).then_some(release)
}

fn agent(journey: &Journey) -> Option<Signal> {
    let agent = client::user_agent(journey.user_agent.as_deref()?)?;
    (agent.persona == Persona::Multiplatform).then_some(agent)
}

/// Whether a load can be of the release that a User-Agent says, which may leave out the last number.
fn is_of(load: &LoadName, said: &str) -> bool {
    let version = load.version();
    let numbers = [version.major, version.minor, version.micro].map(|number| number.to_string());
    said.split('.').zip(numbers).all(|(said, number)| said == number)
}

fn same_release(one: &Version, other: &Version) -> bool {
    (one.major, one.minor, one.micro) == (other.major, other.minor, other.micro)
}

/// The side that DHCP names by option 60; a request list alone is too weak to overrule anything.
fn dhcp_side(journey: &Journey) -> Option<Side> {
    let class = journey.vendor_class.as_deref()?;
    match client::dhcp(Some(class.as_bytes()), &journey.request_list, journey.mac)?.persona {
        Persona::Enterprise => Some(Side::Enterprise),
        Persona::Multiplatform | Persona::Transition => Some(Side::Multiplatform),
        Persona::Unknown => None,
    }
}

impl Belief {
    fn weigh(&mut self, at: Time, claim: Claim<'_>, journey: &Journey) {
        match claim {
            Claim::Reports(load) => self.reports(at, load),
            Claim::Runs(load, strength, why) => {
                let weaker = strength == Strength::Silence && self.strength > Strength::Silence;
                // What a phone said itself holds until it has started with another load.
                let said = self.strength == Strength::Reported
                    && strength != Strength::Fetched
                    && (strength != Strength::Page || journey.said_since_boot());
                if self.load.is_some() && (weaker || said) {
                    return;
                }
                self.runs(at, load, strength, why);
            }
            Claim::RunsNot(load)
                if self.load.as_ref() == Some(load) && self.strength < Strength::Reported =>
            {
                self.back_to(at, None, format!("it asks for {load}, so it does not run it"));
            }
            Claim::RunsNot(_) => {}
            // A User-Agent can be configured: what the phone does when told again weighs more.
            Claim::SaysRelease(_) if self.strength >= Strength::Settled => {}
            Claim::SaysRelease(said) => {
                let denied = |load: &&LoadName| load.kind() == Kind::Multiplatform && !is_of(load, &said);
                if let Some(load) = self.load.as_ref().filter(denied) {
                    let why = format!("its User-Agent says release {said}, so it does not run {load}");
                    self.back_to(at, Some(Side::Multiplatform), why);
                }
            }
            Claim::On(side, why) => self.on(at, side, why, journey),
            // A phone that fetched all of a crossing load is on the far side, whatever it sends.
            Claim::DhcpSays(side) => {
                let fetched = self.strength >= Strength::Fetched && self.strength < Strength::Reported;
                let crossed = fetched && self.load.is_some();
                if !crossed || self.side == Some(side) {
                    self.on(at, side, "its DHCP vendor class says so", journey);
                }
            }
        }
    }

    /// What the phone is taken to run is beyond guessing.
    pub(super) fn is_certain(&self) -> bool {
        self.load.is_some() && self.strength >= Strength::Fetched && !self.disputed
    }

    /// Whatever was believed without the phone's own word gives way to it, and is shown beside it.
    fn reports(&mut self, at: Time, load: &LoadName) {
        let mut why = format!("it registered with ActiveLoad={load}");
        if let Some(other) = self.load.clone().filter(|other| other != load) {
            if self.strength < Strength::Reported {
                why = format!("{why}; it was taken for {other}, because {}", self.evidence);
                self.passed.pop();
            }
            if let Some(known) = self.passed.iter().position(|passed| passed == load) {
                self.passed.truncate(known + 1);
            }
        }
        self.runs(at, load, Strength::Reported, why);
    }

    fn runs(&mut self, at: Time, load: &LoadName, strength: Strength, why: String) {
        if strength == Strength::Page && self.load.as_ref() != Some(load) {
            // It denies what was concluded: the phone has not left that load, or the guess was wrong.
            match self.passed.iter().rposition(|passed| passed == load) {
                Some(position) => self.passed.truncate(position + 1),
                None if self.strength < Strength::Behavior => drop(self.passed.pop()),
                None => {}
            }
        }
        if self.passed.last() != Some(load) {
            self.passed.push(load.clone());
        }
        if self.load.as_ref() != Some(load) || strength > self.strength {
            self.evidence = why;
            self.strength = strength;
        }
        if self.load.as_ref() != Some(load) {
            self.since = at;
        }
        self.side = Some(load.kind().side());
        self.load = Some(load.clone());
    }

    /// The phone behaves as one of `side`.
    fn on(&mut self, at: Time, side: Side, why: &'static str, journey: &Journey) {
        if self.side == Some(side) {
            if self.load.is_none() {
                self.evidence = why.into();
            }
            return;
        }
        let came = self.load.is_some() || self.side.is_some();
        self.side = Some(side);
        // It asked for a load of this side and came up on this side: a phone with that load in its
        // second partition activates it without fetching its components (AG-fmt).
        let latest = journey.rounds.iter().rev().find(|round| round.began < at);
        match latest.filter(|round| came && round.load.kind().side() == side) {
            Some(round) => {
                let why = format!("it asked for {} and came back on the other side", round.load);
                self.runs(at, &round.load, Strength::Behavior, why);
            }
            None => self.back_to(at, Some(side), why.into()),
        }
    }

    /// The belief was wrong. If the load before it fits what is seen, the phone has not moved; otherwise somebody
    /// else has loaded it meanwhile, and what it runs is not known.
    fn back_to(&mut self, at: Time, side: Option<Side>, why: String) {
        if self.load.is_some() {
            self.passed.pop();
        }
        let before = self.passed.last().cloned();
        self.load = before.filter(|load| side.is_none_or(|side| load.kind().side() == side));
        if self.load.is_none() {
            self.passed.clear();
        }
        self.side = side.or(self.load.as_ref().map(|load| load.kind().side())).or(self.side);
        self.since = at;
        self.evidence = why;
        self.strength = Strength::Told;
    }
}

/// How much of a load a round brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetch {
    /// Everything the phone needs: what was not fetched, it has.
    Whole,
    /// All that only this load has; whether the rest was not needed or was cut off, nothing tells.
    Doubtful,
    /// Something is missing.
    Part,
}

/// What a round brought. A phone may keep a component it has already, since one name means the same bytes in every
/// package; so only those have to come that no other load shares, and of these, if there are any, those that carry
/// the load's own version. But a fetch that was cut off before its last components looks the same, and leaves the
/// phone on its old load: only where the phone went through the list in order to its very end was the rest
/// left out on purpose.
pub(super) fn fetched(round: &Round, library: &Library) -> Fetch {
    let Some(load) = library.loads.get(&round.load) else { return Fetch::Part };
    let version = round.load.as_str().split_once('.').map_or("", |(_, version)| version);
    let platforms = load.platforms.iter().filter(|platform| !platform.components.is_empty());
    let grade = |platform: &Platform| {
        let progress = |name: &String| round.components.get(&name.to_ascii_lowercase());
        let whole = |name: &String| progress(name).is_some_and(|file| file.whole());
        if platform.components.iter().all(whole) {
            return Fetch::Whole;
        }
        let own: Vec<&String> =
            platform.components.iter().filter(|name| !shared(name, &round.load, library)).collect();
        let versioned: Vec<&String> = own.iter().copied().filter(|name| name.contains(version)).collect();
        let needed = if versioned.is_empty() { own } else { versioned };
        if needed.is_empty() || !needed.into_iter().all(whole) {
            return Fetch::Part;
        }
        let begun: Vec<Time> =
            platform.components.iter().filter_map(progress).map(|file| file.began).collect();
        let to_the_end = platform.components.last().is_some_and(whole) && begun.is_sorted();
        if to_the_end { Fetch::Whole } else { Fetch::Doubtful }
    };
    let grades: Vec<Fetch> = platforms.map(grade).collect();
    [Fetch::Whole, Fetch::Doubtful].into_iter().find(|grade| grades.contains(grade)).unwrap_or(Fetch::Part)
}

/// The load whose fetch seems to be under way.
pub fn under_way<'a>(journey: &'a Journey, library: &Library) -> Option<&'a LoadName> {
    let round = journey.rounds.last().filter(|round| round.booted.is_none() && round.broken.is_none())?;
    (fetched(round, library) == Fetch::Part).then_some(&round.load)
}

fn shared(component: &str, with_other_than: &LoadName, library: &Library) -> bool {
    library.loads.iter().filter(|(name, _)| *name != with_other_than).any(|(_, load)| {
        load.platforms
            .iter()
            .flat_map(|platform| &platform.components)
            .any(|name| name.eq_ignore_ascii_case(component))
    })
}
