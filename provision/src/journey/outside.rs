//! Phones that others tell what to load: a call manager, or Cisco's redirection service (CDA). Nothing says what a phone
//! was told there; what it fetches here says how far it is. One that asks here for its configuration all the same is
//! told here.

use super::Journey;
use super::belief::Belief;
use super::claims::said_by_dhcp;
use super::stall::license_not_accepted;
use super::verdict::{Hold, HoldCode, Stage};
use super::way::Context;
use crate::load::{Direction, LoadName, Side};
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
    let hold = match side {
        // On which side it came back, broadcasts do not say, or each says another.
        _ if journey.away && said_by_dhcp(journey) != Some(side) => not_confirmed(&hop.to),
        Side::Enterprise => call_manager(refused, belief, &hop.to, context.settings),
        Side::Multiplatform => cda(refused, belief.load.as_ref(), &hop.to),
    };
    Some((Stage::Held, hold))
}

/// Until when a phone that others steer must have asked here for its load. That it asks for a license which is not here
/// tells nothing.
fn asks_by(journey: &Journey, context: &Context<'_>) -> Time {
    let timing = &context.settings.timing;
    let started = journey.started();
    let licensed = journey.license_known().map(|(_, latest)| latest).filter(|latest| *latest >= started);
    licensed.map_or(started + timing.not_asking, |latest| latest + timing.license)
}

fn call_manager(refused: Option<&str>, belief: &Belief, next: &LoadName, settings: &Settings) -> Hold {
    let server = settings.server;
    let cause = match refused {
        Some(name) if name == next.as_str() => {
            format!("it was refused {name} when its call manager told it to load it, and may have it now")
        }
        Some(name) => format!("its call manager told it to load {name}, but its next load is {next}"),
        None => format!("its call manager has not told it to load {next} from {server}"),
    };
    let entered = match refused {
        Some(name) if name == next.as_str() => "reset it in the call manager".to_owned(),
        _ => format!(
            "enter {next} as its phone load name and {server} as its load server in the call manager, as \
             `transload export call-manager` writes it, and reset it"
        ),
    };
    let screen =
        if refused.is_none() { "; if its screen asks for an activation code, press Cancel" } else { "" };
    let unknown = if belief.is_certain() { "" } else { RUNS_ALREADY };
    Hold::new(HoldCode::WaitingOutside, cause, entered + screen + unknown)
}

/// What nothing else may ever tell of one that has nothing to ask here.
const RUNS_ALREADY: &str =
    "; if it runs that load already, write the load it runs into the roster's load column, and retry it";

fn cda(refused: Option<&str>, runs: Option<&LoadName>, next: &LoadName) -> Hold {
    let (cause, cure) = match refused {
        Some(name) if name != next.as_str() => {
            let taken = runs.map_or(String::new(), |runs| {
                format!(
                    "; if it does not run {runs}, write the load it runs into the roster's load column, and retry it"
                )
            });
            (
                format!("CDA told it to load {name}, but its next load is {next}"),
                "put the profile of `transload export cda` in the place of the one in CDA, then factory-reset the phone"
                    .to_owned()
                    + &taken,
            )
        }
        _ => (
            format!("CDA has not sent it here for {next}"),
            "see that it reaches the internet and that CDA has its MAC address assigned to the profile that `transload \
             export cda` writes now; a phone asks CDA when it is factory-reset, and then only where DHCP and its Profile_Rule \
             name no other server"
                .to_owned()
                + RUNS_ALREADY,
        ),
    };
    Hold::new(HoldCode::WaitingOutside, cause, cure)
}

/// A phone that crosses from the Enterprise side has to find CDA ready, which nobody but the operator knows. One that
/// comes from the Multiplatform side was sent here by CDA in the first place.
pub fn unattested(hop: &Hop, context: &Context<'_>) -> Option<Hold> {
    let settings = context.settings;
    let needed = settings.cda && settings.direction == Direction::E2m && hop.crosses;
    let attested = context.entry.is_some_and(|entry| entry.cda);
    (needed && !attested).then(not_attested)
}

/// The hold of a phone before it crosses.
fn not_attested() -> Hold {
    Hold::new(
        HoldCode::WaitingOutside,
        "nobody has said that CDA has it assigned to the redirection profile, and without that it would be left \
         alone behind the crossing",
        "assign it in CDA (`transload export cda` writes profile and MAC list), then write yes into the cda column of \
         its roster line, or import the cda-assigned.csv that was written along",
    )
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
    let load = belief.load.as_ref().filter(|_| context.now >= until)?;
    Some((Stage::Held, not_confirmed(load)))
}

/// A phone that may be at its target: it fetched the load, or the roster says so, and nothing two-way shows it.
pub(super) fn not_confirmed(load: &LoadName) -> Hold {
    let cause = format!(
        "not confirmed: nothing but broadcasts was heard of it since it could run {load}, and its page does not tell"
    );
    let cure = "see on its screen which load it runs, write that into the roster's load column, and retry it; if its screen asks for a \
                license, unplug it and plug it in again";
    Hold::new(HoldCode::WaitingOutside, cause, cure)
}

/// A phone that was given its license and may have accepted it.
pub(super) fn license_not_confirmed(load: &LoadName) -> Hold {
    let cause = format!(
        "not confirmed: it was given the license by which it runs {load}, and nothing but broadcasts was heard of it since"
    );
    let cure = format!(
        "see on its page whether Transition Authorization Status says Authorization Succeeded; if it does, write {load} into \
         the roster's load column, and retry it; if not, unplug it and plug it in again"
    );
    Hold::new(HoldCode::WaitingOutside, cause, cure)
}

/// A phone on its target whose license nobody has sent it for.
pub(super) fn unlicensed(load: Option<&LoadName>) -> Hold {
    let load = load.map_or("the target", LoadName::as_str);
    Hold::new(
        HoldCode::WaitingOutside,
        format!("it runs {load}, and CDA has not sent it here for its license"),
        "see that it reaches the internet and that CDA has its MAC address assigned to the profile that `transload \
         export cda` writes now, then factory-reset it",
    )
}
