//! What is kept of a phone's worlds in the place of the facts behind them. Another version of the model reads the facts anew.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Worlds;

/// The version of the model. It changes with what a world, a reaction or a weight means.
const MODEL: u32 = 1;

/// Worlds with the version of the model that they come from, as they are written.
#[derive(Debug, Serialize)]
pub struct Checkpoint<'a> {
    model: u32,
    worlds: &'a Worlds,
}

/// A checkpoint as it is read.
#[derive(Debug, Deserialize)]
pub struct StoredCheckpoint {
    model: u32,
    worlds: Value,
}

impl<'a> From<&'a Worlds> for Checkpoint<'a> {
    fn from(worlds: &'a Worlds) -> Self {
        Self { model: MODEL, worlds }
    }
}

impl StoredCheckpoint {
    /// The worlds, if this version of the model made them.
    pub fn worlds(self) -> Option<Worlds> {
        (self.model == MODEL).then(|| serde_json::from_value(self.worlds).ok())?
    }
}
