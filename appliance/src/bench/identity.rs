//! Who asks: signals merged, contradictions recorded, nothing guessed.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use transload_provision::client;
use transload_provision::mac::Mac;
use transload_provision::names::{self, Asked};

use super::State;

/// Addresses remembered for clients without a lease of ours.
const SPEAKERS_KEPT: usize = 4096;

/// Who has which address.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// By lease.
    leases: HashMap<Ipv4Addr, Mac>,
    leased_to: HashMap<Mac, Ipv4Addr>,
    /// By the names asked for, where no lease tells.
    speakers: HashMap<Ipv4Addr, Mac>,
}

impl Addresses {
    /// A phone has one lease; an address, one holder.
    pub(super) fn lease(&mut self, address: Ipv4Addr, mac: Mac) {
        if let Some(former) = self.leased_to.insert(mac, address) {
            self.leases.remove(&former);
        }
        if let Some(former) = self.leases.insert(address, mac).filter(|former| *former != mac) {
            self.leased_to.remove(&former);
        }
        self.speakers.remove(&address);
    }

    /// The address was given back.
    pub(super) fn free(&mut self, address: Ipv4Addr) {
        if let Some(mac) = self.leases.remove(&address) {
            self.leased_to.remove(&mac);
        }
    }

    /// Remembers who speaks from an address without a lease; a flood of them makes it forget, never grow.
    pub(super) fn spoke(&mut self, address: Ipv4Addr, mac: Mac) {
        if self.leases.contains_key(&address) {
            return;
        }
        if self.speakers.len() >= SPEAKERS_KEPT && !self.speakers.contains_key(&address) {
            self.speakers.clear();
        }
        self.speakers.insert(address, mac);
    }
}

/// Who a request comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Who {
    /// The phone, if nothing speaks against it.
    pub phone: Option<Mac>,
    /// Whose record a contradiction belongs in.
    pub concerns: Option<Mac>,
    /// Signals that disagree.
    pub doubt: Option<String>,
}

/// Merges the lease, the name asked for, the folder in the URL, and the User-Agent. The last can be configured,
/// so it tells only where nothing else does, and against nothing.
pub(super) fn who(state: &State, address: Ipv4Addr, asked: &Asked, path: &str, agent: Option<&str>) -> Who {
    let named = match asked {
        Asked::PhoneConfig { mac, .. } => Some(*mac),
        Asked::Profile { mac, .. } | Asked::License { mac, .. } | Asked::TrustList { mac } => *mac,
        _ => None,
    };
    let in_path = names::path_identity(path).map(|(mac, _)| mac);
    let in_agent = agent.and_then(client::user_agent).and_then(|signal| signal.mac);
    let leased = state.addresses.leases.get(&address).copied();
    let signals = [("its lease", leased), ("the file's name", named), ("the URL", in_path)];
    let told: Vec<(&str, Mac)> =
        signals.into_iter().filter_map(|(source, mac)| Some((source, mac?))).collect();
    let Some(&(source, mac)) = told.first() else {
        let phone = state.addresses.speakers.get(&address).copied().or(in_agent);
        return Who { phone, concerns: phone, doubt: None };
    };
    if let Some((other, stranger)) = told.iter().find(|(_, other)| *other != mac) {
        let doubt = format!("{address} is {mac} by {source} and {stranger} by {other}");
        return Who { phone: None, concerns: leased, doubt: Some(doubt) };
    }
    let elsewhere = state.addresses.leased_to.get(&mac).filter(|lease| **lease != address);
    if let (true, Some(lease)) = (state.rules.gives_leases, elsewhere) {
        let doubt = format!("{address} says by {source} that it is {mac}, which has the lease of {lease}");
        return Who { phone: None, concerns: Some(mac), doubt: Some(doubt) };
    }
    let doubt = in_agent
        .filter(|agent| *agent != mac)
        .map(|agent| format!("{address} is {mac} by {source} and {agent} by its User-Agent"));
    Who { phone: Some(mac), concerns: Some(mac), doubt }
}
