//! Values that are written as text: spans of time, prefixes, ranges of addresses, rates.

use std::fmt;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::de::{Deserializer, Error, SeqAccess, Unexpected, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Serialize, Serializer};
use transload_provision::load::LoadName;
use transload_provision::mac::Mac;
use transload_provision::options::Pattern;

/// A value that a user writes as text.
pub trait TextValue: Sized {
    /// What it is, and an example: `a span of time such as "90s"`.
    const LOOKS: &'static str;

    /// Reads it; `None` where the text is something else.
    fn read(text: &str) -> Option<Self>;
}

/// A [`TextValue`] in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<T>(pub T);

impl<'de, T: TextValue> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<T: TextValue> Visitor<'_> for Reader<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::LOOKS)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
                T::read(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Reader(PhantomData)).map(Text)
    }
}

/// The values without their wrapping.
pub fn plain<T>(texts: Vec<Text<T>>) -> Vec<T> {
    texts.into_iter().map(|Text(value)| value).collect()
}

/// As in `1h30m`.
impl Serialize for Text<Duration> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = self.0.as_secs();
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
        let shown =
            parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number}{unit}"));
        serializer.serialize_str(&shown.collect::<String>())
    }
}

impl Serialize for Text<SocketAddr> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Text<ByteRate> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.0)
    }
}

impl TextValue for Duration {
    const LOOKS: &'static str = r#"a span of time such as "90s", "15m", "1h" or "1h30m""#;

    fn read(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut total = Self::ZERO;
        let mut smallest = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let number: u64 = rest.get(..digits)?.parse().ok()?;
            rest = rest.get(digits..)?;
            let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let unit = match rest.get(..letters)?.trim() {
                "ms" => 1,
                "s" => 1000,
                "m" | "min" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return None,
            };
            if unit >= smallest {
                return None;
            }
            smallest = unit;
            total = total.checked_add(Self::from_millis(number.checked_mul(unit)?))?;
            rest = rest.get(letters..)?;
        }
        (smallest != u64::MAX).then_some(total)
    }
}

/// An address with the length of its network's prefix: `10.23.45.67/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The address as written.
    pub address: Ipv4Addr,
    /// 0 to 32.
    pub length: u8,
}

impl Prefix {
    /// The netmask.
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0))
    }

    /// The network's first address.
    pub fn network(self) -> Ipv4Addr {
        self.address & self.mask()
    }

    /// The network's last address.
    pub fn broadcast(self) -> Ipv4Addr {
        self.address | !self.mask()
    }

    /// Whether a host of this network can have the address: not the first and not the last of it.
    pub fn has_host(self, address: Ipv4Addr) -> bool {
        address > self.network() && address < self.broadcast()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl TextValue for Prefix {
    const LOOKS: &'static str = r#"an address with its prefix length such as "10.23.45.67/24""#;

    fn read(text: &str) -> Option<Self> {
        let (address, length) = text.trim().split_once('/')?;
        let prefix = Self { address: address.trim().parse().ok()?, length: length.trim().parse().ok()? };
        (prefix.length <= 32).then_some(prefix)
    }
}

/// Addresses from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Not after `last`.
    pub first: Ipv4Addr,
    /// The last address.
    pub last: Ipv4Addr,
}

impl TextValue for Range {
    const LOOKS: &'static str = r#"a range of addresses such as "10.23.45.100-10.23.45.250", or one address"#;

    fn read(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self { first: first.trim().parse().ok()?, last: last.trim().parse().ok()? };
        (range.first <= range.last).then_some(range)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// Ranges of addresses: one text, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranges(pub Vec<Range>);

impl<'de> Deserialize<'de> for Ranges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Ranges;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Range::LOOKS)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Ranges, E> {
                Range::read(text)
                    .map(|range| Ranges(vec![range]))
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Ranges, A::Error> {
                let ranges = Vec::<Text<Range>>::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(Ranges(ranges.into_iter().map(|Text(range)| range).collect()))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// Bytes per second; 0 where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRate(pub u64);

impl ByteRate {
    /// The rate, if there is a limit.
    pub fn limit(self) -> Option<u64> {
        (self.0 > 0).then_some(self.0)
    }
}

impl TextValue for ByteRate {
    const LOOKS: &'static str = r#"bytes per second such as "500k" or "20M", or "0" for no limit"#;

    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text.get(..digits)?.parse().ok()?;
        let unit = match text.get(digits..)?.trim() {
            "" => 1,
            "k" | "K" => 1000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            _ => return None,
        };
        Some(Self(number.checked_mul(unit)?))
    }
}

/// The first three octets of a MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Oui(pub [u8; 3]);

impl TextValue for Oui {
    const LOOKS: &'static str = r#"the first three octets of a MAC address such as "00:12:34""#;

    fn read(text: &str) -> Option<Self> {
        let digits: String = text.trim().chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        Some(Self(unhex(&digits)?.try_into().ok()?))
    }
}

/// Octets: `hex:0112ab`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hex(pub Vec<u8>);

impl TextValue for Hex {
    const LOOKS: &'static str = r#"octets in hexadecimal such as "hex:01001234ab45de""#;

    fn read(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix("hex:")?;
        let digits: String = digits.chars().filter(|c| !matches!(c, ':' | '-' | ' ')).collect();
        unhex(&digits).map(Self)
    }
}

/// Hexadecimal digits, an even number of them, as octets.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    let nibbles: Vec<u8> =
        digits.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let pairs = nibbles.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

impl TextValue for Ipv4Addr {
    const LOOKS: &'static str = r#"an IPv4 address such as "10.23.45.67""#;

    fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

impl TextValue for SocketAddr {
    const LOOKS: &'static str = r#"an address with a port such as "127.0.0.1:8080" or "[::1]:8080""#;

    fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

impl TextValue for Mac {
    const LOOKS: &'static str = r#"a MAC address such as "00:12:34:ab:45:de""#;

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl TextValue for Pattern {
    const LOOKS: &'static str =
        r#"a vendor class such as "CP-8851-3PCC", or its beginning or end with a *: "*-3PCC""#;

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl TextValue for LoadName {
    const LOOKS: &'static str = r#"a load name such as "sip88xx.12-5-1SR1-4""#;

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        let seconds = |text| Duration::read(text).map(|span| span.as_secs());
        assert_eq!(
            [seconds("90s"), seconds("15m"), seconds("1h"), seconds("1h30m"), seconds("2d")]
                .map(Option::unwrap),
            [90, 900, 3600, 5400, 172_800]
        );
        assert_eq!(Duration::read("250ms"), Some(Duration::from_millis(250)));
        for wrong in [
            "",
            "5",
            "s",
            "-1s",
            "1.5h",
            "1m1h",
            "1s1s",
            "1 fortnight",
            "99999999999999999999s",
            "999999999999999999d",
            "1hé",
        ] {
            assert_eq!(Duration::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn prefixes_of_every_length() {
        let prefix = Prefix::read("10.23.45.67/24").unwrap();
        assert_eq!(
            (prefix.network(), prefix.broadcast()),
            (Ipv4Addr::new(10, 23, 45, 0), Ipv4Addr::new(10, 23, 45, 255))
        );
        assert_eq!(Prefix::read("1.2.3.4/0").unwrap().mask(), Ipv4Addr::UNSPECIFIED);
        assert_eq!(Prefix::read("1.2.3.4/32").unwrap().broadcast(), Ipv4Addr::new(1, 2, 3, 4));
        assert!(
            !prefix.has_host(prefix.network())
                && !prefix.has_host(prefix.broadcast())
                && prefix.has_host(prefix.address)
        );
        for wrong in ["10.23.45.67", "10.23.45.67/33", "10.23.45/24", "/", "a/b"] {
            assert_eq!(Prefix::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ranges_run_forwards() {
        let range = Range::read("10.0.0.10 - 10.0.0.20").unwrap();
        assert_eq!(range.last, Ipv4Addr::new(10, 0, 0, 20));
        assert_eq!(Range::read("10.0.0.20-10.0.0.10"), None);
        assert_eq!(Range::read("10.0.0.7").unwrap().first, Ipv4Addr::new(10, 0, 0, 7));
    }

    #[test]
    fn rates_octets_and_prefixes_of_vendors() {
        assert_eq!(
            [ByteRate::read("0"), ByteRate::read("500k"), ByteRate::read("20 M")],
            [Some(ByteRate(0)), Some(ByteRate(500_000)), Some(ByteRate(20_000_000))]
        );
        assert_eq!(
            [ByteRate::read("fast"), ByteRate::read("-1"), ByteRate::read("99999999999999999999G")],
            [None; 3]
        );
        assert_eq!(Hex::read("hex:01:ab").map(|hex| hex.0), Some(vec![1, 0xab]));
        assert_eq!(
            [Hex::read("01ab"), Hex::read("hex:1"), Hex::read("hex:zz"), Hex::read("hex:éa")],
            [None, None, None, None]
        );
        assert_eq!(
            [Oui::read("00:12:34"), Oui::read("00:12"), Oui::read("001234")],
            [Some(Oui([0, 0x12, 0x34])), None, Some(Oui([0, 0x12, 0x34]))]
        );
    }
}
