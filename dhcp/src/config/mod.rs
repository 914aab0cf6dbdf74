//! The configuration: networks, addresses and lease times.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::lease::ClientKey;
use crate::options::is_reserved;

/// The configuration of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpConfig {
    /// The networks; none while no interface has an address.
    pub networks: Vec<DhcpNetwork>,
    /// NAK a client that insists on an address we know nothing of (it boots with the lease of another network).
    /// RFC 2131 §4.3.2 wants silence, for the sake of other servers on the segment; so only where there are none.
    pub authoritative: bool,
    /// Ask the segment whether anybody uses an address before a client is offered it for the first time (RFC 2131
    /// §3.1(2)). The offer then takes 0.3 s. Not possible through relays and on loopback.
    pub conflict_probe: bool,
    /// How long an offered address is kept for its client; milliseconds.
    pub offer_hold: u64,
    /// Offers kept at a time; the oldest go first.
    pub max_offers: usize,
    /// How long an address is set aside that a client declined or that was found in use; milliseconds.
    pub decline_hold: u64,
}

impl Default for DhcpConfig {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            authoritative: true,
            conflict_probe: true,
            offer_hold: 60_000,
            max_offers: 4096,
            decline_hold: 3_600_000,
        }
    }
}

/// A subnet, its addresses and what its clients are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpNetwork {
    /// For messages and events; unique.
    pub name: String,
    /// The server's own address on it; for a network behind relays, its first address (host part zero).
    pub address: Ipv4Addr,
    /// Width of the network part, 8 to 30.
    pub prefix_len: u8,
    /// Ranges that clients are given addresses from.
    pub pools: Vec<AddressRange>,
    /// Ranges within the pools that nobody is given.
    pub exclude: Vec<AddressRange>,
    /// Lease times.
    pub lease: LeaseTime,
    /// The treatment of a message that has relay agent information (82) and came through no relay.
    pub relay_information: RelayInformation,
    /// Options of its clients, already encoded; see [`crate::options::encode`].
    pub options: Vec<(u8, Vec<u8>)>,
    /// Addresses set aside for certain clients, in or out of the pools.
    pub reservations: Vec<HostReservation>,
}

/// The treatment of a message that has relay agent information (82) and came through no relay. A switch with DHCP
/// snooping adds it to whatever passes. That such a message is to be discarded binds relay agents (RFC 3046 §2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelayInformation {
    /// It is answered, and the option echoed (RFC 3046 §2.2).
    #[default]
    Answer,
    /// It gets no answer.
    Drop,
}

/// Addresses from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    /// The lowest.
    pub first: Ipv4Addr,
    /// The highest.
    pub last: Ipv4Addr,
}

impl AddressRange {
    /// Whether the address lies in it.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

/// Lengths of leases, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTime {
    /// Where the client does not ask for one.
    pub default: u32,
    /// The shortest given to a client that asks; at least 1.
    pub min: u32,
    /// The longest given to a client that asks.
    pub max: u32,
    /// T1 (option 58); half of the lease where absent or too long.
    pub renew: Option<u32>,
    /// T2 (option 59); seven eighths of the lease where absent or too long.
    pub rebind: Option<u32>,
}

impl LeaseTime {
    /// The same for everybody, whatever they ask for.
    pub fn fixed(seconds: u32) -> Self {
        Self { default: seconds, min: seconds, max: seconds, renew: None, rebind: None }
    }

    /// The lease time of a client that asks for `requested` seconds, or for none.
    pub(crate) fn grant(&self, requested: Option<u32>) -> u32 {
        requested.map_or(self.default, |seconds| seconds.clamp(self.min.min(self.max), self.max))
    }

    /// T1 and T2 of a lease; RFC 2131 §4.4.5 wants T1 < T2 < lease. `None` for a lease too short to have them.
    pub fn timers(&self, lease: u32) -> Option<(u32, u32)> {
        let share = |eighths: u64| (u64::from(lease) * eighths / 8) as u32;
        let rebind = self.rebind.filter(|seconds| (2..lease).contains(seconds)).unwrap_or_else(|| share(7));
        let renew = self
            .renew
            .filter(|seconds| (1..rebind).contains(seconds))
            .unwrap_or_else(|| share(4).min(rebind.saturating_sub(1)));
        (0 < renew && renew < rebind && rebind < lease).then_some((renew, rebind))
    }
}

/// An address set aside for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostReservation {
    /// The client. One named by Ethernet address is found whatever client identifier it sends.
    pub client: ClientKey,
    /// Its address.
    pub address: Ipv4Addr,
    /// Options for it alone, always sent, winning over all others.
    pub options: Vec<(u8, Vec<u8>)>,
}

/// A mistake in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Two networks of one name, or of overlapping addresses.
    #[error("networks {0:?} and {1:?} have the same name or share addresses")]
    Overlap(String, String),
    /// The prefix length is out of range.
    #[error("network {network:?}: a prefix length of {length} makes no network")]
    Prefix {
        /// The network.
        network: String,
        /// As configured.
        length: u8,
    },
    /// A range whose first address is above its last.
    #[error("network {network:?}: range {}-{} is upside down", range.first, range.last)]
    Range {
        /// The network.
        network: String,
        /// As configured.
        range: AddressRange,
    },
    /// An address that is not one of the network's hosts.
    #[error("network {network:?}: {address} ({what}) is not a host address of {subnet}")]
    Outside {
        /// The network.
        network: String,
        /// Its addresses.
        subnet: String,
        /// The address.
        address: Ipv4Addr,
        /// The key that it was configured for.
        what: &'static str,
    },
    /// The server's own address is reserved for a client.
    #[error("network {network:?}: {address} is the server's own address and cannot be reserved for a client")]
    Own {
        /// The network.
        network: String,
        /// The address.
        address: Ipv4Addr,
    },
    /// Two reservations of one address or one client.
    #[error("network {network:?}: {address} or its client is reserved twice")]
    Twice {
        /// The network.
        network: String,
        /// The address of the second.
        address: Ipv4Addr,
    },
    /// No address for anybody.
    #[error("network {network:?} has neither a pool nor a reservation, so no client can get an address")]
    Empty {
        /// The network.
        network: String,
    },
    /// A lease of no length.
    #[error("network {network:?}: lease times must be at least 1 second, the shortest not above the longest")]
    Lease {
        /// The network.
        network: String,
    },
    /// An option nobody may set.
    #[error("network {network:?}: DHCP option {option} is written by the server itself and cannot be set")]
    Option {
        /// The network.
        network: String,
        /// The option.
        option: u8,
    },
}

impl ConfigError {
    /// What to do about it, in a clause.
    pub fn cure(&self) -> String {
        match self {
            Self::Overlap(..) => "each address belongs to one network".to_owned(),
            Self::Prefix { .. } => "use 8 to 30".to_owned(),
            Self::Range { .. } => "write the lower address first".to_owned(),
            Self::Twice { .. } => "one client has one address".to_owned(),
            Self::Outside { .. } | Self::Own { .. } | Self::Empty { .. } | Self::Lease { .. } => {
                "correct it, or leave it out".to_owned()
            }
            Self::Option { .. } => "leave it out".to_owned(),
        }
    }
}

impl DhcpNetwork {
    fn mask(&self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix_len.min(32))).unwrap_or(0)
    }

    /// Option 1.
    pub fn subnet_mask(&self) -> Ipv4Addr {
        self.mask().into()
    }

    /// The network's first address.
    pub fn first(&self) -> Ipv4Addr {
        (self.address.to_bits() & self.mask()).into()
    }

    /// Option 28: the network's last address.
    pub fn broadcast(&self) -> Ipv4Addr {
        (self.address.to_bits() | !self.mask()).into()
    }

    /// Whether the address is one of the network's.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask() == self.address.to_bits() & self.mask()
    }

    /// Whether the address could be a client's: neither network, broadcast nor the server's own.
    pub fn is_host(&self, address: Ipv4Addr) -> bool {
        self.contains(address) && ![self.first(), self.broadcast(), self.address].contains(&address)
    }

    /// Whether the address may be leased to any client.
    pub fn in_pool(&self, address: Ipv4Addr) -> bool {
        self.is_host(address)
            && self.pools.iter().any(|range| range.contains(address))
            && !self.exclude.iter().any(|range| range.contains(address))
    }

    fn subnet(&self) -> String {
        format!("{}/{}", self.first(), self.prefix_len)
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let network = || self.name.clone();
        if !(8..=30).contains(&self.prefix_len) {
            return Err(ConfigError::Prefix { network: network(), length: self.prefix_len });
        }
        let inside = |address: Ipv4Addr, what| {
            if self.contains(address) && ![self.first(), self.broadcast()].contains(&address) {
                return Ok(());
            }
            Err(ConfigError::Outside { network: network(), subnet: self.subnet(), address, what })
        };
        if self.address != self.first() {
            inside(self.address, "the server's address")?;
        }
        for (ranges, what) in [(&self.pools, "pool"), (&self.exclude, "exclude")] {
            for range in ranges {
                if range.first > range.last {
                    return Err(ConfigError::Range { network: network(), range: *range });
                }
                inside(range.first, what)?;
                inside(range.last, what)?;
            }
        }
        let (mut clients, mut addresses) = (HashSet::new(), HashSet::new());
        for HostReservation { client, address, .. } in &self.reservations {
            inside(*address, "reservation")?;
            if *address == self.address {
                return Err(ConfigError::Own { network: network(), address: *address });
            }
            if !clients.insert(client) || !addresses.insert(address) {
                return Err(ConfigError::Twice { network: network(), address: *address });
            }
        }
        if self.pools.is_empty() && self.reservations.is_empty() {
            return Err(ConfigError::Empty { network: network() });
        }
        let LeaseTime { default, min, max, .. } = self.lease;
        if default == 0 || min == 0 || min > max {
            return Err(ConfigError::Lease { network: network() });
        }
        let reserved = self.reservations.iter().flat_map(|reservation| &reservation.options);
        match self.options.iter().chain(reserved).find(|(code, _)| is_reserved(*code)) {
            Some((option, _)) => Err(ConfigError::Option { network: network(), option: *option }),
            None => Ok(()),
        }
    }
}

impl DhcpConfig {
    /// Finds the first thing that cannot be meant.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (index, network) in self.networks.iter().enumerate() {
            network.validate()?;
            for other in self.networks.iter().take(index) {
                let shared = network.contains(other.first()) || other.contains(network.first());
                if shared || network.name == other.name {
                    return Err(ConfigError::Overlap(other.name.clone(), network.name.clone()));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
