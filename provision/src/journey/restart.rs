//! Whether a phone that has to read its configuration again is told to, by whom, and when.

use super::belief::Belief;
use super::registration::{Means, Restart, Told};
use super::way::Context;
use super::{Journey, Round};
use crate::load::Side;
use crate::time::Time;

/// What the bench should do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// What to tell the phone.
    pub how: Restart,
    /// By which way.
    pub by: Means,
}

/// What there is to hope for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outlook {
    /// It is to be told.
    Now(Order),
    /// It was told, and has some time yet.
    Wait,
    /// It needs a hand, because nothing here can tell it.
    ByHand,
    /// It needs a hand, because it was told in vain.
    InVain {
        /// How often.
        times: usize,
        /// What it answered last, if it did.
        answer: Option<String>,
    },
}

/// Tries are counted from when the phone last got on, and each is given twice the time of the one before it.
pub(super) fn outlook(
    journey: &Journey,
    belief: &Belief,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Outlook {
    let timing = &context.settings.timing;
    let since = journey.restarts_from.map_or(belief.since, |from| from.max(belief.since));
    let tried: Vec<&Told> =
        journey.restarts.iter().filter(|told| !told.operator && told.at >= since).collect();
    let latest = journey.restarts.last().filter(|told| told.at >= since);
    let refused = latest.is_some_and(|told| told.refused);
    if let Some(told) = latest {
        let patience = timing.restart * 2u32.saturating_pow((tried.len() as u32).saturating_sub(1).min(8));
        let until = told.at + patience;
        let another = refused && told.by == Means::Registration && context.settings.restart_hook;
        // Nothing more can come of a refusal, if it was the last try.
        let in_vain = refused && tried.len() >= timing.restarts as usize;
        if context.now < until && !another && !in_vain {
            deadlines.push(until);
            return Outlook::Wait;
        }
    }
    if tried.len() >= timing.restarts as usize {
        let answer = tried.iter().rev().find_map(|told| told.answer.clone());
        return Outlook::InVain { times: tried.len(), answer };
    }
    let by = match context.settings.restart_hook {
        true if refused => Means::Hook,
        _ if journey.registered.is_some() => Means::Registration,
        true => Means::Hook,
        false => return Outlook::ByHand,
    };
    // That a restart is enough is likely; that a reset is, surer (cisco-phones §13).
    let how = if tried.is_empty() { Restart::Restart } else { Restart::Reset };
    Outlook::Now(Order { how, by })
}

/// What an operator's order comes to; `None` where nothing but a hand can do it.
pub fn by_operator(journey: &Journey, side: Option<Side>, how: Restart, hook: bool) -> Option<Order> {
    let by = match side {
        _ if journey.registered.is_some() => Means::Registration,
        _ if hook => Means::Hook,
        Some(Side::Multiplatform) => Means::Resync,
        _ => return None,
    };
    Some(Order { how, by })
}

impl Journey {
    /// It has said what it runs since it last started.
    pub(super) fn said_since_boot(&self) -> bool {
        self.reports.last().is_some_and(|(at, _)| self.booted.is_none_or(|booted| booted <= *at))
    }

    /// It registered after it had read its configuration, so it is at rest and will not read it again by itself.
    pub(super) fn rests_registered(&self) -> bool {
        let fetches = |round: &Round| round.booted.is_none() && Some(round.last) >= self.registered;
        self.registered.is_some_and(|at| self.unsigned_asked.is_none_or(|asked| asked <= at))
            && !self.rounds.last().is_some_and(fetches)
    }
}
