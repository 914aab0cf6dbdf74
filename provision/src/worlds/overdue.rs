//! What had to be seen of a phone by some moment, and what it means that it was not.

use super::observed::Observed;
use super::rank::Accident;
use super::react::Scene;
use super::start::starts;
use super::world::{License, Mode, World};
use crate::journey::fetched::Fetch;
use crate::load::Side;
use crate::settings::Settings;
use crate::time::Time;

/// When something has to be seen of a phone at the latest.
pub(super) fn due(world: &World, observed: &Observed, settings: &Settings) -> Option<Time> {
    let timing = &settings.timing;
    let license = match world.license {
        // One that reads its profile here is judged when it does.
        License::Refused(at) if world.outside && world.mode != Mode::Off => Some(at + timing.license),
        _ => None,
    };
    let shows = match &world.mode {
        Mode::Fetching(fetching) => {
            Some(observed.gap.map_or(Time(0), |gap| gap).max(observed.last_of(fetching)) + timing.flash)
        }
        Mode::Told(order) if order.outside => Some(order.since + timing.not_asking),
        Mode::Told(order) if world.side() == Some(Side::Enterprise) => {
            Some(order.since + timing.already_there)
        }
        _ => None,
    };
    license.into_iter().chain(shows).min()
}

/// It was not seen by then.
pub(super) fn overdue(world: World, scene: &Scene<'_>) -> Vec<World> {
    let due_at = |world: &World| due(world, scene.observed, scene.settings).filter(|due| *due <= scene.at);
    let Some(at) = due_at(&world) else { return vec![world] };
    match world.mode.clone() {
        // By then it has started, seen or not.
        Mode::Fetching(fetching) if scene.observed.grade(&fetching, scene.library) != Fetch::Part => {
            let rests = |world: World| world.in_mode(Mode::Quiet);
            starts(&world, &Scene { at, ..*scene }).into_iter().map(rests).collect()
        }
        // Its fetch has failed, and nobody saw why.
        Mode::Fetching(fetching) => {
            vec![world.fails(&fetching.load, fetching.attempt, false).in_mode(Mode::Quiet)]
        }
        // It was told of a load, or needs its license.
        _ => vec![world.after(Accident::SwitchedOff, at).in_mode(Mode::Off)],
    }
}
