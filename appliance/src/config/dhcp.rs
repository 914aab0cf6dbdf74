//! The DHCP section, validated.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use toml::Spanned;

use super::validate::Findings;
use super::values::{Hex, Prefix, Range, Ranges, Text};
use super::{Class, Client, Dhcp, DhcpAdmit, Network, OnForeign, Reservation, network, options, written};

/// The section, for a bench at `address`.
pub(super) fn dhcp(dhcp: written::Dhcp, address: Option<Prefix>, f: &mut Findings<'_>) -> Dhcp {
    let hour = Duration::from_secs(60 * 60);
    let lease = f.span(dhcp.lease.as_ref(), "dhcp.lease", hour);
    let pool = network::pool(dhcp.pool.as_ref(), "dhcp.pool", address, f);
    let options = options::common(dhcp.options, "dhcp.options", f);
    let own = Network {
        subnet: None,
        pool,
        exclude: ranges(dhcp.exclude),
        lease,
        options,
    };
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
        if prefix.length > 30 {
            f.problem(
                place.clone(),
                &format!("dhcp.network: {prefix} has no room for phones"),
                "use a prefix length of at most 30",
            );
        }
        if address
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

fn classes(written: Vec<Spanned<written::Class>>, f: &mut Findings<'_>) -> Vec<Class> {
    let mut names = BTreeSet::new();
    let mut classes = Vec::new();
    for spanned in written {
        let place = spanned.span();
        let class = spanned.into_inner();
        let name = class.name.map(Spanned::into_inner).unwrap_or_default();
        if name.is_empty() || !names.insert(name.clone()) {
            let cause = format!("dhcp.class: {name:?} is no name of its own");
            f.problem(place.clone(), &cause, "give each class a name that no other has");
        }
        if class.vendor_class.is_none() && class.oui.is_empty() {
            let cause = format!("dhcp.class {name:?} would match every client");
            f.problem(place, &cause, "give it a vendor-class, an oui, or both");
        }
        if let Some(pattern) = &class.vendor_class {
            let text = pattern.get_ref();
            let stars = text.matches('*').count();
            let at_an_end = text.starts_with('*') || text.ends_with('*');
            if text.trim_matches('*').is_empty() || stars > 1 || (stars == 1 && !at_an_end) {
                let cause = format!("dhcp.class {name:?}: vendor-class {text:?} cannot be matched");
                f.problem(
                    pattern.span(),
                    &cause,
                    "write the whole text, or a part of it with one * before or after",
                );
            }
        }
        classes.push(Class {
            vendor_class: class.vendor_class.map(Spanned::into_inner),
            oui: class.oui.into_iter().map(|Text(oui)| oui).collect(),
            options: options::of_phones(class.options, &format!("dhcp.class {name:?}"), f),
            name,
        });
    }
    classes
}

fn reservations(written: Vec<Spanned<written::Reservation>>, f: &mut Findings<'_>) -> Vec<Reservation> {
    let (mut clients, mut addresses) = (BTreeSet::new(), BTreeSet::<Ipv4Addr>::new());
    let mut reservations = Vec::new();
    for spanned in written {
        let place = spanned.span();
        let written::Reservation {
            mac,
            client_id,
            address,
            options,
        } = spanned.into_inner();
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
        reservations.push(Reservation {
            client,
            address,
            options,
        });
    }
    reservations
}
