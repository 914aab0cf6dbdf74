//! Requests from addresses without a lease: they are not answered, but shown.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use transload_provision::mac::Mac;
use transload_provision::time::Time;

use crate::bench::Bench;
use crate::system::error::Trouble;

/// Addresses remembered; the oldest request gives way.
const KEPT: usize = 64;
/// Addresses shown.
const SHOWN: usize = 4;
/// Age at which a request is no longer shown.
const AGE: std::time::Duration = std::time::Duration::from_secs(3600);

/// The latest request of each address without a lease.
#[derive(Debug, Default)]
pub(in crate::bench) struct Unleased {
    by_address: BTreeMap<Ipv4Addr, Unanswered>,
}

#[derive(Debug, Clone)]
struct Unanswered {
    at: Time,
    name: String,
    named: Option<Mac>,
}

impl Unleased {
    /// Remembers a request. Returns true if the address has not asked lately.
    pub(in crate::bench) fn note(
        &mut self,
        address: Ipv4Addr,
        name: &str,
        named: Option<Mac>,
        at: Time,
    ) -> bool {
        let fresh = self.by_address.get(&address).is_none_or(|known| at - known.at >= AGE);
        if fresh && self.by_address.len() >= KEPT {
            let oldest =
                self.by_address.iter().min_by_key(|(_, asked)| asked.at).map(|(address, _)| *address);
            oldest.and_then(|oldest| self.by_address.remove(&oldest));
        }
        self.by_address.insert(address, Unanswered { at, name: name.to_owned(), named });
        fresh
    }

    /// The latest request in this phone's name from an address without its lease.
    pub(in crate::bench) fn told_of(&self, mac: Mac, now: Time) -> Option<(Time, String)> {
        let address = self.asked_as(mac, now)?;
        let asked = &self.by_address[&address];
        let what = format!("{address} asked for {} and has no lease from here", asked.name);
        Some((asked.at, what))
    }

    /// The address that asked for this phone's files.
    pub(in crate::bench) fn asked_as(&self, mac: Mac, now: Time) -> Option<Ipv4Addr> {
        let named = |asked: &Unanswered| asked.named == Some(mac) && now - asked.at < AGE;
        self.by_address.iter().find(|(_, asked)| named(asked)).map(|(address, _)| *address)
    }
}

impl Bench {
    /// Notices about requests from addresses without a lease.
    pub fn unleased(&self) -> Vec<Trouble> {
        let (state, now) = (self.state(), self.now());
        let mut asked: Vec<_> =
            state.unleased.by_address.iter().filter(|(_, asked)| now - asked.at < AGE).collect();
        asked.sort_by_key(|(_, asked)| std::cmp::Reverse(asked.at));
        let cure = if state.rules.gives_leases {
            "set the phone to DHCP"
        } else {
            "let the DHCP server tell its leases (the Kea hook, or the dnsmasq script)"
        };
        let told = asked.iter().take(SHOWN).map(|(address, asked)| Trouble {
            what: "no-lease",
            cause: format!("{address} asked for {} and has no lease from here", asked.name),
            cure: cure.to_owned(),
        });
        told.collect()
    }
}
