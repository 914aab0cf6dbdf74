//! What a drill is.

use super::super::lineup::Player;
use crate::config::Scenario;

/// What a drill is.
pub struct Plan {
    pub seed: u64,
    pub rng: fastrand::Rng,
    pub scenario: Scenario,
    pub phones: usize,
    pub speed: u32,
    /// Phones of unknown hardware version go on: then there is none that would suffer.
    pub proceeds: bool,
    /// What is done to its phones, so that a drill can be seen to fail.
    pub spoil: fn(&mut Player),
}
