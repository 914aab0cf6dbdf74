//! Which addresses of a network are given, and the DHCP server's own configuration.

use std::net::Ipv4Addr;

use toml::Spanned;
use transload_dhcp::config as engine;
use transload_dhcp::lease::ClientKey;

use super::validate::{Findings, cause_and_cure};
use super::values::{Prefix, Range, Ranges};
use super::{Client, Config, Network};
use crate::error::{Exit, Failure};

impl Config {
    /// What the DHCP server is told, for a bench at `own`.
    ///
    /// # Errors
    /// What does not fit that address, at exit status 2.
    pub fn dhcp_server(&self, own: Prefix) -> Result<engine::Config, Failure> {
        // The bench's own network may be described among the others; the short form then stands back.
        let is_own = |further: &&Network| {
            further
                .subnet
                .is_some_and(|subnet| subnet.network() == own.network() && subnet.length == own.length)
        };
        let described = self.dhcp.networks.iter().find(is_own).unwrap_or(&self.dhcp.own);
        let mut networks = vec![network("bench".into(), own, described)];
        for further in self.dhcp.networks.iter().filter(|further| !is_own(further)) {
            if let Some(subnet) = further.subnet {
                let first = Prefix { address: subnet.network(), ..subnet };
                networks.push(network(first.to_string(), first, further));
            }
        }
        for reservation in &self.dhcp.reservations {
            let Some(network) = networks.iter_mut().find(|network| network.contains(reservation.address))
            else {
                let cause =
                    format!("dhcp.reservation: {} is in no network of the bench", reservation.address);
                let cure = format!("use an address of {own}, or describe its network in a [[dhcp.network]]");
                return Err(Failure::new(Exit::Usage, cause, cure));
            };
            network.reservations.push(engine::Reservation {
                client: match &reservation.client {
                    Client::Mac(mac) => ClientKey::Mac(mac.0),
                    Client::Id(id) => ClientKey::Id(id.clone()),
                },
                address: reservation.address,
                options: reservation.options.clone(),
            });
        }
        let config = engine::Config {
            networks,
            authoritative: self.dhcp.authoritative,
            conflict_probe: self.dhcp.conflict_probe,
            ..engine::Config::default()
        };
        config.validate().map_err(|error| {
            let message = error.to_string();
            let (cause, cure) = cause_and_cure(&message);
            Failure::new(Exit::Usage, format!("[dhcp] does not fit the bench's address {own}: {cause}"), cure)
        })?;
        Ok(config)
    }
}

fn network(name: String, address: Prefix, network: &Network) -> engine::Network {
    let range = |range: &Range| engine::Range { first: range.first, last: range.last };
    let pools = match network.pool.as_slice() {
        [] => vec![range(&default_pool(address))],
        pool => pool.iter().map(range).collect(),
    };
    engine::Network {
        name,
        address: address.address,
        prefix_len: address.length,
        pools,
        exclude: network.exclude.iter().map(range).collect(),
        lease: engine::LeaseTime::fixed(u32::try_from(network.lease.as_secs()).unwrap_or(u32::MAX)),
        options: network.options.clone(),
        reservations: Vec::new(),
    }
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
