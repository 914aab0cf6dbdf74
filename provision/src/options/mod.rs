//! The DHCP options of phones: the options that steer each persona, the user's classes, and the precedence of
//! origins.

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

/// TFTP server name, as text (RFC 2132 §9.4); phones accept an address or a URL.
pub const SERVER_NAME: u8 = 66;
/// TFTP server addresses, 4 bytes each (RFC 5859 §3); Multiplatform phones also accept text.
pub const SERVER_ADDRESSES: u8 = 150;
/// A provisioning URL, as text (Cisco).
pub const URL: u8 = 160;
/// A second provisioning URL, as text (Cisco).
pub const SECOND_URL: u8 = 159;

/// The options that steer phones. A Multiplatform phone follows the first of 66, 160, 159 and 150 that it gets
/// (Cisco, Phone Firmware Migration), so the four are set together, and for classified phones only.
pub const PHONE_OPTIONS: [u8; 4] = [SERVER_NAME, SERVER_ADDRESSES, SECOND_URL, URL];

/// True if the option steers phones.
pub fn steers(code: u8) -> bool {
    PHONE_OPTIONS.contains(&code)
}

/// The servers of the phones of either side.
#[derive(Debug, Clone, Copy)]
pub struct Steering<'a> {
    /// This server.
    pub server: FileServer,
    /// The servers of Enterprise phones, the preferred one first: this server, the call managers that steer the
    /// Enterprise side, or a finished phone's own. If empty, such phones get none.
    pub enterprise: &'a [Ipv4Addr],
    /// Cisco's cloud (CDA) steers Multiplatform phones. A phone asks it only if DHCP names no server.
    pub cda: bool,
}

/// The options and header fields from one origin, such as a class or a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gives {
    /// Codes and values.
    pub options: Vec<(u8, Vec<u8>)>,
    /// `siaddr`: the boot server (RFC 2131 §2).
    pub next_server: Option<Ipv4Addr>,
    /// `sname`: the server's name, at most 63 octets.
    pub server_name: Option<String>,
    /// `file`: the boot file, at most 127 octets.
    pub boot_file: Option<String>,
}

/// The options that follow from a phone's persona. They are sent whether or not the phone asks for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneOptions {
    /// The built-in class.
    pub class: &'static str,
    /// `siaddr`, and options in code order.
    pub gives: Gives,
}

/// The options of the built-in class for a persona.
///
/// A phone of unknown persona gets this server in the two forms that both sides understand: its next request shows
/// its side, and a call manager would not report it.
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

/// 66, 150 and `siaddr` are left out: 66 would override the URLs.
fn multiplatform(class: &'static str, steering: &Steering) -> PhoneOptions {
    let url = || steering.server.to_string().into_bytes();
    let options = if steering.cda { Vec::new() } else { vec![(SECOND_URL, url()), (URL, url())] };
    PhoneOptions { class, gives: Gives { options, ..Gives::default() } }
}

#[cfg(test)]
mod tests;
