//! What a phone says of itself when it registers, and what it was told through its registration.

use serde::{Deserialize, Serialize};

use crate::load::LoadName;
use crate::time::Time;

/// What a phone says when it registers with a call manager (cisco-phones §13): the strongest evidence there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The load it runs.
    pub active: Option<LoadName>,
    /// The load in its other partition.
    pub inactive: Option<LoadName>,
    /// The model that its number in call managers stands for.
    pub model: Option<String>,
    /// Why it last started: `initialized`, `reset-restart` and the like.
    pub last: Option<String>,
}

/// How a phone is made to read its configuration again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It leaves its call manager, reads its configuration and comes back.
    Restart,
    /// It boots.
    Reset,
}

/// By which way a phone is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// A NOTIFY within its registration.
    Registration,
    /// The program that the configuration names, which cuts its power.
    Hook,
    /// A Multiplatform phone's own page and SIP port: it reads its profile again.
    Resync,
}

/// One restart that a phone was told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub at: Time,
    /// What.
    pub how: Restart,
    /// By which way.
    pub by: Means,
    /// By the operator's hand, which does not count against the bench's own tries.
    pub operator: bool,
    /// What it answered, for the technician; none yet, if none.
    pub answer: Option<String>,
    /// It refused, or could not be reached.
    pub refused: bool,
}

impl Restart {
    /// The word that phones know it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Reset => "reset",
        }
    }
}
