use std::net::Ipv4Addr;
use std::path::Path;

use super::super::network::{default_pool, outside};
use super::super::values::{Prefix, Written};
use crate::config::Config;
use crate::error::{Exit, Failure};

fn parse(text: &str) -> Result<Config, Failure> {
    Config::parse(text, Path::new("bench.toml"))
}

#[test]
fn the_dhcp_server_is_told_the_networks_of_the_bench() {
    let own = Written::read("10.23.45.67/24").unwrap();
    let text = "[dhcp]\nlease = \"2m\"\n[[dhcp.network]]\nsubnet = \"10.1.2.0/24\"\n\
        [[dhcp.reservation]]\nmac = \"001234ab45de\"\naddress = \"10.1.2.5\"";
    let server = parse(text).unwrap().dhcp_server(own).unwrap();
    assert_eq!(server.networks[0].pools[0].first, Ipv4Addr::new(10, 23, 45, 100));
    assert_eq!((server.networks[0].lease.default, server.networks[1].reservations.len()), (120, 1));
    for (text, expected) in [
        ("[dhcp]\npool = \"10.9.9.1-10.9.9.2\"", "does not fit the bench's address"),
        ("[[dhcp.reservation]]\nmac = \"001234ab45de\"\naddress = \"10.1.2.5\"", "in no network"),
        (
            "[[dhcp.reservation]]\nmac = \"001234ab45de\"\naddress = \"10.23.45.67\"",
            "the server's own address",
        ),
    ] {
        let failure = parse(text).unwrap().dhcp_server(own).unwrap_err();
        assert!(failure.exit == Exit::Usage && failure.to_string().contains(expected), "{failure}");
    }
}

#[test]
fn a_pool_that_is_not_named_is_the_upper_part_of_the_network() {
    let pool = |prefix| default_pool(Written::read(prefix).unwrap()).to_string();
    assert_eq!(pool("10.23.45.67/24"), "10.23.45.100-10.23.45.250");
    assert_eq!(pool("10.23.45.67/25"), "10.23.45.50-10.23.45.125");
    assert_eq!(pool("10.23.45.2/30"), "10.23.45.1-10.23.45.2");
    assert_eq!(pool("10.23.0.1/16"), "10.23.100.0-10.23.250.0");
    assert_eq!(pool("10.0.0.1/8"), "10.100.0.0-10.100.255.255");
    for length in 0..=30 {
        let prefix = Prefix { address: Ipv4Addr::new(10, 23, 45, 66), length };
        assert_eq!(outside(prefix, &[default_pool(prefix)]), None, "/{length}");
    }
}

#[test]
fn the_benchs_own_network_may_stand_among_the_others() {
    let text =
        "[bench]\naddress = \"10.23.45.67/24\"\n[[dhcp.network]]\nsubnet = \"10.23.45.0/24\"\nlease = \"2m\"";
    let server = parse(text).unwrap().dhcp_server(Written::read("10.23.45.67/24").unwrap()).unwrap();
    assert_eq!((server.networks.len(), server.networks[0].lease.default), (1, 120));
    assert!(parse(&text.replace("10.23.45.0/24", "10.23.0.0/16")).is_err(), "a larger one around it may not");
}
