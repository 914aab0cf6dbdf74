use std::net::Ipv4Addr;
use std::path::Path;

use super::super::network::{default_pool, outside};
use super::super::values::{Prefix, TextValue};
use crate::config::Config;
use crate::system::error::{Exit, Failure};

fn parse(text: &str) -> Result<Config, Failure> {
    Config::parse(text, Path::new("bench.toml"))
}

#[test]
fn the_dhcp_server_is_told_the_networks_of_the_bench() {
    let own = TextValue::read("10.23.45.67/24").unwrap();
    let text = "[dhcp]\nlease = \"2m\"\n[[dhcp.network]]\nsubnet = \"10.1.2.0/24\"\n\
        [[dhcp.reservation]]\nmac = \"001234ab45de\"\naddress = \"10.1.2.5\"";
    let server = parse(text).unwrap().served(&[Some(own)], &[]).unwrap().server;
    assert_eq!(server.networks[0].pools[0].first, Ipv4Addr::new(10, 23, 45, 100));
    assert_eq!((server.networks[0].lease.default, server.networks[1].reservations.len()), (120, 1));
    for (text, expected) in [
        ("[dhcp]\npool = \"10.9.9.1-10.9.9.2\"", "does not fit the bench's addresses"),
        ("[[dhcp.reservation]]\nmac = \"001234ab45de\"\naddress = \"10.1.2.5\"", "in no network"),
        (
            "[[dhcp.reservation]]\nmac = \"001234ab45de\"\naddress = \"10.23.45.67\"",
            "the server's own address",
        ),
    ] {
        let failure = parse(text).unwrap().served(&[Some(own)], &[]).unwrap_err();
        assert!(failure.exit == Exit::Usage && failure.to_string().contains(expected), "{failure}");
    }
}

#[test]
fn a_pool_that_is_not_named_is_the_upper_part_of_the_network() {
    let pool = |prefix| default_pool(TextValue::read(prefix).unwrap()).to_string();
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
    let server = parse(text).unwrap().served(&[TextValue::read("10.23.45.67/24")], &[]).unwrap().server;
    assert_eq!((server.networks.len(), server.networks[0].lease.default), (1, 120));
    assert!(parse(&text.replace("10.23.45.0/24", "10.23.0.0/16")).is_err(), "a larger one around it may not");
}

const TWO_INTERFACES: &str = r#"[bench]
interface = "eth1"
[dhcp]
options = { router = ["10.23.45.1"], dns = ["10.23.45.2"] }
next-server = "10.23.45.9"
[[dhcp.network]]
interface = "eth2"
options = { router = ["10.24.0.1"] }
server-name = "bench-two"
[[dhcp.network]]
subnet = "10.1.2.0/24"
"#;

#[test]
fn further_interfaces_have_networks_of_their_own_and_inherit_what_is_of_no_subnet() {
    let config = parse(TWO_INTERFACES).unwrap();
    let at = |first: &str, second: &str| [TextValue::read(first), TextValue::read(second)];
    let served = config.served(&at("10.23.45.67/24", "10.24.0.5/16"), &[]).unwrap();
    let names: Vec<_> = served.server.networks.iter().map(|network| network.name.as_str()).collect();
    assert_eq!(names, ["bench", "eth2", "10.1.2.0/24"]);
    let second = &served.server.networks[1];
    assert_eq!((second.address, second.prefix_len), (Ipv4Addr::new(10, 24, 0, 5), 16));
    assert_eq!(second.options, [(3, vec![10, 24, 0, 1]), (6, vec![10, 23, 45, 2])]);
    assert_eq!(served.server.networks[2].options, [(6, vec![10, 23, 45, 2])], "no router of another subnet");
    let given = &served.given.networks["eth2"];
    assert_eq!(
        (given.prefix.as_str(), given.own.server_name.as_deref()),
        ("10.24.0.0/16", Some("bench-two"))
    );
    assert_eq!(given.inherited.next_server, Some(Ipv4Addr::new(10, 23, 45, 9)));
    // An interface without an address has no network yet; the others are served.
    let served = config.served(&[None, TextValue::read("10.24.0.5/16")], &[]).unwrap();
    assert_eq!(
        served.server.networks.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(),
        ["eth2", "10.1.2.0/24"]
    );
}

#[test]
fn networks_that_cannot_be_meant_are_refused_by_line() {
    for (text, line, expected) in [
        ("[[dhcp.network]]\npool = \"10.1.2.3-10.1.2.9\"", 1, "neither `subnet` nor `interface`"),
        ("[[dhcp.network]]\naddress = \"10.1.2.3/24\"", 2, "no `interface`"),
        ("[[dhcp.network]]\ninterface = \"a b\"", 2, "no interface's name"),
        ("[bench]\ninterface = \"e1\"\n[[dhcp.network]]\ninterface = \"e1\"", 4, "has a network already"),
        (
            "[[dhcp.network]]\ninterface = \"e1\"\n[[dhcp.network]]\ninterface = \"e1\"",
            4,
            "has a network already",
        ),
        ("[[dhcp.network]]\ninterface = \"e1\"\naddress = \"10.1.2.0/24\"", 3, "not a host's address"),
        (
            "[[dhcp.network]]\ninterface = \"e1\"\naddress = \"10.1.2.3/24\"\nsubnet = \"10.1.3.0/24\"",
            1,
            "not in the subnet",
        ),
        (
            "[bench]\naddress = \"10.1.2.3/24\"\n[[dhcp.network]]\ninterface = \"e1\"\naddress = \"10.1.2.4/24\"",
            3,
            "overlaps",
        ),
        (
            "[[dhcp.reservation]]\nmac = \"001234ab45de\"\naddress = \"10.1.2.3\"\nserver-name = \"\"",
            4,
            "server-name",
        ),
        ("[dhcp]\nboot-file = \"\\u0007\"", 2, "boot-file"),
        ("[dhcp]\noptions = { 150 = [\"10.1.2.3\"] }", 2, "150"),
    ] {
        let failure = parse(text).unwrap_err().to_string();
        assert!(
            failure.contains(&format!("bench.toml:{line}: ")) && failure.contains(expected),
            "{text}\n{failure}"
        );
    }
}

#[test]
fn the_roster_keeps_addresses_unless_they_cannot_be_meant() {
    let roster = transload_provision::roster::parse(
        b"mac,address\n001234ab45de,10.23.45.50\n001234ab45df,10.23.45.67\n001234ab45e0,10.9.9.9\n\
          001234ab45e1,10.23.45.51\n001234ab45e2,10.23.45.52\n",
    );
    let text = "[[dhcp.reservation]]\nclient-id = \"hex:01 02\"\naddress = \"10.23.45.51\"\n\
        options = { ntp = [\"10.23.45.3\"] }\n\
        [[dhcp.reservation]]\nmac = \"001234ab45e2\"\naddress = \"10.23.45.60\"";
    let at = [TextValue::read("10.23.45.67/24")];
    let served = parse(text).unwrap().served(&at, &roster.entries).unwrap();
    let kept: Vec<_> =
        served.server.networks[0].reservations.iter().map(|kept| kept.address.octets()[3]).collect();
    assert_eq!(kept, [51, 60, 50], "what the configuration says of a phone counts");
    let lines: Vec<_> = served.warnings.iter().map(|warning| warning.split(' ').next().unwrap()).collect();
    assert_eq!(lines, ["roster.csv:3:", "roster.csv:4:", "roster.csv:5:"], "{:?}", served.warnings);
}
