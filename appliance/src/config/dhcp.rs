//! `[dhcp]`: leases.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use transload_dhcp::config::RelayInformation;
use transload_provision::mac::Mac;
use transload_provision::options::{self as options_of_phones, ClassError, ClassRule, Gives};

use super::bench::BenchSection;
use super::network::{self, LeaseNetwork, LeaseTimes};
use super::options;
use super::section::Section;
use super::values::{Hex, Oui, Text, plain};

/// Leases.
#[derive(Debug, Clone, PartialEq)]
pub struct DhcpSection {
    /// Whether leases are given at all.
    pub enabled: bool,
    /// Which clients get a lease.
    pub admit: DhcpAdmit,
    /// Whether clients with a lease of another network are told to drop it.
    pub authoritative: bool,
    /// Whether the server probes an address for another user before it offers it.
    pub conflict_probe: bool,
    /// How long an address rests that a client declined or that was found in use.
    pub decline_rest: Duration,
    /// What to do when another DHCP server is found. Without it, the way the program was started decides.
    pub on_foreign: Option<OnForeign>,
    /// The bench's own network. Other networks inherit its options, save those of one subnet.
    pub own: LeaseNetwork,
    /// Further networks, each on an interface of its own or behind relays.
    pub networks: Vec<LeaseNetwork>,
    /// Classes that come before the built-in ones.
    pub classes: Vec<ClassRule>,
    /// Fixed addresses.
    pub reservations: Vec<Reservation>,
}

/// Which clients get a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DhcpAdmit {
    /// Known phones.
    Phones,
    /// Every client.
    All,
}

/// What to do when another DHCP server is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnForeign {
    /// Exit with status 3.
    Exit,
    /// Be silent until it is gone.
    Wait,
    /// Serve beside it.
    Ignore,
}

/// A fixed address.
#[derive(Debug, Clone, PartialEq)]
pub struct Reservation {
    /// The client that gets the address.
    pub client: ReservedClient,
    /// The address.
    pub address: Ipv4Addr,
    /// Options for this client alone.
    pub gives: Gives,
    /// File and line.
    pub place: String,
}

/// How a reservation knows its client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReservedClient {
    /// By hardware address.
    Mac(Mac),
    /// By option 61.
    Id(Vec<u8>),
}

/// Reads the section for a bench at its address. The order of the keys is that in the file of `init`.
pub(super) fn read(s: &mut Section<'_>, bench: &BenchSection) -> DhcpSection {
    let enabled = s
        .key("enabled")
        .text("false where another DHCP server serves.")
        .at_restart(|a, b| a.dhcp.enabled == b.dhcp.enabled)
        .or(true);
    let pool = network::pool(s, bench.address);
    let exclude = network::exclude(s);
    let hour = Duration::from_secs(60 * 60);
    let lease = network::lease_times(s, LeaseTimes { lease: hour, renewal: None, rebinding: None });
    let decline_rest = s
        .key("decline-rest")
        .text("How long an address rests that a client declined or that was found in use.")
        .duration(hour);
    let admit = s.key("admit").text(r#"Who gets an address: "phones" or "all"."#).or(DhcpAdmit::Phones);
    let authoritative = s
        .key("authoritative")
        .text("Phones arrive with a lease from their old network; true tells them to drop it at once.")
        .or(true);
    let relay_information = network::relay_information(s, RelayInformation::Answer);
    let conflict_probe = s
        .key("conflict-probe")
        .text("Try an address for another user before it is first given. Other clients do not wait for that.")
        .or(true);
    let on_foreign = s
        .key("on-foreign")
        .text(
            r#"When another DHCP server answers: "exit", "wait" until it is gone, or "ignore" it. If left out, `transload serve`
            exits at its start, and waits with --unattended, as the system service does. One found later is always waited for."#,
        )
        .optional(r#""exit""#);
    let gives = options::of_network(s);
    let own = LeaseNetwork {
        place: "[dhcp]".to_owned(),
        interface: None,
        address: None,
        subnet: None,
        pool,
        exclude,
        lease,
        relay_information,
        gives,
    };
    let networks = network::networks(s, bench, &own);
    let (classes, reservations) = (classes(s), reservations(s));
    DhcpSection {
        enabled,
        admit,
        authoritative,
        conflict_probe,
        decline_rest,
        on_foreign,
        own,
        networks,
        classes,
        reservations,
    }
}

fn classes(s: &mut Section<'_>) -> Vec<ClassRule> {
    let example = r#"# Options of your own for some phones. A vendor class is the whole text, or a part of it with * before or after.
        #[[dhcp.class]]
        #name = "lab"
        #vendor-class = "CP-8851-3PCC"
        #oui = ["00:12:34"]
        #options = { 159 = "http://10.23.45.67", 160 = "http://10.23.45.67" }"#;
    let (classes, places): (Vec<ClassRule>, Vec<_>) = s
        .tables("class", example, |s| {
            let name: String = s.key("name").get().unwrap_or_default();
            let rule = ClassRule {
                vendor_class: s.key("vendor-class").get().map(|Text(pattern)| pattern),
                oui: s
                    .key("oui")
                    .get()
                    .map(plain)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|Oui(oui)| oui)
                    .collect(),
                gives: options::of_clients(s, &format!("dhcp.class {name:?}")),
                name,
            };
            Some((rule, s.span()))
        })
        .into_iter()
        .unzip();
    let errors = match options_of_phones::check_classes(&classes) {
        Ok(overlaps) => {
            for overlap in overlaps {
                s.warn(overlap.to_string());
            }
            Vec::new()
        }
        Err(errors) => errors,
    };
    for error in errors {
        let name = match &error {
            ClassError::NameTaken(name)
            | ClassError::MatchesNobody(name)
            | ClassError::Unreachable { unreachable: name, .. } => name.as_str(),
            ClassError::Nameless | ClassError::Oui(_) => "",
        };
        // Of two classes with one name the later one is the mistake.
        let at = classes.iter().rposition(|class| class.name == name).and_then(|at| places.get(at).cloned());
        s.problem(at.unwrap_or_default(), &format!("dhcp.class: {error}"), error.cure());
    }
    classes
}

fn reservations(s: &mut Section<'_>) -> Vec<Reservation> {
    let example = r#"# A fixed address, by mac or by client-id = "hex:…". The roster's column `address` does the same for a phone.
        #[[dhcp.reservation]]
        #mac = "00:12:34:ab:45:de"
        #address = "10.23.45.50"
        #options = { host-name = "desk-4" }"#;
    let (mut clients, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    s.tables("reservation", example, |s| {
        let client = match (s.key("mac").get(), s.key("client-id").get()) {
            (Some(Text(mac)), None) => Some(ReservedClient::Mac(mac)),
            (None, Some(Text(Hex(id)))) => Some(ReservedClient::Id(id)),
            _ => None,
        };
        let address: Option<Ipv4Addr> = s.key("address").get().map(|Text(address)| address);
        let shown = address.map(|address| format!(" {address}")).unwrap_or_default();
        let gives = options::of_clients(s, &format!("dhcp.reservation{shown}"));
        let (Some(client), Some(address)) = (client, address) else {
            let cause = "dhcp.reservation: one does not say whose address it is, or which";
            s.problem(s.span(), cause, "write address, and either mac or client-id");
            return None;
        };
        if !clients.insert(client.clone()) || !addresses.insert(address) {
            let cause = format!("dhcp.reservation: {address} or its client is reserved twice");
            s.problem(s.span(), &cause, "keep one of the two");
        }
        Some(Reservation { client, address, gives, place: s.line() })
    })
}
