//! Reads names of Multiplatform profiles. A profile rule joins model, MAC and serial number in any order: `$PSN.xml`,
//! `$PN.cfg`, `CP-8851-3PCC$MA.cfg`, `Cisco/$PN/$MA.cfg`, `spa$PSN.cfg`, `$SN.xml`.

use super::psn;
use crate::mac::Mac;

/// Separators of the parts of a name.
const SEPARATORS: [char; 5] = ['-', '_', '.', ' ', '+'];
/// Words before a MAC or a model in profile rules, besides the model's own prefix.
const WORDS: [&str; 5] = ["", "spa", "cisco", "sep", "mpp"];

/// The phone and model of a profile's name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ProfileName {
    pub(super) psn: Option<String>,
    pub(super) mac: Option<Mac>,
}

/// Reads a file name without its extension, and its folder; `None` for other files.
pub(super) fn read(stem: &str, folder: Option<&str>) -> Option<ProfileName> {
    let in_folder = || folder.and_then(of_model);
    if let Some((mac, rest)) = take_mac(stem) {
        let psn = of_model(rest);
        let known = psn.is_some() || WORDS.iter().any(|word| rest.eq_ignore_ascii_case(word));
        return known.then(|| ProfileName { psn: psn.or_else(in_folder), mac: Some(mac) });
    }
    if let Some(psn) = of_model(stem) {
        let mac = folder.and_then(|folder| take_mac(folder).filter(|(_, rest)| rest.is_empty()));
        return Some(ProfileName { psn: Some(psn), mac: mac.map(|(mac, _)| mac) });
    }
    is_serial(stem).then(|| ProfileName { psn: in_folder(), mac: None })
}

/// The `$PSN` in a part of a name, with or without a word before it.
fn of_model(text: &str) -> Option<String> {
    let text = text.trim_matches(SEPARATORS);
    psn(text).or_else(|| {
        let after = |word: &&str| {
            let (head, rest) = text.split_at_checked(word.len())?;
            head.eq_ignore_ascii_case(word).then_some(rest)
        };
        WORDS
            .iter()
            .filter(|word| !word.is_empty())
            .find_map(after)
            .and_then(|rest| psn(rest.trim_matches(SEPARATORS)))
    })
}

/// The MAC at the end of a name, else at its start, in any common spelling, and the rest. The longest spelling is
/// tried first, since a shorter one may match part of it.
fn take_mac(text: &str) -> Option<(Mac, &str)> {
    let spelled = [17, 14, 12];
    let end = spelled.iter().find_map(|length| {
        let (rest, digits) = text.split_at_checked(text.len().checked_sub(*length)?)?;
        Some((mac(digits)?, rest))
    });
    let begin = || {
        spelled.iter().find_map(|length| {
            let (digits, rest) = text.split_at_checked(*length)?;
            Some((mac(digits)?, rest))
        })
    };
    let (mac, rest) = end.or_else(begin)?;
    Some((mac, rest.trim_matches(SEPARATORS)))
}

/// `001234ab45de`, `00:12:34:ab:45:de` with one separator throughout, or `0012.34ab.45de`.
fn mac(text: &str) -> Option<Mac> {
    let group = match text.len() {
        12 => return super::mac(text),
        14 => 4,
        17 => 2,
        _ => return None,
    };
    let separator = *text.as_bytes().get(group)?;
    let sound = matches!(separator, b':' | b'-' | b'.' | b'_')
        && text.bytes().enumerate().all(|(at, byte)| {
            if at % (group + 1) == group { byte == separator } else { byte.is_ascii_hexdigit() }
        });
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    super::mac(&digits).filter(|_| sound)
}

/// `FCH1234ABCD`: site, year and week, and a number, as in Cisco's serial numbers.
fn is_serial(text: &str) -> bool {
    text.len() == 11
        && text.bytes().enumerate().all(|(at, byte)| match at {
            0..3 => byte.is_ascii_alphabetic(),
            3..7 => byte.is_ascii_digit(),
            _ => byte.is_ascii_alphanumeric(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);

    #[test]
    fn any_order_and_any_separator() {
        for stem in [
            "CP-8851-3PCC001234ab45de",
            "CP-8851-3PCC-001234ab45de",
            "CP-8851-3PCC_001234AB45DE",
            "CP-8851-3PCC 001234ab45de",
            "cp-8851-3pcc.001234ab45de",
            "8851-3PCC001234AB45DE",
            "CP-8851001234ab45de",
            "001234ab45deCP-8851-3PCC",
            "001234ab45de-8851-3PCC",
            "00-12-34-ab-45-de_CP-8851-3PCC",
            "CP-8851-3PCC-00-12-34-AB-45-DE",
            "CP-8851-3PCC00:12:34:ab:45:de",
            "spa8851-3PCC-001234ab45de",
        ] {
            let expected = ProfileName { psn: Some("8851-3PCC".into()), mac: Some(MAC) };
            assert_eq!(read(stem, None), Some(expected), "{stem}");
        }
        for stem in [
            "001234ab45de",
            "001234AB45DE",
            "00:12:34:ab:45:de",
            "00-12-34-AB-45-DE",
            "00_12_34_ab_45_de",
            "0012.34ab.45de",
            "spa001234ab45de",
            "cisco-001234AB45DE",
            "SEP001234AB45DE",
        ] {
            assert_eq!(read(stem, None), Some(ProfileName { psn: None, mac: Some(MAC) }), "{stem}");
        }
        for stem in ["8851-3PCC", "CP-8851-3PCC", "spa8851-3PCC", "Cisco-CP-8851-3pcc", "8851"] {
            let expected = ProfileName { psn: Some("8851-3PCC".into()), mac: None };
            assert_eq!(read(stem, None), Some(expected), "{stem}");
        }
    }

    #[test]
    fn the_folder_tells_what_the_name_leaves_open() {
        let both = Some(ProfileName { psn: Some("8851-3PCC".into()), mac: Some(MAC) });
        assert_eq!(read("001234ab45de", Some("CP-8851-3PCC")), both);
        assert_eq!(read("8851-3PCC", Some("00:12:34:ab:45:de")), both);
        let serial = Some(ProfileName { psn: Some("8851-3PCC".into()), mac: None });
        assert_eq!(read("FCH2045DA1B", Some("8851-3PCC")), serial);
        assert_eq!(read("fch2045da1b", None), Some(ProfileName::default()));
    }

    #[test]
    fn other_names_are_no_profiles() {
        for stem in [
            "",
            "2024",
            "Ringlist",
            "config001234ab45de",
            "684abde0-6dbc-9515-dbab-b3b740147286",
            "SK50719900-3bee-4594-bc3f-6400e1a33bf0",
            "001234ab45d",
            "00:12-34:ab:45:de",
            "00123.4ab45de",
            "FCH204XDA1B",
            "日本001234ab45de",
            "CP-8851-3PCC日本",
        ] {
            assert_eq!(read(stem, None), None, "{stem}");
        }
    }
}
