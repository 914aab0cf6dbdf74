//! The appliance as a rehearsal runs it: on loopback, with a state folder of its own, its clock running fast.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;

use transload_phone::Wiring;

use crate::config::values::{Prefix, Range};
use crate::config::{Config, HooksSection, Scenario};
use crate::runtime::addresses::ServiceAddresses;
use crate::runtime::appliance::Appliance;
use crate::runtime::segment::Segment;

/// Phones and appliance live in 127.0.0.0/8, where any address can be used without privilege.
const SERVER: Ipv4Addr = Ipv4Addr::LOCALHOST;
const NETWORK: Prefix = Prefix::new_assert(SERVER, 8);
/// Where the user's configuration names no call manager.
const CALL_MANAGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const POOL: Range = Range { first: Ipv4Addr::new(127, 10, 0, 1), last: Ipv4Addr::new(127, 10, 255, 254) };

/// The user's configuration as far as it can be tried here: addresses become those of loopback, and nothing outside
/// is touched.
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
    // Nobody here leads out: what phones get of these options they do not use.
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

/// Free ports on loopback for every service but a `page` that is asked for, and for a registrar if there is to be one. Phones' pages share one port that is free now: each has an address of
/// its own, and a phone that cannot have it has its page turned off.
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

/// How phones find the running appliance. `alias` is the address that the user's configuration gives it.
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
