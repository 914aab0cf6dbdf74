//! The DHCP section, validated.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use toml::Spanned;
use transload_provision::options::{self as options_of_phones, ClassError, ClassRule};

use super::findings::Findings;
use super::options::{self, Boot};
use super::timers::{self, WrittenTimes};
use super::values::{Hex, Oui, Text};
use super::{Bench, Client, Dhcp, DhcpAdmit, LeaseTimes, Network, Reservation, network, written};

/// The section, for a bench at its address.
pub(super) fn dhcp(dhcp: written::Dhcp, bench: &Bench, f: &mut Findings<'_>) -> Dhcp {
    let hour = Duration::from_secs(60 * 60);
    let written = WrittenTimes {
        lease: dhcp.lease.as_ref(),
        renewal: dhcp.renewal_time.as_ref(),
        rebinding: dhcp.rebinding_time.as_ref(),
    };
    let default = LeaseTimes { lease: hour, renewal: None, rebinding: None };
    let lease = timers::times(&written, "dhcp", None, default, f);
    let relay_information = dhcp.relay_information.unwrap_or_default();
    let pool = network::pool(dhcp.pool.as_ref(), "dhcp.pool", bench.address, f);
    let options = options::common(dhcp.options, "dhcp.options", f);
    let boot = Boot { next_server: dhcp.next_server, server_name: dhcp.server_name, file: dhcp.boot_file };
    let own = Network {
        place: "[dhcp]".to_owned(),
        interface: None,
        address: None,
        subnet: None,
        pool,
        exclude: network::ranges(dhcp.exclude),
        lease,
        relay_information,
        gives: boot.with(options, "dhcp", f),
    };
    let networks = network::networks(dhcp.network, bench, &own, f);
    Dhcp {
        enabled: dhcp.enabled.unwrap_or(true),
        admit: dhcp.admit.unwrap_or(DhcpAdmit::Phones),
        authoritative: dhcp.authoritative.unwrap_or(true),
        conflict_probe: dhcp.conflict_probe.unwrap_or(true),
        decline_rest: f.span(dhcp.decline_rest.as_ref(), "dhcp.decline-rest", hour),
        on_foreign: dhcp.on_foreign,
        own,
        networks,
        classes: classes(dhcp.class, f),
        reservations: reservations(dhcp.reservation, f),
    }
}

fn classes(written: Vec<Spanned<written::Class>>, f: &mut Findings<'_>) -> Vec<ClassRule> {
    let mut places = Vec::new();
    let mut classes = Vec::new();
    for spanned in written {
        let place = spanned.span();
        let class = spanned.into_inner();
        let name = class.name.unwrap_or_default();
        places.push((name.clone(), place));
        let key = format!("dhcp.class {name:?}");
        let options = options::of_phones(class.options, &key, f);
        let boot =
            Boot { next_server: class.next_server, server_name: class.server_name, file: class.boot_file };
        classes.push(ClassRule {
            vendor_class: class.vendor_class.map(|Text(pattern)| pattern),
            oui: class.oui.into_iter().map(|Text(Oui(octets))| octets).collect(),
            gives: boot.with(options, &key, f),
            name,
        });
    }
    let mut at = |name: &str, error: &ClassError| {
        // Of two classes with one name the later one is the mistake.
        let place = places.iter().rev().find(|(known, _)| known == name).map(|(_, place)| place.clone());
        f.problem(place.unwrap_or_default(), &format!("dhcp.class: {error}"), error.cure());
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
                at(name, &error);
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
        let written = spanned.into_inner();
        let (mac, client_id, address) = (written.mac, written.client_id, written.address);
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
            f.problem(place.clone(), &cause, "keep one of the two");
        }
        let key = format!("dhcp.reservation {address}");
        let options = options::of_phones(written.options, &key, f);
        let boot = Boot {
            next_server: written.next_server,
            server_name: written.server_name,
            file: written.boot_file,
        };
        let gives = boot.with(options, &key, f);
        reservations.push(Reservation { client, address, gives, place: f.place(place) });
    }
    reservations
}
