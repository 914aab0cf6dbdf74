//! Checks the box before phones are served: network, disk, clock and files.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use nix::unistd::{AccessFlags, access};
use serde::Serialize;
use transload_dhcp::config::DhcpNetwork;
use transload_dhcp::guard::ForeignServerWatch;
use transload_provision::catalog::Catalog;
use transload_provision::roster::Entry;
use transload_provision::time::Time;

use crate::commands::reload::running_bench;
use crate::config::Config;
use crate::runtime::addresses::ServiceAddresses;
use crate::runtime::segment::{self, Segment};
use crate::state::ledger;
use crate::state::resume::{self, TimeBase};
use crate::system::error::{Failure, Problem};
use crate::system::{neighbors, space};

/// Bytes that the ledger never exceeds.
const ENOUGH: u64 = 200_000_000;
/// A clock this far behind the ledger is wrong; milliseconds.
const SLACK: u64 = 60_000;

/// One check and its result.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EnvironmentCheck {
    pub check: &'static str,
    pub ok: bool,
    pub cause: Option<String>,
    pub cure: Option<String>,
}

/// Runs all checks, in the order in which a technician would fix them.
pub(super) fn checks(
    config: &Config,
    place: &Result<ServiceAddresses, Failure>,
    catalog: &Catalog,
    entries: &[Entry],
    roster: &[Problem],
    now: Time,
) -> Vec<EnvironmentCheck> {
    let state = &config.bench.state;
    let segments = || place.iter().flat_map(|place| &place.segments);
    let standings: Vec<_> = segments().map(|segment| segment.look().ok()).collect();
    let served = config.served(&segment::networks(standings.iter().map(Option::as_ref)), entries);
    let misplaced = served.as_ref().map(|served| served.warnings.as_slice()).unwrap_or_default();
    let roster = [roster, misplaced].concat();
    let addresses =
        served.as_ref().map_or(0, |served| near_addresses(&served.server)).max(entries.len() as u64);
    let mut checks: Vec<EnvironmentCheck> = [
        ("scenario", config.servable().err().and_then(first)),
        ("state-folder", state_folder(state)),
        ("interface", place.as_ref().err().cloned().and_then(first).or_else(|| segments().find_map(down))),
        ("addresses", served.err().and_then(first)),
        ("ports", place.as_ref().ok().and_then(|place| ports(config, place))),
        ("neighbors", neighbors::too_few(addresses)),
        ("disk-space", disk_space(state)),
        ("ledger", lost(state)),
        ("clock", clock(state, catalog, now)),
        ("roster", roster.first().map(|problem| row(problem, roster.len()))),
    ]
    .map(|(check, problem)| EnvironmentCheck::of(check, problem))
    .into();
    checks.push(other_dhcp(config, place.as_ref().ok()));
    checks
}

/// Addresses that phones may have on segments of the box's own. Phones behind a relay are no neighbors.
fn near_addresses(server: &transload_dhcp::config::DhcpConfig) -> u64 {
    // A relayed network is known by its first address. Nobody on loopback is a neighbor.
    let own = |network: &&DhcpNetwork| {
        let host = u32::MAX.checked_shr(u32::from(network.prefix_len)).unwrap_or(0);
        !network.address.is_loopback() && u32::from(network.address) & host != 0
    };
    let pools = server.networks.iter().filter(own).flat_map(|network| &network.pools);
    pools.map(|pool| u64::from(u32::from(pool.last).saturating_sub(u32::from(pool.first))) + 1).sum()
}

/// Looks for other DHCP servers by sending a DISCOVER. A running bench does this itself.
fn other_dhcp(config: &Config, place: Option<&ServiceAddresses>) -> EnvironmentCheck {
    const CHECK: &str = "other-dhcp";
    let served = config.dhcp.enabled && running_bench(&config.bench.state).is_none();
    let segments = place.filter(|_| served).map_or([].as_slice(), |place| &place.segments);
    for (name, address) in segments.iter().filter_map(wire) {
        match look_for_servers(name, address) {
            Ok(None) => {}
            Ok(Some(found)) => {
                let cause = format!("another DHCP server answers on {name}: {found}");
                return EnvironmentCheck::of(CHECK, Some(Problem::new(cause, "take it off the segment")));
            }
            Err(why) => {
                let cause = Some(format!("not looked for: {why}"));
                let cure = Some("run the command as root to have it looked for".into());
                return EnvironmentCheck { check: CHECK, ok: true, cause, cure };
            }
        }
    }
    EnvironmentCheck::of(CHECK, None)
}

/// The interface and address of a segment with other machines.
fn wire(segment: &Segment) -> Option<(&str, Ipv4Addr)> {
    let name = segment.interface.as_deref()?;
    let standing = segment.look().ok().filter(|standing| standing.link)?;
    (!standing.network.addr().is_loopback()).then_some((name, standing.network.addr()))
}

/// The first foreign server, or why the search failed.
fn look_for_servers(interface: &str, own: Ipv4Addr) -> Result<Option<String>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let looked = async {
        let watch = ForeignServerWatch::open(interface, vec![own]).map_err(|error| error.to_string())?;
        watch.probe(segment::PROBE).await.map_err(|error| error.to_string())
    };
    let found = runtime.map_err(|error| error.to_string())?.block_on(looked)?;
    Ok(found.first().map(segment::describe))
}

impl EnvironmentCheck {
    pub(super) fn of(check: &'static str, problem: Option<Problem>) -> Self {
        let ok = problem.is_none();
        let (cause, cure) = problem.map(|problem| (problem.cause, problem.cure)).unzip();
        Self { check, ok, cause, cure }
    }
}

fn first(failure: Failure) -> Option<Problem> {
    failure.problems.into_iter().next()
}

fn row(problem: &Problem, count: usize) -> Problem {
    let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
    Problem::new(format!("{}{more}", problem.cause), &*problem.cure)
}

fn state_folder(state: &Path) -> Option<Problem> {
    let path = state.display();
    if !state.is_dir() {
        let cure = format!("run: mkdir -p {path}/firmware {path}/licenses/e2m {path}/licenses/m2e");
        return Some(Problem::new(format!("the state folder {path} does not exist"), cure));
    }
    access(state, AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK).err().map(|errno| {
        let cure = "give it to the user that Transload runs as, or run the command as that user";
        Problem::new(format!("cannot write to the state folder {path}: {}", errno.desc()), cure)
    })
}

fn down(segment: &Segment) -> Option<Problem> {
    match segment.look() {
        Err(failure) => first(failure),
        Ok(standing) if standing.link => None,
        Ok(_) => {
            let name = segment.interface.as_deref().unwrap_or_default();
            let cure = format!("plug its cable in, and run: ip link set {name} up");
            Some(Problem::new(format!("{name} is down or has no link"), cure))
        }
    }
}

/// Ports in use. A running bench on this state folder uses them itself.
fn ports(config: &Config, place: &ServiceAddresses) -> Option<Problem> {
    if running_bench(&config.bench.state).is_some() {
        return None;
    }
    let wanted = place.segments.iter().filter_map(|segment| {
        let phones = IpAddr::V4(segment.look().ok()?.network.addr());
        let tcp = segment.http.iter().map(|port| ("tcp", *port));
        let udp = [Some(segment.tftp), config.dhcp.enabled.then_some(67)].into_iter().flatten();
        let ports: Vec<_> = tcp.chain(udp.map(|port| ("udp", port))).collect();
        Some(ports.into_iter().map(move |(protocol, port)| (protocol, SocketAddr::new(phones, port))))
    });
    let taken: Vec<String> = wanted
        .flatten()
        .chain([("tcp", place.admin)])
        .filter(|(protocol, address)| is_taken(protocol, *address))
        .map(|(protocol, address)| format!("{protocol} {}", address.port()))
        .collect();
    let (port, protocol) = taken.first()?.split_once(' ').map(|(protocol, port)| (port, protocol))?;
    let cure = format!("see which program it is with `ss -lp --{protocol} sport = :{port}`, and stop it");
    Some(Problem::new(format!("another program listens on {}", taken.join(", ")), cure))
}

fn is_taken(protocol: &str, address: SocketAddr) -> bool {
    ["", "6"].iter().any(|version| {
        std::fs::read_to_string(format!("/proc/net/{protocol}{version}"))
            .is_ok_and(|table| listens(&table, protocol, address))
    })
}

/// Whether a socket in the kernel's table receives data for the address.
fn listens(table: &str, protocol: &str, wanted: SocketAddr) -> bool {
    // Listening TCP sockets have the state 0A; unconnected UDP sockets 07.
    let state = if protocol == "tcp" { "0A" } else { "07" };
    table.lines().skip(1).any(|line| {
        let mut columns = line.split_whitespace();
        let (Some(local), Some(found)) = (columns.nth(1), columns.nth(1)) else {
            return false;
        };
        let Some((address, port)) = local.split_once(':') else {
            return false;
        };
        // Addresses are hexadecimal, IPv4 in the machine's byte order. All zeros is every address.
        let here = match wanted.ip() {
            IpAddr::V4(ip) => format!("{:08X}", u32::from_ne_bytes(ip.octets())),
            IpAddr::V6(_) => String::new(),
        };
        let same = address == here || address.bytes().all(|digit| digit == b'0');
        found == state && same && u16::from_str_radix(port, 16) == Ok(wanted.port())
    })
}

fn disk_space(state: &Path) -> Option<Problem> {
    let free = space::free(state).ok()?;
    (free < ENOUGH).then(|| {
        let cause = format!("{} MB are free where {} lies", free / 1_000_000, state.display());
        Problem::new(cause, format!("make room for {} MB", ENOUGH / 1_000_000))
    })
}

/// A loss of the ledger since its last write.
fn lost(state: &Path) -> Option<Problem> {
    let loss = ledger::loss(&state.join("ledger.db")).ok().flatten()?;
    Some(Problem::new(loss.cause(), loss.cure()))
}

fn clock(state: &Path, catalog: &Catalog, now: Time) -> Option<Problem> {
    let today =
        i64::try_from(now.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())?.to_string();
    let built = Catalog::current().date.max(catalog.date.clone());
    let path = state.join("ledger.db");
    let behind = path.exists()
        && ledger::marks(&path).is_ok_and(|marks| {
            now.0 + SLACK < marks.high_water.0 && resume::base_now(marks) == TimeBase::Ledger
        });
    (today < built || behind).then(|| {
        let day = today.get(..10).unwrap_or_default();
        Problem::new(
            format!("the clock says {day}, which is in the past"),
            "set it, such as with: date -s '2031-12-24 12:00'",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_found_by_address_and_by_any_address() {
        let table = "  sl  local_address rem_address   st\n\
            0: 432D170A:0050 00000000:0000 0A 0\n 1: 00000000:1F90 00000000:0000 0A 0\n 2: 432D170A:1B3A 0100000A:0050 01 0\n";
        let listens = |address: &str| listens(table, "tcp", address.parse().unwrap());
        assert!(listens("10.23.45.67:80") && listens("10.23.45.67:8080"));
        assert!(!listens("10.23.45.68:80") && !listens("10.23.45.67:81"));
        assert!(!listens("10.23.45.67:6970"), "a connection is no listener");
    }

    #[test]
    fn a_port_that_is_listened_on_is_taken() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(is_taken("tcp", listener.local_addr().unwrap()));
        assert!(is_taken("udp", socket.local_addr().unwrap()));
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(!is_taken("tcp", address));
    }

    #[test]
    fn a_clock_before_this_program_was_made_is_wrong() {
        let state = tempfile::tempdir().unwrap();
        let catalog = Catalog::seed_2019();
        assert!(clock(state.path(), &catalog, Time(0)).is_some());
        assert!(clock(state.path(), &catalog, Time(4_000_000_000_000)).is_none());
    }
}
