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

/// A rule for a hop between two kinds of loads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HopRule {
    /// The name by which a user's row replaces a built-in one.
    pub name: String,
    /// The kind of the present load.
    #[serde(deserialize_with = "kind")]
    pub from: Kind,
    /// The oldest release to start from.
    #[serde(default)]
    pub from_min: Option<Version>,
    /// The first release that is too new to start from.
    #[serde(default)]
    pub from_below: Option<Version>,
    /// The kind of the next load.
    #[serde(deserialize_with = "kind")]
    pub to: Kind,
    /// The oldest release to go to.
    #[serde(default)]
    pub to_min: Option<Version>,
    /// The next release must be newer.
    #[serde(default)]
    pub upward: bool,
    /// The phone needs its license at this hop or after it.
    pub license: bool,
    /// The source of the rule.
    #[serde(default = "user_file")]
    pub source: String,
    /// The date of the source.
    #[serde(default)]
    pub date: String,
}

/// The oldest release of one side that some hardware takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Floor {
    /// The name by which a user's row replaces a built-in one.
    pub name: String,
    /// Models, by name.
    pub models: Vec<String>,
    /// The hardware versions; `None` for all.
    #[serde(default)]
    pub vid: Option<VidRange>,
    /// Enterprise, or Multiplatform with the transition loads.
    pub side: Side,
    /// The oldest release that runs, or from which the phone can cross.
    pub min: Version,
    /// The floor concerns the crossing to the other side, not running the load.
    #[serde(default)]
    pub leaving: bool,
    /// Only phones that were bought with the firmware of this side.
    #[serde(default)]
    pub born: Option<Side>,
    /// The certainty of the floor.
    #[serde(default)]
    pub certainty: Certainty,
    /// The source of the floor.
    #[serde(default = "user_file")]
    pub source: String,
    /// The date of the source.
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

/// A range of hardware versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VidRange {
    /// The first version; V00 if absent.
    pub min: Option<Vid>,
    /// The last version; open if absent.
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
    /// True if the range contains this VID.
    pub fn contains(&self, vid: Vid) -> bool {
        self.min.is_none_or(|min| vid >= min) && self.max.is_none_or(|max| vid <= max)
    }
}

impl HopRule {
    /// The direction of the rule's transition load or crossing; `None` for both.
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
    /// Adds later rows. A model, hop or floor replaces one of the same name; eligibility and warnings of later files
    /// go first.
    pub fn merge(&mut self, later: Self) {
        replace(&mut self.model, later.model, |model| &model.name);
        replace(&mut self.hop, later.hop, |hop| &hop.name);
        replace(&mut self.floor, later.floor, |floor| &floor.name);
        self.eligibility.splice(0..0, later.eligibility);
        self.warning.splice(0..0, later.warning);
        self.date = later.date.or(self.date.take());
    }

    /// The first model named in a row that no row describes.
    pub fn undescribed_model(&self) -> Option<&str> {
        let floors = self.floor.iter().flat_map(|row| &row.models);
        let eligibility = self.eligibility.iter().flat_map(|row| &row.models);
        let warnings = self.warning.iter().flat_map(|row| &row.models);
        let known = |name: &str| self.model.iter().any(|model| model.name == name);
        floors.chain(eligibility).chain(warnings).map(String::as_str).find(|name| !known(name))
    }

    /// Two models with the same `loadInformation` number, since a document could name only one.
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

/// Reads a kind as it is displayed: `Enterprise`, `TLexE2M`, `TLexM2E`, `Multiplatform`.
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
