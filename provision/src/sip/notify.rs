//! Telling a phone to restart: a NOTIFY within its registration (cisco-phones §13), and its way there and back.

use std::net::SocketAddrV4;

use super::message::{Message, Start};
use super::registrar::{Flow, Transport};
use crate::journey::Restart;
use crate::mac::Mac;

/// RFC 3261 §17.1.1.1: T1 and T2 in milliseconds.
const T1: u64 = 500;
const T2: u64 = 4000;
/// RFC 3261 §17.1.2.2, timer F: no answer after so long is none.
const PATIENCE: u64 = 64 * T1;

/// One NOTIFY on its way.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// To whom.
    pub mac: Mac,
    /// Where.
    pub flow: Flow,
    /// Its own Call-ID.
    pub call_id: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    began: u64,
    next: Option<u64>,
    interval: u64,
}

/// What time brings.
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// To be sent again.
    Again,
    /// There will be no answer.
    Over,
}

impl Sent {
    pub(super) fn new(mac: Mac, flow: Flow, call_id: String, notify: &Message, now: u64) -> Self {
        // Only over UDP is a request repeated.
        let next = (flow.transport == Transport::Udp).then_some(now + T1);
        Self { mac, flow, call_id, bytes: notify.encode(), began: now, next, interval: T1 }
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

/// The request. `register` is the Call-ID of the phone's own REGISTER, which it compares.
pub(super) fn notify(
    how: Restart,
    contact: &str,
    register: &str,
    own: SocketAddrV4,
    transport: Transport,
    unique: &str,
) -> Message {
    const NONE: &str = "{0000000000000000}";
    let body = format!(
        "action={}\r\nRegisterCallId={{{register}}}\r\nConfigVersionStamp={NONE}\r\n\
         DialplanVersionStamp={NONE}\r\nSoftkeyVersionStamp={NONE}\r\nFeatureControlVersionStamp={NONE}\r\n",
        how.as_str()
    );
    let protocol = transport.as_str();
    let (upper, lower) = (protocol.to_ascii_uppercase(), protocol);
    let headers = [
        ("Via", format!("SIP/2.0/{upper} {own};branch=z9hG4bK{unique}")),
        ("Max-Forwards", "70".to_owned()),
        ("From", format!("<sip:{}>;tag={unique}", own.ip())),
        ("To", format!("<{contact}>")),
        ("Call-ID", format!("{unique}@{}", own.ip())),
        ("CSeq", "1 NOTIFY".to_owned()),
        ("Contact", format!("<sip:{own};transport={lower}>")),
        ("Event", "service-control".to_owned()),
        ("Subscription-State", "active".to_owned()),
        ("Content-Type", "text/plain".to_owned()),
    ];
    Message {
        start: Start::Request { method: "NOTIFY".to_owned(), uri: contact.to_owned() },
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        body: body.into_bytes(),
    }
}
