//! Who asks: signals merged, contradictions recorded, nothing guessed.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use transload_provision::client;
use transload_provision::mac::Mac;
use transload_provision::names::{self, Asked};
use transload_provision::time::Time;

use super::State;

/// Addresses remembered for clients without a lease of ours.
const SPEAKERS_KEPT: usize = 4096;
/// How long an address is taken for that of the phone that named itself from there: longer than the longest fetch of
/// one file, and no longer than DHCP servers commonly wait before they give an address to somebody else.
const SPEAKER_KEPT: Duration = Duration::from_secs(3600);

/// Who has which address.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// By lease.
    leases: HashMap<Ipv4Addr, Mac>,
    leased_to: HashMap<Mac, Ipv4Addr>,
    /// When leases end of which another server told.
    until: HashMap<Ipv4Addr, Time>,
    /// By the names asked for, where no lease tells, and when they were.
    speakers: HashMap<Ipv4Addr, (Mac, Time)>,
}

impl Addresses {
    /// A phone has one lease; an address, one holder.
    pub(super) fn lease(&mut self, address: Ipv4Addr, mac: Mac) {
        if let Some(former) = self.leased_to.insert(mac, address) {
            self.leases.remove(&former);
            self.until.remove(&former);
        }
        if let Some(former) = self.leases.insert(address, mac).filter(|former| *former != mac) {
            self.leased_to.remove(&former);
        }
        self.until.remove(&address);
        self.speakers.remove(&address);
    }

    /// A lease of another server's, which may end without a word.
    pub(super) fn lease_until(&mut self, address: Ipv4Addr, mac: Mac, until: Time) {
        if self.until.len() >= SPEAKERS_KEPT && !self.until.contains_key(&address) {
            // Ended ones go; where there are none, one that will be told of again.
            let oldest = self.until.iter().min_by_key(|(_, until)| **until).map(|(address, _)| *address);
            if let Some(oldest) = oldest {
                self.free(oldest);
            }
        }
        self.lease(address, mac);
        self.until.insert(address, until);
    }

    /// Who has the lease of an address.
    pub(super) fn leaseholder(&self, address: Ipv4Addr, now: Time) -> Option<Mac> {
        let ended = self.until.get(&address).is_some_and(|until| *until <= now);
        self.leases.get(&address).copied().filter(|_| !ended)
    }

    /// The address of a client's lease.
    pub(super) fn leased_to(&self, mac: Mac) -> Option<Ipv4Addr> {
        self.leased_to.get(&mac).copied()
    }

    /// The address was given back.
    pub(super) fn free(&mut self, address: Ipv4Addr) {
        self.until.remove(&address);
        if let Some(mac) = self.leases.remove(&address) {
            self.leased_to.remove(&mac);
        }
    }

    /// The address that a phone has a lease of.
    pub(super) fn lease_of(&self, mac: Mac) -> Option<Ipv4Addr> {
        self.leased_to.get(&mac).copied()
    }

    /// Remembers who speaks from an address without a lease; a flood of them makes it forget, never grow.
    pub(super) fn spoke(&mut self, address: Ipv4Addr, mac: Mac, now: Time) {
        if self.leases.contains_key(&address) {
            return;
        }
        if self.speakers.len() >= SPEAKERS_KEPT && !self.speakers.contains_key(&address) {
            self.speakers.clear();
        }
        self.speakers.insert(address, (mac, now));
    }

    /// Who spoke last from an address, unless another phone may have it by now.
    fn speaker(&self, address: Ipv4Addr, now: Time) -> Option<Mac> {
        self.speakers.get(&address).filter(|(_, at)| now - *at < SPEAKER_KEPT).map(|(mac, _)| *mac)
    }
}

/// The phone that has an address: by its lease, by what it asked for from there, or, where another server gives the
/// leases, because it was there before and says that it still is.
pub(super) fn holder(state: &State, address: Ipv4Addr, named: Option<Mac>, now: Time) -> Option<Mac> {
    let was_there = |mac: &Mac| {
        !state.rules.gives_leases
            && state.phones.get(mac).is_some_and(|phone| phone.journey.address == Some(address))
    };
    let leased = state.addresses.leaseholder(address, now);
    let spoke = || state.addresses.speaker(address, now);
    let mac = leased.or_else(spoke).or_else(|| named.filter(was_there))?;
    let elsewhere = state.addresses.leased_to.get(&mac).is_some_and(|lease| *lease != address);
    let known = state.phones.contains_key(&mac);
    (known && !(state.rules.gives_leases && elsewhere)).then_some(mac)
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

/// Merges the lease, the name asked for and the folder in the URL. Where none of them tells, the box's own neighbor table
/// does, and else what was asked for earlier from the same address, and the User-Agent, which can be configured.
pub(super) fn who(
    state: &State,
    address: Ipv4Addr,
    asked: &Asked,
    path: &str,
    agent: Option<&str>,
    neighbor: Option<Mac>,
    now: Time,
) -> Who {
    let named = match asked {
        Asked::PhoneConfig { mac, .. } => Some(*mac),
        Asked::Profile { mac, .. } | Asked::License { mac, .. } | Asked::TrustList { mac } => *mac,
        _ => None,
    };
    let in_path = names::path_identity(path).map(|(mac, _)| mac);
    let in_agent = agent.and_then(client::user_agent).and_then(|signal| signal.mac);
    let leased = state.addresses.leaseholder(address, now);
    let speaker = state.addresses.speaker(address, now);
    let strong = [("its lease", leased), ("the file's name", named), ("the URL", in_path)];
    // Of machines that are no phones nothing is to be written down.
    let neighbor = neighbor.filter(|mac| {
        state.phones.contains_key(mac) || state.roster.contains_key(mac) || client::is_cisco_oui(mac.oui())
    });
    let near = [("its Ethernet address", neighbor)];
    let weak = [("an earlier request", speaker), ("its User-Agent", in_agent)];
    let ranks: [&[(&str, Option<Mac>)]; 3] = [&strong, &near, &weak];
    let signals = ranks.into_iter().find(|rank| rank.iter().any(|(_, mac)| mac.is_some())).unwrap_or(&weak);
    let told: Vec<(&str, Mac)> =
        signals.iter().filter_map(|(source, mac)| Some((*source, (*mac)?))).collect();
    let Some(&(source, mac)) = told.first() else {
        return Who::default();
    };
    if let Some((other, stranger)) = told.iter().find(|(_, other)| *other != mac) {
        let doubt = format!("{address} is {mac} by {source} and {stranger} by {other}");
        return Who { phone: None, concerns: leased.or(speaker), doubt: Some(doubt) };
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
