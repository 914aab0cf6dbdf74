//! The feed between the appliance and another DHCP server: leases in, verdicts out. One JSON object per line, in both
//! directions. `dhcp/kea/README.md` documents it for others.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::client::{self, Persona};
use crate::journey::Fact;
use crate::mac::Mac;
use crate::options::Steer;

/// The protocol version; any other is refused.
pub const PROTOCOL: u32 = 1;
/// The longest line, in bytes, including its end.
pub const LINE: usize = 4096;

/// An event from a DHCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum FeedEvent {
    /// The server wants verdicts. A server that only reports leases need not send it.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// The server's name, for the log.
        name: String,
    },
    /// A client's message was answered with an offer or a refusal.
    Asked(FeedClient),
    /// A client got a lease.
    Lease {
        /// The client.
        #[serde(flatten)]
        client: FeedClient,
        /// The address.
        address: Ipv4Addr,
        /// The length of the lease in seconds; an hour if absent.
        #[serde(default = "hour")]
        seconds: u32,
    },
    /// An address was released, declined, or its lease has ended.
    Free {
        /// The client that had it.
        mac: Mac,
        /// The address.
        address: Ipv4Addr,
    },
    /// Events lost while the appliance was unreachable; the oldest are dropped first.
    Dropped {
        /// The number since the last line of this kind.
        count: u64,
    },
}

/// A client, from its DHCP message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedClient {
    /// Its MAC.
    pub mac: Mac,
    /// Option 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_class: Option<String>,
    /// Option 55.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_list: Vec<u8>,
    /// Option 61, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The client has just started: the message is a DISCOVER, or a REQUEST in INIT-REBOOT (RFC 2131 §4.3.2). Absent
    /// if the server cannot tell; then the phone's file requests show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<bool>,
    /// The age of the message in milliseconds, if the line had to wait.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ago: u64,
}

fn hour() -> u32 {
    3600
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A line to a DHCP server that said hello. All verdicts come first, then `whole`, then changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "kebab-case")]
pub enum FeedMessage {
    /// How a phone is steered from now on.
    Verdict(Verdict),
    /// The phone is unknown from now on.
    Forget {
        /// The phone.
        mac: Mac,
        /// As in [`Verdict::version`].
        version: u64,
    },
    /// Acknowledges the lines of this connection; later lines are to be sent again on the next.
    Heard {
        /// Counted from 1, the hello included.
        lines: u64,
    },
    /// All verdicts have been sent; an older verdict that was not among them is void.
    Whole {
        /// The newest version.
        version: u64,
    },
}

impl FeedMessage {
    /// Reads a line. Most lines are verdicts, which serde would parse twice because of the tag.
    ///
    /// # Errors
    /// The line has another form.
    pub fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
        if line.starts_with(br#"{"tell":"verdict","#) {
            serde_json::from_slice(line).map(Self::Verdict)
        } else {
            serde_json::from_slice(line)
        }
    }
}

/// How a phone is steered. The phone's next message may change that, so its possible messages are judged in advance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The phone.
    pub mac: Mac,
    /// Of two verdicts on a phone, the higher version counts.
    pub version: u64,
    /// For a renewal without a vendor class.
    pub unchanged: Steer,
    /// For an Enterprise phone's vendor class.
    pub enterprise: Steer,
    /// For a Multiplatform phone's vendor class.
    pub multiplatform: Steer,
    /// For no vendor class, or one without information.
    pub silent: Steer,
}

impl Verdict {
    /// Judges the possible next messages. `judge` gets the fact of the next message.
    pub fn new(mac: Mac, version: u64, judge: impl Fn(Option<Fact>) -> Steer) -> Self {
        let says = |class: Option<&str>| {
            let vendor_class = class.map(str::to_owned);
            judge(Some(Fact::Dhcp { boot: true, vendor_class, request_list: Vec::new() }))
        };
        Self {
            mac,
            version,
            unchanged: judge(None),
            enterprise: says(Some("Cisco Systems, Inc. IP Phone CP-8851")),
            multiplatform: says(Some("CP-8851-3PCC")),
            silent: says(None),
        }
    }

    /// How the phone is steered after this message.
    pub fn steer(&self, boot: bool, vendor_class: Option<&[u8]>, request_list: &[u8]) -> &Steer {
        let Some(class) = vendor_class else {
            // The request list decides only if nothing else does.
            return match client::request_list(request_list) {
                _ if !boot => &self.unchanged,
                Some(Persona::Enterprise) if self.silent.persona == Persona::Unknown => &self.enterprise,
                Some(Persona::Multiplatform) if self.silent.persona == Persona::Unknown => {
                    &self.multiplatform
                }
                _ => &self.silent,
            };
        };
        match client::first_contact(Some(class), request_list, self.mac) {
            Some(Persona::Enterprise) => &self.enterprise,
            Some(Persona::Multiplatform | Persona::Transition) => &self.multiplatform,
            Some(Persona::Unknown) | None => &self.silent,
        }
    }

    /// True if two verdicts differ at most in the version.
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { version: 0, ..self.clone() } == Self { version: 0, ..other.clone() }
    }
}

#[cfg(test)]
mod tests;
