//! Phones that do the same over and over and never get on. What is repeated tells what is wrong.

use std::time::Duration;

use super::verdict::Stage;
use super::way::Context;
use super::{Journey, Offer, Round};
use crate::hold::{FailedHop, Hold, SilentPhone};
use crate::load::{LoadName, Side};
use crate::time::Time;

/// Requests for one `.loads` file without a start in between. One that tries both ports, then TFTP, and once more
/// after each of a few broken transfers, stays below.
const REQUESTS: u32 = 12;
/// A phone that starts over and over is waited for so many times longer than one that stays up.
const PATIENCE: u32 = 4;
/// A phone has read every file of its configuration by then, and begun with what it says.
const SETTLED: Duration = Duration::from_secs(30);

/// It starts again and again, and asks for nothing in between.
pub(super) fn starts_in_vain(
    journey: &Journey,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Option<Hold> {
    let since = journey.silent_since.filter(|since| journey.asked.is_none_or(|asked| asked < *since))?;
    let due = since + context.settings.timing.not_asking * PATIENCE;
    deadlines.push(due);
    (context.now >= due && journey.booted > Some(since)).then(|| SilentPhone::StartsInVain.into())
}

/// It is told of its next load and starts again, each time before it has asked for it.
pub(super) fn starts_when_told(
    journey: &Journey,
    load: &LoadName,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Option<(Stage, Hold)> {
    let timing = &context.settings.timing;
    let open = journey.offers.iter().rev().find(|offer| offer.closed.is_none() && offer.load == *load);
    if let Some(offer) = open {
        deadlines.push(offer.at + timing.already_there);
        // It stays up this time.
        if context.now - offer.at >= timing.already_there {
            return None;
        }
    }
    let retried = journey.retried.unwrap_or_default();
    let cut_short = |offer: &&Offer| {
        let short = offer.closed.is_some_and(|closed| closed - offer.at < timing.already_there);
        offer.load == *load
            && short
            && offer.at >= retried
            && offer.answered.is_none()
            && !offer.refused
            && offer.unwatched.is_none()
    };
    let present = |offer: &&Offer| offer.closed.is_none();
    let mut told: Vec<Time> =
        journey.offers.iter().rev().skip_while(present).take_while(cut_short).map(|offer| offer.at).collect();
    told.dedup();
    (told.len() >= timing.attempts as usize).then(|| {
        let reason = FailedHop::StartsWhenTold { load: load.clone(), times: told.len() };
        (Stage::Stuck, reason.into())
    })
}

/// It asks for the same load over and over, as one does that throws away what it fetched.
pub(super) fn asks_in_vain(round: &Round) -> Option<(Stage, Hold)> {
    (round.requests >= REQUESTS).then(|| {
        let reason = FailedHop::AsksInVain { load: round.load.clone(), times: round.requests };
        (Stage::Stuck, reason.into())
    })
}

/// What a phone did in place of asking for the load it was told of.
pub(super) fn instead(journey: &Journey, since: Time, load: &LoadName) -> Option<(Stage, Hold)> {
    let (_, name) = journey.refused.as_ref().filter(|(at, name)| *at >= since && name != load.as_str())?;
    let reason = FailedHop::AsksForAnother { load: load.clone(), other: name.clone() };
    Some((Stage::Stuck, reason.into()))
}

/// An Enterprise phone reads its configuration once after it has started. One that reads it over and over does not
/// take it (cisco-phones §3.3).
pub(super) fn reads_in_vain(
    journey: &Journey,
    told: Time,
    load: &LoadName,
    side: Option<Side>,
) -> Option<(Stage, Hold)> {
    let read =
        journey.unsigned_asked.filter(|read| *read - told >= SETTLED && side != Some(Side::Multiplatform))?;
    (journey.booted.is_none_or(|booted| booted < read))
        .then(|| (Stage::Stuck, FailedHop::ReadsInVain { load: load.clone() }.into()))
}
