//! What a phone runs after it has started, and what it may have done while nobody watched.

use super::rank::Accident;
use super::react::{Scene, is_steered};
use super::world::{Fetching, Mode, Reason, World};
use crate::journey::fetched::Fetch;
use crate::load::{LoadName, Side};

/// It starts.
pub(super) fn starts(world: &World, scene: &Scene<'_>) -> Vec<World> {
    match &world.mode {
        Mode::Fetching(fetching) => after_fetch(world, fetching, scene),
        Mode::Told(order) if order.load.kind().side() == Side::Multiplatform => {
            let same = world.clone().fresh(scene.at);
            vec![same].into_iter().chain(from_reserve(world, &order.load, scene)).collect()
        }
        _ => vec![world.clone().fresh(scene.at)],
    }
}

/// It has started, though no DHCP message of that was seen.
pub(super) fn started_unseen(world: &World, scene: &Scene<'_>) -> Vec<World> {
    let seen = scene.observed.sees_starts();
    let unseen = |world: World| {
        let world = if seen { world.after(Accident::StartedUnseen, scene.at) } else { world };
        match scene.observed.options {
            Some(persona) => is_steered(world, persona, scene),
            None => vec![world],
        }
    };
    starts(world, scene).into_iter().flat_map(unseen).collect()
}

fn after_fetch(world: &World, fetching: &Fetching, scene: &Scene<'_>) -> Vec<World> {
    let (at, load) = (scene.at, &fetching.load);
    let new = |reason| world.clone().becomes(load, reason, at);
    let old = || world.clone().without(load).fresh(at);
    let came_to_rest = !fetching.unseen && !scene.observed.broken;
    match scene.observed.grade(fetching, scene.library) {
        Fetch::Whole => vec![new(Reason::FetchedWhole), old().after(Accident::CutWhileWriting, at)],
        Fetch::Doubtful if came_to_rest => {
            vec![new(Reason::FetchedEnough), old().after(Accident::CutWhileWriting, at)]
        }
        Fetch::Doubtful => vec![new(Reason::FetchedEnough), old().fails(load, fetching.attempt, false)],
        Fetch::Part => {
            let failed = old().fails(load, fetching.attempt, false);
            let by_accident = if fetching.unseen {
                Some(new(Reason::FetchedPart).after(Accident::FetchedUnseen, at))
            } else {
                from_reserve(world, load, scene)
            };
            vec![failed].into_iter().chain(by_accident).collect()
        }
    }
}

/// A load that it has already is started without a download (cisco-phones §6.4).
fn from_reserve(world: &World, load: &LoadName, scene: &Scene<'_>) -> Option<World> {
    let had_it = world.passed.contains(load);
    let can = had_it || world.side() != Some(Side::Enterprise);
    let new = can.then(|| world.clone().becomes(load, Reason::FetchedPart, scene.at))?;
    Some(if had_it { new } else { new.after(Accident::LoadInReserve, scene.at) })
}

/// Nobody watched for a while.
pub(super) fn misses(mut world: World, scene: &Scene<'_>) -> Vec<World> {
    let at = scene.at;
    world.unheard(at);
    match world.mode.clone() {
        Mode::Told(order) if world.side() != Some(Side::Enterprise) => {
            let reserve = (order.load.kind().side() == Side::Multiplatform)
                .then(|| from_reserve(&world, &order.load, scene))
                .flatten();
            let failed = world.fails(&order.load, order.attempt, false).in_mode(Mode::Quiet);
            vec![failed].into_iter().chain(reserve.map(|world| world.in_mode(Mode::Quiet))).collect()
        }
        Mode::Told(_) | Mode::Off | Mode::Starting | Mode::Quiet => vec![world.in_mode(Mode::Quiet)],
        Mode::Fetching(fetching) => {
            let whole = scene.observed.grade(&fetching, scene.library) != Fetch::Part;
            let still = Mode::Fetching(Fetching { unseen: true, ..fetching.clone() });
            let new = world.clone().becomes(&fetching.load, Reason::FetchedWhole, at).in_mode(Mode::Quiet);
            let new = if whole { new } else { new.after(Accident::FetchedUnseen, at) };
            let failed = world.clone().fails(&fetching.load, fetching.attempt, false).in_mode(Mode::Quiet);
            vec![world.in_mode(still), failed, new]
        }
    }
}
