//! From what a user wrote to an option's octets.

use std::net::Ipv4Addr;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::{Shape, find, is_reserved, limits};

/// A value as a user writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, one address, or octets as `hex:0a 0b…`.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// A list of addresses, domain names, or routes such as `10.0.0.0/8 192.0.2.1`.
    List(Vec<String>),
}

/// Why a value is no value for its option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionValueError {
    /// No option goes by that name or number.
    #[error("there is no DHCP option {0:?}")]
    Unknown(String),
    /// The server writes this one itself.
    #[error("DHCP option {0} is written by the server itself and cannot be set")]
    Reserved(u8),
    /// The value has the wrong form.
    #[error("DHCP option {option} is {wanted}, and not {found}")]
    Value {
        /// Name or number as given.
        option: String,
        /// The values that the option takes.
        wanted: &'static str,
        /// The value that was given.
        found: String,
    },
}

impl OptionValueError {
    /// What to do about it, in a clause.
    pub fn cure(&self) -> String {
        match self {
            Self::Unknown(..) => {
                "give its standard name (router, dns, ntp, …) or its number, 1 to 254".to_owned()
            }
            Self::Value { .. } => "write such a value, or leave the option out".to_owned(),
            Self::Reserved(_) => "leave it out".to_owned(),
        }
    }
}

/// The option's number and octets. An option whose form is not known here takes a list of addresses, text, or `hex:…`.
pub fn encode(name_or_number: &str, value: &Value) -> Result<(u8, Vec<u8>), OptionValueError> {
    let standard =
        find(name_or_number).ok_or_else(|| OptionValueError::Unknown(name_or_number.to_owned()))?;
    if is_reserved(standard.code) {
        return Err(OptionValueError::Reserved(standard.code));
    }
    let octets = match value {
        Value::Text(text) if text.starts_with("hex:") => hex(&text[4..]),
        _ => shaped(standard.shape, value),
    };
    let error =
        |wanted| OptionValueError::Value { option: name_or_number.to_owned(), wanted, found: found(value) };
    let octets = octets
        .filter(|octets| !octets.is_empty())
        .ok_or_else(|| error(limits::wanted(standard.code).unwrap_or(wanted(standard.shape))))?;
    match limits::violated(standard.code, standard.shape, &octets) {
        None => Ok((standard.code, octets)),
        Some(wanted) => Err(error(wanted)),
    }
}

fn shaped(shape: Shape, value: &Value) -> Option<Vec<u8>> {
    let text = match value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    };
    match (shape, value) {
        (Shape::Address, _) => Some(address(text?)?.to_vec()),
        (Shape::Addresses, _) | (Shape::Octets, Value::List(_)) => addresses(value),
        (Shape::Pairs, _) => addresses(value).filter(|octets| octets.len() % 8 == 0),
        (Shape::Text, _) => Some(text?.as_bytes().to_vec()),
        (Shape::U8, Value::Number(number)) => Some(vec![u8::try_from(*number).ok()?]),
        (Shape::U16, Value::Number(number)) => Some(u16::try_from(*number).ok()?.to_be_bytes().to_vec()),
        (Shape::U16s, Value::List(numbers)) => {
            flattened(numbers, |number| Some(number.trim().parse::<u16>().ok()?.to_be_bytes().to_vec()))
        }
        (Shape::U32, Value::Number(number)) => Some(u32::try_from(*number).ok()?.to_be_bytes().to_vec()),
        (Shape::S32, Value::Number(number)) => Some(i32::try_from(*number).ok()?.to_be_bytes().to_vec()),
        (Shape::Flag, Value::Flag(flag)) => Some(vec![u8::from(*flag)]),
        (Shape::Flag, Value::Number(0)) => Some(vec![0]),
        (Shape::Flag, Value::Number(1)) => Some(vec![1]),
        (Shape::Routes, _) => flattened(&list(value)?, route),
        (Shape::Domains, _) => flattened(&list(value)?, domain),
        (Shape::Octets, Value::Text(text)) => Some(text.as_bytes().to_vec()),
        _ => None,
    }
}

fn list(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Text(text) => Some(vec![text.clone()]),
        Value::List(list) => Some(list.clone()),
        Value::Number(_) | Value::Flag(_) => None,
    }
}

fn flattened(list: &[String], octets: impl Fn(&str) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    list.iter().map(|text| octets(text)).collect::<Option<Vec<_>>>().map(|parts| parts.concat())
}

fn address(text: &str) -> Option<[u8; 4]> {
    Some(text.trim().parse::<Ipv4Addr>().ok()?.octets())
}

fn addresses(value: &Value) -> Option<Vec<u8>> {
    flattened(&list(value)?, |text| Some(address(text)?.to_vec()))
}

/// Mask width, the significant octets of the destination, router (RFC 3442).
fn route(text: &str) -> Option<Vec<u8>> {
    let (destination, router) = text.trim().split_once(char::is_whitespace)?;
    let (network, width) = destination.split_once('/')?;
    let width: u8 = width.parse().ok().filter(|width| *width <= 32)?;
    let network = address(network)?;
    let mut octets = vec![width];
    octets.extend_from_slice(network.get(..usize::from(width.div_ceil(8)))?);
    octets.extend_from_slice(&address(router)?);
    Some(octets)
}

/// Labels, each after its length, then the root (RFC 1035 §3.1).
fn domain(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    for label in text.trim().trim_end_matches('.').split('.') {
        if label.is_empty() || label.len() > 63 || !label.is_ascii() {
            return None;
        }
        octets.push(label.len() as u8);
        octets.extend_from_slice(label.as_bytes());
    }
    octets.push(0);
    (octets.len() <= 255).then_some(octets)
}

/// Octets in hexadecimal digits, with or without spaces, colons or hyphens.
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.replace([' ', ':', '-'], "");
    HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()
}

fn wanted(shape: Shape) -> &'static str {
    match shape {
        Shape::Address => "one IPv4 address",
        Shape::Addresses => "a list of IPv4 addresses",
        Shape::Pairs => "a list of pairs of IPv4 addresses",
        Shape::Text => "text",
        Shape::U8 => "a number, 0 to 255",
        Shape::U16 => "a number, 0 to 65535",
        Shape::U16s => "a list of numbers, 0 to 65535",
        Shape::U32 => "a number, 0 to 4294967295",
        Shape::S32 => "a number, -2147483648 to 2147483647",
        Shape::Flag => "true or false",
        Shape::Routes => "a list of routes such as \"10.0.0.0/8 192.0.2.1\"",
        Shape::Domains => "a list of domain names",
        Shape::Octets => "text, a list of IPv4 addresses, or \"hex:…\"",
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(list) => format!("{list:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn list(texts: &[&str]) -> Value {
        Value::List(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn d51_standard_options_encode_as_their_rfcs_say() {
        for (option, value, octets) in [
            ("router", list(&["10.0.0.1", "10.0.0.2"]), vec![10, 0, 0, 1, 10, 0, 0, 2]),
            ("DNS", text("10.0.0.1"), vec![10, 0, 0, 1]),
            ("42", list(&["10.0.0.9"]), vec![10, 0, 0, 9]),
            ("domain_name", text("example"), b"example".to_vec()),
            ("mtu", Value::Number(1500), vec![0x05, 0xdc]),
            ("time-offset", Value::Number(-3600), vec![0xff, 0xff, 0xf1, 0xf0]),
            ("ip-forwarding", Value::Flag(true), vec![1]),
            ("tftp", text("10.0.0.1"), b"10.0.0.1".to_vec()),
            ("static-routes", list(&["10.0.0.0", "10.0.0.1"]), vec![10, 0, 0, 0, 10, 0, 0, 1]),
            // The examples of RFC 3442: the default route, and a width that ends within an octet.
            ("121", list(&["0.0.0.0/0 10.0.0.1"]), vec![0, 10, 0, 0, 1]),
            ("121", list(&["10.17.0.0/16 10.0.0.1"]), vec![16, 10, 17, 10, 0, 0, 1]),
            ("121", list(&["10.229.0.128/25 10.0.0.1"]), vec![25, 10, 229, 0, 128, 10, 0, 0, 1]),
            ("domain-search", text("a.bc."), vec![1, b'a', 2, b'b', b'c', 0]),
            // The ends of ranges, and what a user may write octet by octet.
            ("22", Value::Number(576), vec![0x02, 0x40]),
            ("23", Value::Number(1), vec![1]),
            ("24", Value::Number(1), vec![0, 0, 0, 1]),
            ("25", list(&["68", "65535"]), vec![0, 68, 255, 255]),
            ("26", text("hex:0044"), vec![0, 68]),
            ("37", Value::Number(255), vec![255]),
            ("38", Value::Number(0), vec![0; 4]),
            ("46", Value::Number(8), vec![8]),
            ("broadcast", text("255.255.255.255"), vec![255; 4]),
            ("32", text("255.255.255.255"), vec![255; 4]),
            ("121", text("hex:000a000001 080a00000000"), vec![0, 10, 0, 0, 1, 8, 10, 0, 0, 0, 0]),
            ("43", text("hex:01:02 ff"), vec![1, 2, 255]),
        ] {
            assert_eq!(encode(option, &value).map(|(_, octets)| octets), Ok(octets), "{option}");
        }
    }

    #[test]
    fn d49_a_number_without_a_table_row_takes_addresses_text_or_hex() {
        assert_eq!(
            encode("150", &list(&["10.0.0.1", "10.0.0.2"])),
            Ok((150, vec![10, 0, 0, 1, 10, 0, 0, 2]))
        );
        assert_eq!(encode("160", &text("http://a/")), Ok((160, b"http://a/".to_vec())));
        assert!(encode("150", &Value::Number(5)).is_err());
    }

    #[test]
    fn a_wrong_value_is_refused_with_what_is_wanted() {
        for (option, value) in [
            ("router", text("10.0.0")),
            ("router", list(&[])),
            ("mtu", Value::Number(65536)),
            ("mtu", text("1500")),
            ("domain", text("")),
            ("domain-search", text("a..b")),
            ("121", list(&["10.0.0.0/33 10.0.0.1"])),
            ("static-routes", list(&["10.0.0.1"])),
            ("43", text("hex:012")),
            // RFC 2132 §4.1 to §4.6, §5.1, §5.8, §6.1, §7.1, §8.7, and what is no host's address.
            ("22", Value::Number(575)),
            ("22", text("hex:0000")),
            ("22", text("hex:024000")),
            ("default-ip-ttl", Value::Number(0)),
            ("default-ip-ttl", Value::Number(256)),
            ("24", Value::Number(0)),
            ("24", Value::Number(1 << 32)),
            ("25", list(&["68", "67"])),
            ("25", text("hex:0044ff")),
            ("mtu", Value::Number(67)),
            ("arp-cache-timeout", Value::Number(0)),
            ("default-tcp-ttl", Value::Number(0)),
            ("default-tcp-ttl", text("hex:00")),
            ("13", Value::Number(0)),
            ("static-routes", list(&["0.0.0.0", "10.0.0.1"])),
            ("static-routes", list(&["10.1.0.0", "10.0.0.1", "10.2.0.0", "0.0.0.0"])),
            ("static-routes", text("hex:0a0100000a0000")),
            ("policy-filter", list(&["10.0.0.0"])),
            ("netbios-node-type", Value::Number(3)),
            ("router", list(&["10.0.0.1", "0.0.0.0"])),
            ("dns", text("255.255.255.255")),
            ("dns", text("hex:0a0000")),
            ("broadcast", text("0.0.0.0")),
            ("swap-server", text("hex:0a000001ff")),
            ("ip-forwarding", Value::Number(2)),
            ("ip-forwarding", text("hex:02")),
            ("121", text("hex:210a0a000001")),
            ("121", text("hex:080a0a0000")),
        ] {
            assert!(matches!(encode(option, &value), Err(OptionValueError::Value { .. })), "{option}");
        }
        assert_eq!(encode("flavor", &text("x")), Err(OptionValueError::Unknown("flavor".into())));
        assert_eq!(encode("0", &text("x")), Err(OptionValueError::Unknown("0".into())));
        assert_eq!(encode("51", &Value::Number(1)), Err(OptionValueError::Reserved(51)));
    }
}
