//! Checks an option's octets against the ranges of RFC 2132.

use std::net::Ipv4Addr;

use super::Shape;

/// The values that the option takes, if these octets are not among them.
pub(super) fn violated(code: u8, shape: Shape, octets: &[u8]) -> Option<&'static str> {
    if let Some((least, most, wanted)) = range(code) {
        let width = width(shape)?;
        let fits = |item: &[u8]| (least..=most).contains(&number(item));
        return (!whole(octets, width) || !octets.chunks(width).all(fits)).then_some(wanted);
    }
    if code == 46 {
        let known = matches!(octets, [1 | 2 | 4 | 8]);
        return (!known).then_some("a NetBIOS node type: 1, 2, 4 or 8");
    }
    let addresses = || octets.chunks(4).map(address);
    let usable = |address: Ipv4Addr| !address.is_unspecified() && !address.is_broadcast();
    match shape {
        Shape::Address if !whole(octets, 4) || octets.len() != 4 => Some("one IPv4 address"),
        // A broadcast address, and where routers are asked for, may be 255.255.255.255 (RFC 2132 §5.3, §5.7).
        Shape::Address if matches!(code, 28 | 32) => addresses()
            .any(|address| address.is_unspecified())
            .then_some("an IPv4 address other than 0.0.0.0"),
        Shape::Address => (!addresses().all(usable)).then_some("the IPv4 address of a host"),
        Shape::Addresses if !whole(octets, 4) => Some("a list of IPv4 addresses"),
        Shape::Addresses => (!addresses().all(usable)).then_some("a list of IPv4 addresses of hosts"),
        Shape::Pairs if !whole(octets, 8) => Some("a list of pairs of IPv4 addresses"),
        // RFC 2132 §5.8: the default route is no legal destination of a static route.
        Shape::Pairs if code == 33 => (!addresses().all(usable)).then_some(
            "pairs of destination and router without 0.0.0.0 (the default route is option router)",
        ),
        Shape::Flag => (!matches!(octets, [0 | 1])).then_some("true or false"),
        Shape::Routes => (!are_routes(octets)).then_some("a list of routes such as \"10.0.0.0/8 192.0.2.1\""),
        Shape::U8 | Shape::U16 | Shape::U32 | Shape::S32 if Some(octets.len()) != width(shape) => {
            Some("a number of the option's own size")
        }
        _ => None,
    }
}

/// The values that the option takes, if they are fewer than its form allows.
pub(super) fn wanted(code: u8) -> Option<&'static str> {
    range(code).map(|(_, _, wanted)| wanted)
}

/// The least and the greatest number that the option takes, where not all of its size will do. What takes no time at all
/// cannot be meant.
fn range(code: u8) -> Option<(u64, u64, &'static str)> {
    const U8: u64 = u8::MAX as u64;
    const U16: u64 = u16::MAX as u64;
    const U32: u64 = u32::MAX as u64;
    Some(match code {
        13 => (1, U16, "a number of blocks, 1 to 65535"),
        22 => (576, U16, "a number of octets, 576 to 65535"),
        23 | 37 => (1, U8, "a number of hops, 1 to 255"),
        24 | 35 => (1, U32, "a number of seconds, 1 to 4294967295"),
        25 => (68, U16, "a list of numbers of octets, 68 to 65535"),
        26 => (68, U16, "a number of octets, 68 to 65535"),
        _ => return None,
    })
}

/// Octets of one number.
fn width(shape: Shape) -> Option<usize> {
    match shape {
        Shape::U8 => Some(1),
        Shape::U16 | Shape::U16s => Some(2),
        Shape::U32 | Shape::S32 => Some(4),
        _ => None,
    }
}

fn whole(octets: &[u8], width: usize) -> bool {
    !octets.is_empty() && octets.len().is_multiple_of(width)
}

fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

fn address(octets: &[u8]) -> Ipv4Addr {
    (number(octets) as u32).into()
}

/// Whether one of the routes of option 121 leads everywhere.
pub fn has_default_route(octets: &[u8]) -> bool {
    routes(octets).any(|width| width == Some(0))
}

fn are_routes(octets: &[u8]) -> bool {
    routes(octets).all(|width| width.is_some())
}

/// The width of each route's mask, up to one that is none: mask width, the significant octets of the destination, router
/// (RFC 3442).
fn routes(mut octets: &[u8]) -> impl Iterator<Item = Option<u8>> {
    std::iter::from_fn(move || {
        let (width, rest) = octets.split_first()?;
        let whole = rest.split_at_checked(usize::from(width.div_ceil(8)) + 4).filter(|_| *width <= 32);
        octets = whole.map(|(_, rest)| rest).unwrap_or_default();
        Some(whole.map(|_| *width))
    })
}
