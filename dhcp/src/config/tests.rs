use super::*;

fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn range(first: u8, last: u8) -> AddressRange {
    AddressRange { first: host(first), last: host(last) }
}

fn network() -> DhcpNetwork {
    DhcpNetwork {
        name: "bench".into(),
        address: host(1),
        prefix_len: 24,
        pools: vec![range(10, 20)],
        exclude: Vec::new(),
        lease: LeaseTime::fixed(3600),
        relay_information: RelayInformation::Answer,
        options: Vec::new(),
        reservations: Vec::new(),
    }
}

fn reserve(mac: u8, last: u8) -> HostReservation {
    HostReservation { client: ClientKey::Mac([mac; 6]), address: host(last), options: Vec::new() }
}

fn error(network: DhcpNetwork) -> Option<String> {
    let config = DhcpConfig { networks: vec![network], ..DhcpConfig::default() };
    config.validate().err().map(|error| error.to_string())
}

#[test]
fn a_sound_network_is_accepted() {
    assert_eq!(error(network()), None);
    assert_eq!(error(DhcpNetwork { reservations: vec![reserve(1, 50), reserve(2, 15)], ..network() }), None);
    assert_eq!(error(DhcpNetwork { address: host(0), ..network() }), None, "behind a relay");
}

#[test]
fn what_cannot_be_meant_is_refused_and_named() {
    let outside = AddressRange { first: host(250), last: Ipv4Addr::new(10, 0, 1, 5) };
    for (network, named) in [
        (DhcpNetwork { prefix_len: 31, ..network() }, "31"),
        (DhcpNetwork { prefix_len: 0, ..network() }, "prefix length of 0"),
        (DhcpNetwork { address: host(255), ..network() }, "10.0.0.255"),
        (DhcpNetwork { pools: vec![range(20, 10)], ..network() }, "10.0.0.20-10.0.0.10"),
        (DhcpNetwork { pools: vec![outside], ..network() }, "10.0.1.5"),
        (DhcpNetwork { pools: vec![range(0, 9)], ..network() }, "10.0.0.0"),
        (DhcpNetwork { exclude: vec![outside], ..network() }, "10.0.1.5"),
        (DhcpNetwork { reservations: vec![reserve(1, 1)], ..network() }, "server's own"),
        (DhcpNetwork { reservations: vec![reserve(1, 255)], ..network() }, "10.0.0.255"),
        (DhcpNetwork { reservations: vec![reserve(1, 5), reserve(2, 5)], ..network() }, "10.0.0.5"),
        (DhcpNetwork { reservations: vec![reserve(1, 5), reserve(1, 6)], ..network() }, "10.0.0.6"),
        (DhcpNetwork { pools: Vec::new(), ..network() }, "neither a pool"),
        (DhcpNetwork { lease: LeaseTime::fixed(0), ..network() }, "lease"),
        (DhcpNetwork { options: vec![(51, vec![0; 4])], ..network() }, "option 51"),
    ] {
        let text = error(network.clone()).unwrap_or_else(|| panic!("accepted: {network:?}"));
        assert!(text.contains(named) && text.contains("bench"), "{text}");
    }
}

#[test]
fn networks_share_neither_name_nor_addresses() {
    let second = DhcpNetwork {
        name: "second".into(),
        address: Ipv4Addr::new(10, 0, 1, 1),
        pools: Vec::new(),
        ..network()
    };
    let second = DhcpNetwork {
        pools: vec![AddressRange { first: second.address, last: second.broadcast() }],
        ..second
    };
    let good = AddressRange { first: Ipv4Addr::new(10, 0, 1, 9), last: Ipv4Addr::new(10, 0, 1, 9) };
    let check = |second: DhcpNetwork| {
        DhcpConfig { networks: vec![network(), second], ..DhcpConfig::default() }.validate()
    };
    let apart = DhcpNetwork { pools: vec![good], ..second.clone() };
    assert_eq!(check(apart.clone()), Ok(()));
    assert!(matches!(check(second), Err(ConfigError::Outside { .. })), "the broadcast address is no host");
    assert!(matches!(
        check(DhcpNetwork { name: "bench".into(), ..apart.clone() }),
        Err(ConfigError::Overlap(..))
    ));
    assert!(matches!(check(DhcpNetwork { prefix_len: 16, ..apart }), Err(ConfigError::Overlap(..))));
}
