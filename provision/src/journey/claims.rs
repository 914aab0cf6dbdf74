//! What each signal of a phone says about its firmware.

use std::borrow::Cow;
use std::time::Duration;

use super::belief::Strength;
use super::fetched::{Fetch, fetched};
use super::{Journey, Offer, Stay};
use crate::client::{self, Persona, Signal};
use crate::library::Library;
use crate::load::{Direction, Kind, LoadName, Side, Version};
use crate::settings::Timing;
use crate::time::Time;

/// One signal's word.
pub(super) enum Claim<'a> {
    Reports(&'a LoadName),
    Runs(&'a LoadName, Strength, Cow<'static, str>),
    RunsNot(&'a LoadName),
    /// It may have come to run this load unseen.
    MayRun(&'a LoadName),
    /// Whether no transition load is of that release.
    SaysRelease(String, bool),
    On(Side, &'static str),
    DhcpSays(Side),
    /// It was away: nothing that was known before counts, but the side that it told when it started after that.
    Returned(Option<Side>),
}

pub(super) fn claims<'a>(
    journey: &'a Journey,
    library: &Library,
    timing: &Timing,
    told: Option<&'a LoadName>,
    class: Option<Side>,
    now: Time,
) -> Vec<(Time, Claim<'a>)> {
    let mut claims = Vec::new();
    let said_by_dhcp = or_hinted(class, journey);
    let listed = |at| told.map(|load| (at, Claim::Runs(load, Strength::Told, "the roster says so".into())));
    claims.extend(listed(Time(0)));
    // Before what it showed at that very moment.
    let started = said_by_dhcp.filter(|_| journey.booted > journey.left);
    claims.extend(journey.returned.map(|at| (at, Claim::Returned(started))));
    if let (Some(side), Some(at)) = (said_by_dhcp, journey.dhcp_at) {
        // It has said so since it started.
        let since = journey.booted.filter(|booted| *booted <= at).unwrap_or(at);
        claims.push((since, Claim::DhcpSays(side)));
    }
    for (at, report) in &journey.reports {
        claims.extend(report.active.as_ref().map(|load| (*at, Claim::Reports(load))));
    }
    for round in &journey.rounds {
        claims.push((round.began, Claim::RunsNot(&round.load)));
        claims.extend(round.booted.zip(round.to).map(|(at, side)| (at, Claim::DhcpSays(side))));
        claims.extend(round.denied.map(|at| (at, Claim::RunsNot(&round.load))));
        let chosen = journey
            .offers
            .iter()
            .find(|offer| offer.load == round.load && offer.answered == Some(round.began));
        if let Some(running) = chosen.and_then(|offer| offer.when.as_ref()) {
            let why = format!("its upgrade rule chose {}, which only this load does", round.load);
            claims.push((round.began, Claim::Runs(running, Strength::Behavior, why.into())));
        }
        match round.booted.map(|booted| (booted, fetched(round, library))) {
            Some((booted, Fetch::Whole)) => {
                let why = "it fetched the load and its components whole and started again".into();
                claims.push((booted, Claim::Runs(&round.load, Strength::Fetched, why)));
            }
            Some((booted, _)) if round.end_unseen => claims.push((booted, Claim::MayRun(&round.load))),
            _ => {}
        }
    }
    claims.extend(settled_elsewhere(journey, library, timing, class, now));
    let release = release(journey, library);
    let page = &journey.page.loads;
    // Where its page was read after it was told, that tells, and silence nothing more.
    let unread = |offer: &Offer| page.last().is_none_or(|(read, _)| *read <= offer.at);
    // One that asked for its license and was not given it, though it lies here by now, waits for that.
    let licensed = [Direction::E2m, Direction::M2e].iter().any(|way| library.licensed(*way, journey.mac));
    let unlicensed = |offer: &Offer| {
        let missing =
            |(name, at): (&String, &Time)| *at >= offer.at && name.to_ascii_lowercase().ends_with(".lic");
        licensed && offer.licenses == 0 && journey.missing.iter().any(missing)
    };
    // Since when, and for how long, it has certainly not asked for what it was told.
    let silent = |offer: &Offer| {
        if !silence_tells(offer) {
            return None;
        }
        let (from, wait) = silence(offer, journey, release.as_ref(), timing);
        // A Multiplatform phone that has its profile comes back for it every minute: one that is told again and again
        // has not missed it each time, and one that does not come back is not there.
        let (told, came_back) = match offer.side {
            Side::Enterprise => (true, None),
            Side::Multiplatform => (offer.again >= 2, Some(offer.latest())),
        };
        let heard = [offer.closed, offer.unwatched, came_back].into_iter().flatten().fold(now, Time::min);
        (told && heard >= from + wait).then_some((from + wait, wait))
    };
    for (index, offer) in journey.offers.iter().enumerate() {
        let telling = unread(offer) && !unlicensed(offer);
        let Some((at, wait)) = silent(offer).filter(|_| telling) else { continue };
        // An Enterprise phone whose plug was pulled as soon as it was told is silent too. That this happens twice in
        // a row, or to one that was heard meanwhile, is out of the question.
        let before = index.checked_sub(1).and_then(|before| journey.offers.get(before));
        let twice = before.is_some_and(|before| before.load == offer.load && silent(before).is_some());
        let there = offer.side == Side::Multiplatform || offer.heard >= Some(at) || twice;
        let strength = if there { Strength::Settled } else { Strength::Silence };
        let why = format!("it was told to load it and did not ask for it within {} s", wait.as_secs());
        claims.push((at, Claim::Runs(&offer.load, strength, why.into())));
    }
    let said = agent(journey).and_then(|agent| agent.version);
    // It says so all the time: before what silence tells, and after it.
    if let Some(said) = said {
        let times = [journey.user_agent_since, journey.user_agent_at, Some(now)].into_iter().flatten();
        claims.extend(times.map(|at| (at, Claim::SaysRelease(said.clone(), release.is_some()))));
    }
    // Who retries a phone stands by what the roster says of it.
    claims.extend(journey.retried.and_then(listed));
    for (at, side) in &journey.sightings {
        let why = match side {
            Side::Enterprise => "it asks for Enterprise boot files",
            Side::Multiplatform => "it asks for Multiplatform profiles",
        };
        claims.push((*at, Claim::On(*side, why)));
    }
    // Enterprise firmware has no use for a license.
    let asked = journey.license_known().into_iter().flat_map(<[Time; 2]>::from);
    claims.extend(asked.map(|at| (at, Claim::On(Side::Multiplatform, "it asks for its license"))));
    let says = |load| Claim::Runs(load, Strength::Page, "its own page says so".into());
    claims.extend(page.iter().map(|(at, load)| (*at, says(load))));
    claims
}

/// A phone that others tell what to load has what it fetched before it started again, if it does not ask for that load
/// once more: who told it still does. Until then its plug may have been pulled while it wrote. And once more as soon as it had
/// its address: so an Enterprise phone, which a crossing could strand, has to be heard after that, or to be silent twice.
fn settled_elsewhere<'a>(
    journey: &'a Journey,
    library: &Library,
    timing: &Timing,
    class: Option<Side>,
    now: Time,
) -> Vec<(Time, Claim<'a>)> {
    let mut claims = Vec::new();
    for (index, round) in journey.rounds.iter().enumerate() {
        let side = round.load.kind().side();
        // A load of the far side is not denied by the class that the phone sends, but its silence is of no use then.
        let denied = class.is_some_and(|said| said != side) && !is_transition(&round.load);
        // One that came over to Enterprise firmware asks here, and so is not silent.
        let came_over = side == Side::Enterprise && round.from != Some(side);
        // One that had failed before does not ask once more, whatever it runs.
        let failed_before = side == Side::Multiplatform && round.asked_before;
        // What an Enterprise phone did while nobody looked it does again when it starts again.
        let near = journey.rounds[..=index].iter().all(|round| round.load.kind() == Kind::Enterprise)
            && round.from == Some(Side::Enterprise);
        let came = fetched(round, library);
        let cut_off = side == Side::Multiplatform && !round.components.values().all(|file| file.whole());
        let failed_unseen = came != Fetch::Whole && !near && (round.end_unseen || cut_off);
        let counts = !journey.was_told(round)
            && !denied
            && !came_over
            && !journey.denies(round)
            && !failed_before
            && !failed_unseen
            && journey.returned <= Some(round.began);
        let Some(booted) = round.booted.filter(|_| counts) else { continue };
        let again = round.unwatched.filter(|_| near);
        // Who had everything did not fail to fetch it while nobody looked.
        let unwatched = round.unwatched.filter(|at| *at >= booted || came != Fetch::Whole);
        let next = journey.rounds.get(index + 1).map(|next| next.began);
        // One that took another server's address is silent, whatever it runs: only where it was given one here does
        // its silence tell.
        let silent = |stay: &Stay| {
            let (since, unwatched) = if again.is_some_and(|again| stay.from > again) {
                (stay.from, None)
            } else {
                (booted, unwatched)
            };
            let asked_here = journey.sightings.iter().map(|(seen, _)| *seen).find(|seen| *seen >= since);
            let refused = journey.refused.as_ref().map(|(at, _)| *at).filter(|at| *at >= since);
            let ends = [next, asked_here, refused, unwatched, round.denied, stay.until];
            let at = stay.from + timing.not_asking;
            (ends.into_iter().flatten().fold(now, Time::min) >= at).then_some(at)
        };
        let mut silences = journey
            .stays
            .iter()
            .filter(|stay| stay.from >= booted)
            .filter_map(|stay| Some((silent(stay)?, stay.heard)));
        let first = silences.next();
        let after = |(at, heard): (Time, Option<Time>)| {
            (side == Side::Multiplatform || heard >= Some(at)).then_some(at)
        };
        let at = first.and_then(after).or_else(|| silences.next().map(|(at, _)| at));
        // One that had all it needed has written it by then.
        let soon = came == Fetch::Whole || (came == Fetch::Doubtful && booted - round.last < timing.flash);
        if let Some(at) = at.filter(|_| soon) {
            let why = format!("it fetched {}, started again and did not ask for it once more", round.load);
            claims.push((at, Claim::Runs(&round.load, Strength::Settled, why.into())));
        }
    }
    claims
}

/// Whether not asking for the load offered can mean that the phone runs it: only one load was named, of the
/// side whose document the phone read.
fn silence_tells(offer: &Offer) -> bool {
    offer.answered.is_none()
        && !offer.refused
        && !offer.conditional
        && offer.load.kind().side() == offer.side
        && !is_transition(&offer.load)
}

fn is_transition(load: &LoadName) -> bool {
    matches!(load.kind(), Kind::Transition(_))
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
    let Some((first, latest)) = journey.license_known().filter(|_| offer.licenses > 0) else {
        // An Enterprise phone that asks again has not got its document.
        let from = if offer.side == Side::Enterprise { offer.latest() } else { offer.at };
        return (from, timing.already_there);
    };
    let has_release = release.is_some_and(|release| same_release(release, offer.load.version()));
    // One that asks for it again was reset meanwhile, and does not accept it any more.
    let went_on = offer.licenses < 2
        && journey.rounds.iter().any(|round| round.load == offer.load && round.began >= first);
    if has_release || went_on { (offer.at, timing.already_there) } else { (latest, timing.license) }
}

/// The newest release of a transition load known (cisco-phones §4.4); beyond it a User-Agent means what it says.
const TRANSITION_RELEASE: (u16, u16, u16) = (11, 2, 3);

/// The Multiplatform release that the User-Agent tells, where no transition load is of that release: whether
/// those name themselves like Multiplatform loads is not known.
pub(super) fn release(journey: &Journey, library: &Library) -> Option<Version> {
    let release: Version = agent(journey)?.version?.parse().ok()?;
    let ambiguous = (release.major, release.minor, release.micro) <= TRANSITION_RELEASE
        || library
            .loads
            .keys()
            .any(|load| matches!(load.kind(), Kind::Transition(_)) && same_release(load.version(), &release));
    (!ambiguous).then_some(release)
}

fn agent(journey: &Journey) -> Option<Signal> {
    // What it called itself before it started was of another load.
    journey.user_agent_at.filter(|at| Some(*at) >= journey.booted.max(journey.returned))?;
    let agent = client::user_agent(journey.user_agent.as_deref()?)?;
    (agent.persona == Persona::Multiplatform).then_some(agent)
}

/// Whether a load can be of the release that a User-Agent says, which may leave out the last number.
pub(super) fn is_of(load: &LoadName, said: &str) -> bool {
    let version = load.version();
    let numbers = [version.major, version.minor, version.micro].map(|number| number.to_string());
    said.split('.').zip(numbers).all(|(said, number)| said == number)
}

fn same_release(one: &Version, other: &Version) -> bool {
    (one.major, one.minor, one.micro) == (other.major, other.minor, other.micro)
}

/// The side that DHCP tells, by its request list where the phone sends no option 60.
pub(super) fn said_by_dhcp(journey: &Journey) -> Option<Side> {
    or_hinted(dhcp_side(journey), journey)
}

fn or_hinted(class: Option<Side>, journey: &Journey) -> Option<Side> {
    class.or_else(|| hinted_side(journey).filter(|_| journey.vendor_class.is_none()))
}

/// The side that a request list hints at, where the phone has last fetched a load of that side.
pub(super) fn hinted_side(journey: &Journey) -> Option<Side> {
    let hint = match client::request_list(&journey.request_list)? {
        Persona::Enterprise => Side::Enterprise,
        _ => Side::Multiplatform,
    };
    let fetched = journey.rounds.iter().rev().find(|round| Some(round.began) < journey.dhcp_at)?;
    (fetched.load.kind().side() == hint).then_some(hint)
}

/// The side that DHCP names by option 60; a request list alone is too weak to overrule anything.
pub(super) fn dhcp_side(journey: &Journey) -> Option<Side> {
    let class = journey.vendor_class.as_deref()?;
    client::dhcp(Some(class.as_bytes()), &journey.request_list, journey.mac)?.persona.side()
}
