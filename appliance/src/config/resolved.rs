//! Resolves configuration and roster at the box's present addresses: into the DHCP server's own configuration, and the
//! options of each network and reservation.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use transload_dhcp::config as engine;
use transload_dhcp::lease::ClientKey;
use transload_provision::options::Gives;
use transload_provision::roster::Entry;

use super::Config;
use super::dhcp::ReservedClient;
use super::network::{LeaseNetwork, default_pool};
use super::values::{Prefix, Range};
use crate::system::error::{Exit, Failure};

/// Options that mean something in one subnet alone: router, broadcast address, routes. Other networks do not inherit
/// them.
const OF_ONE_SUBNET: [u8; 4] = [3, 28, 33, 121];

/// Configuration and roster at the box's present addresses.
#[derive(Debug, Clone, Default)]
pub struct ResolvedDhcp {
    /// The configuration of the DHCP server.
    pub server: engine::DhcpConfig,
    /// The options for decisions.
    pub given: DhcpValues,
    /// Rows of the roster whose address cannot be kept for their phone.
    pub warnings: Vec<String>,
}

/// The options of networks and reservations.
#[derive(Debug, Clone, Default)]
pub struct DhcpValues {
    /// By the name that the DHCP server knows the network by.
    pub networks: HashMap<String, NetworkGives>,
    /// By the client's identifier or Ethernet address.
    pub reservations: HashMap<ClientKey, Reserved>,
}

/// The options of a network.
#[derive(Debug, Clone)]
pub struct NetworkGives {
    /// The network, as in `10.23.45.0/24`.
    pub prefix: String,
    /// Its addresses.
    pub addresses: Prefix,
    /// This server's address in the network; behind a relay, the network's first address.
    pub server: Ipv4Addr,
    /// How long a lease lasts; seconds.
    pub lease: u32,
    /// When its client renews and rebinds it; seconds.
    pub timers: Option<(u32, u32)>,
    /// Options of its own.
    pub own: Gives,
    /// Options from `[dhcp]`.
    pub inherited: Gives,
}

/// An address kept for a client.
#[derive(Debug, Clone)]
pub struct Reserved {
    /// The network it is in.
    pub network: String,
    /// Options for this client alone.
    pub gives: Gives,
    /// File and line.
    pub place: String,
}

impl Config {
    /// What DHCP is told while the interfaces have these addresses: the bench's own, then those of the further networks
    /// that name an interface, in the file's order; `None` where an interface or its address is missing.
    ///
    /// # Errors
    /// What does not fit those addresses, at exit status 2.
    pub fn served(&self, at: &[Option<Prefix>], roster: &[Entry]) -> Result<ResolvedDhcp, Failure> {
        let mut served = ResolvedDhcp::default();
        served.server.authoritative = self.dhcp.authoritative;
        served.server.conflict_probe = self.dhcp.conflict_probe;
        served.server.decline_hold = u64::from(seconds(self.dhcp.decline_rest)) * 1000;
        let own = at.first().copied().flatten();
        let same = |a: Prefix, b: Prefix| a.network() == b.network() && a.length == b.length;
        let describes_own = |network: &LeaseNetwork| {
            let subnet = network.subnet.filter(|_| network.interface.is_none());
            own.is_some_and(|own| subnet.is_some_and(|subnet| same(own, subnet)))
        };
        if let Some(prefix) = own {
            let described = self.dhcp.networks.iter().find(|network| describes_own(network));
            let gives = described.map(|network| network.gives.clone()).unwrap_or_default();
            let network = described.unwrap_or(&self.dhcp.own);
            served.add("bench".into(), prefix, network, gives, self.dhcp.own.gives.clone())?;
        }
        let mut addresses = at.iter().skip(1).copied();
        for network in self.dhcp.networks.iter().filter(|network| !describes_own(network)) {
            let (name, prefix) = match (&network.interface, network.subnet) {
                (Some(interface), _) => (interface.clone(), addresses.next().flatten()),
                (None, subnet) => {
                    let first = subnet.map(|subnet| Prefix { address: subnet.network(), ..subnet });
                    (first.map(|first| first.to_string()).unwrap_or_default(), first)
                }
            };
            if let Some(prefix) = prefix {
                served.add(
                    name,
                    prefix,
                    network,
                    network.gives.clone(),
                    of_every_subnet(&self.dhcp.own.gives),
                )?;
            }
        }
        let complete = at.iter().all(Option::is_some);
        self.reserve(&mut served, complete)?;
        served.reserve_listed(roster, complete);
        served.server.validate().map_err(|error| misfit("[dhcp]", &error))?;
        Ok(served)
    }

    fn reserve(&self, served: &mut ResolvedDhcp, complete: bool) -> Result<(), Failure> {
        for reservation in &self.dhcp.reservations {
            let key = match &reservation.client {
                ReservedClient::Mac(mac) => ClientKey::Mac(mac.0),
                ReservedClient::Id(id) => ClientKey::Id(id.clone()),
            };
            let (address, place) = (reservation.address, &reservation.place);
            let refuse = |what: &str, cure: &str| {
                Err(Failure::new(Exit::Usage, format!("{place}: dhcp.reservation: {address} {what}"), cure))
            };
            match served.keep(key, address, reservation.gives.clone(), place) {
                Ok(()) => {}
                // Its network may be that of an interface which is not there yet.
                Err(Misplaced::Nowhere) if !complete => {}
                Err(Misplaced::Nowhere) => {
                    let own = served
                        .server
                        .networks
                        .iter()
                        .map(|network| format!("{}/{}", network.first(), network.prefix_len));
                    let cure = format!(
                        "use an address of {}, or describe its network in a [[dhcp.network]]",
                        own.collect::<Vec<_>>().join(" or ")
                    );
                    return refuse("is in no network of the bench", &cure);
                }
                Err(Misplaced::NoHost) => {
                    return refuse("is the server's own address, or no host's", "choose another address");
                }
                Err(Misplaced::Twice) => {
                    return refuse("or its client is reserved twice", "keep one of the two");
                }
            }
        }
        Ok(())
    }
}

enum Misplaced {
    Nowhere,
    NoHost,
    Twice,
}

impl ResolvedDhcp {
    fn add(
        &mut self,
        name: String,
        prefix: Prefix,
        network: &LeaseNetwork,
        own: Gives,
        inherited: Gives,
    ) -> Result<(), Failure> {
        let mut options = own.options.clone();
        let more =
            inherited.options.iter().filter(|(code, _)| own.options.iter().all(|(known, _)| known != code));
        options.extend(more.cloned());
        let network = engine_network(name.clone(), prefix, network, options);
        let prefix_text = Prefix { address: prefix.network(), ..prefix }.to_string();
        let alone = engine::DhcpConfig { networks: vec![network.clone()], ..engine::DhcpConfig::default() };
        alone.validate().map_err(|error| misfit(&format!("the network of {prefix}"), &error))?;
        let lease = network.lease.default;
        let timers = network.lease.timers(lease);
        self.server.networks.push(network);
        self.given.networks.insert(
            name,
            NetworkGives {
                prefix: prefix_text,
                addresses: prefix,
                server: prefix.address,
                lease,
                timers,
                own,
                inherited,
            },
        );
        Ok(())
    }

    fn keep(
        &mut self,
        client: ClientKey,
        address: Ipv4Addr,
        gives: Gives,
        place: &str,
    ) -> Result<(), Misplaced> {
        let network = self.server.networks.iter_mut().find(|network| network.contains(address));
        let network = network.ok_or(Misplaced::Nowhere)?;
        if !network.is_host(address) {
            return Err(Misplaced::NoHost);
        }
        let taken = network.reservations.iter().any(|known| known.address == address);
        if taken || self.given.reservations.contains_key(&client) {
            return Err(Misplaced::Twice);
        }
        // Its options are the policy's to give: those that steer a phone end what its class says.
        network.reservations.push(engine::HostReservation {
            client: client.clone(),
            address,
            options: Vec::new(),
        });
        let reserved = Reserved { network: network.name.clone(), gives, place: place.to_owned() };
        self.given.reservations.insert(client, reserved);
        Ok(())
    }

    /// A row with a wrong address must not keep the bench from starting: its phone gets one of the pool.
    fn reserve_listed(&mut self, roster: &[Entry], complete: bool) {
        let configured: HashSet<ClientKey> = self.given.reservations.keys().cloned().collect();
        for entry in roster {
            let (Some(address), key) = (entry.address, ClientKey::Mac(entry.mac.0)) else { continue };
            // What the configuration says of a phone counts.
            if configured.contains(&key) {
                continue;
            }
            let place = format!("roster.csv:{}", entry.line);
            let what = match self.keep(key, address, Gives::default(), &place) {
                Ok(()) => continue,
                Err(Misplaced::Nowhere) if !complete => continue,
                Err(Misplaced::Nowhere) => "is in no network of the bench",
                Err(Misplaced::NoHost) => "is the server's own address, or no host's",
                Err(Misplaced::Twice) => "is kept for another client already",
            };
            self.warnings.push(format!(
                "{place}: the address {address} of {} {what}, so the phone gets one of the pool; correct the row",
                entry.mac
            ));
        }
    }
}

fn of_every_subnet(gives: &Gives) -> Gives {
    let mut gives = gives.clone();
    gives.options.retain(|(code, _)| !OF_ONE_SUBNET.contains(code));
    gives
}

fn misfit(what: &str, error: &engine::ConfigError) -> Failure {
    Failure::new(Exit::Usage, format!("{what} does not fit the bench's addresses: {error}"), error.cure())
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

fn engine_network(
    name: String,
    address: Prefix,
    network: &LeaseNetwork,
    options: Vec<(u8, Vec<u8>)>,
) -> engine::DhcpNetwork {
    let range = |range: &Range| engine::AddressRange { first: range.first, last: range.last };
    let pools = match network.pool.as_slice() {
        [] => vec![range(&default_pool(address))],
        pool => pool.iter().map(range).collect(),
    };
    engine::DhcpNetwork {
        name,
        address: address.address,
        prefix_len: address.length,
        pools,
        exclude: network.exclude.iter().map(range).collect(),
        lease: engine::LeaseTime {
            renew: network.lease.renewal.map(seconds),
            rebind: network.lease.rebinding.map(seconds),
            ..engine::LeaseTime::fixed(seconds(network.lease.lease))
        },
        relay_information: network.relay_information,
        options,
        reservations: Vec::new(),
    }
}
