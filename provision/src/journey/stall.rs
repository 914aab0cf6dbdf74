//! A phone that is not getting on: what it was last seen doing, and the cure.

use super::belief::Belief;
use super::fetched::{Fetch, fetched, silence_allowed};
use super::loops;
use super::outside::{self, is_steered_outside};
use super::tries::Tries;
use super::verdict::{Hold, HoldCode, Stage};
use super::way::Context;
use super::{Journey, Round};
use crate::load::{LoadName, Side};
use crate::names::{self, Asked};
use crate::route::Hop;
use crate::time::Time;

/// What rids a phone of the trust list of its old call manager: the key sequences of cisco-phones §3.4.
pub const ERASE_TRUST_LIST: &str = "erase its trust list: Settings > Admin Settings > Security Setup > Trust List > ITL File, **#, Erase; \
                                or hold # while it powers up, then press 1 2 3 4 5 6 7 8 9 * 0 #";

const LICENSE_REFUSED: &str =
    "see that the license is this phone's and for this direction, and order another if it is; then retry it";

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
        let cause = format!(
            "{} attempts to load {} failed; last: {}",
            timing.attempts,
            hop.to,
            last_failure(journey, hop)
        );
        let cure = if unmoved_by_license(journey, hop) {
            LICENSE_REFUSED
        } else {
            "check cable and power, then retry it"
        };
        return Some((Stage::Stuck, Hold::new(HoldCode::Failed, cause, cure)));
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
            let cause =
                "it asks for signed configuration only, so it holds the trust list of its old call manager";
            return Some((Stage::Held, Hold::new(HoldCode::TrustList, cause, ERASE_TRUST_LIST)));
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
                .then(|| failed(format!("it fetched {} and did not go on", hop.to)));
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
            let cause = format!("it was told to load {} and does not ask for it", hop.to);
            let registered = rests.then(|| {
                let cure = "unplug it and plug it in again";
                (Stage::Held, Hold::new(HoldCode::NeedsRestart, cause.clone(), cure))
            });
            let not_seen = offer.unwatched.map(|_| {
                let cause = format!(
                    "it was told to load {}, and transload was stopped before it was seen to ask",
                    hop.to
                );
                (Stage::Held, Hold::new(HoldCode::NeedsRestart, cause, "unplug it and plug it in again"))
            });
            let instead = || loops::instead(journey, offer.at, &hop.to);
            let in_vain = || loops::reads_in_vain(journey, offer.at, &hop.to, belief.side);
            not_seen.or_else(instead).or(registered).or_else(in_vain).unwrap_or_else(|| failed(cause))
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
    (context.now >= until).then(|| {
        let cause = format!(
            "no way leads on from {load}, which it is taken to run, and whether it does it tells when it starts again"
        );
        (Stage::Held, Hold::new(HoldCode::NeedsRestart, cause, "unplug it and plug it in again"))
    })
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
    (asking && latest - first.max(since) >= patience).then(|| {
        let cause = "it fetches its license again and again, so it does not accept it";
        (Stage::Stuck, Hold::new(HoldCode::Failed, cause, LICENSE_REFUSED))
    })
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
        return (idle >= timing.flash).then(|| {
            failed(format!(
                "it fetched {} whole and has not started again; it may still be writing flash",
                round.load
            ))
        });
    }
    // A Multiplatform phone comes back by itself for its profile, and so for the next attempt.
    let patience = match side {
        Some(Side::Multiplatform) => timing.transfer_idle + timing.not_asking,
        _ => timing.transfer_idle,
    };
    deadlines.push(round.last + patience);
    (idle >= patience).then(|| {
        let missing = missing.map(|name| format!("it asked for {name}, which is not here"));
        let what = round.broken.clone().or(missing).unwrap_or_else(|| "nothing has moved since".into());
        failed(format!("its fetch of {} stopped: {what}", round.load))
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
    (settled || context.now >= until).then(|| {
        let cause = format!(
            "it runs {} and reads its configuration only when it starts",
            belief.load.as_ref().map_or("its load", LoadName::as_str)
        );
        (Stage::Held, Hold::new(HoldCode::NeedsRestart, cause, "unplug it and plug it in again"))
    })
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
        let cause = match journey.asked {
            Some(_) => "it has stopped asking for its profile",
            None => "it does not ask for its profile",
        };
        (Stage::Stuck, Hold::new(HoldCode::NotAsking, cause, "check cable and power, then restart it"))
    })
}

fn signed_only(journey: &Journey) -> Option<Time> {
    let signed = journey.signed_asked?;
    journey.unsigned_asked.is_none_or(|plain| plain < signed).then_some(signed)
}

fn last_failure(journey: &Journey, hop: &Hop) -> String {
    let round = journey.rounds.iter().rev().find(|round| round.load == hop.to);
    match round {
        Some(Round { broken: Some(why), .. }) => why.clone(),
        Some(Round { booted: None, .. }) => "its fetch stood still".into(),
        Some(_) => "it started again without the load".into(),
        None if unmoved_by_license(journey, hop) => {
            "it was given its license and did not ask for the load, so it does not accept it".into()
        }
        None => "it did not ask for it".into(),
    }
}

/// It was given its license, without which it does not take this hop, and has not asked for the load since.
fn unmoved_by_license(journey: &Journey, hop: &Hop) -> bool {
    let given = journey.license_known().filter(|_| hop.license).map(|(first, _)| first);
    given
        .is_some_and(|given| !journey.rounds.iter().any(|round| round.load == hop.to && round.began >= given))
}

fn not_asking(side: Option<Side>) -> Hold {
    let (cause, cure) = match side {
        Some(Side::Multiplatform) => (
            "it has an address and asks for no profile: its Profile_Rule is probably an absolute URL",
            "factory-reset it, or set its Profile_Rule back to /$PSN.xml",
        ),
        _ => (
            "it has an address and asks for no file",
            "if its screen asks for an activation code press Cancel; switch off Alternate TFTP in its network settings; then restart it, or factory-reset it if that does not help",
        ),
    };
    Hold::new(HoldCode::NotAsking, cause, cure)
}

pub(super) fn failed(cause: String) -> (Stage, Hold) {
    (
        Stage::Stuck,
        Hold::new(HoldCode::Failed, cause, "once its screen is still, unplug it and plug it in again"),
    )
}
