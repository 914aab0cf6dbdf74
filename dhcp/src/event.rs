//! What happened to each message, for whoever watches.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use crate::{Mac, MessageType};

/// One message and what came of it. Emitted once its answer may leave, so an acknowledged lease is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it was handled; milliseconds since the epoch.
    pub at: u64,
    /// The client.
    pub mac: Mac,
    /// What it sent.
    pub kind: MessageType,
    /// What came of it.
    pub outcome: Outcome,
    /// The address it is about, where it is about one.
    pub address: Option<Ipv4Addr>,
    /// Until when the client holds the address; milliseconds since the epoch. Set where a lease was acknowledged.
    pub lease_ends: Option<u64>,
    /// The name of the client's network, where one was found.
    pub network: Option<String>,
    /// The class the policy put it in.
    pub class: Option<String>,
    /// Option 60 without closing NULs.
    pub vendor_class: Option<Vec<u8>>,
    /// Option 55; empty where absent.
    pub request_list: Vec<u8>,
    /// Option 61.
    pub client_id: Option<Vec<u8>>,
    /// Option 12 without closing NULs.
    pub host_name: Option<Vec<u8>>,
    /// The relay it came through.
    pub relay: Option<Ipv4Addr>,
    /// Options that found no room in the answer.
    pub left_out: Vec<u8>,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// DHCPOFFER.
    Offered,
    /// DHCPACK with a lease.
    Acknowledged,
    /// DHCPACK to an INFORM.
    Informed,
    /// DHCPNAK, and why.
    Refused(Cow<'static, str>),
    /// The client gave its address back.
    Released,
    /// The client found somebody else using the address; it is set aside.
    Declined,
    /// Before the address was offered, this machine was found to use it; it is set aside.
    Conflict(Mac),
    /// The client took another server's offer. Unless that one is known, it is a foreign server.
    ChoseOther(Ipv4Addr),
    /// No answer, and why.
    Ignored(Cow<'static, str>),
    /// No answer, because the lease could not be saved.
    NotSaved(String),
}

impl Outcome {
    /// Whether the client is answered.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Offered | Self::Acknowledged | Self::Informed | Self::Refused(_))
    }
}
