//! Reports of handled messages, for an observer.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use crate::destination::Destination;
use crate::packet::{Ignored, MalformedMessage};
use crate::{MacOctets, MessageType};

/// A message and its outcome. It is emitted when the answer may leave, so an acknowledged lease is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpEvent {
    /// When it was handled; milliseconds since the epoch.
    pub at: u64,
    /// The client.
    pub mac: MacOctets,
    /// The message type; 0 if it cannot be read.
    pub kind: MessageType,
    /// The outcome.
    pub outcome: DhcpOutcome,
    /// The address that the message is about, if any.
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
    /// Options of the message that were read as absent, because they cannot be used.
    pub ignored: Vec<Ignored>,
    /// Where the answer goes.
    pub sent_to: Option<Destination>,
}

impl DhcpEvent {
    /// About a datagram of a client that is no DHCP message.
    pub fn unread(at: u64, mac: MacOctets, cause: MalformedMessage) -> Self {
        Self::new(at, mac, MessageType::from(0), DhcpOutcome::Unserved(Unserved::MalformedMessage(cause)))
    }

    /// About a message of which nothing but its client is known yet.
    pub(crate) fn new(at: u64, mac: MacOctets, kind: MessageType, outcome: DhcpOutcome) -> Self {
        Self {
            at,
            mac,
            kind,
            outcome,
            address: None,
            lease_ends: None,
            network: None,
            class: None,
            vendor_class: None,
            request_list: Vec::new(),
            client_id: None,
            host_name: None,
            relay: None,
            left_out: Vec::new(),
            ignored: Vec::new(),
            sent_to: None,
        }
    }
}

/// The outcome of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DhcpOutcome {
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
    Conflict(MacOctets),
    /// The client took another server's offer. Unless that one is known, it is a foreign server.
    ChoseOther(Ipv4Addr),
    /// No answer, and why.
    Ignored(Cow<'static, str>),
    /// No answer, and somebody can change that.
    Unserved(Unserved),
    /// No answer, because the lease could not be saved.
    NotSaved(String),
}

/// Why a client that was heard gets no answer until something is changed: here, in the network or at the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// [`RelayInformation::Drop`](crate::config::RelayInformation::Drop).
    #[error(
        "its message has relay agent information (option 82) but came through no relay, as from a switch with DHCP snooping"
    )]
    RelayInformation,
    /// A relay of no configured network.
    #[error("its message came through the relay {0}, and no configured network contains that address")]
    Relay(Ipv4Addr),
    /// A link, or a subnet that the client or its relay names, of no configured network.
    #[error("no configured network contains {0}")]
    Network(Ipv4Addr),
    /// We are silent on its link, for another DHCP server is there.
    #[error("this server is silent, because another DHCP server is about")]
    Silent,
    /// All addresses of the network are taken.
    #[error("no address is left in network {0:?}")]
    NoAddress(String),
    /// The answer depends on an option that cannot be used.
    #[error("its message cannot be answered, because {0}")]
    Option(Ignored),
    /// Not a DHCP message that anybody could answer.
    #[error("its message cannot be answered: {0}")]
    MalformedMessage(MalformedMessage),
}

impl DhcpOutcome {
    /// Whether the client is answered.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Offered | Self::Acknowledged | Self::Informed | Self::Refused(_))
    }
}
