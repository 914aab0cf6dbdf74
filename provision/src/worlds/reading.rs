//! What it means that a phone reads its configuration, and what it does with the answer.

use std::sync::Arc;
use std::time::Duration;

use super::firmware::{Runs, is_of};
use super::observed::Observed;
use super::rank::Accident;
use super::react::Scene;
use super::start::started_unseen;
use super::world::{License, Mode, Order, Reason, World};
use crate::client::{self, Persona};
use crate::journey::fetched::Fetch;
use crate::journey::{Answer, UpgradeInstruction};
use crate::library::Library;
use crate::load::{Kind, LoadName, Side};
use crate::time::Time;

/// A Multiplatform phone that has all of a load may read its profile once more this long before it writes.
const BEFORE_IT_WRITES: Duration = Duration::from_secs(120);
/// One that was not heard for longer may have started, or have had no answer.
const COMES_BACK: Duration = Duration::from_secs(150);
/// Sooner than this after it was told, it has not come back yet.
const SOON: Duration = Duration::from_secs(50);
/// No transition load is of a newer release (cisco-phones §4.4), unless one is in the library.
const TRANSITION_RELEASE: [u16; 3] = [11, 2, 3];
/// A document that was lost this often in a row is none that was lost.
const LOST_IN_A_ROW: u8 = 3;

/// It reads its configuration, and is answered as the last time.
pub(super) fn reads(
    world: &World,
    side: Side,
    signed: bool,
    agent: Option<&str>,
    scene: &Scene<'_>,
) -> Vec<World> {
    let worlds = match side {
        Side::Enterprise => as_enterprise(world, scene),
        Side::Multiplatform => as_multiplatform(world, agent, scene),
    };
    let not_found = Answer::NotFound;
    let answer = scene.observed.answer(side).filter(|_| !signed).unwrap_or(&not_found);
    worlds.into_iter().flat_map(|world| answered(world, side, answer, scene.at)).collect()
}

/// Enterprise firmware reads its configuration when it starts, when it got none, and when it is told to restart
/// (cisco-phones §3.3).
fn as_enterprise(world: &World, scene: &Scene<'_>) -> Vec<World> {
    let fetches = world.fetching().is_some();
    let again = world.has_document && world.side() == Some(Side::Enterprise);
    let worlds = match world.clone().on_side(Side::Enterprise) {
        Some(world) if !fetches && !again => vec![world],
        Some(world) if !fetches => {
            let lost =
                scene.observed.sees_starts().then(|| world.clone().after(Accident::DocumentLost, scene.at));
            lost.map_or_else(|| started_unseen(&world, scene), |lost| vec![lost])
        }
        _ => started_unseen(world, scene),
    };
    let at_rest = |world: World| {
        let world = world.on_side(Side::Enterprise)?.in_mode(Mode::Quiet);
        Some(World { outside: false, ..world })
    };
    worlds.into_iter().filter_map(at_rest).collect()
}

fn as_multiplatform(world: &World, agent: Option<&str>, scene: &Scene<'_>) -> Vec<World> {
    let worlds = match (world.fetching(), world.clone().on_side(Side::Multiplatform)) {
        (Some(_), Some(world)) => returns_from_fetch(world, scene),
        (None, Some(world)) => vec![world],
        (_, None) => started_unseen(world, scene),
    };
    let mut next = Vec::with_capacity(worlds.len());
    for world in worlds {
        let Some(world) = world.on_side(Side::Multiplatform) else { continue };
        let mut world = comes_back(says_release(world, agent, scene), scene);
        if !matches!(world.mode, Mode::Told(_) | Mode::Fetching(_)) {
            world.mode = Mode::Quiet;
        }
        world.outside = false;
        next.push(world);
    }
    next
}

/// It does not read its profile while it fetches or writes.
fn returns_from_fetch(world: World, scene: &Scene<'_>) -> Vec<World> {
    let Some(fetching) = world.fetching().cloned() else { return vec![world] };
    let grade = scene.observed.grade(&fetching, scene.library);
    let failed = || world.clone().fails(&fetching.load, fetching.attempt, true).in_mode(Mode::Quiet);
    let quiet = scene.at - scene.observed.last_of(&fetching) >= BEFORE_IT_WRITES;
    let seen = scene.observed.sees_starts();
    let mut worlds = Vec::new();
    if grade != Fetch::Whole {
        worlds.push(failed());
    }
    if grade != Fetch::Part || !seen {
        worlds.extend(started_unseen(&world, scene));
    }
    if grade != Fetch::Part && !quiet {
        worlds.push(world);
    }
    worlds
}

/// Its User-Agent names a release, or was configured.
fn says_release(mut world: World, agent: Option<&str>, scene: &Scene<'_>) -> World {
    let said = agent.and_then(client::user_agent).filter(|said| said.persona == Persona::Multiplatform);
    let Some(version) = said.and_then(|said| said.version) else { return world };
    let since = world.started;
    match &mut world.runs {
        Runs::Load(load) if !is_of(load, &version) => {
            return world.after_once(Accident::AgentConfigured, scene.at, since);
        }
        Runs::Load(_) => {}
        Runs::Band(band) if band.release.as_ref() == Some(&version) => {}
        Runs::Band(band) => {
            let band = Arc::make_mut(band);
            band.or_transition = may_be_transition(&version, scene.library);
            band.release = Some(version);
        }
    }
    world
}

fn may_be_transition(version: &str, library: &Library) -> bool {
    let numbers: Vec<u16> = version.split('.').filter_map(|number| number.parse().ok()).collect();
    let here = |load: &LoadName| matches!(load.kind(), Kind::Transition(_)) && is_of(load, version);
    numbers.as_slice() <= TRANSITION_RELEASE.as_slice() || library.loads.keys().any(here)
}

/// It comes back for its profile, and has not done what the one before made it do.
fn comes_back(mut world: World, scene: &Scene<'_>) -> World {
    let (at, patience) = (scene.at, scene.settings.timing.license);
    if let License::Refused(since) = world.license {
        if !names_license(scene.observed) {
            world.unheard(at);
        } else if at - since >= patience {
            world = world.after(Accident::WaitedLonger, at);
            world.unheard(at);
        }
    }
    let Some(mut order) = world.told().filter(|order| !order.outside).cloned() else { return world };
    if scene.observed.exchanged.is_some_and(|heard| at - heard >= COMES_BACK) {
        (order.since, order.readings) = (at, 0);
        return world.in_mode(Mode::Told(order));
    }
    order.readings = order.readings.saturating_add(1);
    let due = if world.needs_license(&order.load) && !world.licensed {
        let given = world.licensed_at.filter(|given| *given >= order.since);
        given.is_some_and(|given| at - given >= patience) && order.readings > LOST_IN_A_ROW
    } else {
        order.readings <= LOST_IN_A_ROW && at - order.since >= SOON
    };
    let world = world.in_mode(Mode::Told(order));
    if due { world.after(Accident::DocumentLost, at) } else { world }
}

fn names_license(observed: &Observed) -> bool {
    matches!(observed.answer(Side::Multiplatform), Some(Answer::Document { license: Some(_), .. }))
}

/// What it does with the answer.
pub(super) fn answered(mut world: World, side: Side, answer: &Answer, at: Time) -> Vec<World> {
    if world.side().is_some_and(|known| known != side) || world.fetching().is_some() {
        return vec![world];
    }
    match answer {
        Answer::Document { load: Some(instruction), .. } => {
            world.has_document = true;
            is_told(world, instruction, side, at)
        }
        Answer::Document { load: None, .. } => {
            world.has_document = true;
            vec![told_nothing(world)]
        }
        Answer::NotFound | Answer::Nothing => vec![told_nothing(world)],
    }
}

fn told_nothing(world: World) -> World {
    match &world.mode {
        Mode::Told(order) if !order.outside => world.in_mode(Mode::Quiet),
        _ => world,
    }
}

fn is_told(world: World, document: &UpgradeInstruction, side: Side, at: Time) -> Vec<World> {
    let tell = |world: World, load: &LoadName| {
        if world.will_not_try(load, document.attempt) {
            return world.in_mode(Mode::Quiet);
        }
        let same =
            |known: &&Order| known.load == *load && known.attempt == document.attempt && !known.outside;
        if side == Side::Multiplatform && world.told().as_ref().is_some_and(same) {
            return world;
        }
        let (load, attempt) = (load.clone(), document.attempt);
        world.in_mode(Mode::Told(Order { load, attempt, since: at, readings: 0, outside: false }))
    };
    match &world.runs {
        Runs::Load(runs) => {
            let named = document.when.as_ref().filter(|when| *when != runs).unwrap_or(&document.load);
            if named == runs { vec![world.in_mode(Mode::Quiet)] } else { vec![tell(world, named)] }
        }
        Runs::Band(_) if document.when.is_some() => vec![world.in_mode(Mode::Quiet)],
        Runs::Band(band) if band.may_be(&document.load) => {
            let runs = world.clone().named(&document.load, Reason::Silent, at).in_mode(Mode::Quiet);
            vec![runs, tell(world.without(&document.load), &document.load)]
        }
        Runs::Band(_) => vec![tell(world, &document.load)],
    }
}
