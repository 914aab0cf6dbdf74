//! Keeps the outcome of each client's last DHCP message, for the technician.

use std::fmt::Write;
use std::net::Ipv4Addr;

use transload_dhcp::MessageType;
use transload_dhcp::destination::Destination;
use transload_dhcp::event::{DhcpEvent, DhcpOutcome};
use transload_dhcp::packet::Ignored;
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use crate::bench::BenchState;

/// Clients besides phones whose last DHCP message is kept.
pub(in crate::bench) const STRANGERS_KEPT: usize = 1024;
/// Untaken offers in a row after which the client probably does not receive them.
const UNHEARD: u32 = 4;

/// The outcome of a client's last DHCP message.
#[derive(Debug, Clone)]
pub(in crate::bench) struct LastDhcp {
    pub(in crate::bench) at: Time,
    /// Time of the client's last sign of life, DHCP or other.
    pub(in crate::bench) seen: Time,
    kind: MessageType,
    outcome: DhcpOutcome,
    address: Option<Ipv4Addr>,
    sent_to: Option<Destination>,
    ignored: Vec<Ignored>,
    /// Untaken offers in a row, this one included.
    offers: u32,
    pub(in crate::bench) vendor_class: Option<Vec<u8>>,
    pub(in crate::bench) request_list: Vec<u8>,
}

impl LastDhcp {
    /// Builds the outcome; `before` is that of the client's previous message.
    fn of(event: &DhcpEvent, before: Option<&Self>) -> Self {
        let offered = event.outcome == DhcpOutcome::Offered;
        let offers = before.map_or(0, |before| before.offers);
        Self {
            at: Time(event.at),
            seen: Time(event.at),
            kind: event.kind,
            outcome: event.outcome.clone(),
            address: event.address,
            sent_to: event.sent_to,
            ignored: event.ignored.clone(),
            offers: if offered { offers.saturating_add(1) } else { 0 },
            vendor_class: event.vendor_class.clone(),
            request_list: event.request_list.clone(),
        }
    }

    /// The outcome as text for the technician.
    pub(in crate::bench) fn shown(&self, now: Time) -> String {
        let address = self.address.map_or_else(|| "no address".to_owned(), |address| address.to_string());
        let came = match &self.outcome {
            DhcpOutcome::Offered => format!("{address} was offered"),
            DhcpOutcome::Acknowledged => format!("{address} was given"),
            DhcpOutcome::Informed => "options were given, without a lease".to_owned(),
            DhcpOutcome::Refused(why) => format!("{address} was refused: {why}"),
            DhcpOutcome::Released => format!("{address} was given back"),
            DhcpOutcome::Declined => format!("{address} was declined: another machine uses it"),
            DhcpOutcome::Conflict(user) => {
                format!("{address} was not offered: {} uses it", Mac(*user).colons())
            }
            DhcpOutcome::ChoseOther(other) => format!("it took the offer of another server, {other}"),
            DhcpOutcome::Ignored(why) => format!("no answer: {why}"),
            DhcpOutcome::Unserved(why) => format!("no answer: {why}"),
            DhcpOutcome::NotSaved(why) => format!("no answer, because the lease could not be saved: {why}"),
        };
        let kind = match self.kind {
            MessageType::Unknown(_) => "a message".to_owned(),
            kind => format!("{kind:?}"),
        };
        let mut text = format!("{kind} {} s ago: {came}", (now - self.at).as_secs());
        if let Some(sent_to) = self.sent_to {
            _ = write!(text, ", {}", way(sent_to));
        }
        if !self.ignored.is_empty() {
            let flaws: Vec<String> = self.ignored.iter().take(8).map(ToString::to_string).collect();
            _ = write!(text, "; read as absent: {}", flaws.join(", "));
        }
        if self.offers >= UNHEARD {
            _ = write!(
                text,
                "; it took none of the last {} offers, so they may not reach it; on a switch with DHCP snooping, trust the \
                 port of this bench (ip dhcp snooping trust)",
                self.offers
            );
        }
        text
    }
}

/// The path of an answer, in words.
fn way(to: Destination) -> String {
    match to {
        Destination::Relay(relay) => format!("through its relay {relay}"),
        Destination::Client(address) => format!("sent to {address}"),
        Destination::Hardware(_, mac) => format!("sent to its Ethernet address {}", Mac(mac).colons()),
        Destination::Broadcast => "by broadcast".to_owned(),
    }
}

impl BenchState {
    /// Keeps the outcome of a message. Clients that are neither listed nor phones share a bounded table.
    pub(in crate::bench) fn remember(&mut self, mac: Mac, event: &DhcpEvent) {
        if let Some(phone) = self.phones.get_mut(&mac) {
            let last = LastDhcp::of(event, phone.last_dhcp.as_deref());
            // The journey already has the vendor class and the request list.
            phone.last_dhcp =
                Some(Box::new(LastDhcp { vendor_class: None, request_list: Vec::new(), ..last }));
            self.strangers.remove(&mac);
            return;
        }
        let last = LastDhcp::of(event, self.last_dhcp(mac));
        if self.roster.contains_key(&mac) {
            self.listed_dhcp.insert(mac, last);
            return;
        }
        self.make_room_for_stranger(mac, Time(event.at));
        self.strangers.insert(mac, last);
    }

    /// The outcome of a client's last DHCP message since the program started.
    pub(in crate::bench) fn last_dhcp(&self, mac: Mac) -> Option<&LastDhcp> {
        match self.phones.get(&mac) {
            Some(phone) => phone.last_dhcp.as_deref(),
            None => self.listed_dhcp.get(&mac).or_else(|| self.strangers.get(&mac)),
        }
    }
}
