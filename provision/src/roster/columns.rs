//! What the columns of an inventory mean: the synonyms of `catalog/columns.toml`, looked up by header.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::catalog::embedded;

/// What a column tells of a phone, in the order of a table without a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Meaning {
    Mac,
    Model,
    Vid,
    Serial,
    Load,
    Location,
    Note,
    Address,
    Cda,
}

impl Meaning {
    /// What only a row about a phone tells.
    pub(super) const DETAILS: [Self; 4] = [Self::Model, Self::Vid, Self::Serial, Self::Load];
}

/// Every [`Meaning`], in its order.
pub(super) const MEANINGS: [Meaning; NAMES.len()] = [
    Meaning::Mac,
    Meaning::Model,
    Meaning::Vid,
    Meaning::Serial,
    Meaning::Load,
    Meaning::Location,
    Meaning::Note,
    Meaning::Address,
    Meaning::Cda,
];

/// The name of each [`Meaning`] in a roster that Transload writes.
pub(super) const NAMES: [&str; 9] =
    ["mac", "model", "vid", "serial", "load", "location", "note", "address", "cda"];

/// What a header was found to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub meaning: Meaning,
    /// Lower comes first.
    pub rank: usize,
    /// Other programs' exports have it.
    pub export: bool,
    /// Only values of the right form count.
    pub form: bool,
    /// It has this meaning in a table that is no export.
    pub own_table_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    column: Vec<Column>,
    device: Vec<Device>,
    empty: Vec<Listed>,
    footer: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    means: Meaning,
    names: Vec<String>,
    #[serde(default)]
    export: bool,
    #[serde(default)]
    form: bool,
    #[allow(dead_code)] // for readers of the file
    source: String,
    #[allow(dead_code)] // for readers of the file
    date: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    prefixes: Vec<String>,
    kind: String,
    #[allow(dead_code)] // for readers of the file
    source: String,
    #[allow(dead_code)] // for readers of the file
    date: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    words: Vec<String>,
    #[allow(dead_code)] // for readers of the file
    source: String,
    #[allow(dead_code)] // for readers of the file
    date: String,
}

/// The longest header that may mean something, in bytes.
const LONGEST: usize = 200;

/// The file, ready for looking up.
struct Known {
    columns: HashMap<String, Found>,
    /// Longest prefix first.
    devices: Vec<(String, String)>,
    empty: Vec<String>,
    footer: Vec<String>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(known);

fn known() -> Known {
    let file: File = embedded(include_str!("../../catalog/columns.toml"));
    let mut columns = HashMap::new();
    for (rank, row) in file.column.iter().enumerate() {
        for name in &row.names {
            let own_table_only = row.means == Meaning::Address && squeeze(name) != "address";
            let (meaning, export, form) = (row.means, row.export, row.form);
            columns.entry(squeeze(name)).or_insert(Found { meaning, rank, export, form, own_table_only });
        }
    }
    let kinds = |device: &Device| {
        let kind = device.kind.clone();
        device.prefixes.iter().map(move |prefix| (prefix.clone(), kind.clone())).collect::<Vec<_>>()
    };
    let mut devices: Vec<(String, String)> = file.device.iter().flat_map(kinds).collect();
    devices.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    let words = |rows: Vec<Listed>| rows.into_iter().flat_map(|row| row.words).collect();
    Known { columns, devices, empty: words(file.empty), footer: words(file.footer) }
}

/// Letters and digits alone, in lower case.
pub(super) fn squeeze(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What a header means; `None` for a column of the user's own.
pub(super) fn find(header: &str) -> Option<Found> {
    if header.len() > LONGEST {
        return None;
    }
    let whole = KNOWN.columns.get(&squeeze(header));
    whole.or_else(|| parts(header).find_map(|part| KNOWN.columns.get(&squeeze(part)))).copied()
}

/// A header without its explanation, without the table it is of, and each of several names that it has.
fn parts(header: &str) -> impl Iterator<Item = &str> {
    let plain = header.split(['(', '[', '\n']).next().unwrap_or_default();
    let bare = |part: &'_ str| part.trim().len();
    let last = plain.rsplit(['.', ':']).next().unwrap_or_default();
    let unprefixed = plain.strip_prefix("u_").unwrap_or(plain);
    [plain, last, unprefixed].into_iter().chain(plain.split(['/', '|'])).filter(move |part| bare(part) > 0)
}

/// What a device is whose name says that it is no desk phone.
pub(super) fn other_device(name: &str) -> Option<(&'static str, &'static str)> {
    let begins =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    let found = KNOWN.devices.iter().find(|(prefix, _)| begins(prefix));
    found.map(|(prefix, kind)| (prefix.as_str(), kind.as_str()))
}

/// Whether a cell says that there is nothing to say.
pub(super) fn says_nothing(cell: &str) -> bool {
    cell.is_empty() || KNOWN.empty.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// Whether a cell stands below a table and names no device.
pub(super) fn is_footer(cell: &str) -> bool {
    cell.contains(char::is_whitespace) || KNOWN.footer.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_however_they_are_spelled() {
        for (header, meaning) in [
            ("MAC", Meaning::Mac),
            ("mac_address", Meaning::Mac),
            ("macAddress", Meaning::Mac),
            ("MAC Address/Device Name", Meaning::Mac),
            ("MAC Address/Device Name (String[12/50] MANDATORY)", Meaning::Mac),
            ("\"Device Name\"", Meaning::Mac),
            ("tblAssets.AssetName", Meaning::Mac),
            ("u_mac_address", Meaning::Mac),
            ("MAC-Adresse", Meaning::Mac),
            ("Device Type", Meaning::Model),
            ("S/N", Meaning::Serial),
            ("Numéro de série", Meaning::Serial),
            ("hw_ver", Meaning::Vid),
            ("HardwareRevision", Meaning::Vid),
            ("ActiveLoadID", Meaning::Load),
            ("Phone Load Name", Meaning::Load),
        ] {
            assert_eq!(find(header).map(|found| found.meaning), Some(meaning), "{header}");
        }
        for header in ["", "color", "InactiveLoadID", "Switch MAC Address", "/", "Extension"] {
            assert_eq!(find(header), None, "{header}");
        }
    }

    #[test]
    fn names_are_in_the_order_of_their_meanings() {
        let order: Vec<usize> =
            NAMES.iter().map(|name| find(name).map_or(99, |found| found.meaning as usize)).collect();
        assert_eq!(order, (0..NAMES.len()).collect::<Vec<_>>());
    }
}
