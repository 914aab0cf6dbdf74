//! What a word is worth by the way it was heard.
//!
//! Anybody on the wire can send a broadcast or a datagram in a phone's name. So each world splits at such a word: in one it
//! is the phone's, in the other somebody lies. That somebody lies is **one** accident, however often he does: once it has
//! happened, each such word may be the phone's or not. So a liar who repeats himself gains nothing, and where no other
//! world is left one-way words carry nothing at all. An acknowledgment shows whose a datagram was.

use super::observed::{Observed, is_word};
use super::rank::Accident;
use super::react::{Scene, react};
use super::world::World;
use crate::journey::{Fact, Heard, Observation};
use crate::time::Time;

/// What a fact is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// The bench did it, or its operator said it.
    Own,
    /// Nobody but the phone can have said it.
    Exchange,
    /// Anybody can have said it.
    OneWay,
}

pub(super) fn worth(observation: &Observation) -> Worth {
    if !is_word(&observation.fact) {
        return Worth::Own;
    }
    match observation.heard {
        Heard::TwoWay => Worth::Exchange,
        Heard::Broadcast | Heard::OneWay | Heard::Unrecorded => Worth::OneWay,
    }
}

/// A datagram, which may be acknowledged.
pub(super) fn is_datagram(observation: &Observation) -> bool {
    matches!(observation.heard, Heard::OneWay | Heard::Unrecorded)
}

/// A world takes in a word that anybody can have said.
pub(super) fn hears(world: &World, fact: &Fact, place: u16, scene: &Scene<'_>) -> Vec<World> {
    if world.doubts.disbelieved & place != 0 {
        return vec![world.clone()];
    }
    let mut worlds = react(world.clone(), fact, scene);
    let mut doubts = doubting(world.clone(), scene.at);
    doubts.doubts.disbelieved |= place;
    worlds.push(doubts);
    worlds
}

/// The same, where somebody else speaks in the phone's name.
pub(super) fn doubting(world: World, at: Time) -> World {
    if world.doubts.somebody_lies {
        return world;
    }
    let mut doubts = world.after(Accident::SomebodyLies, at);
    doubts.doubts.somebody_lies = true;
    doubts
}

/// The phone has acknowledged the answer to a datagram: it was its own.
pub(super) fn acknowledged(mut world: World, place: u16, scene: &Scene<'_>) -> World {
    if world.doubts.disbelieved & place != 0 {
        world = world.after(Accident::FalseExchange, scene.at);
    }
    world
}

/// The place of a datagram; none for a broadcast.
pub(super) fn place(observation: &Observation, observed: &Observed) -> u16 {
    observed.datagram(observation.at).filter(|_| is_datagram(observation)).unwrap_or(0)
}
