//! The box's own neighbor table: which Ethernet address answers at an IPv4 address on a segment of ours, and whether the
//! table has room. All programs and network namespaces of a machine share that room (`gc_thresh3` of arp(7)). What is
//! sent to an address for which there is none is lost.

use std::net::Ipv4Addr;
use std::sync::OnceLock;

use transload_provision::mac::Mac;

use crate::system::error::Problem;

/// Where Linux shows it (`proc(5)`).
const TABLE: &str = "/proc/net/arp";

/// How many entries the table has room for; absent within a container.
const LIMIT: &str = "/proc/sys/net/ipv4/neigh/default/gc_thresh3";
/// What the kernel counts of the table, a line for each processor; absent within a container.
const COUNTS: &str = "/proc/net/stat/arp_cache";
/// Entries for others than phones: routers, the staff's machines, made-up addresses.
const OTHERS: u64 = 256;

/// What is wrong where phones may have so many `addresses` on this box's own segments.
pub fn too_few(addresses: u64) -> Option<Problem> {
    problem(std::fs::read_to_string(LIMIT).ok()?.trim().parse().ok()?, addresses)
}

fn problem(limit: u64, addresses: u64) -> Option<Problem> {
    if limit >= addresses + OTHERS {
        return None;
    }
    let wanted = (2 * (addresses + OTHERS)).next_power_of_two();
    let cause = format!(
        "the kernel remembers {limit} neighbors (gc_thresh3), and phones may have {addresses} addresses: replies to some \
         would be lost"
    );
    Some(Problem::new(cause, cure(wanted)))
}

/// How to make room for so many.
pub fn cure(wanted: u64) -> String {
    format!(
        "run on the machine itself: sysctl -w net.ipv4.neigh.default.gc_thresh2={} net.ipv4.neigh.default.gc_thresh3={wanted}; \
         the package does so at each start",
        wanted / 2
    )
}

/// How often the table had no room since this was first asked; `None` where the kernel does not tell.
pub fn overflows() -> Option<u64> {
    static BEFORE: OnceLock<u64> = OnceLock::new();
    let now = count(&std::fs::read_to_string(COUNTS).ok()?)?;
    Some(now.saturating_sub(*BEFORE.get_or_init(|| now)))
}

/// The sum of a column that is known by its name.
fn count(counts: &str) -> Option<u64> {
    let mut lines = counts.lines();
    let column = lines.next()?.split_whitespace().position(|name| name == "table_fulls")?;
    lines.map(|line| u64::from_str_radix(line.split_whitespace().nth(column)?, 16).ok()).sum()
}

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
    fn the_kernels_count_is_summed_over_processors() {
        let counts = "entries  allocs   destroys table_fulls\n00000002 000062e2 000060b5 00014fa5\n\
                      00000002 00001f14 0000213f 0000000f\n";
        assert_eq!(count(counts), Some(0x14fa5 + 0xf));
        assert_eq!(count("entries allocs\n1 2\n"), None);
        assert_eq!((count(""), count("table_fulls\nnonsense\n")), (None, None));
    }

    #[test]
    fn a_table_smaller_than_the_addresses_of_phones_is_told_with_the_command_that_enlarges_it() {
        assert!(problem(1024, 151).is_none() && problem(1024, 768).is_none());
        let told = problem(1024, 1000).unwrap();
        assert!(told.cause.contains("1024 neighbors") && told.cause.contains("1000 addresses"), "{told:?}");
        assert!(told.cure.contains("gc_thresh2=2048 ") && told.cure.contains("gc_thresh3=4096;"), "{told:?}");
        assert!(problem(4096, 1000).is_none());
    }

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
