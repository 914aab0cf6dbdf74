//! Which of several answers counts, and where it came from.

use std::fmt;
use std::net::Ipv4Addr;

use super::{Gives, steers};

/// Where a value comes from; the earlier one here wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin<'a> {
    /// A reservation, by where it is written.
    Reservation(&'a str),
    /// A class of the configuration, by name.
    Class(&'a str),
    /// A built-in class, by name.
    BuiltIn(&'a str),
    /// A network, by its prefix.
    Network(&'a str),
    /// What every client gets.
    Global,
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reservation(place) => write!(f, "reservation ({place})"),
            Self::Class(name) => write!(f, "class {name}"),
            Self::BuiltIn(name) => write!(f, "built-in class {name}"),
            Self::Network(prefix) => write!(f, "network {prefix}"),
            Self::Global => f.write_str("global options"),
        }
    }
}

/// What one origin has to say.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// The origin.
    pub origin: Origin<'a>,
    /// What it gives.
    pub gives: &'a Gives,
}

/// An option and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<'a> {
    /// Its code.
    pub code: u8,
    /// Its bytes.
    pub value: Vec<u8>,
    /// Its origin.
    pub origin: Origin<'a>,
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The name of its class, the configured one if there is one.
    pub class: Option<&'a str>,
    /// `siaddr`, and where it came from.
    pub next_server: Option<(Ipv4Addr, Origin<'a>)>,
    /// `sname`, likewise.
    pub server_name: Option<(&'a str, Origin<'a>)>,
    /// `file`, likewise.
    pub boot_file: Option<(&'a str, Origin<'a>)>,
    /// In order of code, each code once.
    pub options: Vec<Sourced<'a>>,
}

/// Merges layers, given in any order, option by option. Those that steer phones stand or fall together, and `siaddr`
/// and `sname` with them: the first layer that sets one of the four ends what later layers say of steering. Otherwise a class
/// that sets 160 would leave the built-in 66 beside it, and the phone would follow that.
pub fn resolve<'a>(layers: &[Layer<'a>]) -> Resolved<'a> {
    let mut layers = layers.to_vec();
    layers.sort_by_key(|layer| layer.origin);
    let mut resolved =
        Resolved { class: None, next_server: None, server_name: None, boot_file: None, options: Vec::new() };
    let mut steered = false;
    for Layer { origin, gives } in layers {
        if let Origin::Class(name) | Origin::BuiltIn(name) = origin {
            resolved.class = resolved.class.or(Some(name));
        }
        if !steered {
            resolved.next_server =
                resolved.next_server.or(gives.next_server.map(|address| (address, origin)));
            resolved.server_name =
                resolved.server_name.or(gives.server_name.as_deref().map(|name| (name, origin)));
        }
        resolved.boot_file = resolved.boot_file.or(gives.boot_file.as_deref().map(|file| (file, origin)));
        for (code, value) in &gives.options {
            let taken = resolved.options.iter().any(|earlier| earlier.code == *code);
            let ended = steered && steers(*code);
            if !taken && !ended {
                resolved.options.push(Sourced { code: *code, value: value.clone(), origin });
            }
        }
        steered |= gives.options.iter().any(|(code, _)| steers(*code));
    }
    resolved.options.sort_by_key(|option| option.code);
    resolved
}
