//! What is kept of a phone's worlds in the place of the facts behind them. Another version of the model reads the facts anew.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Worlds;

/// The version of the model. It changes with what a world, a reaction or a weight means.
const MODEL: u32 = 1;

/// Worlds and the version of the model that they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    model: u32,
    worlds: Value,
}

impl Checkpoint {
    /// The worlds, if this version of the model made them.
    pub fn worlds(self) -> Option<Worlds> {
        (self.model == MODEL).then(|| serde_json::from_value(self.worlds).ok())?
    }
}

impl From<&Worlds> for Checkpoint {
    fn from(worlds: &Worlds) -> Self {
        // Only a map whose keys are no text cannot be written, and there is none.
        Self { model: MODEL, worlds: serde_json::to_value(worlds).unwrap_or_default() }
    }
}
