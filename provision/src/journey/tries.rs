//! Attempts at a hop. A Multiplatform phone does not try an upgrade again until its URL changes (AG-fmt), so each
//! attempt has a number of its own, which never falls back.

use super::belief::Belief;
use super::claims::silence;
use super::fetched::silence_allowed;
use super::way::Context;
use super::{Journey, Offer, Round};
use crate::load::{LoadName, Side};

/// How often a load has been tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tries {
    /// This attempt's number, from 1.
    pub number: u32,
    /// Attempts that failed since the operator's latest retry.
    pub failures: u32,
}

/// The attempts at a load that the phone is believed not to run yet.
pub(super) fn tries(
    journey: &Journey,
    load: Option<&LoadName>,
    belief: &Belief,
    context: &Context<'_>,
) -> Tries {
    let offers = || journey.offers.iter().filter(|offer| Some(&offer.load) == load);
    // Told elsewhere, each fetch that ended is an attempt.
    let retried = journey.retried.unwrap_or_default();
    let over = |round: &&Round| round.booted.is_some() && round.began >= retried && !journey.was_told(round);
    let rounds = journey.rounds.iter().filter(|round| Some(&round.load) == load);
    let elsewhere = rounds.filter(over).count() as u32;
    let Some(latest) = offers().next_back() else {
        return Tries { number: elsewhere + 1, failures: elsewhere };
    };
    let number = latest.attempt + u32::from(failed(latest, journey, belief, context));
    let since = journey.retried.max(journey.returned).unwrap_or_default();
    let first = offers().find(|offer| offer.at >= since).map_or(number, |offer| offer.attempt);
    let unwatched = offers().filter(|offer| offer.at >= since && offer.unwatched.is_some()).count() as u32;
    let failures = number.saturating_sub(first).saturating_sub(unwatched) + elsewhere;
    Tries { number, failures }
}

/// Whether what an offer led to has ended without the phone getting on.
fn failed(offer: &Offer, journey: &Journey, belief: &Belief, context: &Context<'_>) -> bool {
    if offer.refused {
        return true;
    }
    let timing = &context.settings.timing;
    // The same URL may have been given before.
    let same = |known: &&Offer| known.load == offer.load && known.attempt == offer.attempt;
    let since = journey.offers.iter().find(same).map_or(offer.at, |first| first.at);
    let round = journey.rounds.iter().rev().find(|round| round.load == offer.load && round.last > since);
    match round {
        Some(round) if round.booted.is_some() => true,
        // It may have tried this very URL, or its fetch have failed, while nobody looked.
        _ if offer.side == Side::Multiplatform && offer.unwatched.is_some() => true,
        Some(round) => {
            // One that has everything may have started again unseen: told again, it does not ask then.
            round.broken.is_some() || context.now - round.last >= silence_allowed(round, context)
        }
        // Its first request may have been lost: told again in the same words, the phone would not move.
        None if offer.side == Side::Multiplatform && offer.closed.is_none() => {
            let (from, wait) = silence(offer, journey, belief.release.as_ref(), timing);
            context.now - from >= wait
        }
        None => false,
    }
}
