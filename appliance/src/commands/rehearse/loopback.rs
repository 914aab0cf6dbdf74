//! Runs the appliance for a rehearsal: on loopback, with its own state folder and a fast clock.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;

use transload_phone::Wiring;

use crate::config::values::{Prefix, Range};
use crate::config::{Config, HooksSection, Scenario};
use crate::runtime::addresses::ServiceAddresses;
use crate::runtime::appliance::Appliance;
use crate::runtime::segment::Segment;

/// Phones and appliance use 127.0.0.0/8, whose addresses need no privilege.
const SERVER: Ipv4Addr = Ipv4Addr::LOCALHOST;
const NETWORK: Prefix = Prefix::new_assert(SERVER, 8);
/// The call manager, if the configuration names none.
const CALL_MANAGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const POOL: Range = Range { first: Ipv4Addr::new(127, 10, 0, 1), last: Ipv4Addr::new(127, 10, 255, 254) };

/// The user's configuration, with all addresses on loopback and without outside contacts.
pub fn configuration(config: &Config, scenario: Scenario, state: &Path) -> Config {
    let mut config = config.clone();
    config.bench.interface = None;
    config.bench.address = Some(NETWORK);
    state.clone_into(&mut config.bench.state);
    if config.migration.direction != scenario.direction {
        config.migration.routes.clear();
    }
    config.migration.direction = scenario.direction;
    config.migration.enterprise = scenario.enterprise;
    config.migration.multiplatform = scenario.multiplatform;
    if config.migration.call_managers.is_empty() {
        config.migration.call_managers.push(CALL_MANAGER);
    }
    // Phones do not use these options here.
    for code in [3, 6, 42] {
        let options = &mut config.dhcp.own.gives.options;
        if options.iter().all(|(given, _)| *given != code) {
            options.push((code, SERVER.octets().to_vec()));
        }
    }
    config.dhcp.enabled = true;
    config.dhcp.conflict_probe = false;
    config.dhcp.own.pool = vec![POOL];
    config.dhcp.own.exclude.clear();
    config.dhcp.networks.clear();
    config.dhcp.reservations.clear();
    config.hooks = HooksSection::default();
    config
}

/// Free loopback ports for every service, except a `page` at a given address, and the registrar if wanted. The
/// phones' pages share one port that is free now, since each phone has its own address; if a phone cannot bind it,
/// its page is off.
pub fn place(registrar: bool, page: Option<SocketAddr>) -> ServiceAddresses {
    let free = std::net::TcpListener::bind((SERVER, 0)).and_then(|listener| listener.local_addr());
    let segment = Segment {
        interface: None,
        address: Some(NETWORK),
        subnet: None,
        rehearsed_dhcp: 0,
        allow_default_route: false,
        http: vec![0, 0],
        tftp: 0,
        sip: registrar.then_some(0),
    };
    ServiceAddresses {
        segments: vec![segment],
        page_port: free.map_or(8081, |address| address.port()),
        admin: page.unwrap_or(SocketAddrV4::new(SERVER, 0).into()),
        token: None,
    }
}

/// The ports of the running appliance. `alias` is its address in the user's configuration.
pub fn wiring(appliance: &Appliance, alias: Option<Ipv4Addr>) -> Option<Wiring> {
    let &[http_80, http_6970] = appliance.http.as_slice() else {
        return None;
    };
    Some(Wiring {
        dhcp: (*appliance.dhcp.first()?).into(),
        http_80: http_80.port(),
        http_6970: http_6970.port(),
        tftp_69: appliance.tftp?.port(),
        page: appliance.page_port(),
        sip: appliance.bench.registrar_port(),
        server: SERVER,
        alias,
        call_manager: None,
        cda: None,
        pace: appliance.bench.pace().clone(),
    })
}
