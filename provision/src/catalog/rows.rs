//! The rows of the catalog's data files, and how a user's rows join them.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

use super::{Certainty, Model, Vid};
use crate::load::{Direction, Kind, Side, Version};

/// One data file: tables of rows, each row with its source and date.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct Rows {
    pub date: Option<String>,
    pub model: Vec<Model>,
    pub hop: Vec<HopRule>,
    pub floor: Vec<Floor>,
    pub eligibility: Vec<EligibilityRow>,
    pub warning: Vec<WarningRow>,
}

/// Which load may follow which.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HopRule {
    /// By which a user's row replaces a built-in one.
    pub name: String,
    /// What the phone runs.
    #[serde(deserialize_with = "kind")]
    pub from: Kind,
    /// The least release to start from.
    #[serde(default)]
    pub from_min: Option<Version>,
    /// The first release that may no longer.
    #[serde(default)]
    pub from_below: Option<Version>,
    /// What it may load.
    #[serde(deserialize_with = "kind")]
    pub to: Kind,
    /// The least release to go to.
    #[serde(default)]
    pub to_min: Option<Version>,
    /// Only to a later release.
    #[serde(default)]
    pub upward: bool,
    /// Whether the phone needs its license at this hop or after it.
    pub license: bool,
    /// Where the rule is from.
    #[serde(default = "user_file")]
    pub source: String,
    /// When the source said so.
    #[serde(default)]
    pub date: String,
}

/// The oldest release of one side that some hardware takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Floor {
    /// By which a user's row replaces a built-in one.
    pub name: String,
    /// Models, by name.
    pub models: Vec<String>,
    /// Which hardware of them; all without it.
    #[serde(default)]
    pub vid: Option<VidRange>,
    /// Enterprise, or Multiplatform with the transition loads.
    pub side: Side,
    /// The oldest release that runs, or from which the phone can cross.
    pub min: Version,
    /// It is about crossing to the other side, and not about running.
    #[serde(default)]
    pub leaving: bool,
    /// Only phones that were bought with the firmware of this side.
    #[serde(default)]
    pub born: Option<Side>,
    /// How sure the floor is.
    #[serde(default)]
    pub certainty: Certainty,
    /// Where the floor is from.
    #[serde(default = "user_file")]
    pub source: String,
    /// When the source said so.
    #[serde(default)]
    pub date: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EligibilityRow {
    pub models: Vec<String>,
    #[serde(default = "both")]
    pub directions: Vec<Direction>,
    #[serde(default)]
    pub vid: Option<VidRange>,
    pub eligible: bool,
    #[serde(default)]
    pub cause: String,
    #[serde(default)]
    pub certainty: Certainty,
    #[serde(default = "user_file")]
    pub source: String,
    #[serde(default)]
    pub date: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WarningRow {
    pub models: Vec<String>,
    #[serde(default = "both")]
    pub directions: Vec<Direction>,
    #[serde(default)]
    pub vid: Option<VidRange>,
    pub text: String,
    #[serde(default)]
    pub cda: bool,
    #[serde(default)]
    pub loads_below: Option<Version>,
    #[serde(default)]
    pub certainty: Certainty,
    #[serde(default = "user_file")]
    pub source: String,
    #[serde(default)]
    pub date: String,
}

/// A range of hardware versions, both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VidRange {
    /// The first; from V00 without it.
    pub min: Option<Vid>,
    /// The last; without end without it.
    pub max: Option<Vid>,
}

impl<'de> Deserialize<'de> for VidRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Bounds {
            min: Option<Vid>,
            max: Option<Vid>,
        }

        match Bounds::deserialize(deserializer)? {
            Bounds { min: Some(min), max: Some(max) } if min > max => {
                let range = format!("VIDs from {min} to {max}");
                Err(D::Error::invalid_value(Unexpected::Other(&range), &"min and max exchanged"))
            }
            Bounds { min, max } => Ok(Self { min, max }),
        }
    }
}

impl VidRange {
    /// Whether the range holds this VID.
    pub fn contains(&self, vid: Vid) -> bool {
        self.min.is_none_or(|min| vid >= min) && self.max.is_none_or(|max| vid <= max)
    }
}

impl HopRule {
    /// The direction in which the rule is used: that of its transition load, or of its crossing; `None` for both.
    pub fn direction(&self) -> Option<Direction> {
        match (self.from, self.to) {
            (Kind::Transition(direction), _) | (_, Kind::Transition(direction)) => Some(direction),
            (Kind::Enterprise, Kind::Multiplatform) => Some(Direction::E2m),
            (Kind::Multiplatform, Kind::Enterprise) => Some(Direction::M2e),
            _ => None,
        }
    }
}

impl Rows {
    /// Adds later rows: models, hops and floors of a name that is here already are replaced; eligibility and
    /// warnings are asked in order, later files first.
    pub fn merge(&mut self, later: Self) {
        replace(&mut self.model, later.model, |model| &model.name);
        replace(&mut self.hop, later.hop, |hop| &hop.name);
        replace(&mut self.floor, later.floor, |floor| &floor.name);
        self.eligibility.splice(0..0, later.eligibility);
        self.warning.splice(0..0, later.warning);
        self.date = later.date.or(self.date.take());
    }

    /// The first name of a model that no row describes.
    pub fn undescribed_model(&self) -> Option<&str> {
        let floors = self.floor.iter().flat_map(|row| &row.models);
        let eligibility = self.eligibility.iter().flat_map(|row| &row.models);
        let warnings = self.warning.iter().flat_map(|row| &row.models);
        let known = |name: &str| self.model.iter().any(|model| model.name == name);
        floors.chain(eligibility).chain(warnings).map(String::as_str).find(|name| !known(name))
    }

    /// Two models with one `loadInformation` number, of which a document could name only one.
    pub fn doubled_id(&self) -> Option<(&Model, &Model)> {
        let twin = |at: usize, id: u32| self.model[..at].iter().find(|other| other.id == Some(id));
        self.model.iter().enumerate().find_map(|(at, model)| Some((model, twin(at, model.id?)?)))
    }
}

fn replace<Row>(rows: &mut Vec<Row>, later: Vec<Row>, name: fn(&Row) -> &str) {
    for row in later {
        match rows.iter_mut().find(|known| name(known) == name(&row)) {
            Some(known) => *known = row,
            None => rows.push(row),
        }
    }
}

fn user_file() -> String {
    "catalog.toml".to_owned()
}

fn both() -> Vec<Direction> {
    vec![Direction::E2m, Direction::M2e]
}

/// Kinds as they are displayed: `Enterprise`, `TLexE2M`, `TLexM2E`, `Multiplatform`.
pub(crate) fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
    let text = String::deserialize(deserializer)?;
    [
        Kind::Enterprise,
        Kind::Transition(Direction::E2m),
        Kind::Transition(Direction::M2e),
        Kind::Multiplatform,
    ]
    .into_iter()
    .find(|kind| kind.to_string().eq_ignore_ascii_case(&text))
    .ok_or_else(|| {
        D::Error::custom(format!("{text:?} is none of Enterprise, TLexE2M, TLexM2E, Multiplatform"))
    })
}
