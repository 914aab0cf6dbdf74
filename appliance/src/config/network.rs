//! `[[dhcp.network]]`, and the keys that it has in common with `[dhcp]`.

use std::net::Ipv4Addr;
use std::time::Duration;

use transload_dhcp::config::RelayInformation;
use transload_provision::options::Gives;

use super::bench::{BenchSection, interface_name, own_address};
use super::key::Mistake;
use super::options;
use super::section::Section;
use super::values::{Prefix, Range, Ranges, Text};

/// A network in which this server leases addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseNetwork {
    /// File and line, or `[dhcp]`.
    pub place: String,
    /// Its interface; `None` for the bench's own network and for those behind relays.
    pub interface: Option<String>,
    /// The box's own address on that interface. Without it, the interface's address counts.
    pub address: Option<Prefix>,
    /// Its addresses. A network without an interface has them, save the bench's own.
    pub subnet: Option<Prefix>,
    /// Addresses to lease; empty for the upper part of the network.
    pub pool: Vec<Range>,
    /// Addresses never to lease.
    pub exclude: Vec<Range>,
    /// How long a lease lasts, and when it is renewed.
    pub lease: LeaseTimes,
    /// The treatment of messages with relay agent information that came through no relay.
    pub relay_information: RelayInformation,
    /// What every client of the network gets.
    pub gives: Gives,
}

/// How long a lease lasts, and when it is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTimes {
    /// The whole duration.
    pub lease: Duration,
    /// After this time the client asks this server to renew it; `None` for half of the lease.
    pub renewal: Option<Duration>,
    /// After this time the client asks any server; `None` for seven eighths of the lease.
    pub rebinding: Option<Duration>,
}

const EXAMPLES: &str = r#"# Further networks have the keys of the short form above: pool, exclude, lease, renewal-time,
    # rebinding-time, relay-information, options and so on. What they do not set
    # they have from there, save pool, exclude, router, broadcast address and routes.
    # One on another interface of this box; `address` is the box's own there, by default the interface's:
    #[[dhcp.network]]
    #interface = "eth2"
    #address = "10.24.0.1/24"
    #pool = "10.24.0.100-10.24.0.250"
    #options = { router = ["10.24.0.1"] }
    # One behind a relay:
    #[[dhcp.network]]
    #subnet = "10.1.2.0/24"
    #pool = "10.1.2.100-10.1.2.250""#;

/// Reads the further networks. They inherit lease times and the treatment of relay agent information from `own`.
pub(super) fn networks(s: &mut Section<'_>, bench: &BenchSection, own: &LeaseNetwork) -> Vec<LeaseNetwork> {
    s.at_restart("interface, address or subnet of a [[dhcp.network]]", |a, b| {
        let on_interfaces = |network: &&LeaseNetwork| network.interface.is_some();
        let place = |network: &LeaseNetwork| (network.interface.clone(), network.address, network.subnet);
        let [a, b] = [a, b].map(|config| config.dhcp.networks.iter().filter(on_interfaces).map(place));
        a.eq(b)
    });
    let mut earlier: Vec<LeaseNetwork> = Vec::new();
    s.tables("network", EXAMPLES, |s| {
        let interface: Option<String> = s.key("interface").check(interface_name).get();
        let address = s.key("address").check(own_address).get().map(|Text(address)| address);
        let subnet = s.key("subnet").get().map(|Text(subnet)| subnet);
        let mut network = LeaseNetwork { place: s.line(), interface, address, subnet, ..own.clone() };
        check_place(s, &network, bench, &earlier);
        network.pool = pool(s, address.or(subnet));
        network.exclude = exclude(s);
        network.lease = lease_times(s, own.lease);
        network.relay_information = relay_information(s, own.relay_information);
        network.gives = options::of_network(s);
        earlier.push(network.clone());
        Some(network)
    })
}

/// Checks where a network is: its interface, address and subnet, beside the bench's and the earlier ones.
fn check_place(s: &mut Section<'_>, network: &LeaseNetwork, bench: &BenchSection, earlier: &[LeaseNetwork]) {
    let (address, subnet) = (s.span_of("address"), network.subnet);
    match (s.span_of("interface"), subnet, address) {
        (None, _, Some(address)) => s.problem(
            address,
            "dhcp.network: one has an `address` and no `interface`",
            "name the interface that has the address, or leave the address out",
        ),
        (None, None, None) => s.problem(
            s.span(),
            "dhcp.network: one has neither `subnet` nor `interface`",
            r#"write interface = "eth2" for an interface of this box, or subnet = "10.1.2.0/24" for a network behind a relay"#,
        ),
        _ => {}
    }
    if let (Some(name), Some(span)) = (&network.interface, s.span_of("interface")) {
        let taken = bench.interface.as_ref() == Some(name)
            || earlier.iter().any(|known| known.interface.as_ref() == Some(name));
        if taken {
            let cause = format!("dhcp.network.interface: {name} has a network already");
            s.problem(span, &cause, "give each network an interface of its own");
        }
    }
    if let (Some(subnet), Some(address)) = (subnet, network.address)
        && (subnet.network(), subnet.length) != (address.network(), address.length)
    {
        let cause = format!("dhcp.network: the address {address} is not in the subnet {subnet}");
        s.problem(s.span(), &cause, "leave the subnet out; the address tells it");
    }
    let Some(prefix) = network.address.or(subnet) else { return };
    if !(8..=30).contains(&prefix.length) {
        let cause = format!("dhcp.network: {prefix} is no network for phones");
        s.problem(s.span(), &cause, "use a prefix length from 8 to 30");
    }
    let overlaps =
        |other: Prefix| other.network() <= prefix.broadcast() && prefix.network() <= other.broadcast();
    // The bench's own network may be described here instead of in the short form.
    let is_own = |own: &Prefix| {
        network.interface.is_none() && own.network() == prefix.network() && own.length == prefix.length
    };
    let known = earlier.iter().filter_map(|known| known.address.or(known.subnet));
    if bench.address.filter(|own| !is_own(own)).into_iter().chain(known).any(overlaps) {
        let cause = format!("dhcp.network: {prefix} overlaps another network");
        s.problem(s.span(), &cause, "give each network its own addresses");
    }
}

/// Reads the addresses to lease. If the network is known, they must lie in it.
pub(super) fn pool(s: &mut Section<'_>, network: Option<Prefix>) -> Vec<Range> {
    let beyond = |Ranges(ranges): &Ranges| {
        let network = network?;
        let range = outside(network, ranges)?;
        let room = default_pool(network);
        Some(Mistake::new(
            format!("{range} is not within the network of {network}"),
            format!("write addresses of that network, such as \"{room}\""),
        ))
    };
    s.key("pool")
        .text("Addresses to give, one range or a list of them; the upper part of the bench's network if left out.")
        .require(|Ranges(ranges)| !ranges.is_empty(), "is empty", "name addresses, or leave the key out")
        .check(beyond)
        .optional(r#""10.23.45.100-10.23.45.250""#)
        .map(|Ranges(ranges)| ranges)
        .unwrap_or_default()
}

/// Reads the addresses never to lease.
pub(super) fn exclude(s: &mut Section<'_>) -> Vec<Range> {
    s.key("exclude").optional(r#"["10.23.45.200"]"#).map(|Ranges(ranges)| ranges).unwrap_or_default()
}

/// Reads the treatment of relay agent information that came through no relay.
pub(super) fn relay_information(s: &mut Section<'_>, default: RelayInformation) -> RelayInformation {
    s.key("relay-information")
        .text(
            r#"A switch with DHCP snooping adds relay agent information (option 82) to what phones send, though there is no relay.
            "answer" such phones, or "drop" what they send."#,
        )
        .or(default)
}

/// Reads how long a lease lasts, and when its client renews and rebinds it (RFC 2131 §4.4.5). Renewal comes before
/// rebinding, and rebinding before the end.
pub(super) fn lease_times(s: &mut Section<'_>, inherited: LeaseTimes) -> LeaseTimes {
    let lease = s.key("lease").duration(inherited.lease);
    let (half, most) = (lease / 2, lease / 8 * 7);
    let renewal = s
        .key("renewal-time")
        .text("When a client renews its lease, and when it asks any server for that; half and seven eighths of the lease if left out.")
        .limited(half)
        .optional(r#""30m""#)
        .map_or(inherited.renewal, |Text(time)| Some(time));
    let rebinding = s
        .key("rebinding-time")
        .limited(most)
        .optional(r#""50m""#)
        .map_or(inherited.rebinding, |Text(time)| Some(time));
    let place = |name| s.span_of(name).or_else(|| s.span_of("lease")).unwrap_or_else(|| s.span());
    let rebinds = rebinding.unwrap_or(most);
    let (name, cause, cure, default) = if rebinding.is_some() && (rebinds >= lease || rebinds.as_secs() < 2) {
        let cause = format!(
            "{} s is not between 2 s and the end of the lease after {} s",
            rebinds.as_secs(),
            lease.as_secs()
        );
        ("rebinding-time", cause, "write a shorter time than the lease", most)
    } else if let Some(renewal) = renewal.filter(|renewal| *renewal >= rebinds) {
        let cause =
            format!("{} s is not before the rebinding time of {} s", renewal.as_secs(), rebinds.as_secs());
        ("renewal-time", cause, "write a shorter time", half)
    } else {
        return LeaseTimes { lease, renewal, rebinding };
    };
    let cause = format!("{}: {cause}", s.path_of(name));
    s.problem(place(name), &cause, format!("{cure}, or leave it out for {} s", default.as_secs()));
    LeaseTimes { lease, renewal, rebinding }
}

/// The first range that has an address no host of the network can have.
pub fn outside(network: Prefix, ranges: &[Range]) -> Option<Range> {
    ranges.iter().copied().find(|range| !network.has_host(range.first) || !network.has_host(range.last))
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
