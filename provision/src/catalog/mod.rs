//! Knowledge about phone models: families, eligibility, hop rules, floors. It comes from data files and a user's own
//! rows.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeOwned, Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::load::{Direction, Kind, LoadName, Side, Version};
use crate::text;

pub mod known;
mod lookup;
mod mistake;
pub mod name;
mod rows;

pub use lookup::{Lookup, Question};
pub use mistake::CatalogError;
pub use name::Certainty;
pub(crate) use rows::kind;
pub use rows::{Floor, HopRule, VidRange};

/// The catalog in force.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// The month of its rows, `2019-04`.
    pub date: String,
    /// SHA-256 over all data in force, in hexadecimal.
    pub digest: String,
    /// All models, including those that cannot migrate.
    pub models: Vec<Model>,
    /// Rules for hops between loads.
    pub hops: Vec<HopRule>,
    /// The oldest releases that hardware takes.
    pub floors: Vec<Floor>,
    rows: rows::Rows,
    texts: Vec<String>,
    /// Index of the models by each of their names in one word.
    by_name: HashMap<String, usize>,
}

/// A model of phone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Model {
    /// `8851NR`.
    pub name: String,
    /// The number in `loadInformation684`; none where no call manager knows the model.
    #[serde(default)]
    pub id: Option<u32>,
    /// The prefix of its load names, `sip88xx`. `None`: there is no firmware to migrate it with.
    #[serde(default)]
    pub family: Option<String>,
    /// `$PN` under Multiplatform firmware, likeliest first; never empty.
    #[serde(default)]
    pub pn: Vec<String>,
    /// `$PSN` under Multiplatform firmware, likeliest first; never empty.
    #[serde(default)]
    pub psn: Vec<String>,
    /// Other names of the same model.
    #[serde(default)]
    pub also: Vec<String>,
    /// The uncertainty about the row.
    #[serde(default)]
    pub note: Option<String>,
    /// The certainty of the row.
    #[serde(default)]
    pub certainty: Certainty,
    /// The source of the row.
    #[serde(default)]
    pub source: String,
    /// The date of the source.
    #[serde(default)]
    pub date: String,
}

/// A hardware version as the UDI has it: `V05`. Not the "hardware revision" of the phone's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vid(pub u8);

/// The text is not a VID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}; {}", self.cause(), Self::CURE)]
pub struct NotAVid(pub String);

impl NotAVid {
    /// Where to read it.
    pub const CURE: &str = "it is on the label and in the UDI, as in V05";

    /// What is wrong.
    pub fn cause(&self) -> String {
        format!("{:?} is not a VID", self.0)
    }
}

/// A phone's eligibility for migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Eligibility {
    /// The phone may migrate.
    Eligible,
    /// Some VIDs of the model may migrate, and the phone's VID is unknown.
    DependsOnVid {
        /// Which VIDs.
        cause: String,
    },
    /// The phone may not migrate.
    Refused {
        /// The reason.
        cause: String,
        /// The source.
        source: String,
        /// The date of the source.
        date: String,
    },
    /// The catalog does not describe the model.
    NotInCatalog {
        /// The model's name.
        model: String,
    },
}

/// Information for the technician; it refuses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// One sentence.
    pub text: String,
    /// The source.
    pub source: String,
    /// The date of the source.
    pub date: String,
}

/// The traits of a phone that warnings depend on.
#[derive(Debug, Clone, Copy)]
pub struct Concerned<'a> {
    /// Its model.
    pub model: &'a Model,
    /// Its hardware version.
    pub vid: Option<Vid>,
    /// The load it runs.
    pub load: Option<&'a LoadName>,
    /// The direction of its migration.
    pub direction: Direction,
    /// CDA steers Multiplatform phones.
    pub cda: bool,
}

/// The traits of a phone that floors depend on.
#[derive(Debug, Clone, Copy)]
pub struct Hardware<'a> {
    /// Its model.
    pub model: &'a Model,
    /// Its hardware version.
    pub vid: Option<Vid>,
    /// The side of the firmware that the phone was bought with.
    pub born: Option<Side>,
}

/// The relation of one load to one phone's floors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit<'a> {
    /// The phone's hardware takes the load.
    Runs,
    /// Some VID of the model does not take the load, and the phone's VID is unknown.
    DependsOnVid(&'a Floor),
    /// The load is too old for the hardware.
    TooOld(&'a Floor),
}

const COMMON: [&str; 4] = [
    include_str!("../../catalog/models.toml"),
    include_str!("../../catalog/refused.toml"),
    include_str!("../../catalog/hops.toml"),
    include_str!("../../catalog/floors.toml"),
];

impl Catalog {
    /// The rows of Cisco's current guides.
    pub fn current() -> Self {
        Self::built_in(include_str!("../../catalog/current.toml"))
    }

    /// The eligibility list of Cisco's procedure of April 2019.
    pub fn seed_2019() -> Self {
        Self::built_in(include_str!("../../catalog/seed-2019.toml"))
    }

    /// Adds a user's rows (the text of `catalog.toml`). A model, hop or floor row replaces one of the same name;
    /// eligibility rows go before the built-in ones.
    pub fn with_user(&self, text: &str) -> Result<Self, CatalogError> {
        Self::from_texts(self.texts.iter().cloned().chain([text.to_owned()]).collect())
    }

    #[allow(clippy::expect_used)] // part of the program; a test reads both
    fn built_in(list: &str) -> Self {
        let texts = COMMON.into_iter().chain([list]).map(str::to_owned).collect();
        Self::from_texts(texts).expect("the built-in catalog is sound")
    }

    fn from_texts(texts: Vec<String>) -> Result<Self, CatalogError> {
        let mut rows = rows::Rows::default();
        let mut digest = Sha256::new();
        for text in &texts {
            rows.merge(toml::from_str(text).map_err(|error| mistake::syntax(text, &error))?);
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
            if let Some(name) = rows.undescribed_model() {
                return Err(mistake::undescribed(text, name));
            }
            if let Some((one, other)) = rows.doubled_id() {
                return Err(mistake::doubled(text, one, other));
            }
        }
        for model in &mut rows.model {
            if model.pn.is_empty() {
                model.pn.push(format!("CP-{}-3PCC", model.name));
            }
            if model.psn.is_empty() {
                model.psn.push(format!("{}-3PCC", model.name));
            }
        }
        let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        Ok(Self {
            date: rows.date.clone().unwrap_or_default(),
            digest,
            models: rows.model.clone(),
            hops: rows.hop.clone(),
            floors: rows.floor.clone(),
            by_name: by_name(&rows.model),
            rows,
            texts,
        })
    }

    /// The model by its `loadInformation` number.
    pub fn model_by_id(&self, id: u32) -> Option<&Model> {
        self.models.iter().find(|model| model.id == Some(id))
    }

    /// The eligibility of a model without a row.
    pub fn not_in_catalog(name: &str) -> Eligibility {
        Eligibility::NotInCatalog { model: text::line(name).chars().take(40).collect() }
    }

    /// A phone's eligibility in this direction.
    pub fn eligibility(&self, model: &Model, vid: Option<Vid>, direction: Direction) -> Eligibility {
        let Some(row) = self
            .rows
            .eligibility
            .iter()
            .find(|row| row.models.contains(&model.name) && row.directions.contains(&direction))
        else {
            return Self::not_in_catalog(&model.name);
        };
        let refused = |cause| Eligibility::Refused {
            cause,
            source: row.certainty.cited(&row.source),
            date: row.date.clone(),
        };
        if !row.eligible {
            return refused(format!("the {} cannot be migrated: {}", model.name, row.cause));
        }
        match (row.vid, vid) {
            (None, _) => Eligibility::Eligible,
            (Some(range), Some(vid)) if range.contains(vid) => Eligibility::Eligible,
            (Some(_), Some(vid)) => refused(format!("this phone is a {} {vid}: {}", model.name, row.cause)),
            (Some(_), None) => Eligibility::DependsOnVid { cause: row.cause.clone() },
        }
    }

    /// The warnings for a phone. An unknown trait may match any warning.
    pub fn warnings(&self, phone: &Concerned<'_>) -> Vec<Warning> {
        let concerns = |row: &&rows::WarningRow| {
            row.models.contains(&phone.model.name)
                && row.directions.contains(&phone.direction)
                && (phone.cda || !row.cda)
                && row.vid.zip(phone.vid).is_none_or(|(range, vid)| range.contains(vid))
                && row.loads_below.as_ref().zip(phone.load).is_none_or(|(below, load)| {
                    load.kind() == Kind::Multiplatform && !load.version().at_least(below)
                })
        };
        let warning = |row: &rows::WarningRow| Warning {
            text: row.text.clone(),
            source: row.certainty.cited(&row.source),
            date: row.date.clone(),
        };
        self.rows.warning.iter().filter(concerns).map(warning).collect()
    }

    /// The fit of a load on this hardware. A transition load does not fit if the phone could not leave it again.
    pub fn fit(&self, hardware: Hardware<'_>, load: &LoadName) -> Fit<'_> {
        let leads_out = load.kind() == Kind::Transition(Direction::M2e);
        self.under(hardware, load.kind().side(), load.version(), |floor| !floor.leaving || leads_out)
    }

    /// The fit of a crossing from a load of this side and release.
    pub fn lets_go(&self, hardware: Hardware<'_>, side: Side, release: &Version) -> Fit<'_> {
        self.under(hardware, side, release, |floor| floor.leaving)
    }

    fn under(
        &self,
        hardware: Hardware<'_>,
        side: Side,
        release: &Version,
        concerns: impl Fn(&Floor) -> bool,
    ) -> Fit<'_> {
        let mut fit = Fit::Runs;
        for floor in self.floors_of(hardware).filter(|floor| concerns(floor)) {
            if floor.side != side || release.at_least(&floor.min) {
                continue;
            }
            match (floor.vid, hardware.vid) {
                (Some(_), None) => fit = Fit::DependsOnVid(floor),
                _ => return Fit::TooOld(floor),
            }
        }
        fit
    }

    /// The floors that hold, or may hold, for a phone.
    pub fn floors_of<'a>(&'a self, hardware: Hardware<'_>) -> impl Iterator<Item = &'a Floor> + use<'a> {
        let Hardware { model, vid, born } = hardware;
        let name = model.name.clone();
        self.floors.iter().filter(move |floor| {
            floor.models.contains(&name)
                && floor.vid.zip(vid).is_none_or(|(range, vid)| range.contains(vid))
                && floor.born.zip(born).is_none_or(|(floor, phone)| floor == phone)
        })
    }
}

/// A data file that is part of the program.
#[allow(clippy::expect_used)] // tests read every one
pub(crate) fn embedded<T: DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).expect("the built-in tables are sound")
}

/// For a name with several rows, the first counts.
fn by_name(models: &[Model]) -> HashMap<String, usize> {
    let mut names = HashMap::new();
    for (at, model) in models.iter().enumerate() {
        for text in [&model.name].into_iter().chain(&model.also) {
            let name = name::read(text).map_or_else(|| text.to_ascii_uppercase(), |product| product.model());
            names.entry(name).or_insert(at);
        }
    }
    names
}

impl FromStr for Vid {
    type Err = NotAVid;

    /// Takes `V05`, `v5` and `05`.
    fn from_str(text: &str) -> Result<Self, NotAVid> {
        let digits = text.trim().trim_start_matches(['V', 'v']).trim_start();
        let sound = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let vid = sound.then(|| digits.parse().ok()).flatten();
        vid.map(Self).ok_or_else(|| NotAVid(text.chars().take(20).collect()))
    }
}

impl fmt::Display for Vid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V{:02}", self.0)
    }
}

impl Serialize for Vid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Vid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|NotAVid(text)| {
            D::Error::invalid_value(
                Unexpected::Str(&text),
                &"a VID such as V05, as on the label and in the UDI",
            )
        })
    }
}

#[cfg(test)]
mod tests;
