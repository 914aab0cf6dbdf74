//! Loads that are known to exist and the names of their packages, so that a hold can say what to look for.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Certainty, embedded};
use crate::load::{Kind, LoadName, Version};

/// A known load in all its families.
#[derive(Debug)]
pub struct KnownLoad {
    names: Vec<LoadName>,
    /// The kind of load.
    pub kind: Kind,
    /// The release.
    pub version: Version,
}

impl KnownLoad {
    /// The load's name in a family.
    pub fn of(&self, family: &str) -> Option<&LoadName> {
        self.names.iter().find(|name| name.family().eq_ignore_ascii_case(family))
    }
}

/// The naming of packages of one kind of firmware.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    /// `Enterprise` or `Multiplatform`.
    kind: String,
    /// The families; empty for all.
    #[serde(default)]
    families: Vec<String>,
    /// The first release with this naming.
    #[serde(default)]
    from: Option<Version>,
    /// The pattern: `{series}` is the family without `sip`, `{version}` the load without its family.
    name: String,
    /// The usual package, rather than another form of it.
    #[serde(default)]
    first: bool,
    #[allow(dead_code)] // for those who read the table
    source: String,
    #[allow(dead_code)]
    date: String,
    #[allow(dead_code)]
    #[serde(default)]
    certainty: Certainty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadRow {
    families: Vec<String>,
    load: String,
    #[allow(dead_code)] // for those who read the table
    source: String,
    #[allow(dead_code)]
    date: String,
    #[allow(dead_code)]
    certainty: Certainty,
}

#[derive(Deserialize)]
struct LoadsFile {
    #[serde(default)]
    load: Vec<LoadRow>,
    #[serde(default)]
    package: Vec<Package>,
}

/// All known loads, newest first.
pub fn loads() -> &'static [KnownLoad] {
    static LOADS: LazyLock<Vec<KnownLoad>> = LazyLock::new(|| {
        let table: LoadsFile = embedded(include_str!("../../catalog/loads.toml"));
        table.load.iter().filter_map(load).collect()
    });
    &LOADS
}

fn load(row: &LoadRow) -> Option<KnownLoad> {
    let named = |family: &String| format!("{family}.{}", row.load).parse().ok();
    let names: Vec<LoadName> = row.families.iter().filter_map(named).collect();
    let first = names.first()?;
    Some(KnownLoad { kind: first.kind(), version: first.version().clone(), names: names.clone() })
}

/// The possible package names of a load, likeliest first.
pub fn packages(load: &LoadName) -> Vec<String> {
    static PACKAGES: LazyLock<Vec<Package>> =
        LazyLock::new(|| embedded::<LoadsFile>(include_str!("../../catalog/packages.toml")).package);
    let (family, version) = load.as_str().split_once('.').unwrap_or((load.as_str(), ""));
    let fits = |row: &&Package| {
        row.kind == load.kind().to_string()
            && (row.families.is_empty()
                || row.families.iter().any(|known| known.eq_ignore_ascii_case(family)))
            && row.from.as_ref().is_none_or(|from| load.version().at_least(from))
    };
    let name = |row: &Package| {
        let series = family.get(3..).unwrap_or_default();
        row.name.replace("{series}", series).replace("{version}", version)
    };
    let mut names: Vec<String> = Vec::new();
    for first in [true, false] {
        // Within one form, the naming of the latest release comes first.
        let row = PACKAGES.iter().filter(fits).find(|row| row.first == first);
        names.extend(row.map(name));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_load_and_a_newer_one_stands_before_an_older() {
        let rows: LoadsFile = toml::from_str(include_str!("../../catalog/loads.toml")).unwrap();
        assert_eq!(loads().len(), rows.load.len());
        for row in &rows.load {
            assert!(row.source.len() > 10 && row.date.len() == 7, "{}", row.load);
        }
        for (row, load) in rows.load.iter().zip(loads()) {
            assert_eq!(load.names.len(), row.families.len(), "{}", row.load);
        }
        for (at, load) in loads().iter().enumerate() {
            let older = |other: &&KnownLoad| other.kind == load.kind && other.version > load.version;
            let later = loads()[at..].iter().filter(older);
            let same = |other: &&KnownLoad| load.names.iter().any(|name| other.of(name.family()).is_some());
            assert_eq!(later.filter(same).count(), 0, "{:?}", load.names);
        }
    }

    #[test]
    fn packages_are_called_as_cisco_calls_them() {
        for (load, expected) in [
            ("sip88xx.14-4-1-0301-6", "cmterm-88xx-sip.14-4-1-0301-6.k4.cop.sha512"),
            ("sip8832.14-1-1-0001-125", "cmterm-8832-sip.14-1-1-0001-125.k4.cop.sha512"),
            ("sip88xx.14-0-1-0001-135", "cmterm-88xx-sip.14-0-1-0001-135.k3.cop.sha512"),
            ("sip78xx.14-0-1-0201-169", "cmterm-78xx.14-0-1-0201-169.k3.cop.sha512"),
            ("sip78xx.12-5-1SR1-2", "cmterm-78xx.12-5-1SR1-2.k3.cop.sgn"),
            ("sip88xx.12-7-1-0001-393", "cmterm-88xx-sip.12-7-1-0001-393.k3.cop.sgn"),
            ("sip78xx.11-5-1-18", "cmterm-78xx.11-5-1-18.k3.cop.sgn"),
            ("sip78xx.10-2-1-12", "cmterm-78xx.10-2-1-12.cop.sgn"),
            ("sip8832.12-0-7MPP0301-92", "cmterm-8832.12-0-7MPP0301-92_REL.zip"),
        ] {
            let packages = packages(&load.parse().unwrap());
            assert_eq!(packages.first().map(String::as_str), Some(expected), "{packages:?}");
        }
        let enterprise = packages(&"sip78xx.14-4-1-0301-6".parse().unwrap());
        assert_eq!(enterprise[1], "cmterm-78xx.14-4-1-0301-6.zip");
        assert!(packages(&"sip88xx.TLexE2M-11-2-3C-4".parse().unwrap()).is_empty());
    }
}
