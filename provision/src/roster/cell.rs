//! What one cell says: nothing, a phone, another device, or a MAC address that a spreadsheet has damaged.

use super::Mistake;
use super::columns::{other_device, says_nothing};
use crate::mac::Mac;
use crate::text;

/// Whose row it is, by a cell of a MAC column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    Phone(Mac),
    /// Its name begins so, and such devices are this.
    Other(&'static str, &'static str),
    /// A number stands where a MAC address was.
    Damaged(Mistake),
    /// Neither; whether somebody meant it to be a MAC address.
    Neither {
        meant: bool,
    },
}

/// The longest cell that may name a device, in bytes.
const LONGEST: usize = 128;

/// The cell in one line, without what exports put around values: `="…"`, a leading apostrophe, quotes.
pub(super) fn clean(raw: &str) -> String {
    let line = text::line(raw);
    let mut cell = line.trim();
    if let Some(inner) = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')) {
        cell = inner.trim();
    }
    if let Some(inner) = cell.strip_prefix('\'') {
        cell = inner.strip_suffix('\'').unwrap_or(inner).trim();
    }
    if let Some(inner) = cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        cell = inner.trim();
    }
    cell.to_owned()
}

/// Reads a cell of a column that names devices.
pub(super) fn owner(cell: &str) -> Owner {
    if cell.len() > LONGEST {
        return Owner::Neither { meant: false };
    }
    if let Some(mac) = mac(cell) {
        return Owner::Phone(mac);
    }
    if let Some((prefix, kind)) = other_device(cell) {
        return Owner::Other(prefix, kind);
    }
    match damage(cell) {
        Some(mistake) => Owner::Damaged(mistake),
        None => Owner::Neither { meant: looks_meant(cell) },
    }
}

/// The MAC address that a cell is or begins with: `SEP001234AB45DE`, `MAC: 00:12:34:ab:45:de`,
/// `SEP001234AB45DE.example.net`.
fn mac(cell: &str) -> Option<Mac> {
    const PREFIXES: [&str; 4] = ["SEP", "MAC", "SIP", "0x"];
    let mut rest = cell.trim();
    for prefix in PREFIXES {
        if let Some(head) = rest.get(..prefix.len()).filter(|head| head.eq_ignore_ascii_case(prefix)) {
            rest = rest[head.len()..].trim_start_matches([':', '-', '_', '=', ' ']);
        }
    }
    shaped(rest).or_else(|| {
        // What follows a whole address: a domain, a comment, a file's ending.
        let (head, after) = rest.split_at_checked(12)?;
        let ends = after.starts_with(['.', ' ', '(', '_', '-', ',', '/', '@']);
        shaped(head).filter(|_| ends)
    })
}

/// A MAC address in groups of one length, or six groups of which some lack a leading zero. An IPv4 address or a
/// telephone number has as many digits and other groups. No phone has the address of zeros, nor that of everybody.
fn shaped(text: &str) -> Option<Mac> {
    let groups: Vec<&str> = text.trim().split([':', '-', '.', '_', ' ']).collect();
    let hexadecimal = |group: &&str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !groups.iter().all(hexadecimal) {
        return None;
    }
    let each =
        |length: usize| groups.len() * length == 12 && groups.iter().all(|group| group.len() == length);
    let digits = if [2, 4, 6, 12].into_iter().any(each) {
        groups.concat()
    } else if groups.len() == 6 && groups.iter().all(|group| group.len() <= 2) {
        groups.iter().flat_map(|group| [&"00"[group.len()..], group]).collect()
    } else {
        return None;
    };
    digits.parse::<Mac>().ok().filter(|mac| mac.0 != [0; 6] && mac.0 != [0xff; 6])
}

/// Whether a cell is a phone's by its form alone: twelve decimal digits may be a telephone number.
pub(super) fn clearly_a_phone(cell: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b':' | b'-' | b'.');
    mac(cell).is_some() && cell.bytes().any(letter)
}

fn damage(cell: &str) -> Option<Mistake> {
    let cure = "format the column as text, enter the address again, and export the table again";
    let number = cell.replace(',', ".");
    let exponent = number.to_ascii_lowercase().split_once('e').is_some_and(|(mantissa, exponent)| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(&mantissa.replacen('.', "", 1)) && digits(exponent.trim_start_matches('+'))
    });
    if exponent && number.parse::<f64>().is_ok() {
        let cause = format!("a spreadsheet has made the number {cell} of a MAC address");
        return Some(Mistake::new(cause, cure));
    }
    let whole = number.strip_suffix(".0").unwrap_or(&number);
    let short = (6..12).contains(&whole.len()) && whole.bytes().all(|byte| byte.is_ascii_digit());
    short.then(|| {
        let digits = whole.len();
        let cause =
            format!("{cell} has {digits} of the 12 digits of a MAC address: a spreadsheet may have taken leading zeros away");
        Mistake::new(cause, cure)
    })
}

/// Whether most of it could be of a MAC address: a slip of the pen, not a title or a total.
fn looks_meant(cell: &str) -> bool {
    let bare = cell.get(..3).filter(|head| head.eq_ignore_ascii_case("SEP")).map_or(cell, |_| &cell[3..]);
    let letters: Vec<char> = bare.chars().filter(|letter| !matches!(letter, ':' | '-' | '.' | ' ')).collect();
    let hexadecimal = letters.iter().filter(|letter| letter.is_ascii_hexdigit()).count();
    (8..=16).contains(&letters.len()) && hexadecimal * 4 >= letters.len() * 3
}

/// The cell, unless it says that there is nothing to say.
pub(super) fn told(cell: &str) -> Option<&str> {
    Some(cell).filter(|cell| !says_nothing(cell))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_name_tells_the_phone() {
        let mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);
        for name in [
            "SEP001234AB45DE",
            "sep001234ab45de",
            "Sep 00:12:34:AB:45:DE",
            "SEP-001234AB45DE",
            "SEP001234AB45DE.example.net",
            "MAC001234AB45DE",
            "MAC: 00-12-34-ab-45-de",
            "SIP001234AB45DE.cnf",
            "0x001234AB45DE",
            "0:12:34:ab:45:de",
            "00_12_34_ab_45_de",
            "001234AB45DE (lobby)",
        ] {
            assert_eq!(owner(name), Owner::Phone(mac), "{name}");
        }
    }

    #[test]
    fn other_devices_damage_and_nonsense_are_told_apart() {
        for name in ["CSFJDOE", "botjdoe", "TCT001234AB45DE", "ATA001234AB45DE", "ITLSEP001234AB45DE.tlv"] {
            assert!(matches!(owner(name), Owner::Other(..)), "{name}");
        }
        for number in ["1.23E+11", "1,23456E+11", "1.12233e49", "1122334455", "112233", "1122334455.0"] {
            assert!(matches!(owner(number), Owner::Damaged(_)), "{number}: {:?}", owner(number));
        }
        for (text, meant) in [
            ("00112233445G", true),
            ("00:12:34:ab:45", true),
            ("Total: 42", false),
            ("lobby", false),
            ("192.168.100.200", true),
        ] {
            assert_eq!(owner(text), Owner::Neither { meant }, "{text}");
        }
        assert!(matches!(owner("000000000000"), Owner::Neither { .. }));
        assert_eq!(owner("112233445566"), Owner::Phone(Mac([0x11, 0x22, 0x33, 0x44, 0x55, 0x66])));
    }

    #[test]
    fn what_exports_put_around_values_goes() {
        for raw in ["=\"001234AB45DE\"", "'001234AB45DE", " '001234AB45DE' ", "\u{200e}001234AB45DE\u{a0}"] {
            assert_eq!(clean(raw), "001234AB45DE", "{raw}");
        }
    }
}
