//! Checks what a scenario needs outside of the bench: a call manager for phones, a way out to CDA.

use std::net::Ipv4Addr;

use super::network::LeaseNetwork;
use super::{Config, EnterpriseSide, MultiplatformSide};
use crate::system::error::{Exit, Failure, Problem};

/// The options that let phones out: routers, DNS servers and NTP servers (RFC 2132 §3.5, §3.8, §8.3). CDA is reached by name and by
/// HTTPS, for which a phone wants to know the time.
const UPLINK: [(u8, &str); 3] = [(3, "router"), (6, "dns"), (42, "ntp")];

/// Checks that the scenario has what it needs outside.
///
/// # Errors
/// Everything that is missing, at exit status 2.
pub(super) fn servable(config: &Config) -> Result<(), Failure> {
    // Where another DHCP server gives the leases, it gives all this.
    if !config.dhcp.enabled {
        return Ok(());
    }
    let mut problems = Vec::new();
    let migration = &config.migration;
    if migration.enterprise == EnterpriseSide::CallManager && migration.call_managers.is_empty() {
        problems.push(Problem::new(
            "migration.enterprise = \"call-manager\", and no call manager to send Enterprise phones to",
            "name the call manager's addresses with call-manager under [migration]",
        ));
    }
    if migration.multiplatform == MultiplatformSide::Cda {
        problems
            .extend(networks(config).filter_map(|(place, network)| without_uplink(place, network, config)));
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::Usage, problems }) }
}

/// The networks that leases are given in, and where they are written. One of them may describe the bench's own.
fn networks(config: &Config) -> impl Iterator<Item = (&str, &LeaseNetwork)> {
    let own = config.bench.address;
    let is_own = |network: &LeaseNetwork| {
        let subnet = network.subnet.filter(|_| network.interface.is_none());
        own.zip(subnet)
            .is_some_and(|(own, subnet)| (own.network(), own.length) == (subnet.network(), subnet.length))
    };
    let described = config.dhcp.networks.iter().any(is_own);
    let short = (!described).then_some(("[dhcp]", &config.dhcp.own));
    short.into_iter().chain(config.dhcp.networks.iter().map(|network| (network.place.as_str(), network)))
}

fn without_uplink(place: &str, network: &LeaseNetwork, config: &Config) -> Option<Problem> {
    let gives =
        |network: &LeaseNetwork, code: u8| network.gives.options.iter().any(|(given, _)| *given == code);
    // A router is one of its subnet, and not inherited.
    let inherited = |code: u8| code != 3 && gives(&config.dhcp.own, code);
    let missing: Vec<&str> = UPLINK
        .into_iter()
        .filter(|(code, _)| !gives(network, *code) && !inherited(*code))
        .map(|(_, name)| name)
        .collect();
    (!missing.is_empty()).then(|| {
        let example: Vec<String> = missing.iter().map(|name| format!("{name} = [\"…\"]")).collect();
        Problem::new(
            format!(
                "migration.multiplatform = \"cda\": phones have to reach CDA in the internet, and {place} gives them no {}",
                missing.join(", no ")
            ),
            format!("set options = {{ {} }} there, with addresses that let phones out", example.join(", ")),
        )
    })
}

/// A warning where phones may not find the way to their call manager.
pub(super) fn warning(config: &Config) -> Option<String> {
    let needed = config.dhcp.enabled && config.migration.enterprise == EnterpriseSide::CallManager;
    let near = |manager: &Ipv4Addr| config.bench.address.is_some_and(|own| own.has_host(*manager));
    let far = config.migration.call_managers.iter().find(|manager| !near(manager))?;
    let routed = config.dhcp.own.gives.options.iter().any(|(code, _)| *code == 3)
        || config
            .dhcp
            .networks
            .iter()
            .any(|network| network.gives.options.iter().any(|(code, _)| *code == 3));
    (needed && !routed).then(|| {
        format!("phones are sent to the call manager {far} and given no router: they reach it only within their own network")
    })
}
