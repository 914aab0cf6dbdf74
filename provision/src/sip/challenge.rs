//! Verifies a registration by UDP: the registrar asks (OPTIONS) at the given Contact, and the phone has to repeat a
//! secret. A phone answers 404 to an unknown Contact, so a forged registration is not verified.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::message::Message;
use super::phone::PhoneDescription;
use super::registrar::{Action, Binding, Flow, Transport};
use super::request::{Due, Sent, branch, own_call_id, request};
use crate::mac::Mac;

/// Phones that are asked at one time.
const MOST: usize = 1024;
/// Time during which contradictory registrations are not verified, in milliseconds.
const CONTESTED: u64 = 32_000;

/// A registration and the Contact of its phone.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) mac: Mac,
    pub(super) said: PhoneDescription,
    pub(super) binding: Binding,
}

impl Statement {
    fn is_repeated_by(&self, other: &Self) -> bool {
        self.said == other.said
            && self.binding.call_id == other.binding.call_id
            && self.binding.contact == other.binding.contact
    }
}

#[derive(Debug)]
enum Challenge {
    /// The phone was asked and has not answered.
    Asked { statement: Box<Statement>, secret: String, sent: Sent },
    /// Two registrations came from the address at one time.
    Contested { call_id: String, until: u64 },
}

/// Pending challenges, one per address.
#[derive(Debug, Default)]
pub(super) struct Challenges(BTreeMap<Ipv4Addr, Challenge>);

impl Challenges {
    /// Asks a phone about a registration. If a challenge for another registration is pending, neither is verified.
    pub(super) fn begin(
        &mut self,
        statement: Statement,
        own: SocketAddrV4,
        secret: &str,
        now: u64,
    ) -> Option<Action> {
        let (flow, call_id) = (statement.binding.flow, statement.binding.call_id.clone());
        let address = *flow.peer.ip();
        let full = self.0.len() >= MOST;
        match self.0.get_mut(&address) {
            // A repeated registration is covered by the pending challenge.
            Some(Challenge::Asked { statement: known, .. }) if known.is_repeated_by(&statement) => {
                known.binding = statement.binding;
                return None;
            }
            // A changed registration is asked about anew.
            Some(Challenge::Asked { statement: known, .. }) if known.binding.call_id == call_id => {}
            Some(Challenge::Contested { call_id: known, .. }) if *known == call_id => return None,
            Some(challenge) => {
                *challenge = Challenge::Contested { call_id, until: now + CONTESTED };
                return None;
            }
            None if full => return Some(Action::Full(address)),
            None => {}
        }
        let options = options(&statement.binding.contact, own, secret);
        let sent = Sent::new(statement.mac, flow, own_call_id(secret, own), &options, now);
        let bytes = sent.bytes.clone();
        let statement = Box::new(statement);
        self.0.insert(address, Challenge::Asked { statement, secret: secret.to_owned(), sent });
        Some(Action::Send(flow, bytes))
    }

    /// The registration that a response verifies, if it answers a challenge.
    pub(super) fn answered(&mut self, message: &Message, flow: Flow, code: u16) -> Option<Statement> {
        let address = *flow.peer.ip();
        let Some(Challenge::Asked { secret, sent, .. }) = self.0.get(&address) else { return None };
        let via = message.header("Via").unwrap_or_default();
        let repeated = flow.transport == Transport::Udp
            && message.header("Call-ID") == Some(&sent.call_id)
            && message.sequence() == Some((1, "OPTIONS"))
            && via.split([';', ',']).any(|part| part.trim() == format!("branch={}", branch(secret)));
        if !repeated {
            return None;
        }
        match self.0.remove(&address) {
            Some(Challenge::Asked { statement, .. }) if code < 300 => Some(*statement),
            _ => None,
        }
    }

    /// Challenges to send again. Expired ones are dropped.
    pub(super) fn due(&mut self, now: u64) -> Vec<(Flow, Vec<u8>)> {
        let mut again = Vec::new();
        self.0.retain(|_, challenge| match challenge {
            Challenge::Contested { until, .. } => *until > now,
            Challenge::Asked { sent, .. } => match sent.due(now) {
                Due::Nothing => true,
                Due::Again => {
                    again.push((sent.flow, sent.bytes.clone()));
                    true
                }
                Due::Over => false,
            },
        });
        again
    }

    /// Drops the challenge of an address.
    pub(super) fn forget(&mut self, address: Ipv4Addr) {
        self.0.remove(&address);
    }
}

/// The OPTIONS request.
fn options(contact: &str, own: SocketAddrV4, secret: &str) -> Message {
    let tag = &secret[..secret.len().min(16)];
    request(
        "OPTIONS",
        contact,
        own,
        Transport::Udp,
        (secret, tag),
        &[("Accept", "application/sdp")],
        Vec::new(),
    )
}
