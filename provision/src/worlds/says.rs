//! A load that is named as the one which a phone runs: by its page, by its registration, or by the roster.

use std::sync::Arc;

use super::firmware::Runs;
use super::rank::Accident;
use super::react::Scene;
use super::start::started_unseen;
use super::world::{License, Reason, World};
use crate::load::LoadName;
use crate::time::Time;

/// The phone names its load, or somebody in its place. A lie of its page counts once for each start.
pub(super) fn names(
    world: World,
    load: &LoadName,
    reason: Reason,
    lie: Accident,
    scene: &Scene<'_>,
) -> Vec<World> {
    let fetched_it = world.fetching().is_some_and(|fetching| fetching.load == *load);
    match &world.runs {
        Runs::Load(known) if known == load => {
            let why = if world.fetching().is_some() { world.why } else { reason };
            vec![World { why, ..world }]
        }
        Runs::Band(band) if band.may_be(load) => vec![world.named(load, reason, scene.at)],
        _ if fetched_it => {
            let started = started_unseen(&world, scene).into_iter().filter(|world| world.is(load));
            let lies = world.clone().after_once(lie, scene.at, world.started);
            started.chain([lies]).collect()
        }
        _ => {
            let since = world.started;
            vec![world.after_once(lie, scene.at, since)]
        }
    }
}

/// The roster says what a phone runs, and may be wrong, or it says so no more.
pub(super) fn listed(mut world: World, load: Option<&LoadName>, at: Time) -> Vec<World> {
    let Some(load) = load else {
        // Whoever took it out did not stand by it: those that needed it to be wrong do so no more.
        let denied = |(accident, _): &(Accident, Time)| *accident == Accident::WrongRoster;
        if world.accidents.iter().any(denied) {
            Arc::make_mut(&mut world.accidents).retain(|accident| !denied(accident));
        } else {
            world.surprise = world.surprise.saturating_add(Accident::WrongRoster.weight());
        }
        return vec![world];
    };
    match &world.runs {
        Runs::Load(known) if known == load => vec![world],
        Runs::Band(band) if band.may_be(load) => {
            let runs = world.clone().named(load, Reason::Listed, at);
            vec![runs, world.without(load).after_once(Accident::WrongRoster, at, None)]
        }
        _ => vec![world.after_once(Accident::WrongRoster, at, None)],
    }
}

/// Whoever retries a phone stands by what the roster says, and by its having accepted its license.
pub(super) fn vouched(world: World, scene: &Scene<'_>) -> Vec<World> {
    let Some(load) = &scene.observed.listed else { return vec![world] };
    let unlicensed = |world: World| match world.license {
        License::Settled => world,
        License::Due | License::Refused(_) => world.after_once(Accident::WrongRoster, scene.at, None),
    };
    listed(world, Some(load), scene.at).into_iter().map(unlicensed).collect()
}
