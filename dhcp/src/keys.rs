//! Finds a client's address by the key of its lease. Keys without a client identifier, which most clients have, are kept
//! apart, because they need a third of the memory.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::Ipv4Addr;

use crate::MacOctets;
use crate::lease::ClientKey;

/// The address of each client.
#[derive(Debug, Default)]
pub(crate) struct ByKey {
    ids: HashMap<Vec<u8>, Ipv4Addr>,
    macs: HashMap<MacOctets, Ipv4Addr>,
}

impl ByKey {
    pub(crate) fn get(&self, key: &ClientKey) -> Option<&Ipv4Addr> {
        match key {
            ClientKey::Id(id) => self.ids.get(id),
            ClientKey::Mac(mac) => self.macs.get(mac),
        }
    }

    pub(crate) fn insert(&mut self, key: ClientKey, address: Ipv4Addr) {
        match key {
            ClientKey::Id(id) => self.ids.insert(id, address),
            ClientKey::Mac(mac) => self.macs.insert(mac, address),
        };
    }

    /// Forgets the client, if this is still its address.
    pub(crate) fn remove_if(&mut self, key: &ClientKey, address: Ipv4Addr) {
        match key {
            ClientKey::Id(id) => remove_if(&mut self.ids, id, address),
            ClientKey::Mac(mac) => remove_if(&mut self.macs, mac, address),
        }
    }
}

/// Forgets the entry, if it still has this address.
pub(crate) fn remove_if<K, Q>(map: &mut HashMap<K, Ipv4Addr>, key: &Q, address: Ipv4Addr)
where
    K: Hash + Eq + Borrow<Q>,
    Q: Hash + Eq,
{
    if map.get(key) == Some(&address) {
        map.remove(key);
    }
}
