//! A request to a phone, with its repetitions.

use std::net::SocketAddrV4;

use super::message::{Message, Start};
use super::registrar::{Flow, Transport};
use crate::mac::Mac;

/// RFC 3261 §17.1.1.1: T1 and T2 in milliseconds.
const T1: u64 = 500;
const T2: u64 = 4000;
/// RFC 3261 §17.1.2.2, timer F: the wait for an answer.
const PATIENCE: u64 = 64 * T1;

/// A request under way. Over UDP it is repeated until the phone answers.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// The phone.
    pub mac: Mac,
    /// The connection or address.
    pub flow: Flow,
    /// The request's own Call-ID.
    pub call_id: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    began: u64,
    next: Option<u64>,
    interval: u64,
}

/// The result of passing time.
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// Send again.
    Again,
    /// No answer will come.
    Over,
}

impl Sent {
    pub(super) fn new(mac: Mac, flow: Flow, call_id: String, request: &Message, now: u64) -> Self {
        // Only over UDP is a request repeated.
        let next = (flow.transport == Transport::Udp).then_some(now + T1);
        Self { mac, flow, call_id, bytes: request.encode(), began: now, next, interval: T1 }
    }

    pub(super) fn due(&mut self, now: u64) -> Due {
        if now >= self.began + PATIENCE {
            return Due::Over;
        }
        match self.next {
            Some(next) if now >= next => {
                self.interval = (2 * self.interval).min(T2);
                self.next = Some(now + self.interval);
                Due::Again
            }
            _ => Due::Nothing,
        }
    }
}

/// A request to the phone's Contact. The answer repeats `unique`.
pub(super) fn request(
    method: &str,
    contact: &str,
    own: SocketAddrV4,
    transport: Transport,
    (unique, tag): (&str, &str),
    more: &[(&str, &str)],
    body: Vec<u8>,
) -> Message {
    let protocol = transport.as_str();
    let headers = [
        ("Via", format!("SIP/2.0/{} {own};branch={}", protocol.to_ascii_uppercase(), branch(unique))),
        ("Max-Forwards", "70".to_owned()),
        ("From", format!("<sip:{}>;tag={tag}", own.ip())),
        ("To", format!("<{contact}>")),
        ("Call-ID", own_call_id(unique, own)),
        ("CSeq", format!("1 {method}")),
        ("Contact", format!("<sip:{own};transport={protocol}>")),
    ];
    let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Message {
        start: Start::Request { method: method.to_owned(), uri: contact.to_owned() },
        headers: headers.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value)).collect(),
        body,
    }
}

pub(super) fn branch(unique: &str) -> String {
    format!("z9hG4bK{unique}")
}

pub(super) fn own_call_id(unique: &str, own: SocketAddrV4) -> String {
    format!("{unique}@{}", own.ip())
}
