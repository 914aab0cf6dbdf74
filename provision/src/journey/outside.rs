//! Phones that others tell what to load: a call manager, or Cisco's redirection service (CDA). Nothing says what a phone
//! was told there; what it fetches here says how far it is. One that asks here for its configuration all the same is
//! told here.

use super::Journey;
use super::belief::Belief;
use super::claims::said_by_dhcp;
use super::stall::license_not_accepted;
use super::verdict::Stage;
use super::way::Context;
use crate::hold::{Hold, WaitsOutside};
use crate::load::{Direction, Side};
use crate::route::Hop;
use crate::settings::Settings;
use crate::time::Time;

/// Whether a phone on this side is told elsewhere what to load, and has not asked here since it started.
pub(super) fn is_steered_outside(journey: &Journey, side: Side, settings: &Settings) -> bool {
    let asked_here =
        journey.sightings.iter().any(|(at, as_of)| *as_of == side && journey.booted <= Some(*at));
    settings.steered_outside(side) && !asked_here
}

impl Journey {
    /// It has shown itself as one with Enterprise firmware since it started.
    pub(super) fn shows_enterprise(&self) -> bool {
        let asks = |(at, side): &(Time, Side)| *side == Side::Enterprise && self.booted <= Some(*at);
        said_by_dhcp(self) == Some(Side::Enterprise) || self.sightings.last().is_some_and(asks)
    }
}

/// Somebody outside has to act before such a phone can take its next hop.
pub(super) fn waits(
    journey: &Journey,
    belief: &Belief,
    side: Side,
    hop: &Hop,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Option<(Stage, Hold)> {
    let started = journey.started();
    if let Some(stuck) = license_not_accepted(journey, started, context) {
        return Some(stuck);
    }
    let until = asks_by(journey, context);
    deadlines.push(until);
    let refused = journey.refused.as_ref().filter(|(at, _)| *at >= started).map(|(_, name)| name.as_str());
    if refused.is_none() && context.now < until {
        return None;
    }
    let next = hop.to.clone();
    let reason = match side {
        // On which side it came back, broadcasts do not say, or each says another.
        _ if journey.away && said_by_dhcp(journey) != Some(side) => WaitsOutside::NotConfirmed { load: next },
        Side::Enterprise => WaitsOutside::CallManager {
            refused: refused.map(str::to_owned),
            next,
            server: context.settings.server,
            certain: belief.is_certain(),
        },
        Side::Multiplatform => match refused.filter(|name| *name != next.as_str()) {
            Some(other) => WaitsOutside::CdaTold { other: other.to_owned(), next, runs: belief.load.clone() },
            None => WaitsOutside::Cda { next },
        },
    };
    Some((Stage::Held, reason.into()))
}

/// Until when a phone that others steer must have asked here for its load. That it asks for a license which is not here
/// tells nothing.
fn asks_by(journey: &Journey, context: &Context<'_>) -> Time {
    let timing = &context.settings.timing;
    let started = journey.started();
    let licensed = journey.license_known().map(|(_, latest)| latest).filter(|latest| *latest >= started);
    licensed.map_or(started + timing.not_asking, |latest| latest + timing.license)
}

/// A phone that crosses from the Enterprise side has to find CDA ready, which nobody but the operator knows. One that
/// comes from the Multiplatform side was sent here by CDA in the first place.
pub fn unattested(hop: &Hop, context: &Context<'_>) -> Option<Hold> {
    let settings = context.settings;
    let needed = settings.cda && settings.direction == Direction::E2m && hop.crosses;
    let attested = context.entry.is_some_and(|entry| entry.cda);
    (needed && !attested).then(|| WaitsOutside::NotAssigned.into())
}

/// A phone that may not run its last load after all, and of which nothing tells.
pub(super) fn unconfirmed(
    journey: &Journey,
    belief: &Belief,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) -> Option<(Stage, Hold)> {
    let until = asks_by(journey, context);
    deadlines.push(until);
    let load = belief.load.clone().filter(|_| context.now >= until)?;
    Some((Stage::Held, WaitsOutside::NotConfirmed { load }.into()))
}
