//! The plan of a drill.

use super::super::lineup::Player;
use crate::config::Scenario;

/// The plan of a drill.
pub struct Plan {
    pub seed: u64,
    pub rng: fastrand::Rng,
    pub scenario: Scenario,
    pub phones: usize,
    pub speed: u32,
    /// Phones of unknown hardware version go on; then none has hardware that would suffer.
    pub proceeds: bool,
    /// Changes a phone, so that tests can make a drill fail.
    pub spoil: fn(&mut Player),
}
