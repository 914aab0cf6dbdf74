//! A segment: phones on one interface of the box, and the services for them.
//!
//! Interfaces come up late, lose their link or address, and get new ones. Each segment is therefore watched and served
//! whenever it is up; a restart is never needed.

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

/// A segment as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The interface; `None` in a rehearsal, which stays on loopback.
    pub interface: Option<String>,
    /// The box's own address; the interface's first if absent.
    pub address: Option<Prefix>,
    /// The network of that first address, if configured.
    pub subnet: Option<Prefix>,
    /// The segment may be on the default route's interface.
    pub allow_default_route: bool,
    /// UDP port of DHCP on loopback; any if 0.
    pub rehearsed_dhcp: u16,
    /// TCP ports of the HTTP file service. URLs name the first.
    pub http: Vec<u16>,
    /// UDP port of TFTP.
    pub tftp: u16,
    /// TCP and UDP port of the registrar, if it is on.
    pub sip: Option<u16>,
}

/// The present state of a segment's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceState {
    /// The box's address and its network.
    pub network: Prefix,
    /// The kernel's index of the interface.
    pub index: u32,
    /// The interface has a link.
    pub link: bool,
    /// How often the link came or went.
    pub changes: u32,
}

impl Segment {
    /// Looks at the interface.
    ///
    /// # Errors
    /// The interface or its address is missing, or the interface is that of the default route.
    pub fn look(&self) -> Result<InterfaceState, Failure> {
        let Some(name) = &self.interface else {
            let network = self.address.unwrap_or(Prefix::new_assert(Ipv4Addr::LOCALHOST, 8));
            return Ok(InterfaceState { network, index: 0, link: true, changes: 0 });
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
        Ok(InterfaceState { network, index: found.index, link: found.up, changes: found.changes })
    }

    /// The present network, else the configured one.
    pub fn network_now(&self) -> Option<Prefix> {
        self.look().ok().map(|interface_state| interface_state.network).or(self.address)
    }

    fn network(&self, name: &str, has: &[(Ipv4Addr, u8)]) -> Result<Prefix, Failure> {
        if let Some(wanted) = self.address {
            return if has.iter().any(|(address, _)| *address == wanted.addr()) {
                Ok(wanted)
            } else {
                Err(Failure::new(
                    Exit::Act,
                    format!("{name} does not have the address {}", wanted.addr()),
                    format!("give it the address: ip address add {wanted} dev {name}"),
                ))
            };
        }
        let inside = |address: Ipv4Addr| self.subnet.is_none_or(|subnet| subnet.contains(&address));
        let found = has.iter().find(|(address, _)| inside(*address));
        let missing = || {
            let of = self.subnet.map_or_else(String::new, |subnet| format!(" of {subnet}"));
            Failure::new(
                Exit::Act,
                format!("{name} has no IPv4 address{of}"),
                format!("give it one, such as with: ip address add 10.23.45.67/24 dev {name}"),
            )
        };
        found.and_then(|&(address, length)| Prefix::new(address, length).ok()).ok_or_else(missing)
    }

    /// The DHCP server's link to this segment. On a new interface, DHCP waits for the listeners.
    fn link(&self, interface_state: &InterfaceState) -> Link {
        let address = interface_state.network.addr();
        match &self.interface {
            Some(name) => Link::Interface { name: name.clone(), address, index: Some(interface_state.index) },
            None => Link::Loopback { bind: SocketAddrV4::new(address, self.rehearsed_dhcp) },
        }
    }
}

impl InterfaceState {
    /// Whether open listeners still work there.
    fn same_place(&self, other: &Self) -> bool {
        (self.network, self.index) == (other.network, other.index)
    }
}
