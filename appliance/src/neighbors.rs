//! The box's own neighbor table: which Ethernet address answers at an IPv4 address on a segment of ours.

use std::net::Ipv4Addr;

use transload_provision::mac::Mac;

/// Where Linux shows it (`proc(5)`).
const TABLE: &str = "/proc/net/arp";

/// Who has the address, if he is on a segment of ours.
pub fn mac_of(address: Ipv4Addr) -> Option<Mac> {
    find(&std::fs::read_to_string(TABLE).ok()?, address)
}

/// A line is: address, hardware type, flags, Ethernet address, mask, interface.
fn find(table: &str, address: Ipv4Addr) -> Option<Mac> {
    let address = address.to_string();
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (at, flags, mac) = (words.next()?, words.nth(1)?, words.next()?);
        // ATF_COM: the entry is complete.
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()?;
        if at == address && flags & 2 != 0 { mac.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_entry_tells() {
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
                     10.23.45.101     0x1         0x2         c4:b9:cd:01:02:03     *        eth1\n\
                     10.23.45.10      0x1         0x0         00:00:00:00:00:00     *        eth1\n";
        assert_eq!(find(table, Ipv4Addr::new(10, 23, 45, 101)), Some(Mac([0xc4, 0xb9, 0xcd, 1, 2, 3])));
        assert_eq!(find(table, Ipv4Addr::new(10, 23, 45, 10)), None);
        assert_eq!(find(table, Ipv4Addr::new(10, 23, 45, 1)), None);
    }
}
