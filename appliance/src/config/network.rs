//! The networks that leases are given in, validated.

use std::net::Ipv4Addr;
use std::ops::Range as Bytes;

use toml::Spanned;

use super::findings::Findings;
use super::options::{self, Boot};
use super::timers::{self, WrittenTimes};
use super::values::{Prefix, Range, Ranges, has_host};
use super::{Bench, Network, written};

/// The further networks, for a bench on its own interface and address. What they do not say of leases, `own` does.
pub(super) fn networks(
    written: Vec<Spanned<written::Network>>,
    bench: &Bench,
    own: &Network,
    f: &mut Findings<'_>,
) -> Vec<Network> {
    let mut networks: Vec<Network> = Vec::new();
    for spanned in written {
        let place = spanned.span();
        let network = spanned.into_inner();
        let prefix = whereabouts(&network, bench, &networks, place.clone(), f);
        let options = options::common(network.options, "dhcp.network.options", f);
        let boot = Boot {
            next_server: network.next_server,
            server_name: network.server_name,
            file: network.boot_file,
        };
        let times = WrittenTimes {
            lease: network.lease.as_ref(),
            renewal: network.renewal_time.as_ref(),
            rebinding: network.rebinding_time.as_ref(),
        };
        networks.push(Network {
            lease: timers::times(&times, "dhcp.network", Some(&place), own.lease, f),
            relay_information: network.relay_information.unwrap_or(own.relay_information),
            pool: pool(network.pool.as_ref(), "dhcp.network.pool", prefix, f),
            place: f.place(place),
            interface: network.interface.map(Spanned::into_inner),
            address: network.address.map(|address| address.into_inner().0),
            subnet: network.subnet.map(|subnet| subnet.into_inner().0),
            exclude: ranges(network.exclude),
            gives: boot.with(options, "dhcp.network", f),
        });
    }
    networks
}

/// The addresses of a network, as far as they are written. Whatever is wrong with them is noted.
fn whereabouts(
    network: &written::Network,
    bench: &Bench,
    earlier: &[Network],
    place: Bytes<usize>,
    f: &mut Findings<'_>,
) -> Option<Prefix> {
    let subnet = network.subnet.as_ref().map(|subnet| subnet.get_ref().0);
    let address = network.address.as_ref().map(|address| address.get_ref().0);
    match (&network.interface, subnet, &network.address) {
        (None, _, Some(address)) => {
            let cause = "dhcp.network: one has an `address` and no `interface`";
            f.problem(
                address.span(),
                cause,
                "name the interface that has the address, or leave the address out",
            );
        }
        (None, None, None) => {
            let cause = "dhcp.network: one has neither `subnet` nor `interface`";
            let cure = r#"write interface = "eth2" for an interface of this box, or subnet = "10.1.2.0/24" for a network behind a relay"#;
            f.problem(place.clone(), cause, cure);
        }
        _ => {}
    }
    if let Some(name) = &network.interface {
        f.interface(name, "dhcp.network.interface");
        let taken = bench.interface.as_deref() == Some(name.get_ref().as_str())
            || earlier.iter().any(|known| known.interface.as_ref() == Some(name.get_ref()));
        if taken {
            let cause = format!("dhcp.network.interface: {} has a network already", name.get_ref());
            f.problem(name.span(), &cause, "give each network an interface of its own");
        }
    }
    if let Some(address) = &network.address {
        f.own_address(address, "dhcp.network.address");
    }
    if let (Some(subnet), Some(address)) = (subnet, address)
        && subnet.trunc() != address.trunc()
    {
        let cause = format!("dhcp.network: the address {address} is not in the subnet {subnet}");
        f.problem(place.clone(), &cause, "leave the subnet out; the address tells it");
    }
    let prefix = address.or(subnet);
    if let Some(prefix) = prefix {
        if !(8..=30).contains(&prefix.prefix_len()) {
            let cause = format!("dhcp.network: {prefix} is no network for phones");
            f.problem(place.clone(), &cause, "use a prefix length from 8 to 30");
        }
        let overlaps =
            |other: Prefix| other.network() <= prefix.broadcast() && prefix.network() <= other.broadcast();
        // The bench's own network may be described here instead of in the short form.
        let is_own = |own: &Prefix| network.interface.is_none() && own.trunc() == prefix.trunc();
        let known = earlier.iter().filter_map(|known| known.address.or(known.subnet));
        if bench.address.filter(|own| !is_own(own)).into_iter().chain(known).any(overlaps) {
            let cause = format!("dhcp.network: {prefix} overlaps another network");
            f.problem(place, &cause, "give each network its own addresses");
        }
    }
    prefix
}

pub(super) fn ranges(written: Option<Spanned<Ranges>>) -> Vec<Range> {
    written.map(|ranges| ranges.into_inner().0).unwrap_or_default()
}

/// A pool as written, weighed against its network where that is known.
pub(super) fn pool(
    written: Option<&Spanned<Ranges>>,
    key: &str,
    network: Option<Prefix>,
    f: &mut Findings<'_>,
) -> Vec<Range> {
    let Some(written) = written else { return Vec::new() };
    let ranges = &written.get_ref().0;
    if ranges.is_empty() {
        f.problem(written.span(), &format!("{key} is empty"), "name addresses, or leave the key out");
    }
    if let Some((network, range)) = network.and_then(|network| Some((network, outside(network, ranges)?))) {
        let room = default_pool(network);
        f.problem(
            written.span(),
            &format!("{key}: {range} is not within the network of {network}"),
            format!("write addresses of that network, such as \"{room}\""),
        );
    }
    ranges.clone()
}

/// The first range that has an address no host of the network can have.
pub fn outside(network: Prefix, ranges: &[Range]) -> Option<Range> {
    ranges.iter().copied().find(|range| !has_host(network, range.first) || !has_host(network, range.last))
}

/// The upper part of a network: from two fifths of it on, with a few addresses left at the end. For a /24 that is
/// .100 to .250, which leaves the usual places of routers and servers alone.
pub fn default_pool(network: Prefix) -> Range {
    let size = u64::from(u32::from(network.broadcast()) - u32::from(network.network())) + 1;
    let at = |offset: u64| Ipv4Addr::from(u32::from(network.network()).saturating_add(offset as u32));
    let first = (size * 100 / 256).max(1);
    // A pool larger than this is never filled on a bench; the engine's memory grows with it.
    let last = (size * 250 / 256).min(size.saturating_sub(2)).min(first + 65_535).max(first);
    Range { first: at(first), last: at(last) }
}
