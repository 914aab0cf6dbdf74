//! A segment: phones on one interface of the box, and what serves them there.
//!
//! Interfaces come up late, lose their link or their address, and get another. Each segment is therefore looked at all
//! the time and served whenever it stands; nothing has to be restarted for that.

mod keep;
mod listeners;
mod served;

use std::net::{Ipv4Addr, SocketAddrV4};

use transload_dhcp::sockets::Link;

use crate::config::values::Prefix;
use crate::system::error::{Exit, Failure};
use crate::system::interface;
pub use keep::{PROBE, describe};
pub use listeners::cannot_bind;
pub use served::{Segments, cannot_lease, networks};

/// Where phones are, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The interface; `None` in a rehearsal, which stays on loopback.
    pub interface: Option<String>,
    /// The box's own address there; the interface's first, where it is not given.
    pub address: Option<Prefix>,
    /// The network of that first address, where it is given.
    pub subnet: Option<Prefix>,
    /// It may be the interface of the default route.
    pub allow_default_route: bool,
    /// UDP port of DHCP on loopback; any, if 0.
    pub rehearsed_dhcp: u16,
    /// TCP ports of the HTTP file service; URLs name the first.
    pub http: Vec<u16>,
    /// UDP port of TFTP.
    pub tftp: u16,
    /// TCP and UDP port of the registrar, where there is one.
    pub sip: Option<u16>,
}

/// A segment as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The box's address on it, and its network.
    pub network: Prefix,
    /// The kernel's number of the interface.
    pub index: u32,
    /// There is a link.
    pub link: bool,
    /// How often the link has come or gone.
    pub changes: u32,
}

impl Segment {
    /// How it stands now.
    ///
    /// # Errors
    /// The interface or its address is missing, or the interface is that of the default route.
    pub fn look(&self) -> Result<Standing, Failure> {
        let Some(name) = &self.interface else {
            let network = self.address.unwrap_or(Prefix { address: Ipv4Addr::LOCALHOST, length: 8 });
            return Ok(Standing { network, index: 0, link: true, changes: 0 });
        };
        let found = interface::find(name).ok().flatten().ok_or_else(|| {
            Failure::new(
                Exit::Act,
                format!("there is no interface {name}"),
                "name one that `ip address` lists, or plug it in",
            )
        })?;
        if interface::has_default_route(name) && !self.allow_default_route {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "{name} is the interface of the default route, so it is probably no isolated staging network"
                ),
                "name the staging interface, or set allow-default-route = true under [bench]",
            ));
        }
        let network = self.network(name, &found.addresses)?;
        Ok(Standing { network, index: found.index, link: found.up, changes: found.changes })
    }

    /// Its network as it stands, or else as it is configured.
    pub fn network_now(&self) -> Option<Prefix> {
        self.look().ok().map(|standing| standing.network).or(self.address)
    }

    fn network(&self, name: &str, has: &[(Ipv4Addr, u8)]) -> Result<Prefix, Failure> {
        if let Some(wanted) = self.address {
            return if has.iter().any(|(address, _)| *address == wanted.address) {
                Ok(wanted)
            } else {
                Err(Failure::new(
                    Exit::Act,
                    format!("{name} does not have the address {}", wanted.address),
                    format!("give it the address: ip address add {wanted} dev {name}"),
                ))
            };
        }
        let inside = |address: Ipv4Addr| {
            self.subnet.is_none_or(|subnet| (subnet.network()..=subnet.broadcast()).contains(&address))
        };
        let found = has.iter().find(|(address, _)| inside(*address));
        let missing = || {
            let of = self.subnet.map_or_else(String::new, |subnet| format!(" of {subnet}"));
            Failure::new(
                Exit::Act,
                format!("{name} has no IPv4 address{of}"),
                format!("give it one, such as with: ip address add 10.23.45.67/24 dev {name}"),
            )
        };
        found.map(|&(address, length)| Prefix { address, length }).ok_or_else(missing)
    }

    /// The way of DHCP to its clients. On an interface that replaces this one it waits until the doors are there too.
    fn link(&self, standing: &Standing) -> Link {
        let address = standing.network.address;
        match &self.interface {
            Some(name) => Link::Interface { name: name.clone(), address, index: Some(standing.index) },
            None => Link::Loopback { bind: SocketAddrV4::new(address, self.rehearsed_dhcp) },
        }
    }
}

impl Standing {
    /// Whether what listens there still does.
    fn same_place(&self, other: &Self) -> bool {
        (self.network, self.index) == (other.network, other.index)
    }
}
