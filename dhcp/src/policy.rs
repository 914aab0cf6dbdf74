//! Who gets an answer, and with what beyond the network's own options.

use std::net::Ipv4Addr;

use crate::{Mac, MessageType};

/// What a client says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client<'a> {
    /// Its Ethernet address.
    pub mac: Mac,
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
    /// What it asks for: discover, request or inform.
    pub kind: MessageType,
    /// It has just started: DISCOVER, or REQUEST in INIT-REBOOT.
    pub boots: bool,
    /// The relay it comes through.
    pub relay: Option<Ipv4Addr>,
    /// The name of the network it is on.
    pub network: &'a str,
    /// Our address on the link that the message came in by: what the client can be told to fetch from, even where a
    /// relay has it take another for the server's (RFC 5107).
    pub server: Ipv4Addr,
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Silence, and an event with this reason.
    Ignore {
        /// For the technician.
        reason: String,
    },
    /// An answer.
    Grant(Grant),
}

/// What a client is given beyond its address and its network's options.
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
    /// It is expected here: where addresses are short, it may take one that is offered to somebody who is not.
    pub expected: bool,
    /// Options always sent, requested or not, winning over the network's; the reservation's win over these.
    pub options: Vec<(u8, Vec<u8>)>,
}

/// Decides per message. Called from the receiving task: it must not block.
pub trait Policy: Send + Sync {
    /// What this client gets.
    fn decide(&self, client: &Client<'_>) -> Verdict;

    /// Whether this machine is expected here, as in [`Grant::expected`]: where more messages come than can be handled,
    /// those of such machines go first, as those of leaseholders do.
    fn expects(&self, mac: Mac) -> bool {
        let _ = mac;
        false
    }
}

/// Answers everybody with nothing but the network's options.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everybody;

impl Policy for Everybody {
    fn decide(&self, _: &Client<'_>) -> Verdict {
        Verdict::Grant(Grant { class: "everybody".into(), ..Grant::default() })
    }
}
