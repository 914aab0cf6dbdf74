use std::path::Path;
use std::time::Duration;

use transload_dhcp::config::RelayInformation;

use super::super::values::TextValue;
use crate::config::Config;

const BENCH: &str = "[bench]\naddress = \"10.23.45.67/24\"\n";
const RELAYED: &str = "[[dhcp.network]]\nsubnet = \"10.1.2.0/24\"\n";

fn parse(text: &str) -> Result<Config, String> {
    let lines = |failure: crate::system::error::Failure| {
        let problems =
            failure.problems.iter().map(|problem| format!("{} // {}", problem.cause, problem.cure));
        problems.collect::<Vec<_>>().join("\n")
    };
    Config::parse(&format!("{BENCH}{text}"), Path::new("bench.toml")).map_err(lines)
}

fn served(text: &str) -> transload_dhcp::config::DhcpConfig {
    let own = TextValue::read("10.23.45.67/24");
    parse(text).unwrap().served(&[own], &[]).unwrap().server
}

#[test]
fn lease_times_and_the_rest_of_declined_addresses_reach_the_server() {
    let server = served(&format!(
        "[dhcp]\nlease = \"1h\"\nrenewal-time = \"10m\"\nrebinding-time = \"40m\"\ndecline-rest = \"5m\"\n\
         {RELAYED}renewal-time = \"20m\""
    ));
    let times = |at: usize| (server.networks[at].lease.renew, server.networks[at].lease.rebind);
    assert_eq!((times(0), times(1)), ((Some(600), Some(2400)), (Some(1200), Some(2400))));
    assert_eq!((server.networks[1].lease.default, server.decline_hold), (3600, 300_000));
    let server = served("");
    assert_eq!((server.networks[0].lease.renew, server.decline_hold), (None, 3_600_000));
}

#[test]
fn relay_information_is_answered_unless_the_bench_or_a_network_drops_it() {
    let of = |text: &str| served(text).networks.iter().map(|n| n.relay_information).collect::<Vec<_>>();
    let (answer, drop) = (RelayInformation::Answer, RelayInformation::Drop);
    assert_eq!(of(RELAYED), [answer, answer]);
    assert_eq!(of(&format!("[dhcp]\nrelay-information = \"drop\"\n{RELAYED}")), [drop, drop]);
    assert_eq!(of(&format!("{RELAYED}relay-information = \"drop\"")), [answer, drop]);
    let wrong = parse("[dhcp]\nrelay-information = \"trust\"").unwrap_err();
    assert!(wrong.contains("bench.toml:4") && wrong.contains("answer") && wrong.contains("drop"), "{wrong}");
}

#[test]
fn times_out_of_their_order_are_refused_where_they_stand() {
    for (text, place, cause, cure) in [
        ("[dhcp]\nrebinding-time = \"1h\"", ":4:", "dhcp.rebinding-time: 3600 s", "for 3150 s"),
        ("[dhcp]\nlease = \"10m\"\nrebinding-time = \"20m\"", ":5:", "after 600 s", "for 525 s"),
        ("[dhcp]\nrebinding-time = \"1s\"", ":4:", "1 s is not between", "for 3150 s"),
        (
            "[dhcp]\nrenewal-time = \"55m\"",
            ":4:",
            "3300 s is not before the rebinding time of 3150 s",
            "1800 s",
        ),
        (
            "[dhcp]\nrenewal-time = \"20m\"\nrebinding-time = \"20m\"",
            ":4:",
            "not before the rebinding time of 1200 s",
            "write a shorter time",
        ),
        ("[dhcp]\nrenewal-time = \"0s\"", ":4:", "dhcp.renewal-time", "write a time"),
        ("[dhcp]\ndecline-rest = \"0s\"", ":4:", "dhcp.decline-rest", "write a time"),
        // What a network has from [dhcp] must fit its own lease.
        (
            "[dhcp]\nrenewal-time = \"20m\"\n[[dhcp.network]]\nsubnet = \"10.1.2.0/24\"\nlease = \"15m\"",
            ":7:",
            "dhcp.network.renewal-time: 1200 s",
            "for 450 s",
        ),
    ] {
        let problem = parse(text).expect_err(text);
        assert!(problem.contains(&format!("bench.toml{place}")), "{text}: {problem}");
        assert!(problem.contains(cause) && problem.contains(cure), "{text}: {problem}");
    }
    let config = parse("[dhcp]\nrebinding-time = \"2s\"").unwrap();
    assert_eq!(config.dhcp.own.lease.rebinding, Some(Duration::from_secs(2)));
}

#[test]
fn classless_routes_without_a_default_route_are_warned_of_where_there_is_a_router() {
    let warned = |routes: &str| {
        let text = format!("[dhcp]\noptions = {{ router = [\"10.23.45.1\"], 121 = [{routes}] }}");
        parse(&text).unwrap().warnings
    };
    assert!(warned("\"10.0.0.0/8 10.23.45.1\"")[0].contains("0.0.0.0/0"));
    assert!(warned("\"10.0.0.0/8 10.23.45.1\", \"0.0.0.0/0 10.23.45.1\"").is_empty());
    assert!(parse("[dhcp]\noptions = { 121 = [\"10.0.0.0/8 10.23.45.1\"] }").unwrap().warnings.is_empty());
}
