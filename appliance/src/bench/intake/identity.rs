//! Maps an address to the phone that holds its lease ("no lease, no facts"). If another DHCP server gives the leases,
//! its feed counts, and on our own segment the neighbor table. A request from any other address starts no journey,
//! gets no license and no load, and is no evidence.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use transload_provision::client;
use transload_provision::mac::Mac;
use transload_provision::names::{self, Asked};
use transload_provision::time::Time;

use crate::bench::BenchState;

/// Leases of other servers that are remembered. An expired lease gives way first, then the lease that ends first.
const OTHERS_KEPT: usize = 65_536;

/// Leases by address and by MAC.
#[derive(Debug, Default)]
pub(in crate::bench) struct Addresses {
    leases: HashMap<Ipv4Addr, AddressLease>,
    leased_to: HashMap<Mac, Ipv4Addr>,
}

#[derive(Debug, Clone, Copy)]
struct AddressLease {
    mac: Mac,
    until: Time,
}

impl Addresses {
    /// Records a lease; a phone has one lease, an address one holder.
    pub(in crate::bench) fn lease(&mut self, address: Ipv4Addr, mac: Mac, until: Time) {
        if let Some(former) = self.leased_to.insert(mac, address).filter(|former| *former != address) {
            self.leases.remove(&former);
        }
        let former = self.leases.insert(address, AddressLease { mac, until });
        if let Some(former) = former.filter(|former| former.mac != mac) {
            self.leased_to.remove(&former.mac);
        }
    }

    /// Records a lease of another server, which may end without notice.
    pub(in crate::bench) fn lease_elsewhere(&mut self, address: Ipv4Addr, mac: Mac, until: Time) {
        if self.leases.len() >= OTHERS_KEPT && !self.leases.contains_key(&address) {
            let oldest = self.leases.iter().min_by_key(|(_, lease)| lease.until).map(|(address, _)| *address);
            if let Some(oldest) = oldest {
                self.free(oldest);
            }
        }
        self.lease(address, mac, until);
    }

    /// The holder of an address.
    pub(in crate::bench) fn leaseholder(&self, address: Ipv4Addr, now: Time) -> Option<Mac> {
        self.leases.get(&address).filter(|lease| lease.until > now).map(|lease| lease.mac)
    }

    /// The address of a client's lease, if the lease is valid at `now`.
    pub(in crate::bench) fn lease_of(&self, mac: Mac, now: Time) -> Option<Ipv4Addr> {
        self.leased_to.get(&mac).copied().filter(|address| self.leaseholder(*address, now) == Some(mac))
    }

    /// The address of a client's latest lease.
    pub(in crate::bench) fn leased_to(&self, mac: Mac) -> Option<Ipv4Addr> {
        self.leased_to.get(&mac).copied()
    }

    /// Clients with a valid lease, and their addresses.
    pub(in crate::bench) fn bound(&self, now: Time) -> impl Iterator<Item = (Mac, Ipv4Addr)> + '_ {
        let bound = self.leases.iter().filter(move |(_, lease)| lease.until > now);
        bound.map(|(address, lease)| (lease.mac, *address))
    }

    /// Frees a released or declined address.
    pub(in crate::bench) fn free(&mut self, address: Ipv4Addr) {
        if let Some(lease) = self.leases.remove(&address) {
            self.leased_to.remove(&lease.mac);
        }
    }
}

/// The phone at an address. `neighbor` is the neighbor table's answer on our segment; it counts only if another
/// server gives the leases and its feed has no lease for the address.
pub(in crate::bench) fn holder(
    state: &BenchState,
    address: Ipv4Addr,
    neighbor: Option<Mac>,
    now: Time,
) -> Option<Mac> {
    let leased = state.addresses.leaseholder(address, now);
    if leased.is_some() || state.rules.gives_leases {
        return leased;
    }
    // The neighbor table also names machines that are no phones.
    let phone = |mac: &Mac| {
        state.phones.contains_key(mac) || state.roster.contains_key(mac) || client::is_cisco_oui(mac.oui())
    };
    let elsewhere = |mac: &Mac| state.addresses.lease_of(*mac, now).is_some_and(|lease| lease != address);
    neighbor.filter(phone).filter(|mac| !elsewhere(mac))
}

/// The requester of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::bench) struct Requester {
    /// The phone, unless signals contradict each other.
    pub phone: Option<Mac>,
    /// The phone named by the request.
    pub named: Option<Mac>,
    /// The phone whose journey records a contradiction.
    pub concerns: Option<Mac>,
    /// The contradiction, in words.
    pub doubt: Option<String>,
}

/// Compares the leaseholder with the file name, the folder of the URL, and the User-Agent, which a user can
/// configure.
pub(in crate::bench) fn requester(
    state: &BenchState,
    address: Ipv4Addr,
    asked: &Asked,
    path: &str,
    agent: Option<&str>,
    neighbor: Option<Mac>,
    now: Time,
) -> Requester {
    let named = match asked {
        Asked::PhoneConfig { mac, .. } => Some(*mac),
        Asked::Profile { mac, .. } | Asked::License { mac, .. } | Asked::TrustList { mac } => *mac,
        _ => None,
    };
    let in_path = names::path_identity(path).map(|(mac, _)| mac);
    let named_by = [("the file's name", named), ("the URL", in_path)];
    let named = named.or(in_path);
    let in_agent = agent.and_then(client::user_agent).and_then(|signal| signal.mac);
    let Some(mac) = holder(state, address, neighbor, now) else {
        return Requester { named: named.or(in_agent), ..Requester::default() };
    };
    let other =
        named_by.into_iter().find_map(|(source, named)| Some((source, named.filter(|it| *it != mac)?)));
    if let Some((source, other)) = other {
        let doubt = Some(format!("{address} is {mac} by its lease and {other} by {source}"));
        return Requester { phone: None, named, concerns: Some(mac), doubt };
    }
    let doubt = in_agent
        .filter(|agent| *agent != mac)
        .map(|agent| format!("{address} is {mac} by its lease and {agent} by its User-Agent"));
    Requester { phone: Some(mac), named, concerns: Some(mac), doubt }
}
