//! What DHCP tells phones: the options that steer each persona, the classes users add, and which of several
//! answers counts.

mod class;
mod resolve;
mod steer;
mod value;

use std::net::Ipv4Addr;

pub use class::{
    ClassError, ClassRule, Overlap, Pattern, PatternError, check_classes, find_class, parse_oui,
};
pub use resolve::{Layer, Origin, Resolved, Sourced, resolve};
pub use steer::{Site, Steer, answer};
pub use value::{OptionError, OptionValue, check_general, phone_option};

use crate::client::Persona;
use crate::documents::FileServer;

/// TFTP server name, as text (RFC 2132 §9.4); phones take an address or a URL in it.
pub const SERVER_NAME: u8 = 66;
/// TFTP server addresses, 4 bytes each (RFC 5859 §3); Multiplatform phones take text as well.
pub const SERVER_ADDRESSES: u8 = 150;
/// A provisioning URL, as text (Cisco).
pub const URL: u8 = 160;
/// A second provisioning URL, as text (Cisco).
pub const SECOND_URL: u8 = 159;

/// The options that steer phones. A Multiplatform phone follows the first it finds of 66, 160, 159 and 150 (Cisco,
/// Phone Firmware Migration), so they are only ever given together, and to classified phones alone.
pub const PHONE_OPTIONS: [u8; 4] = [SERVER_NAME, SERVER_ADDRESSES, SECOND_URL, URL];

/// Whether this option steers phones.
pub fn steers(code: u8) -> bool {
    PHONE_OPTIONS.contains(&code)
}

/// Who serves phones of either side.
#[derive(Debug, Clone, Copy)]
pub struct Steering<'a> {
    /// This server.
    pub server: FileServer,
    /// The servers of Enterprise phones, the preferred one first: this server, or the call managers where those
    /// steer the Enterprise side, or a finished phone's own. With none, such phones are told of none.
    pub enterprise: &'a [Ipv4Addr],
    /// Multiplatform phones are steered by Cisco's cloud (CDA). A phone turns to it only if DHCP tells it nothing.
    pub cda: bool,
}

/// What one origin, such as a class or a network, tells its clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gives {
    /// Code and value.
    pub options: Vec<(u8, Vec<u8>)>,
    /// `siaddr`: the server to boot from (RFC 2131 §2).
    pub next_server: Option<Ipv4Addr>,
    /// `sname`: its name, at most 63 octets.
    pub server_name: Option<String>,
    /// `file`: what to boot, at most 127 octets.
    pub boot_file: Option<String>,
}

/// What a phone is told by DHCP because of what it behaves as. Sent whether or not the phone asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneOptions {
    /// The built-in class.
    pub class: &'static str,
    /// `siaddr`, and options in order of code.
    pub gives: Gives,
}

/// The built-in class of a Cisco phone, by what it behaves as.
///
/// A phone of unknown persona is told of this server in the two forms that both sides understand: what it asks for
/// then tells its side, which a call manager would not pass on.
pub fn phone_options(persona: Persona, steering: &Steering) -> PhoneOptions {
    let (class, servers) = match persona {
        Persona::Enterprise => (class::ENTERPRISE, steering.enterprise),
        Persona::Unknown => (class::UNKNOWN_PHONE, std::slice::from_ref(&steering.server.address)),
        Persona::Transition => return multiplatform(class::TRANSITION, steering),
        Persona::Multiplatform => return multiplatform(class::MULTIPLATFORM, steering),
    };
    let options = servers.first().map_or_else(Vec::new, |first| {
        vec![(SERVER_NAME, first.to_string().into_bytes()), (SERVER_ADDRESSES, value::addresses(servers))]
    });
    PhoneOptions {
        class,
        gives: Gives { options, next_server: servers.first().copied(), ..Gives::default() },
    }
}

/// 66 and 150 are left out, as is `siaddr`: 66 would win over the URLs.
fn multiplatform(class: &'static str, steering: &Steering) -> PhoneOptions {
    let url = || steering.server.to_string().into_bytes();
    let options = if steering.cda { Vec::new() } else { vec![(SECOND_URL, url()), (URL, url())] };
    PhoneOptions { class, gives: Gives { options, ..Gives::default() } }
}

#[cfg(test)]
mod tests;
