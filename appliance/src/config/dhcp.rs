//! The DHCP section, validated.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use toml::Spanned;
use transload_provision::options::{self as options_of_phones, ClassError, ClassRule};

use super::validate::{Findings, cause_and_cure};
use super::values::{Hex, Oui, Prefix, Range, Ranges, Text};
use super::{Client, Dhcp, DhcpAdmit, Network, OnForeign, Reservation, network, options, written};

/// The section, for a bench at `address`.
pub(super) fn dhcp(dhcp: written::Dhcp, address: Option<Prefix>, f: &mut Findings<'_>) -> Dhcp {
    let hour = Duration::from_secs(60 * 60);
    let lease = f.span(dhcp.lease.as_ref(), "dhcp.lease", hour);
    let pool = network::pool(dhcp.pool.as_ref(), "dhcp.pool", address, f);
    let options = options::common(dhcp.options, "dhcp.options", f);
    let own = Network { subnet: None, pool, exclude: ranges(dhcp.exclude), lease, options };
    let mut networks: Vec<Network> = Vec::new();
    for spanned in dhcp.network {
        let place = spanned.span();
        let network = spanned.into_inner();
        let Some(prefix) = network.subnet.map(|prefix| prefix.into_inner().0) else {
            let cause = "dhcp.network: one has no `subnet`";
            f.problem(
                place,
                cause,
                r#"write subnet = "10.1.2.0/24" in it; the bench's own network is set under [dhcp]"#,
            );
            continue;
        };
        let overlaps =
            |other: Prefix| other.network() <= prefix.broadcast() && prefix.network() <= other.broadcast();
        if !(8..=30).contains(&prefix.length) {
            f.problem(
                place.clone(),
                &format!("dhcp.network: {prefix} is no network for phones"),
                "use a prefix length from 8 to 30",
            );
        }
        // The bench's own network may be described here instead of in the short form.
        let is_own = |own: &Prefix| own.network() == prefix.network() && own.length == prefix.length;
        if address
            .filter(|own| !is_own(own))
            .into_iter()
            .chain(networks.iter().filter_map(|known| known.subnet))
            .any(overlaps)
        {
            f.problem(
                place,
                &format!("dhcp.network: {prefix} overlaps another network"),
                "give each network its own addresses",
            );
        }
        networks.push(Network {
            subnet: Some(prefix),
            pool: network::pool(network.pool.as_ref(), "dhcp.network.pool", Some(prefix), f),
            exclude: ranges(network.exclude),
            lease: f.span(network.lease.as_ref(), "dhcp.network.lease", lease),
            options: options::common(network.options, "dhcp.network.options", f),
        });
    }
    Dhcp {
        enabled: dhcp.enabled.unwrap_or(true),
        admit: dhcp.admit.unwrap_or(DhcpAdmit::Phones),
        authoritative: dhcp.authoritative.unwrap_or(true),
        conflict_probe: dhcp.conflict_probe.unwrap_or(true),
        on_foreign: dhcp.on_foreign.unwrap_or(OnForeign::Exit),
        own,
        networks,
        classes: classes(dhcp.class, f),
        reservations: reservations(dhcp.reservation, f),
    }
}

fn ranges(written: Option<Spanned<Ranges>>) -> Vec<Range> {
    written.map(|ranges| ranges.into_inner().0).unwrap_or_default()
}

fn classes(written: Vec<Spanned<written::Class>>, f: &mut Findings<'_>) -> Vec<ClassRule> {
    let mut places = Vec::new();
    let mut classes = Vec::new();
    for spanned in written {
        let place = spanned.span();
        let class = spanned.into_inner();
        let name = class.name.unwrap_or_default();
        places.push((name.clone(), place));
        classes.push(ClassRule {
            vendor_class: class.vendor_class.map(|Text(pattern)| pattern),
            oui: class.oui.into_iter().map(|Text(Oui(octets))| octets).collect(),
            options: options::of_phones(class.options, &format!("dhcp.class {name:?}"), f),
            next_server: None,
            name,
        });
    }
    let mut at = |name: &str, message: &str| {
        // Of two classes with one name the later one is the mistake.
        let place = places.iter().rev().find(|(known, _)| known == name).map(|(_, place)| place.clone());
        let (cause, cure) = cause_and_cure(message);
        f.problem(place.unwrap_or_default(), &format!("dhcp.class: {cause}"), cure);
    };
    match options_of_phones::check_classes(&classes) {
        Ok(overlaps) => f.warnings.extend(overlaps.iter().map(ToString::to_string)),
        Err(errors) => {
            for error in errors {
                let name = match &error {
                    ClassError::NameTaken(name)
                    | ClassError::MatchesNobody(name)
                    | ClassError::Unreachable { unreachable: name, .. } => name.as_str(),
                    ClassError::Nameless | ClassError::Oui(_) => "",
                };
                at(name, &error.to_string());
            }
        }
    }
    classes
}

fn reservations(written: Vec<Spanned<written::Reservation>>, f: &mut Findings<'_>) -> Vec<Reservation> {
    let (mut clients, mut addresses) = (BTreeSet::new(), BTreeSet::<Ipv4Addr>::new());
    let mut reservations = Vec::new();
    for spanned in written {
        let place = spanned.span();
        let written::Reservation { mac, client_id, address, options } = spanned.into_inner();
        let client = match (mac.map(Spanned::into_inner), client_id.map(Spanned::into_inner)) {
            (Some(Text(mac)), None) => Some(Client::Mac(mac)),
            (None, Some(Text(Hex(id)))) => Some(Client::Id(id)),
            _ => None,
        };
        let (Some(client), Some(Text(address))) = (client, address.map(Spanned::into_inner)) else {
            let cause = "dhcp.reservation: one does not say whose address it is, or which";
            f.problem(place, cause, "write address, and either mac or client-id");
            continue;
        };
        if !clients.insert(client.clone()) || !addresses.insert(address) {
            let cause = format!("dhcp.reservation: {address} or its client is reserved twice");
            f.problem(place, &cause, "keep one of the two");
        }
        let options = options::of_phones(options, &format!("dhcp.reservation {address}"), f);
        reservations.push(Reservation { client, address, options });
    }
    reservations
}
