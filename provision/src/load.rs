//! Load names: family, kind and version of a firmware load.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The direction of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Enterprise to Multiplatform.
    E2m,
    /// Multiplatform to Enterprise.
    M2e,
}

/// The two sides of a crossing. A transition load behaves as Multiplatform firmware (Cisco, enterprise-to-MPP
/// conversion guide: "a flavour of MPP firmware").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Controlled by a call manager.
    Enterprise,
    /// Controlled by a cloud PBX.
    Multiplatform,
}

/// The kind of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Firmware for a call manager.
    Enterprise,
    /// `TLexE2M` or `TLexM2E`: a step on the way.
    Transition(Direction),
    /// MPP, also called 3PCC.
    Multiplatform,
}

impl Kind {
    /// The side whose boot files and DHCP options a phone with such a load uses.
    pub fn side(self) -> Side {
        match self {
            Self::Enterprise => Side::Enterprise,
            Self::Transition(_) | Self::Multiplatform => Side::Multiplatform,
        }
    }
}

impl Direction {
    /// The side a phone comes from.
    pub fn near(self) -> Side {
        match self {
            Self::E2m => Side::Enterprise,
            Self::M2e => Side::Multiplatform,
        }
    }

    /// The side a phone goes to.
    pub fn far(self) -> Side {
        match self {
            Self::E2m => Side::Multiplatform,
            Self::M2e => Side::Enterprise,
        }
    }

    /// The kind of load that a migration ends with.
    pub fn final_kind(self) -> Kind {
        match self {
            Self::E2m => Kind::Multiplatform,
            Self::M2e => Kind::Enterprise,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::E2m => "e2m",
            Self::M2e => "m2e",
        })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enterprise => "Enterprise",
            Self::Multiplatform => "Multiplatform",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enterprise => "Enterprise",
            Self::Transition(Direction::E2m) => "TLexE2M",
            Self::Transition(Direction::M2e) => "TLexM2E",
            Self::Multiplatform => "Multiplatform",
        })
    }
}

/// A release: `12-5-1SR1-4` is 12.5(1), build `SR1-4`. Versions compare by age; a version without a build is below
/// every build of its release.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 12 of 12.5(1).
    pub major: u16,
    /// 5 of 12.5(1).
    pub minor: u16,
    /// 1 of 12.5(1).
    pub micro: u16,
    /// The numbers and words that follow.
    pub build: Vec<BuildPart>,
}

/// A run of digits or letters of the build. A service release (`SR1`) is newer than the numbered builds of its
/// release, and `MSR` newer than `MPP`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuildPart {
    /// Digits.
    Number(u32),
    /// Letters, upper case: `SR`, `MPP`, `C`.
    Word(String),
}

/// The text is not a firmware version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a firmware version")]
pub struct NotAVersion(pub String);

impl Version {
    /// True if this is the floor's release or a later one.
    pub fn at_least(&self, floor: &Self) -> bool {
        self >= floor
    }

    /// The version of `parts`, and how many of its three numbers were present.
    fn from_parts(parts: Vec<BuildPart>) -> Option<(Self, usize)> {
        let mut parts = parts.into_iter().peekable();
        let mut numbers = [0; 3];
        let mut given = 0;
        for number in &mut numbers {
            let Some(BuildPart::Number(value)) = parts.next_if(|part| matches!(part, BuildPart::Number(_)))
            else {
                break;
            };
            *number = u16::try_from(value).ok()?;
            given += 1;
        }
        let [major, minor, micro] = numbers;
        (given >= 2).then(|| (Self { major, minor, micro, build: parts.collect() }, given))
    }
}

/// Splits text into runs of digits and letters; `None` for characters besides those and the separators `-._()`.
fn parts(text: &str) -> Option<Vec<BuildPart>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = |class: fn(&char) -> bool| rest.len() - rest.trim_start_matches(|c| class(&c)).len();
        let length = if first.is_ascii_digit() {
            let length = run(char::is_ascii_digit);
            parts.push(BuildPart::Number(rest[..length].parse().ok()?));
            length
        } else if first.is_ascii_alphabetic() {
            let length = run(char::is_ascii_alphabetic);
            parts.push(BuildPart::Word(rest[..length].to_ascii_uppercase()));
            length
        } else if "-._()".contains(first) {
            1
        } else {
            return None;
        };
        rest = &rest[length..];
    }
    Some(parts)
}

impl FromStr for Version {
    type Err = NotAVersion;

    /// Takes `11.3(5)`, `14.1`, `12.5(1)SR3`, `11.0.1` and `12-5-1SR1-4`.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        (text.len() <= MAX_LENGTH)
            .then(|| parts(text.trim()).and_then(Self::from_parts))
            .flatten()
            .map(|(version, _)| version)
            .ok_or_else(|| NotAVersion(shorten(text)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.micro == 0 && self.build.is_empty() {
            return write!(f, "{}.{}", self.major, self.minor);
        }
        write!(f, "{}.{}({})", self.major, self.minor, self.micro)?;
        // Builds of Multiplatform firmware count service releases in hundreds: MPP0101 is SR1.
        if let [BuildPart::Word(word), BuildPart::Number(number @ 101..=901)] = self.build.as_slice()
            && word == "MPP"
            && number % 100 == 1
        {
            return write!(f, "SR{}", number / 100);
        }
        let mut after_word = false;
        for part in &self.build {
            match part {
                BuildPart::Word(word) => f.write_str(word)?,
                BuildPart::Number(number) if after_word => write!(f, "{number}")?,
                BuildPart::Number(number) => write!(f, "-{number}")?,
            }
            after_word = matches!(part, BuildPart::Word(_));
        }
        Ok(())
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|NotAVersion(text)| {
            D::Error::invalid_value(Unexpected::Str(&text), &"a firmware version such as 11.3(5) or 14.1")
        })
    }
}

/// A firmware version by its name: `sip88xx.12-5-1SR1-4`. Names compare as written. Shared, since each decision
/// about a phone names several.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, example = "sip88xx.12-5-1SR1-4"))]
pub struct LoadName(Arc<Parsed>);

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Parsed {
    name: String,
    kind: Kind,
    version: Version,
}

/// The text is not a load name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}; {}", self.cause(), Self::CURE)]
pub struct NotALoad(pub String);

impl NotALoad {
    /// What to write instead.
    pub const CURE: &str = "one looks like sip88xx.12-5-1SR1-4";

    /// What is wrong.
    pub fn cause(&self) -> String {
        format!("{:?} is not a load name", self.0)
    }
}

/// The longest load name accepted, in bytes; real ones stay under 40.
const MAX_LENGTH: usize = 80;

/// Outside text, shortened for an error.
fn shorten(text: &str) -> String {
    text.chars().take(MAX_LENGTH).collect()
}

impl LoadName {
    /// The name as it was written, without `.loads`.
    pub fn as_str(&self) -> &str {
        &self.0.name
    }

    /// `sip88xx` of `sip88xx.12-5-1SR1-4`.
    pub fn family(&self) -> &str {
        self.as_str().split_once('.').map_or(self.as_str(), |(family, _)| family)
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The release. A transition load has the release of its Multiplatform firmware.
    pub fn version(&self) -> &Version {
        &self.0.version
    }

    /// The name of its `.loads` file.
    pub fn loads_file(&self) -> String {
        format!("{self}.loads")
    }
}

impl FromStr for LoadName {
    type Err = NotALoad;

    /// Takes a name with or without `.loads`. Names with `TLexE2M` or `TLexM2E` are transition loads, names with
    /// `MPP` or `MSR` Multiplatform, and every other name that begins with `sip` is Enterprise firmware.
    fn from_str(text: &str) -> Result<Self, NotALoad> {
        parse(text).ok_or_else(|| NotALoad(shorten(text)))
    }
}

fn parse(text: &str) -> Option<LoadName> {
    let name = text.trim();
    if !name.is_ascii() || name.len() > MAX_LENGTH {
        return None;
    }
    let stem = name.len().saturating_sub(".loads".len());
    let name = if name[stem..].eq_ignore_ascii_case(".loads") { &name[..stem] } else { name };
    let (family, rest) = name.split_once('.')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !family.get(..3)?.eq_ignore_ascii_case("sip") || family.len() == 3 || !family.chars().all(plain) {
        return None;
    }
    let upper = rest.to_ascii_uppercase();
    let (kind, digits) = if let Some(digits) = upper.strip_prefix("TLEXE2M-") {
        (Kind::Transition(Direction::E2m), digits)
    } else if let Some(digits) = upper.strip_prefix("TLEXM2E-") {
        (Kind::Transition(Direction::M2e), digits)
    } else if upper.contains("MPP") || upper.contains("MSR") {
        (Kind::Multiplatform, upper.as_str())
    } else {
        (Kind::Enterprise, upper.as_str())
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.contains(['(', ')']) {
        return None;
    }
    let (version, given) = Version::from_parts(parts(digits)?)?;
    (given == 3).then(|| LoadName(Arc::new(Parsed { name: name.to_owned(), kind, version })))
}

impl fmt::Display for LoadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for LoadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for LoadName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LoadName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
