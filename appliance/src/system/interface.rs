//! Network interfaces, as the kernel tells of them.

use std::net::Ipv4Addr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};

/// An interface that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its Ethernet address; zero where it has none.
    pub mac: [u8; 6],
    /// Its IPv4 addresses and the lengths of their prefixes.
    pub addresses: Vec<(Ipv4Addr, u8)>,
    /// Switched on, with a link.
    pub up: bool,
    /// The kernel's number of it; a new one each time an interface of this name appears.
    pub index: u32,
    /// How often its link has come or gone.
    pub changes: u32,
}

/// The interface of this name.
pub fn find(name: &str) -> std::io::Result<Option<Interface>> {
    let mut found: Option<Interface> = None;
    for entry in getifaddrs()?.filter(|entry| entry.interface_name == name) {
        let interface = found.get_or_insert_with(|| Interface {
            name: name.to_owned(),
            mac: [0; 6],
            addresses: Vec::new(),
            up: entry.flags.contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING),
            index: if_nametoindex(name).unwrap_or(0),
            changes: attribute(name, "carrier_changes").unwrap_or(0),
        });
        if let Some(mac) = entry.address.as_ref().and_then(|address| address.as_link_addr()?.addr()) {
            interface.mac = mac;
        }
        let ipv4 =
            |address: Option<&nix::sys::socket::SockaddrStorage>| Some(address?.as_sockaddr_in()?.ip());
        if let (Some(address), Some(mask)) = (ipv4(entry.address.as_ref()), ipv4(entry.netmask.as_ref())) {
            interface.addresses.push((address, u32::from(mask).count_ones() as u8));
        }
    }
    Ok(found)
}

/// Whether the kernel's default route leaves by this interface.
pub fn has_default_route(name: &str) -> bool {
    // Columns: interface, destination, gateway, …; the default route's destination is all zeros.
    std::fs::read_to_string("/proc/net/route").is_ok_and(|table| {
        table.lines().skip(1).any(|line| {
            let mut columns = line.split_whitespace();
            columns.next() == Some(name) && columns.next() == Some("00000000")
        })
    })
}

/// All IPv4 addresses of this machine.
pub fn own_addresses() -> Vec<Ipv4Addr> {
    let address = |entry: nix::ifaddrs::InterfaceAddress| Some(entry.address?.as_sockaddr_in()?.ip());
    getifaddrs().map(|entries| entries.filter_map(address).collect()).unwrap_or_default()
}

fn attribute(name: &str, attribute: &str) -> Option<u32> {
    std::fs::read_to_string(format!("/sys/class/net/{name}/{attribute}")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_found_with_its_address() {
        let loopback = find("lo").unwrap().unwrap();
        assert!(loopback.addresses.contains(&(Ipv4Addr::LOCALHOST, 8)), "{loopback:?}");
        assert!(!has_default_route("lo"));
    }

    #[test]
    fn an_interface_that_is_not_there_is_none() {
        assert_eq!(find("nosuchif0").unwrap(), None);
    }
}
