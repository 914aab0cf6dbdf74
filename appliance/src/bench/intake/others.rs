//! Clients with a lease that are no phones: PCs that boot from the network, printers, laptops. They get an address
//! and the files for everybody. They have no journey, stage or hold.

use std::collections::BTreeMap;

use transload_provision::client;
use transload_provision::mac::Mac;
use transload_provision::names::Asked;
use transload_provision::text;
use transload_provision::time::Time;

use crate::bench::Bench;
use crate::bench::BenchState;
use crate::bench::intake::last_dhcp::STRANGERS_KEPT;
use crate::bench::views::phone::OtherClient;

/// The longest vendor class shown, in characters.
const CLASS_SHOWN: usize = 60;

/// True if this client counts as a phone. A Cisco address is enough while the client has sent no vendor class, since
/// DHCP may be unable to classify a phone. A client with another vendor class counts once it asks for a file that
/// only phones ask for.
pub(in crate::bench) fn counts_as_phone(
    state: &BenchState,
    mac: Mac,
    asked: &Asked,
    agent: Option<&str>,
) -> bool {
    is_known(state, mac)
        || may_be_phone(state, mac)
        || is_of_phones(asked)
        || agent.is_some_and(|agent| client::user_agent(agent).is_some())
}

/// True if the client is known or listed as a phone, or nothing contradicts that it is one.
pub(in crate::bench) fn is_known_or_may_be(state: &BenchState, mac: Mac) -> bool {
    is_known(state, mac) || may_be_phone(state, mac)
}

fn is_known(state: &BenchState, mac: Mac) -> bool {
    state.phones.contains_key(&mac) || state.roster.contains_key(&mac)
}

fn may_be_phone(state: &BenchState, mac: Mac) -> bool {
    let said = state.strangers.get(&mac).and_then(|last| last.vendor_class.as_ref());
    client::is_cisco_oui(mac.oui()) && said.is_none()
}

/// True for files that only phones of these series ask for. A profile named by its address alone may belong to any
/// maker.
fn is_of_phones(asked: &Asked) -> bool {
    match asked {
        Asked::PhoneConfig { .. }
        | Asked::DefaultConfig { .. }
        | Asked::Profile { psn: Some(_), .. }
        | Asked::License { mac: Some(_), .. }
        | Asked::Loads { .. }
        | Asked::Component { .. }
        | Asked::TrustList { .. } => true,
        Asked::Profile { psn: None, .. }
        | Asked::License { mac: None, .. }
        | Asked::Root
        | Asked::Other { .. }
        | Asked::Refused => false,
    }
}

impl Bench {
    /// Clients with a lease of ours that are no phones, by MAC.
    pub fn others(&self) -> Vec<OtherClient> {
        others(&self.state(), self.now())
    }
}

/// As [`Bench::others`]; at most [`STRANGERS_KEPT`].
pub(in crate::bench) fn others(state: &BenchState, now: Time) -> Vec<OtherClient> {
    if !state.rules.gives_leases {
        return Vec::new();
    }
    let leased = state.addresses.bound(now).filter(|(mac, _)| !is_known(state, *mac));
    let sorted: BTreeMap<_, _> = leased.collect();
    sorted
        .into_iter()
        .take(STRANGERS_KEPT)
        .map(|(mac, address)| {
            let last = state.strangers.get(&mac);
            let class = last.and_then(|last| last.vendor_class.as_deref());
            OtherClient {
                mac,
                address: Some(address),
                vendor_class: class.map(shown),
                last_seen: last.map(|last| last.seen),
            }
        })
        .collect()
}

/// True for a client that [`others`] lists.
pub(in crate::bench) fn is_other(state: &BenchState, mac: Mac, now: Time) -> bool {
    state.rules.gives_leases && !is_known(state, mac) && state.addresses.lease_of(mac, now).is_some()
}

fn shown(class: &[u8]) -> String {
    text::line(&String::from_utf8_lossy(class)).chars().take(CLASS_SHOWN).collect()
}

impl BenchState {
    /// Records a sign of life of a client that is no phone.
    pub(in crate::bench) fn hear_other(&mut self, mac: Mac, at: Time) {
        if let Some(last) = self.strangers.get_mut(&mac) {
            last.seen = at;
        }
    }

    /// Makes room for one more client that is no phone: clients without a lease give way first.
    pub(in crate::bench) fn make_room_for_stranger(&mut self, mac: Mac, now: Time) {
        if self.strangers.len() < STRANGERS_KEPT || self.strangers.contains_key(&mac) {
            return;
        }
        let addresses = &self.addresses;
        self.strangers.retain(|mac, _| addresses.lease_of(*mac, now).is_some());
        if self.strangers.len() >= STRANGERS_KEPT {
            self.strangers.clear();
        }
    }
}
