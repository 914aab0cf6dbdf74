//! Leases, as the table holds them and as the journal saves them.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::MacOctets;

/// The key of a lease: the client identifier if there is one, else the Ethernet address (RFC 2131 §4.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientKey {
    /// Option 61, all of it, uninterpreted.
    Id(Vec<u8>),
    /// `chaddr`.
    Mac(MacOctets),
}

/// The state of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseState {
    /// Leased until [`LeaseRecord::expires`]; afterwards kept for its client as long as nobody else needs it.
    Bound,
    /// Given back by its client, and kept for it likewise.
    Released,
    /// In use by another machine, as its client reported or a probe found. It is not leased until [`LeaseRecord::expires`].
    Declined,
}

/// The record of one address. The journal keeps the last record of each address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LeaseRecord {
    /// The address, the record's key.
    pub address: Ipv4Addr,
    /// The client's Ethernet address.
    pub mac: MacOctets,
    /// The client's identifier (option 61), 1 to 255 octets, where it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Vec<u8>>,
    /// The state of the address.
    pub state: LeaseState,
    /// When it was last granted, released or declined; milliseconds since the epoch.
    pub since: u64,
    /// When it ends; milliseconds since the epoch.
    pub expires: u64,
}

impl LeaseRecord {
    /// The key of the lease.
    pub fn key(&self) -> ClientKey {
        self.client_id.clone().map_or(ClientKey::Mac(self.mac), ClientKey::Id)
    }

    /// Whether a client may be using the address now.
    pub fn is_bound(&self, now: u64) -> bool {
        self.state == LeaseState::Bound && now < self.expires
    }
}
