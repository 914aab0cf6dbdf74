//! The MAC address, which identifies a phone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An Ethernet address, written as Cisco writes it: twelve upper-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[0-9A-F]{12}$", example = "001234AB45DE"))]
pub struct Mac(pub [u8; 6]);

/// The text is not a MAC address in any common spelling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}; {}", self.cause(), Self::CURE)]
pub struct NotAMac(pub String);

impl NotAMac {
    /// What to write instead.
    pub const CURE: &str = "write it as 001234AB45DE or 00:12:34:ab:45:de";

    /// What is wrong.
    pub fn cause(&self) -> String {
        format!("{:?} is not a MAC address", self.0)
    }
}

impl Mac {
    /// The vendor's three octets.
    pub fn oui(self) -> [u8; 3] {
        [self.0[0], self.0[1], self.0[2]]
    }

    /// Twelve lower-case digits, as in the `$MA` macro and `Cisco/$PN/$MA.cfg`.
    pub fn lower(self) -> String {
        self.to_string().to_ascii_lowercase()
    }

    /// Lower case with colons, as DHCP servers print it.
    pub fn colons(self) -> String {
        self.0.map(|octet| format!("{octet:02x}")).join(":")
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let text = self.0.map(|octet| [octet >> 4, octet & 15].map(|digit| DIGITS[usize::from(digit)]));
        f.write_str(std::str::from_utf8(text.as_flattened()).unwrap_or_default())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mac {
    type Err = NotAMac;

    /// Takes `001234AB45DE`, `00:12:34:ab:45:de`, `00-12-34-AB-45-DE`, `0012.34ab.45de` and `SEP001234AB45DE`.
    fn from_str(text: &str) -> Result<Self, NotAMac> {
        let error = || NotAMac(text.chars().take(40).collect());
        let trimmed = text.trim();
        let bare = match trimmed.get(..3) {
            Some(prefix) if prefix.eq_ignore_ascii_case("SEP") => &trimmed[3..],
            _ => trimmed,
        };
        let mut mac = [0; 6];
        let mut digits = 0;
        for byte in bare.bytes().filter(|byte| !matches!(byte, b':' | b'-' | b'.' | b' ')) {
            let digit = char::from(byte).to_digit(16).ok_or_else(error)? as u8;
            let octet = mac.get_mut(digits / 2).ok_or_else(error)?;
            *octet = *octet << 4 | digit;
            digits += 1;
        }
        if digits == 12 { Ok(Self(mac)) } else { Err(error()) }
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_spelling_is_the_same_phone() {
        let mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);
        for text in
            ["001234AB45DE", "00:12:34:ab:45:de", "00-12-34-AB-45-DE", "0012.34ab.45de", " SEP001234ab45de "]
        {
            assert_eq!(text.parse(), Ok(mac), "{text}");
        }
        assert_eq!(
            (mac.to_string(), mac.lower(), mac.colons()),
            ("001234AB45DE".into(), "001234ab45de".into(), "00:12:34:ab:45:de".into())
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "SEP", "001234AB45D", "001234AB45DEF", "001234AB45DG", "日本", "SÉP001234AB45DE"]
        {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }
}
