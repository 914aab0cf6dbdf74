//! A phone that is not getting on: what it was last seen doing, and the cure.

use super::belief::Belief;
use super::fetched::{Fetch, fetched, silence_allowed};
use super::loops;
use super::outside::{self, is_steered_outside};
use super::tries::Tries;
use super::verdict::Stage;
use super::way::Context;
use super::{Journey, Round};
use crate::hold::{FailedHop, Hold, LastFailure, SilentPhone, StopReason};
use crate::load::Side;
use crate::names::{self, Asked};
use crate::route::Hop;
use crate::time::Time;

/// Why a phone with a permitted hop before it does not take it, and when that could be said next.
pub(super) fn on_the_way(
    journey: &Journey,
    belief: &Belief,
    hop: &Hop,
    tries: Tries,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Option<(Stage, Hold)> {
    let timing = &context.settings.timing;
    let now = context.now;
    if tries.failures >= timing.attempts {
        let last = last_failure(journey, hop);
        let reason = FailedHop::Attempts {
            attempts: timing.attempts,
            load: hop.to.clone(),
            last,
            license_refused: unmoved_by_license(journey, hop),
        };
        return Some((Stage::Stuck, reason.into()));
    }
    let offer = journey.offers.iter().rev().find(|offer| offer.load == hop.to && offer.closed.is_none());
    let round = journey.open_round().filter(|round| round.load == hop.to);
    // A fetch older than the latest document belongs to an attempt that was given up.
    if let Some(round) = round.filter(|round| offer.is_none_or(|offer| round.last > offer.at)) {
        return loops::asks_in_vain(round)
            .or_else(|| in_round(round, missing_since(journey, round), belief.side, context, deadlines));
    }
    if let Some(side) = belief.side.filter(|side| is_steered_outside(journey, *side, context.settings)) {
        return outside::waits(journey, belief, side, hop, context, deadlines);
    }
    if journey.has_asked_nothing() {
        return asks_nothing(journey, belief, context, deadlines);
    }
    if let Some(at) = signed_only(journey).filter(|_| belief.side != Some(Side::Multiplatform)) {
        deadlines.push(at + timing.not_asking / 3);
        if now - at >= timing.not_asking / 3 {
            return Some((Stage::Held, SilentPhone::SignedOnly.into()));
        }
    }
    if let Some(loops) = loops::starts_when_told(journey, &hop.to, context, deadlines) {
        return Some(loops);
    }
    if let Some(offer) = offer {
        if let Some(answered) = offer.answered {
            // Told, fetched, and the round is over: the phone will ask again by itself.
            deadlines.push(answered + timing.flash);
            return (now - answered >= timing.flash)
                .then(|| (Stage::Stuck, FailedHop::WentNoFurther { load: hop.to.clone() }.into()));
        }
        // Attempts that nobody could watch go on from one another.
        let of_it = journey.offers.iter().rev().filter(|known| known.load == hop.to).skip(1);
        let told =
            of_it.take_while(|known| known.unwatched.is_some()).last().map_or(offer.at, |first| first.at);
        if let Some(stuck) = license_not_accepted(journey, told, context) {
            return Some(stuck);
        }
        let since = journey.license_known().map_or(offer.at, |(_, latest)| latest.max(offer.at));
        let rests = journey.rests_registered();
        let wait = match belief.side {
            Some(Side::Multiplatform) if hop.license => timing.license,
            _ if rests => timing.already_there,
            _ => timing.not_asking,
        };
        deadlines.push(offer.at + timing.already_there);
        deadlines.push(since + wait);
        return (now - since >= wait).then(|| {
            let silent = |registered| FailedHop::NotAskedFor { load: hop.to.clone(), registered }.into();
            let registered = rests.then(|| (Stage::Held, silent(true)));
            let not_seen = offer
                .unwatched
                .map(|_| (Stage::Held, FailedHop::NotSeenToAsk { load: hop.to.clone() }.into()));
            let instead = || loops::instead(journey, offer.at, &hop.to);
            let in_vain = || loops::reads_in_vain(journey, offer.at, &hop.to, belief.side);
            not_seen
                .or_else(instead)
                .or(registered)
                .or_else(in_vain)
                .unwrap_or_else(|| (Stage::Stuck, silent(false)))
        });
    }
    // It may be fetching what it was told before its next hop was another one.
    if let Some(round) = journey.open_round() {
        let patience = silence_allowed(round, context);
        if now - round.last < patience {
            deadlines.push(round.last + patience);
            return None;
        }
    }
    waits_for_configuration(journey, belief, context, deadlines)
}

/// A phone that has started and has not asked for anything yet.
fn asks_nothing(
    journey: &Journey,
    belief: &Belief,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Option<(Stage, Hold)> {
    let until = journey.booted.filter(|_| journey.has_asked_nothing())? + context.settings.timing.not_asking;
    deadlines.push(until);
    let in_vain = loops::starts_in_vain(journey, context, deadlines);
    let hold = if context.now >= until { Some(not_asking(belief.side)) } else { in_vain };
    hold.map(|hold| (Stage::Stuck, hold))
}

/// A phone from whose load, as far as known, nothing leads on, and that does not ask for the document by which it would
/// tell what it runs.
pub(super) fn before_it_tells(
    journey: &Journey,
    belief: &Belief,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Option<(Stage, Hold)> {
    if belief.side.is_some_and(|side| is_steered_outside(journey, side, context.settings)) {
        return None;
    }
    if journey.has_asked_nothing() {
        return asks_nothing(journey, belief, context, deadlines);
    }
    // It has not asked since it started with what it fetched, and nobody had said then that nothing leads on from that.
    let load = belief.load.as_ref().filter(|_| belief.is_unconfirmed())?;
    let started = journey.rounds.last().filter(|round| round.load == *load)?.booted?;
    let read = journey.unsigned_asked.filter(|read| *read - started < context.settings.timing.not_asking)?;
    let until = read + context.settings.timing.not_asking;
    deadlines.push(until);
    (context.now >= until).then(|| (Stage::Held, SilentPhone::TellsAtStart { load: load.clone() }.into()))
}

/// A phone fetches its license again for as long as it does not accept it.
pub(super) fn license_not_accepted(
    journey: &Journey,
    since: Time,
    context: &Context<'_>,
) -> Option<(Stage, Hold)> {
    let patience = context.settings.timing.license;
    let (first, latest) = journey.license_known()?;
    let asking = context.now - latest < patience;
    let since = since.max(journey.retried.unwrap_or_default());
    (asking && latest - first.max(since) >= patience)
        .then(|| (Stage::Stuck, FailedHop::LicenseNotAccepted.into()))
}

/// A component that was asked for in this round and is not here.
fn missing_since<'a>(journey: &'a Journey, round: &Round) -> Option<&'a str> {
    let component = |name: &str| matches!(names::parse(name), Asked::Component { .. });
    let asked = journey.missing.iter().filter(|(name, at)| **at >= round.began && component(name));
    asked.max_by_key(|(_, at)| **at).map(|(name, _)| name.as_str())
}

fn in_round(
    round: &Round,
    missing: Option<&str>,
    side: Option<Side>,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Option<(Stage, Hold)> {
    let timing = &context.settings.timing;
    let idle = context.now - round.last;
    if fetched(round, context.library) != Fetch::Part {
        deadlines.push(round.last + timing.flash);
        return (idle >= timing.flash)
            .then(|| (Stage::Stuck, FailedHop::NotStarted { load: round.load.clone() }.into()));
    }
    // A Multiplatform phone comes back by itself for its profile, and so for the next attempt.
    let patience = match side {
        Some(Side::Multiplatform) => timing.transfer_idle + timing.not_asking,
        _ => timing.transfer_idle,
    };
    deadlines.push(round.last + patience);
    (idle >= patience).then(|| {
        let why = match (&round.broken, missing) {
            (Some(why), _) => StopReason::Broken(why.clone()),
            (None, Some(name)) => StopReason::Missing(name.to_owned()),
            (None, None) => StopReason::Unknown,
        };
        (Stage::Stuck, FailedHop::FetchStopped { load: round.load.clone(), why }.into())
    })
}

/// An Enterprise phone reads its configuration only when it boots; one that is held asks again by itself. A
/// Multiplatform phone comes back every minute.
fn waits_for_configuration(
    journey: &Journey,
    belief: &Belief,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Option<(Stage, Hold)> {
    let until = asks_again_by(journey, journey.asked, context);
    // A phone that was told to load what it runs already is settled and will not ask again.
    let settled = belief.side == Some(Side::Enterprise)
        && (journey.asked.is_some_and(|asked| belief.since > asked) || journey.rests_registered());
    deadlines.push(until);
    if belief.side == Some(Side::Multiplatform) {
        return no_profile_asked(journey, context, deadlines);
    }
    (settled || context.now >= until)
        .then(|| (Stage::Held, SilentPhone::ReadsAtStart { load: belief.load.clone() }.into()))
}

/// When one that last asked at that moment should have done so again. One that never asked this bench for anything may write
/// what another one gave it.
fn asks_again_by(journey: &Journey, asked: Option<Time>, context: &Context<'_>) -> Time {
    let timing = &context.settings.timing;
    let never = || journey.heard.unwrap_or(journey.first_seen) + timing.flash;
    asked.map_or_else(never, |asked| asked + timing.not_asking)
}

/// A Multiplatform phone that does not come back for its profile any more.
pub(super) fn no_profile_asked(
    journey: &Journey,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Option<(Stage, Hold)> {
    let until = asks_again_by(journey, journey.asked.max(journey.booted), context);
    deadlines.push(until);
    (context.now >= until).then(|| {
        let before = journey.asked.is_some();
        (Stage::Stuck, SilentPhone::ProfileStopped { before }.into())
    })
}

fn signed_only(journey: &Journey) -> Option<Time> {
    let signed = journey.signed_asked?;
    journey.unsigned_asked.is_none_or(|plain| plain < signed).then_some(signed)
}

fn last_failure(journey: &Journey, hop: &Hop) -> LastFailure {
    let round = journey.rounds.iter().rev().find(|round| round.load == hop.to);
    match round {
        Some(Round { broken: Some(why), .. }) => LastFailure::Broken(why.clone()),
        Some(Round { booted: None, .. }) => LastFailure::StoodStill,
        Some(_) => LastFailure::StartedWithout,
        None => LastFailure::NotAskedFor,
    }
}

/// It was given its license, without which it does not take this hop, and has not asked for the load since.
fn unmoved_by_license(journey: &Journey, hop: &Hop) -> bool {
    let given = journey.license_known().filter(|_| hop.license).map(|(first, _)| first);
    given
        .is_some_and(|given| !journey.rounds.iter().any(|round| round.load == hop.to && round.began >= given))
}

fn not_asking(side: Option<Side>) -> Hold {
    match side {
        Some(Side::Multiplatform) => SilentPhone::NoProfile.into(),
        _ => SilentPhone::NoFile.into(),
    }
}
