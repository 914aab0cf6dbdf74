//! Judges how a phone ended, by the rules of real phones and the files in the folder. The planner and the catalog are
//! not consulted.

use std::collections::{BTreeSet, VecDeque};

use transload_phone::PhoneState;
use transload_phone::truth::{self, TrueHardware};
use transload_provision::load::{Direction, Kind, LoadName};
use transload_provision::worlds::{MARGIN, Worlds};

use super::folder::Firmware;
use super::lineup::Player;
use crate::bench::views::phone::{HoldCode, PhoneView, Stage};

/// True if complete loads and the license allow a route from the phone's load to the far side.
pub fn can_reach(player: &Player, direction: Direction, firmware: &Firmware, licensed: bool) -> bool {
    let hardware = TrueHardware { model: &player.spec.model, vid: player.spec.vid };
    let mut queue = VecDeque::from([player.spec.load.clone()]);
    let mut seen = BTreeSet::new();
    while let Some(load) = queue.pop_front() {
        if is_far(&load, direction) {
            return licensed || load == player.spec.load;
        }
        let next = firmware.loads.keys().filter(|next| {
            truth::judge(hardware, &load, next).is_ok() && !is_downgrade(&load, next) && !seen.contains(*next)
        });
        let next: Vec<LoadName> = next.cloned().collect();
        seen.extend(next.iter().cloned());
        queue.extend(next);
    }
    false
}

/// True for firmware of the target side.
fn is_far(load: &LoadName, direction: Direction) -> bool {
    match direction {
        Direction::E2m => load.kind() == Kind::Multiplatform,
        Direction::M2e => load.kind() == Kind::Enterprise,
    }
}

/// Within a side only upgrades count, and `TLexE2M` only if there is no direct crossing.
fn is_downgrade(from: &LoadName, to: &LoadName) -> bool {
    let direct = "14.1".parse().is_ok_and(|floor| from.version().at_least(&floor));
    (from.kind() == to.kind() && to.version() <= from.version())
        || (to.kind() == Kind::Transition(Direction::E2m) && direct)
}

/// True if the phone shows that it has reached the target.
pub fn at_target(state: &PhoneState, direction: Direction) -> bool {
    is_far(&state.memory.load, direction) && !state.memory.license_due
}

/// The contradiction between the bench's worlds of a phone and its true state, if any.
pub fn judge_worlds(state: &PhoneState, worlds: &Worlds, direction: Direction) -> Option<String> {
    let load = &state.memory.load;
    let explained = || worlds.explain().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    if !worlds.kept(MARGIN).any(|world| world.runs.may_be(load)) {
        return Some(format!("runs {load}, which no possible world allows: {}", explained()));
    }
    (worlds.done(direction) && !at_target(state, direction))
        .then(|| format!("runs {load}, and every possible world says that it is done: {}", explained()))
}

/// The error in how a phone ended, if any. A phone with a trust list cannot reach its target, unless its own call
/// manager steers it: nobody else can sign for it.
pub fn judge(
    player: &Player,
    state: &PhoneState,
    view: Option<&PhoneView>,
    direction: Direction,
    reachable: bool,
) -> Vec<String> {
    let mut wrong = state.failures.clone();
    let hold = view.and_then(|view| view.hold.as_ref());
    let stage = view.map_or(Stage::Absent, |view| view.stage);
    let done = stage == Stage::Done && at_target(state, direction);
    let excused = hold.is_some_and(|hold| hold.code == HoldCode::UnknownVid && player.listed_vid.is_none());
    let load = &state.memory.load;
    if reachable && !done && !excused {
        wrong.push(match hold {
            Some(hold) => {
                format!("could reach the target and is held on {load}: {} ({})", hold.cause, hold.cure)
            }
            None => format!("could reach the target and ended as {stage} on {load}"),
        });
    }
    if !reachable && !done && load.kind() != player.spec.load.kind() {
        wrong.push(format!("cannot reach the target and was led to {load}"));
    }
    if !reachable && !done && hold.is_none() {
        wrong.push(format!("cannot reach the target, and is {stage} with no reason shown"));
    }
    wrong
}
