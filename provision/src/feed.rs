//! The feed: what another DHCP server tells the appliance of its clients, and the verdicts on phones that it is told.
//! One JSON object a line, in both directions. `dhcp/kea/README.md` documents it for others.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::client::{self, Persona};
use crate::journey::Fact;
use crate::mac::Mac;
use crate::options::Steer;

/// The protocol that is spoken here; another one is refused.
pub const PROTOCOL: u32 = 1;
/// The longest line, in bytes, its end included.
pub const LINE: usize = 4096;

/// From a DHCP server to the appliance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// It wants to be told verdicts. Who only tells of leases need not say it.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// Who it is, for the log.
        name: String,
    },
    /// A client asked, and was offered an address or refused one.
    Asked(Client),
    /// A client was given an address.
    Lease {
        /// Who.
        #[serde(flatten)]
        client: Client,
        /// The address.
        address: Ipv4Addr,
        /// How long it is the client's, in seconds; an hour where nothing is said.
        #[serde(default = "hour")]
        seconds: u32,
    },
    /// An address was given back, declined, or its lease has ended.
    Free {
        /// Whose it was.
        mac: Mac,
        /// The address.
        address: Ipv4Addr,
    },
    /// Events that found no room while the appliance could not be reached; the oldest go first.
    Dropped {
        /// How many, since the last line of this kind.
        count: u64,
    },
}

/// A client, by its DHCP message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its Ethernet address.
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
    /// It has just started: its message is a DISCOVER, or a REQUEST in INIT-REBOOT (RFC 2131 §4.3.2). Left out by who
    /// cannot tell; what the phone asks for then has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<bool>,
    /// How long ago it was, in milliseconds, where the line had to wait.
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

/// From the appliance to a DHCP server that said hello. First come all verdicts, then `whole`, then what changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "kebab-case")]
pub enum Word {
    /// How a phone is steered from now on.
    Verdict(Verdict),
    /// Nothing is known of this phone any more.
    Forget {
        /// The phone.
        mac: Mac,
        /// As in [`Verdict::version`].
        version: u64,
    },
    /// So many lines of this connection have been taken in; what is not among them is to be sent again on the next.
    Heard {
        /// From 1, the hello included.
        lines: u64,
    },
    /// All that is known has been said; verdicts from earlier that were not among it are void.
    Whole {
        /// The newest version.
        version: u64,
    },
}

impl Word {
    /// Reads a line. Most are verdicts, which serde would take in twice for the sake of their tag.
    ///
    /// # Errors
    /// It is of another form.
    pub fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
        if line.starts_with(br#"{"tell":"verdict","#) {
            serde_json::from_slice(line).map(Self::Verdict)
        } else {
            serde_json::from_slice(line)
        }
    }
}

/// How a phone is steered. Its next message may be news by itself, so what it could say is judged in advance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The phone.
    pub mac: Mac,
    /// Of two verdicts on a phone the one of the higher version counts.
    pub version: u64,
    /// Where it says nothing new: it renews its lease, with no vendor class.
    pub unchanged: Steer,
    /// Where its vendor class is an Enterprise phone's.
    pub enterprise: Steer,
    /// Where its vendor class is a Multiplatform phone's.
    pub multiplatform: Steer,
    /// Where it has none, or one that tells nothing.
    pub silent: Steer,
}

impl Verdict {
    /// Judges what a phone could say next. `judge` is given the fact that its next message would be.
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

    /// How the phone is steered that has sent this message.
    pub fn steer(&self, boot: bool, vendor_class: Option<&[u8]>, request_list: &[u8]) -> &Steer {
        let Some(class) = vendor_class else {
            // A request list tells only where nothing else does.
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

    /// The same but for the version.
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { version: 0, ..self.clone() } == Self { version: 0, ..other.clone() }
    }
}

#[cfg(test)]
mod tests;
