//! The caller's decision per client: an answer or silence, and options beyond the network's own.

use std::net::Ipv4Addr;

use crate::{MacOctets, MessageType};

/// A client's message, as far as a policy may need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientRequest<'a> {
    /// Its Ethernet address.
    pub mac: MacOctets,
    /// Option 61.
    pub client_id: Option<&'a [u8]>,
    /// Option 60 without closing NULs.
    pub vendor_class: Option<&'a [u8]>,
    /// Option 55; empty where absent.
    pub request_list: &'a [u8],
    /// Option 12 without closing NULs.
    pub host_name: Option<&'a [u8]>,
    /// Option 82.
    pub relay_information: Option<&'a [u8]>,
    /// The message type: discover, request or inform.
    pub kind: MessageType,
    /// The client has just started: DISCOVER, or REQUEST in INIT-REBOOT.
    pub boots: bool,
    /// The relay it comes through.
    pub relay: Option<Ipv4Addr>,
    /// The name of the network it is on.
    pub network: &'a str,
    /// Our address on the link that the message came in by: what the client can be told to fetch from, even where a
    /// relay has it take another for the server's (RFC 5107).
    pub server: Ipv4Addr,
}

/// A policy's decision about a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyDecision {
    /// Silence, and an event with this reason.
    Ignore {
        /// For the technician.
        reason: String,
    },
    /// An answer.
    Grant(Grant),
}

/// The values that a client gets beyond its address and its network's options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// The name of the class it belongs to, for events.
    pub class: String,
    /// `siaddr`; 0.0.0.0 where absent.
    pub next_server: Option<Ipv4Addr>,
    /// `sname`, at most 63 octets.
    pub server_name: Option<String>,
    /// `file`, at most 127 octets.
    pub boot_file: Option<String>,
    /// The client is expected. If addresses are short, it may take one that is offered to a client that is not.
    pub expected: bool,
    /// Options always sent, requested or not, winning over the network's; the reservation's win over these.
    pub options: Vec<(u8, Vec<u8>)>,
}

/// Decides per message. Called from the receiving task: it must not block.
pub trait Policy: Send + Sync {
    /// Decides about this client.
    fn decide(&self, client: &ClientRequest<'_>) -> PolicyDecision;

    /// Whether this machine is expected, as in [`Grant::expected`]. If more messages come than can be handled, those of
    /// expected machines and of leaseholders go first.
    fn expects(&self, mac: MacOctets) -> bool {
        let _ = mac;
        false
    }
}

/// A policy that grants every client the network's options alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everybody;

impl Policy for Everybody {
    fn decide(&self, _: &ClientRequest<'_>) -> PolicyDecision {
        PolicyDecision::Grant(Grant { class: "everybody".into(), ..Grant::default() })
    }
}
