//! What an older record leaves open, whose facts were not kept: the phone runs what it named last, or what it fetched after that.

use super::firmware::Runs;
use super::rank::Accident;
use super::world::{License, Reason, World};
use crate::journey::KnownBefore;
use crate::load::{Kind, LoadName, Side};
use crate::time::Time;

pub(super) fn worlds(known: &KnownBefore, at: Time) -> Vec<World> {
    let runs = |load: &LoadName| {
        let mut world = World::new(Runs::Load(load.clone()), Reason::KnownBefore, at);
        if load.kind() == Kind::Multiplatform && known.license_due {
            world.license = License::Due;
        }
        world
    };
    let by_name = known.fetched.iter().chain(&known.named).map(runs);
    let unnamed = known.named.is_none().then(|| World::some(known.side, Reason::KnownBefore, at));
    let away = known.away.then(|| World::some(None, Reason::Away, at).after(Accident::LoadedWhileAway, at));
    let tried = |world: World| {
        known.tried.iter().fold(world, |world, (load, attempt)| world.fails(load, *attempt, false))
    };
    let licensed = |world: World| {
        let given = known.licensed_at.filter(|_| world.side() != Some(Side::Enterprise));
        World { licensed_at: given, ..world }
    };
    by_name.chain(unnamed).chain(away).map(tried).map(licensed).collect()
}
