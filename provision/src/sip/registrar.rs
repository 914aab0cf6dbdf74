//! The registrar: registrations, answers to requests, and events for the bench.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use sha2::{Digest, Sha256};

use super::challenge::{Challenges, Statement};
use super::message::{Message, Start};
use super::notify::notify;
use super::phone::{PhoneDescription, said};
use super::registration::{agreed, port, reaches, way_back};
use super::reply::{ALLOW, reply};
use super::request::{Due, Sent};
use crate::journey::Restart;
use crate::mac::Mac;

/// Length of a registration in seconds, as with call managers.
const EXPIRES: u64 = 120;
/// Further time until a registration expires, in milliseconds, since the phone's clock differs.
const GRACE: u64 = 30_000;
/// Registrations at one time; more phones than on any bench.
const MOST: usize = 20_000;
/// The largest Call-ID and Contact accepted, in bytes.
const LONGEST: usize = 256;

/// The transport of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// A connection opened by the phone.
    Tcp,
    /// Datagrams.
    Udp,
}

impl Transport {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The other end of a conversation: a connection or an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// The phone's end.
    pub peer: SocketAddrV4,
}

/// The sender as the bench knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// The phone with the sender's address, if any.
    pub phone: Option<Mac>,
}

/// The evidence that a phone's message came from its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderProof {
    /// A datagram, which anybody may have sent.
    OneWay,
    /// A connection, or a datagram after which the phone repeated a secret.
    TwoWay,
}

/// A result of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send these bytes.
    Send(Flow, Vec<u8>),
    /// Tell the bench.
    Tell(RegistrarEvent),
    /// Too many challenges are pending: the address has to ask again or stays unverified.
    Full(Ipv4Addr),
}

/// An event for the bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrarEvent {
    /// The phone is registered, with its description. Repeated with every refresh and, for UDP, when it is verified.
    Registered(Mac, PhoneDescription, SenderProof),
    /// The phone is no longer registered.
    Gone(Mac),
    /// The phone's answer to a restart order; `None` for no answer.
    Answered(Mac, Option<(u16, String)>),
    /// A registration from this address was refused, for this reason.
    Refused(Ipv4Addr, Option<Mac>, String),
}

#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub(super) flow: Flow,
    pub(super) call_id: String,
    sequence: u32,
    pub(super) contact: String,
    until: u64,
    proof: SenderProof,
}

/// The registrar of one bench. Time is in milliseconds from any beginning.
#[derive(Debug)]
pub struct Registrar {
    own: SocketAddrV4,
    seed: u64,
    key: [u8; 32],
    count: u64,
    bindings: BTreeMap<Mac, Binding>,
    sent: Vec<Sent>,
    challenges: Challenges,
}

impl Registrar {
    /// A registrar that listens at `own`. `seed` makes its identifiers differ from those of earlier runs. `key` must
    /// be unknown to others: secrets are derived from it.
    pub fn new(own: SocketAddrV4, seed: u64, key: [u8; 32]) -> Self {
        let (bindings, challenges) = (BTreeMap::new(), Challenges::default());
        Self { own, seed, key, count: 0, bindings, sent: Vec::new(), challenges }
    }

    /// True if a phone is registered.
    pub fn has(&self, mac: Mac) -> bool {
        self.bindings.contains_key(&mac)
    }

    /// The number of registrations.
    pub fn len(&self) -> usize {
        self.bindings.len()
    }

    /// True without registrations.
    pub fn is_empty(&self) -> bool {
        self.bindings.is_empty()
    }

    /// Takes in a message from `flow`.
    pub fn receive(&mut self, message: &Message, flow: Flow, caller: Sender, now: u64) -> Vec<Action> {
        match &message.start {
            Start::Response { code, reason } => self.answered(message, flow, *code, reason),
            Start::Request { method, .. } => self.request(message, method, flow, caller, now),
        }
    }

    /// Ends the registrations of a closed connection.
    pub fn closed(&mut self, flow: Flow) -> Vec<Action> {
        let gone: Vec<Mac> =
            self.bindings.iter().filter(|(_, binding)| binding.flow == flow).map(|(mac, _)| *mac).collect();
        gone.into_iter().map(|mac| self.forget(mac)).collect()
    }

    /// Ends all registrations, because the listener closes.
    pub fn end(&mut self) -> Vec<Action> {
        self.sent.clear();
        self.challenges = Challenges::default();
        let gone: Vec<Mac> = self.bindings.keys().copied().collect();
        gone.into_iter().map(|mac| self.forget(mac)).collect()
    }

    /// Advances time: repeats requests, expires registrations, gives up on answers.
    pub fn tick(&mut self, now: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        let late: Vec<Mac> =
            self.bindings.iter().filter(|(_, binding)| binding.until <= now).map(|(mac, _)| *mac).collect();
        actions.extend(late.into_iter().map(|mac| self.forget(mac)));
        self.sent.retain_mut(|sent| match sent.due(now) {
            Due::Nothing => true,
            Due::Again => {
                actions.push(Action::Send(sent.flow, sent.bytes.clone()));
                true
            }
            Due::Over => {
                actions.push(Action::Tell(RegistrarEvent::Answered(sent.mac, None)));
                false
            }
        });
        actions.extend(self.challenges.due(now).into_iter().map(|(flow, bytes)| Action::Send(flow, bytes)));
        actions
    }

    /// Orders a registered phone to read its configuration again; `None` if it is not registered. A pending earlier
    /// order is forgotten.
    pub fn restart(&mut self, mac: Mac, how: Restart, now: u64) -> Option<Action> {
        let unique = self.unique();
        let binding = self.bindings.get(&mac)?;
        let flow = binding.flow;
        let notify = notify(how, &binding.contact, &binding.call_id, self.own, flow.transport, &unique);
        let call_id = notify.header("Call-ID").unwrap_or_default().to_owned();
        let sent = Sent::new(mac, flow, call_id, &notify, now);
        let bytes = sent.bytes.clone();
        self.sent.retain(|sent| sent.mac != mac);
        self.sent.push(sent);
        Some(Action::Send(flow, bytes))
    }

    fn unique(&mut self) -> String {
        self.count += 1;
        // The identifiers only need to differ; guessing them gains nothing.
        let mixed =
            (self.seed ^ self.count.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        format!("{mixed:016x}{:x}", self.count)
    }

    /// A secret that only its recipient can know.
    fn secret(&mut self) -> String {
        self.count += 1;
        let digest = Sha256::new().chain_update(self.key).chain_update(self.count.to_be_bytes()).finalize();
        digest.iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    fn forget(&mut self, mac: Mac) -> Action {
        self.bindings.remove(&mac);
        Action::Tell(RegistrarEvent::Gone(mac))
    }

    fn answered(&mut self, message: &Message, flow: Flow, code: u16, reason: &str) -> Vec<Action> {
        let call_id = message.header("Call-ID");
        let from_it =
            |sent: &Sent| Some(sent.call_id.as_str()) == call_id && sent.flow.peer.ip() == flow.peer.ip();
        if code < 200 {
            return Vec::new();
        }
        if let Some(Statement { mac, said, binding }) = self.challenges.answered(message, flow, code) {
            let binding = Binding { proof: SenderProof::TwoWay, ..binding };
            self.bindings.insert(mac, binding);
            return vec![Action::Tell(RegistrarEvent::Registered(mac, said, SenderProof::TwoWay))];
        }
        let Some(at) = self.sent.iter().position(from_it) else { return Vec::new() };
        let sent = self.sent.swap_remove(at);
        let reason = reason.chars().take(60).collect();
        vec![Action::Tell(RegistrarEvent::Answered(sent.mac, Some((code, reason))))]
    }

    fn request(
        &mut self,
        request: &Message,
        method: &str,
        flow: Flow,
        caller: Sender,
        now: u64,
    ) -> Vec<Action> {
        if method == "ACK" {
            return Vec::new();
        }
        let whole = ["Via", "From", "To", "Call-ID"].iter().all(|name| request.header(name).is_some())
            && request.sequence().is_some_and(|(_, named)| named == method);
        if !whole {
            return vec![self.answer(request, flow, 400, &[])];
        }
        match method {
            "REGISTER" => self.register(request, flow, caller, now),
            _ if caller.phone.is_none() => vec![self.answer(request, flow, 403, &[])],
            "REFER" => vec![self.answer(request, flow, 202, &[("Expires", "0")])],
            // There is nothing to subscribe to (RFC 6665 §4.2.1.3).
            "SUBSCRIBE" | "PUBLISH" => {
                vec![self.answer(request, flow, 489, &[("Allow-Events", "service-control")])]
            }
            "OPTIONS" => {
                let says =
                    [("Allow", ALLOW), ("Accept", "application/sdp"), ("Allow-Events", "service-control")];
                vec![self.answer(request, flow, 200, &says)]
            }
            "NOTIFY" => vec![self.answer(request, flow, 200, &[])],
            "INVITE" => {
                let why = [("Warning", "399 transload \"this phone is being migrated and takes no calls\"")];
                vec![self.answer(request, flow, 603, &why)]
            }
            "CANCEL" | "BYE" => vec![self.answer(request, flow, 481, &[])],
            _ => vec![self.answer(request, flow, 405, &[("Allow", ALLOW)])],
        }
    }

    fn register(&mut self, request: &Message, flow: Flow, caller: Sender, now: u64) -> Vec<Action> {
        let said = said(request);
        let peer = *flow.peer.ip();
        let mac = match agreed(&said, caller) {
            Ok(mac) => mac,
            Err(why) => {
                let refused = Action::Tell(RegistrarEvent::Refused(peer, caller.phone, why));
                return vec![self.answer(request, flow, 403, &[]), refused];
            }
        };
        let call_id = request.header("Call-ID").unwrap_or_default();
        let sequence = request.sequence().map_or(0, |(number, _)| number);
        let known = self.bindings.get(&mac).filter(|known| known.call_id == call_id);
        // RFC 3261 §10.3: within one Call-ID, a request with an older sequence is too late.
        if known.is_some_and(|known| sequence < known.sequence) {
            return vec![self.answer(request, flow, 500, &[])];
        }
        let leaves = request.header("Expires").map(str::trim) == Some("0")
            || request.header("Contact").is_some_and(|contact| {
                contact.trim() == "*" || contact.to_ascii_lowercase().contains(";expires=0")
            });
        if leaves {
            // A datagram may only end the registration whose Call-ID it knows, since others cannot have seen it.
            let may = flow.transport == Transport::Tcp || known.is_some();
            let gone = (may && self.bindings.contains_key(&mac)).then(|| self.forget(mac));
            return [self.answer(request, flow, 200, &[])].into_iter().chain(gone).collect();
        }
        let Some(contact) = said.contact.as_deref().filter(|uri| reaches(uri, peer)) else {
            return vec![self.answer(request, flow, 400, &[])];
        };
        if call_id.len() > LONGEST || contact.len() > LONGEST {
            return vec![self.answer(request, flow, 500, &[])];
        }
        if self.bindings.len() >= MOST && !self.bindings.contains_key(&mac) {
            return vec![self.answer(request, flow, 500, &[]), Action::Full(peer)];
        }
        let fresh = known.is_none();
        // Datagrams go to the Contact; a connection is its own way back.
        let (back, proof) = match flow.transport {
            Transport::Tcp => (flow, SenderProof::TwoWay),
            Transport::Udp => (
                Flow { peer: SocketAddrV4::new(peer, port(contact)), ..flow },
                known.map_or(SenderProof::OneWay, |known| known.proof),
            ),
        };
        let binding = Binding {
            flow: back,
            call_id: call_id.to_owned(),
            sequence,
            contact: contact.to_owned(),
            until: now + EXPIRES * 1000 + GRACE,
            proof,
        };
        let trying = reply(request, flow.peer, 100, "").encode();
        let mut actions =
            vec![Action::Send(way_back(request, flow), trying), self.accept(request, flow, fresh)];
        actions.extend(self.bind(Statement { mac, said, binding }, now));
        actions
    }

    /// Registers a phone, with the evidence so far.
    fn bind(&mut self, statement: Statement, now: u64) -> Vec<Action> {
        let Statement { mac, said, binding } = statement.clone();
        let address = *binding.flow.peer.ip();
        let told = |proof| Action::Tell(RegistrarEvent::Registered(mac, said, proof));
        if binding.flow.transport == Transport::Tcp {
            self.challenges.forget(address);
            self.bindings.insert(mac, binding);
            return vec![told(SenderProof::TwoWay)];
        }
        let known = self.bindings.get(&mac);
        // A phone with a connection uses it.
        let connected = known.is_some_and(|known| known.flow.transport == Transport::Tcp);
        // An unverified datagram does not replace a verified registration.
        let yields =
            known.is_none_or(|known| known.proof == SenderProof::OneWay || known.call_id == binding.call_id);
        if yields && !connected {
            self.bindings.insert(mac, binding);
        }
        let mut actions = vec![told(SenderProof::OneWay)];
        if !connected {
            let secret = self.secret();
            actions.extend(self.challenges.begin(statement, self.own, &secret, now));
        }
        actions
    }

    /// The answer of a call manager.
    fn accept(&mut self, request: &Message, flow: Flow, fresh: bool) -> Action {
        const CONTROL: &str = "application/x-cisco-remotecc-request+xml";
        let contact = request.header("Contact").unwrap_or_default();
        let newly = if fresh { ";x-cisco-newreg" } else { "" };
        let mut accepted = reply(request, flow.peer, 200, &self.unique());
        let contact = format!("{contact}{newly}");
        let expires = EXPIRES.to_string();
        for (name, value) in [
            ("Contact", contact.as_str()),
            ("Expires", &expires),
            ("Supported", "X-cisco-srtp-fallback,X-cisco-sis-8.0.0"),
        ] {
            accepted.headers.push((name.to_owned(), value.to_owned()));
        }
        let asks = request.body.windows(CONTROL.len()).any(|bytes| bytes == CONTROL.as_bytes())
            || request.header("Content-Type").is_some_and(|kind| kind.contains(CONTROL));
        if asks {
            let kind = "application/x-cisco-remotecc-response+xml";
            accepted.headers.push(("Content-Type".to_owned(), kind.to_owned()));
            accepted.body = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
                <x-cisco-remotecc-response><response><code>200</code>\
                <optionsind><service-control/></optionsind>\
                </response></x-cisco-remotecc-response>\r\n"
                .to_vec();
        }
        Action::Send(way_back(request, flow), accepted.encode())
    }

    fn answer(&mut self, request: &Message, flow: Flow, code: u16, more: &[(&str, &str)]) -> Action {
        let mut answer = reply(request, flow.peer, code, &self.unique());
        answer.headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Action::Send(way_back(request, flow), answer.encode())
    }
}
