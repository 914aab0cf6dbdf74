mod leases;
mod network;
mod reload;

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use transload_provision::load::Direction;

use super::*;

fn parse(text: &str) -> Result<Config, Vec<String>> {
    Config::parse(text, Path::new("bench.toml")).map_err(|failure| {
        failure.problems.iter().map(|problem| format!("{} // {}", problem.cause, problem.cure)).collect()
    })
}

#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    match parse(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(problems) => assert_eq!(problems, expected, "{text}"),
    }
}

/// What the contract's example says, word for word.
const EXAMPLE: &str = r#"
[bench]
interface = "eth1"
address   = "10.23.45.67/24"
state     = "/var/lib/transload"
catalog   = "current"

[migration]
direction     = "e2m"
enterprise    = "dhcp"
multiplatform = "dhcp"
call-manager  = ["192.0.2.10"]
admit         = "eligible"
unknown-vid   = "hold"

[migration.routes]
sip88xx = ["sip88xx.12-5-1SR1-4", "sip88xx.TLexE2M-11-2-3C-4", "sip88xx.11-2-3MPP-398"]

[dhcp]
enabled = true
pool    = "10.23.45.100-10.23.45.250"
exclude = ["10.23.45.200"]
lease   = "1h"
admit   = "phones"
authoritative = true
conflict-probe = true
on-foreign = "exit"
options = { router = ["10.23.45.1"], dns = ["10.23.45.1"] }

[[dhcp.class]]
name         = "lab"
vendor-class = "CP-8851-3PCC"
oui          = ["00:12:34"]
options      = { 159 = "http://10.23.45.67", 160 = "http://10.23.45.67" }

[[dhcp.reservation]]
mac     = "00:12:34:ab:45:de"
address = "10.23.45.50"

[files]
http = [80, 6970]
tftp = 69
rollover = 0
rate-limit = "0"
max-transfers = 4096

[registrar]
enabled = true
listen  = 5060

[probe]
enabled = true

[admin]
listen = "127.0.0.1:8080"
token-file = "/etc/transload/token"

[after]
profile = { Profile_Rule = "https://provisioning.example/$PSN.xml" }
call-manager = ["192.0.2.10"]

[hooks]
restart = ["/usr/local/bin/cycle-port", "{mac}"]
stage   = ["/usr/local/bin/on-stage", "{mac}", "{stage}"]
"#;

#[test]
fn the_contracts_example_means_what_it_says() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.bench.interface.as_deref(), Some("eth1"));
    assert_eq!(config.dhcp.own.pool[0].to_string(), "10.23.45.100-10.23.45.250");
    assert_eq!(config.dhcp.own.lease.lease, Duration::from_secs(3600));
    assert_eq!(config.dhcp.own.gives.options[1].0, 6);
    assert_eq!(config.dhcp.classes[0].gives.options[1].1, b"http://10.23.45.67");
    assert_eq!(config.dhcp.reservations[0].address, Ipv4Addr::new(10, 23, 45, 50));
    assert_eq!(config.migration.routes["sip88xx"].len(), 3);
    let settings = config.settings(Ipv4Addr::new(10, 23, 45, 67), 80);
    assert_eq!(settings.after.all.profile["Profile_Rule"], "https://provisioning.example/$PSN.xml");
    assert_eq!(config.scenario_name(), "e2m/dhcp/dhcp");
}

#[test]
fn what_works_is_not_warned_of() {
    assert!(parse(EXAMPLE).unwrap().warnings.is_empty());
    assert!(parse("").unwrap().warnings.is_empty());
    assert!(parse("[registrar]\nenabled = false\n[probe]\nenabled = false").unwrap().warnings.is_empty());
}

#[test]
fn a_placeholder_that_nothing_fills_is_refused_and_other_braces_are_text() {
    let hook = |argument: &str| parse(&format!("[hooks]\nstage = ['/bin/x', '{argument}']"));
    assert_eq!(hook(r#"{"phone":"{mac}","at":"{location}"}"#).unwrap().hooks.stage.len(), 2);
    let problem = hook("{mac} {colour}").unwrap_err().join("\n");
    assert!(problem.contains("{colour}") && problem.contains("{model}"), "{problem}");
    assert!(parse("[hooks]\nrestart = ['/bin/x', '{stage}']").is_err());
}

#[test]
fn nothing_written_is_a_working_configuration() {
    let config = parse("").unwrap();
    assert_eq!(
        (config.migration.direction, config.files.http.as_slice()),
        (Direction::E2m, [80, 6970].as_slice())
    );
    assert!(config.dhcp.enabled && config.dhcp.authoritative && config.admin.listen.ip().is_loopback());
    assert_eq!(config.timing, Timing::default());
    assert!(config.servable().is_ok());
}

#[test]
fn a_mistyped_key_is_named_with_its_line_and_the_nearest_key() {
    refused(
        "[admin]\nlistn = \"127.0.0.1:80\"\n",
        &["bench.toml:2: admin.listn: there is no key `listn` here // did you mean `listen`?"],
    );
    refused("\n[admn]\n", &["bench.toml:2: admn: there is no key `admn` here // did you mean `admin`?"]);
    refused(
        "[[dhcp.class]]\nname = \"a\"\noui = [\"00:12:34\"]\nvendorclass = \"b\"",
        &[
            "bench.toml:4: dhcp.class.vendorclass: there is no key `vendorclass` here // did you mean `vendor-class`?",
        ],
    );
    refused(
        "[probe]\nbanana = 1",
        &["bench.toml:2: probe.banana: there is no key `banana` here // use one of enabled"],
    );
}

#[test]
fn all_mistakes_of_form_are_reported_at_once_each_with_what_stands_there() {
    refused(
        "[bench]\naddress = \"10.23.45.67\"\n[migration]\ndirection = \"e2\"\n[dhcp]\nlease = 5\nenabled = \"yes\"\npool = [\"a\"]\n\
         [files]\ntftp = 70000\nhttp = 80\n",
        &[
            "bench.toml:2: bench.address: \"10.23.45.67\" is not an address with its prefix length // write an address with its prefix length such as \"10.23.45.67/24\"",
            "bench.toml:7: dhcp.enabled: \"yes\" is not true or false // write true or false",
            "bench.toml:6: dhcp.lease: 5 is not a span of time // write a span of time such as \"90s\", \"15m\", \"1h\" or \"1h30m\"",
            "bench.toml:8: dhcp.pool: \"a\" is not a range of addresses // write a range of addresses such as \"10.23.45.100-10.23.45.250\", or one address",
            "bench.toml:11: files.http: 80 is not a list // write a list such as [\"a\", \"b\"]",
            "bench.toml:10: files.tftp: 70000 is not a whole number from 0 to 65535 // write a whole number from 0 to 65535",
            "bench.toml:4: migration.direction: \"e2\" is not a possible value // did you mean `e2m`?",
        ],
    );
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    let problems = parse("[bench]\nstate = /var/lib\n").unwrap_err();
    assert!(problems[0].starts_with("bench.toml:2: this is not TOML: "), "{problems:?}");
    let problems = parse("[bench]\ncatalog = \"current\"\ncatalog = \"current\"\n").unwrap_err();
    assert!(
        problems[0].starts_with("bench.toml:3: ") && problems[0].contains("duplicate key"),
        "{problems:?}"
    );
}

#[test]
fn the_phones_four_options_are_refused_for_everybody_and_taken_for_a_class() {
    for option in ["66 = \"10.0.0.1\"", "150 = [\"10.0.0.1\"]", "159 = \"http://a\"", "160 = \"http://a\""] {
        let problems = parse(&format!("[dhcp]\noptions = {{ {option} }}")).unwrap_err();
        assert!(problems[0].contains("steers phones and cannot be set in dhcp.options"), "{problems:?}");
        let network = format!("[[dhcp.network]]\nsubnet = \"10.9.0.0/24\"\noptions = {{ {option} }}");
        assert!(parse(&network).is_err(), "{network}");
        assert!(
            parse(&format!("[[dhcp.class]]\nname = \"a\"\nvendor-class = \"b*\"\noptions = {{ {option} }}"))
                .is_ok()
        );
    }
}

#[test]
fn values_are_weighed_against_each_other() {
    let cases = [
        ("[bench]\naddress = \"10.0.0.0/24\"", "is not a host's address"),
        (
            "[bench]\naddress = \"10.0.0.1/24\"\n[dhcp]\npool = \"10.0.1.5-10.0.1.9\"",
            "not within the network",
        ),
        ("[[dhcp.network]]\npool = \"10.0.1.5-10.0.1.9\"", "neither `subnet` nor `interface`"),
        ("[[dhcp.network]]\nsubnet = \"10.0.0.0/8\"\n[[dhcp.network]]\nsubnet = \"10.1.0.0/24\"", "overlaps"),
        ("[[dhcp.class]]\nname = \"a\"", "does not say who belongs to it"),
        ("[[dhcp.class]]\nname = \"a\"\nvendor-class = \"a*b\"", "is not a vendor class"),
        ("[[dhcp.class]]\nvendor-class = \"a\"", "has no name"),
        ("[[dhcp.reservation]]\nmac = \"00:12:34:ab:45:de\"", "does not say whose"),
        (
            "[[dhcp.reservation]]\nmac = \"001234ab45de\"\naddress = \"10.0.0.5\"\n[[dhcp.reservation]]\nmac = \"001234ab45df\"\naddress = \"10.0.0.5\"",
            "twice",
        ),
        ("[files]\nhttp = []", "files.http"),
        ("[files]\nrollover = 2", "neither 0 nor 1"),
        ("[admin]\nlisten = \"0.0.0.0:8080\"", "could command the bench"),
        ("[after]\nprofile = { \"a b\" = \"c\" }", "no profile parameter"),
        ("[after]\nprofile = { a = \"c\\u0000\" }", "control character"),
        ("[timing]\nflash = \"0s\"", "shorter than a second"),
        ("[timing]\nattempts = 0", "move no phone"),
        ("[migration.routes]\nsip88xx = [\"sip78xx.12-5-1SR1-4\"]", "another family"),
    ];
    for (text, expected) in cases {
        let problems = parse(text).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(expected), "{text}: {problems:?}");
    }
}

#[test]
fn waiting_times_are_settable_and_short_ones_too() {
    let timing = parse("[timing]\nflash = \"2m\"\nlicense = \"90s\"\nattempts = 2").unwrap().timing;
    assert_eq!(
        (timing.flash, timing.license, timing.attempts),
        (Duration::from_secs(120), Duration::from_secs(90), 2)
    );
    assert_eq!(timing.not_asking, Timing::default().not_asking);
}

#[test]
fn a_scenario_is_served_where_others_can_do_their_part() {
    let cda = "[migration]\nmultiplatform = \"cda\"\n";
    let uplink = "options = { router = [\"10.23.45.1\"], dns = [\"9.9.9.9\"], ntp = [\"10.23.45.1\"] }\n";
    let second = "[[dhcp.network]]\nsubnet = \"10.9.0.0/24\"\n";
    for (text, name, missing) in [
        ("[migration]\ndirection = \"m2e\"\n".to_owned(), "m2e/dhcp", ""),
        (
            "[migration]\nenterprise = \"call-manager\"\ncall-manager = [\"192.0.2.10\"]\n".to_owned(),
            "e2m/call-manager/dhcp",
            "",
        ),
        (
            "[migration]\nenterprise = \"call-manager\"\n".to_owned(),
            "e2m/call-manager/dhcp",
            "no call manager",
        ),
        (
            "[migration]\nenterprise = \"call-manager\"\n[dhcp]\nenabled = false".to_owned(),
            "e2m/call-manager/dhcp",
            "",
        ),
        (cda.to_owned(), "e2m/dhcp/cda", "no router, no dns, no ntp"),
        (format!("{cda}[dhcp]\n{uplink}"), "e2m/dhcp/cda", ""),
        (
            format!("{cda}direction = \"m2e\"\n[dhcp]\noptions = {{ dns = \"9.9.9.9\" }}"),
            "m2e/cda",
            "no router, no ntp",
        ),
        (format!("{cda}[dhcp]\n{uplink}{second}"), "e2m/dhcp/cda", "gives them no router"),
        (format!("{cda}[dhcp]\n{uplink}{second}{uplink}"), "e2m/dhcp/cda", ""),
        (format!("{cda}[bench]\naddress = \"10.9.0.5/24\"\n{second}{uplink}"), "e2m/dhcp/cda", ""),
        (format!("{cda}[dhcp]\nenabled = false"), "e2m/dhcp/cda", ""),
    ] {
        let config = parse(&text).unwrap();
        assert_eq!(config.scenario_name(), name);
        match config.servable() {
            Ok(()) => assert_eq!(missing, "", "{text}"),
            Err(failure) => {
                assert_eq!(failure.exit, Exit::Usage);
                let said = &failure.problems[0];
                assert!(!missing.is_empty() && said.cause.contains(missing), "{text}: {}", said.cause);
            }
        }
    }
}

#[test]
fn homes_are_written_for_all_for_a_model_and_for_a_phone() {
    let text = "[after]\nprofile = { GPP_A = \"{extension}\" }\ncall-manager = [\"192.0.2.10\"]\n\
                [after.model.8851]\nprofile = { GPP_A = \"x\" }\n\
                [after.mac.\"00:12:34:ab:45:de\"]\ncall-manager = [\"192.0.2.99\"]\n";
    let after = parse(text).unwrap().after;
    assert_eq!(after.models["8851"].profile["GPP_A"], "x");
    let mac = "001234AB45DE".parse().unwrap();
    let spelled = parse("[after.model.\"CP-8851NR-K9=\"]\ncall-manager = [\"192.0.2.99\"]\n").unwrap().after;
    assert_eq!(spelled.call_managers(mac, Some("8851NR")).len(), 1);
    assert_eq!(spelled.call_managers(mac, Some("8851")).len(), 0);
    for (text, said) in [
        ("[after.model.8851-BEKEM]\ncall-manager = []", "accessory"),
        ("[after.model.lobby]\ncall-manager = []", "names no model"),
        ("[after.model.8851]\ncall-manager = []\n[after.model.CP-8851]\ncall-manager = []", "together"),
    ] {
        let problems = parse(text).unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains(said)), "{text}: {problems:?}");
    }
    assert_eq!(after.call_managers(mac, Some("8851")), [Ipv4Addr::new(192, 0, 2, 99)]);
    for wrong in
        ["[after.mac.nobody]\ncall-manager = []", "[after.model.8851]\nprofile = { \"a b\" = \"x\" }"]
    {
        assert_eq!(parse(wrong).unwrap_err().len(), 1, "{wrong}");
    }
}

#[test]
fn a_call_manager_beyond_a_router_that_is_not_given_is_warned_of() {
    let text =
        "[migration]\nenterprise = \"call-manager\"\ncall-manager = [\"192.0.2.10\"]\n[bench]\naddress = ";
    assert!(parse(&format!("{text}\"10.9.0.5/24\"")).unwrap().warnings[0].contains("192.0.2.10"));
    assert!(parse(&format!("{text}\"192.0.2.5/24\"")).unwrap().warnings.is_empty());
}

#[test]
fn options_take_standard_names_numbers_and_typed_values() {
    let options = |text: &str| {
        parse(&format!("[dhcp]\noptions = {{ {text} }}")).map(|config| config.dhcp.own.gives.options)
    };
    assert_eq!(
        options("ntp = \"10.0.0.1\", mtu = 1400, 43 = \"hex:0102\", ip-forwarding = false"),
        Ok(vec![(19, vec![0]), (26, vec![5, 120]), (42, vec![10, 0, 0, 1]), (43, vec![1, 2])])
    );
    for (text, expected) in [
        ("lease-time = 5", "there is no DHCP option"),
        ("51 = 5", "written by the server itself"),
        ("mtu = \"big\"", "DHCP option mtu is"),
        (
            "22 = 575",
            "bench.toml:2: dhcp.options: DHCP option 22 is a number of octets, 576 to 65535, and not 575",
        ),
        ("default-ip-ttl = 0", "1 to 255, and not 0"),
        ("24 = 0", "1 to 4294967295"),
        ("static-routes = [\"0.0.0.0\", \"10.0.0.1\"]", "without 0.0.0.0"),
        ("router = \"hex:0a00\"", "a list of IPv4 addresses"),
        ("dns = [\"10.0.0.1\"], 6 = [\"10.0.0.2\"]", "option 6 is set twice"),
        ("dns = 1979-05-27", "is no option's value"),
        ("tftp = \"10.0.0.1\"", "steers phones"),
    ] {
        let problems = options(text).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(expected), "{text}: {problems:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// No input makes it panic, and what is refused says why in one line each.
    #[test]
    fn any_text_is_answered(text in "\\PC*") {
        if let Err(failure) = Config::parse(&text, Path::new("x")) {
            prop_assert!(!failure.problems.is_empty());
            prop_assert!(failure.problems.iter().all(|problem| !problem.cause.contains('\n') && !problem.cure.is_empty()));
        }
    }

    /// The same for the example with a few bytes changed, which gets deeper.
    #[test]
    fn any_damage_to_the_example_is_answered(place in 0..EXAMPLE.len(), length in 0..12_usize, by in "\\PC{0,6}") {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        let end = (place + length).min(bytes.len());
        bytes.splice(place..end, by.bytes());
        if let Err(failure) = Config::parse(&String::from_utf8_lossy(&bytes), Path::new("x")) {
            prop_assert!(!failure.problems.is_empty());
        }
    }
}
