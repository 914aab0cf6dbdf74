//! Who asks: signals merged, contradictions recorded, nothing guessed.

use std::net::Ipv4Addr;

use transload_provision::client;
use transload_provision::mac::Mac;
use transload_provision::names::{self, Asked};

use super::State;

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// This phone.
    Phone(Mac),
    /// Nothing tells.
    Nobody,
    /// Signals disagree. The phone is the one the lease names, if there is a lease.
    Disputed(Option<Mac>, String),
}

/// Merges the lease, the name asked for, the folder in the URL and the User-Agent.
pub(super) fn who(
    state: &State,
    address: Ipv4Addr,
    asked: &Asked,
    path: &str,
    agent: Option<&str>,
) -> Identity {
    let named = match asked {
        Asked::PhoneConfig { mac, .. } => Some(*mac),
        Asked::Profile { mac, .. } | Asked::License { mac, .. } | Asked::TrustList { mac } => *mac,
        _ => None,
    };
    let in_path = names::path_identity(path).map(|(mac, _)| mac);
    let in_agent = agent.and_then(client::user_agent).and_then(|signal| signal.mac);
    let leased = state.leased.get(&address).copied();
    let spoken = [
        ("the file's name", named),
        ("the URL", in_path),
        ("its User-Agent", in_agent),
    ];
    let mut first = leased.map(|mac| ("its lease", mac));
    for (source, mac) in spoken
        .into_iter()
        .filter_map(|(source, mac)| Some((source, mac?)))
    {
        match first {
            None => first = Some((source, mac)),
            Some((before, known)) if known != mac => {
                let what = format!("{address} is {known} by {before} and {mac} by {source}");
                return Identity::Disputed(leased, what);
            }
            Some(_) => {}
        }
    }
    match (leased, first) {
        (Some(mac), _) => Identity::Phone(mac),
        (None, Some((source, mac))) => match elsewhere(state, mac, address) {
            Some(lease) => {
                let what =
                    format!("{address} says by {source} that it is {mac}, which has the lease of {lease}");
                Identity::Disputed(None, what)
            }
            None => Identity::Phone(mac),
        },
        (None, None) => state
            .spoke
            .get(&address)
            .map_or(Identity::Nobody, |mac| Identity::Phone(*mac)),
    }
}

/// Where our own DHCP server gave this phone another address, a stranger's word is not believed.
fn elsewhere(state: &State, mac: Mac, address: Ipv4Addr) -> Option<Ipv4Addr> {
    if !state.rules.gives_leases {
        return None;
    }
    state
        .leased
        .iter()
        .find(|(lease, holder)| **holder == mac && **lease != address)
        .map(|(lease, _)| *lease)
}
