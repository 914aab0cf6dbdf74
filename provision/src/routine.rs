//! Files that phones ask for as a matter of course and do without. If one is missing, nobody has to act.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::catalog::{Certainty, embedded};
use crate::names::tails;

/// Files of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routine {
    /// File names; `*` stands for any characters, `#` for hexadecimal digits and hyphens.
    pub name: Vec<String>,
    /// The content of the files.
    pub what: String,
    /// The source.
    pub source: String,
    /// The date of the source.
    pub date: String,
    /// The certainty of the row.
    pub certainty: Certainty,
}

#[derive(Deserialize)]
struct RoutineFile {
    file: Vec<Routine>,
}

/// All rows.
pub fn table() -> &'static [Routine] {
    static TABLE: LazyLock<Vec<Routine>> =
        LazyLock::new(|| embedded::<RoutineFile>(include_str!("../catalog/routine.toml")).file);
    &TABLE
}

/// The row of a file that phones do without; `None` for other files. `inner` is its path as
/// [`inner`](crate::names::inner) gives it, or its name.
pub fn routine(inner: &str) -> Option<&'static Routine> {
    let lower = inner.to_ascii_lowercase();
    let plain = lower.strip_suffix(".sgn").map(|plain| plain.strip_suffix(".enc").unwrap_or(plain));
    let path = plain.unwrap_or(&lower);
    let matches = |name: &String| {
        let name = name.to_ascii_lowercase();
        if name.contains('/') {
            tails(path).any(|tail| is_like(name.as_bytes(), tail.as_bytes()))
        } else {
            tails(path).last().is_some_and(|bare| is_like(name.as_bytes(), bare.as_bytes()))
        }
    };
    table().iter().find(|row| row.name.iter().any(matches))
}

/// True if a name matches a pattern. One position to backtrack to is enough: a later star matches more than an
/// earlier one.
fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    let fits = |wanted: u8, byte: u8| match wanted {
        b'*' => true,
        b'#' => byte.is_ascii_hexdigit() || byte == b'-',
        _ => false,
    };
    let (mut at, mut from, mut star) = (0, 0, None);
    while let Some(byte) = name.get(from) {
        match pattern.get(at) {
            // `#` takes one character at least, `*` any number.
            Some(wild @ (b'*' | b'#')) if *wild == b'*' || fits(*wild, *byte) => {
                from += usize::from(*wild == b'#');
                star = Some((at, from));
                at += 1;
            }
            Some(letter) if letter == byte => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((wild, taken)) if name.get(taken).is_some_and(|byte| fits(pattern[wild], *byte)) => {
                    star = Some((wild, taken + 1));
                    at = wild + 1;
                    from = taken + 1;
                }
                _ => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_tells_its_source_and_names_something() {
        for row in table() {
            assert!(!row.name.is_empty() && !row.what.is_empty() && !row.source.is_empty(), "{row:?}");
            assert!(row.date.len() >= 7, "{row:?}");
            for name in &row.name {
                assert!(name.bytes().filter(u8::is_ascii_alphabetic).count() >= 3 || name.contains('#'));
                let example = name.replace('*', "x").replace('#', "0a-f");
                assert!(routine(&example).is_some(), "{example}");
            }
        }
    }

    #[test]
    fn what_phones_ask_for_as_a_matter_of_course_is_known() {
        for name in [
            "SK50719900-3bee-4594-bc3f-6400e1a33bf0.xml",
            "SK93886772-e459-a46f-ff8d-e15df16797e8.xml.sgn",
            "DR684abde0-6dbc-9515-dbab-b3b740147286.xml",
            "DefaultFP0000000000-c7a6c673-7479-46b0-839e-014d3d093963.xml",
            "defaultfp0.xml.enc.sgn",
            "English_United_States/be-sip.jar",
            "English_United_Kingdom/sl-be-sip.jar",
            "mk-sip.jar",
            "g3-tones.xml",
            "path/United_Kingdom/g3-tones.xml",
            "Ringlist-wb.xml",
            "RINGLIST.DAT",
            "Desktops/320x196x4/List.xml",
            "x/desktops/800x480x24/logo.png",
            "defaultheadsetconfig.json",
            "DialTemplate.xml",
            "softkeys.xml",
            "lddefault.cfg",
            "SIP001234AB45DE.cnf",
            "united_states_SCCP-dictionary.xml",
        ] {
            assert!(routine(name).is_some(), "{name}");
        }
    }

    #[test]
    fn firmware_licenses_and_configurations_are_no_matter_of_course() {
        for name in [
            "rootfs88xx.12-5-1SR1-5.sbn",
            "sip88xx.12-5-1SR1-5.loads",
            "001234AB45DE.lic",
            "SEP001234AB45DE.cnf.xml",
            "SEP001234AB45DE.cnf.xml.sgn",
            "XMLDefault.cnf.xml",
            "8851-3PCC.xml",
            "Skype.xml",
            "SK.xml",
            "DRinks.xml",
            "logo.bmp",
            "nonsense",
            "",
            ".sgn",
        ] {
            assert_eq!(routine(name), None, "{name}");
        }
    }

    #[test]
    fn a_pattern_is_matched_as_a_whole() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("*", "", true),
            ("#", "", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXcYbZ", false),
            ("*-sip.jar", "-sip.jar", true),
            ("*-sip.jar", "be-sip.jar.sip.jar", false),
            ("k#.x", "kab-9.x", true),
            ("k#.x", "k.x", false),
            ("k#.x", "kag.x", false),
            ("k#b.x", "kabbb.x", true),
        ] {
            assert_eq!(is_like(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
