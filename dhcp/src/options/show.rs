//! An option's octets, as a user would write them.

use std::net::Ipv4Addr;

use super::{Shape, find};

/// The value in the form of its option; octets that do not fit that form as `hex:…`.
pub fn show(code: u8, octets: &[u8]) -> String {
    let shape = find(&code.to_string()).map_or(Shape::Octets, |standard| standard.shape);
    shaped(shape, octets).unwrap_or_else(|| {
        let digits: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("hex:{}", digits.join(" "))
    })
}

fn shaped(shape: Shape, octets: &[u8]) -> Option<String> {
    let number = |octets: &[u8]| octets.iter().fold(0, |number: u64, octet| number << 8 | u64::from(*octet));
    match (shape, octets.len()) {
        (Shape::Address | Shape::Addresses | Shape::Pairs, _) => addresses(octets),
        (Shape::Text, _) => text(octets),
        (Shape::U8 | Shape::Flag, 1) | (Shape::U16, 2) | (Shape::U32, 4) => Some(number(octets).to_string()),
        (Shape::S32, 4) => Some((number(octets) as u32).cast_signed().to_string()),
        // What Cisco phones read: text, or addresses.
        (Shape::Octets, _) => text(octets).or_else(|| addresses(octets)),
        _ => None,
    }
}

fn text(octets: &[u8]) -> Option<String> {
    let printable = octets.iter().all(|octet| octet.is_ascii_graphic() || *octet == b' ');
    (printable && !octets.is_empty()).then(|| String::from_utf8_lossy(octets).into_owned())
}

fn addresses(octets: &[u8]) -> Option<String> {
    let quads: Vec<[u8; 4]> = octets.chunks(4).map(|quad| quad.try_into().ok()).collect::<Option<_>>()?;
    let addresses: Vec<String> = quads.into_iter().map(|quad| Ipv4Addr::from(quad).to_string()).collect();
    (!addresses.is_empty()).then(|| addresses.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_they_are_written() {
        for (code, octets, shown) in [
            (3, &[10, 0, 0, 1, 10, 0, 0, 2][..], "10.0.0.1 10.0.0.2"),
            (15, b"example", "example"),
            (26, &[0x05, 0xdc], "1500"),
            (2, &[0xff, 0xff, 0xf1, 0xf0], "-3600"),
            (150, &[10, 0, 0, 1], "10.0.0.1"),
            (160, b"http://10.0.0.1", "http://10.0.0.1"),
            (43, &[1, 2, 255], "hex:01 02 ff"),
            (15, b"a\0", "hex:61 00"),
            (3, &[1], "hex:01"),
        ] {
            assert_eq!(show(code, octets), shown, "{code}");
        }
    }
}
