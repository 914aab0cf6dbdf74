//! The staging interface: which it is, and whether phones may be served on it.

use std::net::Ipv4Addr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{SockaddrIn, SockaddrStorage};

use crate::config::Bench;
use crate::config::values::Prefix;
use crate::error::{Exit, Failure};

/// An interface that phones can be served on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// `eth1`.
    pub name: String,
    /// The bench's address on it.
    pub address: Prefix,
}

/// What the system says about one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    up: bool,
    addresses: Vec<Prefix>,
    default_route: bool,
}

/// Finds the configured interface and the bench's address on it.
///
/// # Errors
/// None is configured (2), or it is absent, down, without the address, or the default route's (1).
pub fn find(bench: &Bench) -> Result<Interface, Failure> {
    let Some(name) = &bench.interface else {
        return Err(Failure::new(
            Exit::Usage,
            "no staging interface is configured",
            format!("set bench.interface to one of: {}", names()),
        ));
    };
    judge(name, look(name), bench)
}

fn judge(name: &str, seen: Option<Seen>, bench: &Bench) -> Result<Interface, Failure> {
    let refuse = |cause: String, cure: String| Err(Failure::new(Exit::Act, cause, cure));
    let Some(seen) = seen else {
        let cure = format!("set bench.interface to one of: {}", names());
        return refuse(format!("there is no interface {name}"), cure);
    };
    if seen.default_route && !bench.allow_default_route {
        let cause =
            format!("the default route goes through {name}, so phones outside of the bench could be reached");
        let cure = "use an interface to an isolated VLAN, or set bench.allow-default-route = true";
        return refuse(cause, cure.to_owned());
    }
    if !seen.up {
        return refuse(format!("{name} is down"), format!("run: ip link set {name} up"));
    }
    match (bench.address, seen.addresses.as_slice()) {
        (Some(wanted), addresses) if addresses.iter().any(|known| known.address == wanted.address) => {
            Ok(Interface {
                name: name.to_owned(),
                address: wanted,
            })
        }
        (Some(wanted), _) => {
            let cause = format!("{name} does not have the address {}", wanted.address);
            refuse(cause, format!("run: ip address add {wanted} dev {name}"))
        }
        (None, [address, ..]) => Ok(Interface {
            name: name.to_owned(),
            address: *address,
        }),
        (None, []) => {
            let cause = format!("{name} has no IPv4 address");
            refuse(
                cause,
                format!("give it one, such as: ip address add 10.23.45.67/24 dev {name}"),
            )
        }
    }
}

fn look(name: &str) -> Option<Seen> {
    let all: Vec<_> = getifaddrs()
        .ok()?
        .filter(|entry| entry.interface_name == name)
        .collect();
    let flags = all.first()?.flags;
    let ip = |address: &SockaddrStorage| address.as_sockaddr_in().map(SockaddrIn::ip);
    let addresses = all.iter().filter_map(|entry| {
        let mask = u32::from(entry.netmask.as_ref().and_then(ip)?);
        Some(Prefix {
            address: entry.address.as_ref().and_then(ip)?,
            length: mask.leading_ones() as u8,
        })
    });
    Some(Seen {
        up: flags.contains(InterfaceFlags::IFF_UP),
        addresses: addresses.collect(),
        default_route: has_default_route(
            &std::fs::read_to_string("/proc/net/route").unwrap_or_default(),
            name,
        ),
    })
}

/// Whether the kernel's table (`/proc/net/route`, addresses in hexadecimal) has a route to everywhere through it.
fn has_default_route(table: &str, name: &str) -> bool {
    let everywhere = Ipv4Addr::UNSPECIFIED.to_bits();
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |index: usize| {
            fields
                .get(index)
                .and_then(|field| u32::from_str_radix(field, 16).ok())
        };
        fields.first() == Some(&name) && number(1) == Some(everywhere) && number(7) == Some(everywhere)
    })
}

fn names() -> String {
    let mut names: Vec<String> = getifaddrs()
        .into_iter()
        .flatten()
        .map(|entry| entry.interface_name)
        .collect();
    names.sort();
    names.dedup();
    names.retain(|name| name != "lo");
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth1\t002D170A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

    #[test]
    fn the_default_route_is_told_from_others() {
        assert!(has_default_route(ROUTES, "eth0"));
        assert!(!has_default_route(ROUTES, "eth1") && !has_default_route("", "eth0"));
    }

    #[test]
    fn each_reason_against_an_interface_has_its_cure() {
        let bench = |text: &str| Config::parse(text, std::path::Path::new("x")).unwrap().bench;
        let address = Prefix {
            address: Ipv4Addr::new(10, 0, 0, 1),
            length: 24,
        };
        let good = Seen {
            up: true,
            addresses: vec![address],
            default_route: false,
        };
        let plain = bench("");
        assert_eq!(
            judge("e", Some(good.clone()), &plain),
            Ok(Interface {
                name: "e".into(),
                address
            })
        );
        let cases = [
            (None, &plain, "there is no interface"),
            (
                Some(Seen {
                    up: false,
                    ..good.clone()
                }),
                &plain,
                "is down",
            ),
            (
                Some(Seen {
                    addresses: vec![],
                    ..good.clone()
                }),
                &plain,
                "no IPv4 address",
            ),
            (
                Some(Seen {
                    default_route: true,
                    ..good.clone()
                }),
                &plain,
                "default route",
            ),
            (
                Some(good.clone()),
                &bench("[bench]\naddress = \"10.0.0.2/24\""),
                "does not have the address",
            ),
        ];
        for (seen, bench, expected) in cases {
            let failure = judge("e", seen, bench).unwrap_err();
            assert!(failure.problems[0].cause.contains(expected), "{failure}");
        }
        let allowed = bench("[bench]\nallow-default-route = true");
        assert!(
            judge(
                "e",
                Some(Seen {
                    default_route: true,
                    ..good
                }),
                &allowed
            )
            .is_ok()
        );
    }

    #[test]
    fn the_loopback_interface_of_this_machine_is_seen() {
        let seen = look("lo").unwrap();
        assert!(
            seen.addresses.iter().any(|address| address.address.is_loopback()),
            "{seen:?}"
        );
        assert_eq!(look("no-such-interface"), None);
    }
}
