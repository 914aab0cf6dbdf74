//! What comes of asking a segment for an address.

use std::net::Ipv4Addr;

use super::{Decision, Engine};
use crate::event::{Event, Outcome};
use crate::lease::{LeaseRecord, LeaseState};
use crate::{Mac, MessageType};

impl Engine {
    /// Takes in who answered for an address that a decision wanted asked for. `None` lets that decision's reply leave.
    /// Otherwise the address is set aside: carry out what is returned, drop the reply, and handle the client's message
    /// again for another address.
    pub fn probed(&mut self, now: u64, address: Ipv4Addr, answer: Option<Mac>) -> Option<Decision> {
        let table = self.tables.iter_mut().find(|table| table.network.contains(address))?;
        let client = table.offered_to(address).map(|client| client.mac);
        let leased = table.record(address).is_some_and(|(record, _)| record.is_bound(now));
        // The client itself may still answer for an address it had elsewhere. And a lease is never taken back.
        let Some(user) = answer.filter(|user| client != Some(*user) && !leased) else {
            table.tried(address);
            return None;
        };
        let record = LeaseRecord {
            address,
            mac: user,
            client_id: None,
            state: LeaseState::Declined,
            since: now,
            expires: now.saturating_add(self.config.decline_hold),
        };
        let event = Event {
            at: now,
            mac: client.unwrap_or(user),
            kind: MessageType::Discover,
            outcome: Outcome::Conflict(user),
            address: Some(address),
            lease_ends: None,
            network: Some(table.network.name.clone()),
            class: None,
            vendor_class: None,
            request_list: Vec::new(),
            client_id: None,
            host_name: None,
            relay: None,
            left_out: Vec::new(),
        };
        let mut decision = Decision { writes: Vec::new(), after: 0, reply: None, event, probe: None };
        self.write(record, &mut decision);
        Some(decision)
    }
}
