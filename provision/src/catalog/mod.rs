//! What is known about phone models: families, eligibility, hop rules, floors. Data files, and a user's own rows.

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

/// The knowledge in force.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// The month its rows are from, `2019-04`.
    pub date: String,
    /// SHA-256 over all data in force, in hexadecimal.
    pub digest: String,
    /// All models, those that cannot migrate included.
    pub models: Vec<Model>,
    /// Which load may follow which.
    pub hops: Vec<HopRule>,
    /// What hardware is too new for.
    pub floors: Vec<Floor>,
    rows: rows::Rows,
    texts: Vec<String>,
    /// Where models stand, by each of their names in one word.
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
    /// What the names of its loads begin with: `sip88xx`. `None`: no firmware to migrate it with.
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
    /// What is uncertain about it.
    #[serde(default)]
    pub note: Option<String>,
    /// How sure the row is.
    #[serde(default)]
    pub certainty: Certainty,
    /// Where the row is from.
    #[serde(default)]
    pub source: String,
    /// When the source said so.
    #[serde(default)]
    pub date: String,
}

/// A hardware version as the UDI has it: `V05`. Not the "hardware revision" of the phone's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vid(pub u8);

/// The text is no VID.
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

/// Whether a phone may migrate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Eligibility {
    /// It may.
    Eligible,
    /// Some VIDs of the model may, and this phone's is not known.
    DependsOnVid {
        /// Which ones.
        cause: String,
    },
    /// It may not.
    Refused {
        /// Why.
        cause: String,
        /// Who says so.
        source: String,
        /// Since when.
        date: String,
    },
    /// The catalog says nothing about it.
    NotInCatalog {
        /// The model as it is named.
        model: String,
    },
}

/// What a technician should know before deciding; nothing is refused for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// In a sentence.
    pub text: String,
    /// Who says so.
    pub source: String,
    /// Since when.
    pub date: String,
}

/// A phone, as far as it matters for warnings.
#[derive(Debug, Clone, Copy)]
pub struct Concerned<'a> {
    /// Its model.
    pub model: &'a Model,
    /// Its hardware version.
    pub vid: Option<Vid>,
    /// The load it runs.
    pub load: Option<&'a LoadName>,
    /// Which way it goes.
    pub direction: Direction,
    /// CDA steers Multiplatform phones.
    pub cda: bool,
}

/// A phone, as far as floors go by it.
#[derive(Debug, Clone, Copy)]
pub struct Hardware<'a> {
    /// Its model.
    pub model: &'a Model,
    /// Its hardware version.
    pub vid: Option<Vid>,
    /// The side of the firmware that it was bought with.
    pub born: Option<Side>,
}

/// What a floor says to one load on one phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit<'a> {
    /// Every VID of the model takes it, or this phone's does.
    Runs,
    /// Some VID of the model does not take it, and this phone's is not known.
    DependsOnVid(&'a Floor),
    /// It is too old for this hardware.
    TooOld(&'a Floor),
}

const COMMON: [&str; 4] = [
    include_str!("../../catalog/models.toml"),
    include_str!("../../catalog/refused.toml"),
    include_str!("../../catalog/hops.toml"),
    include_str!("../../catalog/floors.toml"),
];

impl Catalog {
    /// What Cisco's current guides say.
    pub fn current() -> Self {
        Self::built_in(include_str!("../../catalog/current.toml"))
    }

    /// The eligibility list of Cisco's procedure of April 2019.
    pub fn seed_2019() -> Self {
        Self::built_in(include_str!("../../catalog/seed-2019.toml"))
    }

    /// With a user's rows (the text of `catalog.toml`) added. A model, hop or floor row replaces one of the same
    /// name; eligibility rows go before the built-in ones.
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

    /// What to say of a model that no row tells anything of.
    pub fn not_in_catalog(name: &str) -> Eligibility {
        Eligibility::NotInCatalog { model: text::line(name).chars().take(40).collect() }
    }

    /// Whether a phone may migrate in this direction.
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

    /// What to know about a phone before it migrates; what is not known of it may be what concerns it.
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

    /// Whether this hardware takes this load. One that is there to leave its side is not taken where the phone could not
    /// leave from it: nothing would lead on.
    pub fn fit(&self, hardware: Hardware<'_>, load: &LoadName) -> Fit<'_> {
        let leads_out = load.kind() == Kind::Transition(Direction::M2e);
        self.under(hardware, load.kind().side(), load.version(), |floor| !floor.leaving || leads_out)
    }

    /// Whether this hardware can cross to the other side from a load of this side and release.
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

/// The first row of a name keeps it.
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
