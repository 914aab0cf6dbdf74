//! What it means that a phone asks for a load, fetches components or asks for its license.

use std::sync::Arc;

use super::firmware::Runs;
use super::observed::is_component;
use super::rank::Accident;
use super::react::Scene;
use super::start::started_unseen;
use super::world::{FailedUrl, Fetching, License, Mode, Reason, World};
use crate::journey::fetched::Fetch;
use crate::journey::{Answer, UpgradeInstruction};
use crate::library::Library;
use crate::load::{LoadName, Side};
use crate::time::Time;

/// It asks for a load's list, and is given it or not. What it runs decides who can have told it that.
pub(super) fn asks(world: &World, load: &LoadName, given: bool, scene: &Scene<'_>) -> Vec<World> {
    if world.is(load) {
        return Vec::new();
    }
    let on = |side: Side| {
        let world = world.clone().on_side(side)?;
        let since = world.started;
        let told = scene.settings.steered_outside(side) || scene.observed.has_named(load);
        let world = if told { world } else { world.after_once(Accident::ToldByNobody, scene.at, since) };
        Some(asks_on_its_side(world, load, given, scene))
    };
    [Side::Enterprise, Side::Multiplatform].into_iter().filter_map(on).collect()
}

fn asks_on_its_side(world: World, load: &LoadName, given: bool, scene: &Scene<'_>) -> World {
    let mut world = chosen(world.without(load), load, scene);
    let attempt = attempt(&world, load, scene);
    let (at, outside) = (scene.at, world.outside);
    // A profile of CDA's names one load after the other, and the first one again for as long as it is not run.
    let other = outside
        && world.side() == Some(Side::Multiplatform)
        && world.ordered.as_ref().is_some_and(|ordered| ordered != load && !world.is(ordered));
    if other {
        world = world.after_once(Accident::OtherProfile, at, None);
    }
    if world.needs_license(load) {
        let known = matches!(world.runs, Runs::Load(_));
        if known && world.licensed_at.is_none() && !world.licensed {
            world = world.after_once(Accident::LicensedElsewhere, at, None);
        }
        world.licensed = true;
    }
    world.ordered = Some(load.clone()).filter(|_| outside);
    if !given {
        let world =
            if world.side() == Some(Side::Enterprise) { world } else { world.fails(load, attempt, true) };
        return world.in_mode(Mode::Quiet);
    }
    // One that may have failed with it has not; one that has tries again after a while.
    let over = |known: &FailedUrl| known.load == *load && !known.certain;
    if world.failed.iter().any(over) {
        Arc::make_mut(&mut world.failed).retain(|known| !over(known));
    }
    let same = world.fetching().filter(|known| known.load == *load).cloned();
    let fetching = match same {
        Some(known) => Fetching { asked: at, ..known },
        None => Fetching { load: load.clone(), attempt, since: at, asked: at, unseen: false },
    };
    world.in_mode(Mode::Fetching(fetching))
}

/// The document in its hands.
fn document<'a>(world: &World, scene: &Scene<'a>) -> Option<&'a UpgradeInstruction> {
    match scene.observed.answer(world.side()?)? {
        Answer::Document { load, .. } if !world.outside => load.as_ref(),
        _ => None,
    }
}

fn attempt(world: &World, load: &LoadName, scene: &Scene<'_>) -> u32 {
    let told = world.told().filter(|order| order.load == *load).map(|order| order.attempt);
    told.or_else(|| document(world, scene).map(|document| document.attempt)).unwrap_or(0)
}

/// Its document has a condition, and by what it asks for it tells on which side of that it is.
fn chosen(world: World, load: &LoadName, scene: &Scene<'_>) -> World {
    let Some(document) = document(&world, scene).filter(|_| world.side() == Some(Side::Multiplatform)) else {
        return world;
    };
    match &document.when {
        Some(when) if document.load == *load && when != load => match &world.runs {
            Runs::Load(runs) if runs == when => world,
            Runs::Band(band) if band.may_be(when) => world.named(when, Reason::Condition, scene.at),
            _ => world.after(Accident::OlderDocument, scene.at),
        },
        _ => world,
    }
}

/// Bytes of a component reach it.
pub(super) fn fetches(world: World, name: &str, asked: Option<Time>, scene: &Scene<'_>) -> Vec<World> {
    if !is_component(name) {
        return vec![world];
    }
    if world.started.is_some_and(|started| asked.is_some_and(|asked| asked < started)) {
        return completes_late(world, scene);
    }
    let listed = |load: &LoadName| lists(scene.library, load, name);
    match world.fetching() {
        Some(fetching) if listed(&fetching.load) => vec![world],
        Some(_) => Vec::new(),
        // It went on with a fetch whose beginning nobody saw, or that was given up.
        None => {
            let fits = |load: &&LoadName| listed(load) && !world.is(load);
            if !scene.library.loads.keys().any(listed) {
                return vec![world];
            }
            let goes_on = |load: &LoadName| {
                let (at, attempt, load) = (scene.at, attempt(&world, load, scene), load.clone());
                let fetching = Fetching { load, attempt, since: at, asked: at, unseen: true };
                let next = world.clone().in_mode(Mode::Fetching(fetching));
                if scene.observed.watched() { next.after(Accident::AskedUnseen, at) } else { next }
            };
            scene.library.loads.keys().filter(fits).map(goes_on).collect()
        }
    }
}

fn lists(library: &Library, load: &LoadName, name: &str) -> bool {
    library.loads.get(load).is_none_or(|load| {
        load.platforms
            .iter()
            .flat_map(|platform| &platform.components)
            .any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// Bytes that arrived before it started are seen after that.
fn completes_late(world: World, scene: &Scene<'_>) -> Vec<World> {
    let whole = |ended: &&Fetching| {
        !world.runs.may_be(&ended.load) && scene.observed.grade(ended, scene.library) != Fetch::Part
    };
    let Some(load) = world.ended.as_ref().filter(whole).map(|ended| ended.load.clone()) else {
        return vec![world];
    };
    let mut new = world.clone().becomes(&load, Reason::FetchedWhole, scene.at);
    if new.side() == world.side() {
        new.mode = world.mode.clone();
    }
    (new.started, new.ended) = (world.started, None);
    vec![world, new]
}

/// It asks for its license. Enterprise firmware has no use for one, and no phone asks while it fetches.
fn asks_license(world: &World, scene: &Scene<'_>) -> Vec<World> {
    let failed = |world: World| match world.fetching().cloned() {
        Some(Fetching { load, attempt, .. }) => world.fails(&load, attempt, true).in_mode(Mode::Quiet),
        None => world,
    };
    let on_side = world.clone().on_side(Side::Multiplatform);
    let Some(fetching) = world.fetching() else { return on_side.into_iter().collect() };
    let whole = scene.observed.grade(fetching, scene.library) == Fetch::Whole;
    let started = if whole || on_side.is_none() { started_unseen(world, scene) } else { Vec::new() };
    let started = started.into_iter().filter_map(|world| world.on_side(Side::Multiplatform));
    on_side.map(failed).into_iter().chain(started).collect()
}

/// It is given its license: it accepts it, or asks for it again. One that went on with it before accepts it again, unless it
/// asks twice.
pub(super) fn takes_license(world: &World, scene: &Scene<'_>) -> Vec<World> {
    let given = |mut world: World| {
        let since = world.told().map(|order| order.since);
        world.licensed &= since.is_none_or(|since| world.licensed_at < Some(since));
        world.licensed_at = Some(scene.at);
        match world.license {
            License::Settled => vec![world],
            License::Due | License::Refused(_) => {
                let accepts = World { license: License::Settled, ..world.clone() };
                vec![accepts, World { license: License::Refused(scene.at), ..world }]
            }
        }
    };
    asks_license(world, scene).into_iter().flat_map(given).collect()
}

/// It asks for its license and is not given it.
pub(super) fn misses_license(world: &World, scene: &Scene<'_>) -> Vec<World> {
    let unlicensed = |world: World| World { licensed: false, ..world };
    asks_license(world, scene).into_iter().map(unlicensed).collect()
}
