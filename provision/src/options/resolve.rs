//! Merges the options of several origins and remembers the origin of each.

use std::fmt;
use std::net::Ipv4Addr;

use super::{Gives, steers};

/// The origin of a value; an earlier variant overrides a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin<'a> {
    /// A reservation, with its place in the file.
    Reservation(&'a str),
    /// A class of the configuration, by name.
    Class(&'a str),
    /// A built-in class, by name.
    BuiltIn(&'a str),
    /// A network, by its prefix.
    Network(&'a str),
    /// Options for every client.
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

/// The options of one origin.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// The origin.
    pub origin: Origin<'a>,
    /// The options.
    pub gives: &'a Gives,
}

/// An option with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<'a> {
    /// The code.
    pub code: u8,
    /// The bytes.
    pub value: Vec<u8>,
    /// The origin.
    pub origin: Origin<'a>,
}

/// The merged options of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The name of its class, a configured one first.
    pub class: Option<&'a str>,
    /// `siaddr` with its origin.
    pub next_server: Option<(Ipv4Addr, Origin<'a>)>,
    /// `sname` with its origin.
    pub server_name: Option<(&'a str, Origin<'a>)>,
    /// `file` with its origin.
    pub boot_file: Option<(&'a str, Origin<'a>)>,
    /// In code order, each code once.
    pub options: Vec<Sourced<'a>>,
}

/// Merges layers, given in any order, option by option. The options that steer phones are taken together with
/// `siaddr` and `sname`, from the first layer that sets one of the four. Otherwise a class with 160 would leave the
/// built-in 66 in place, and the phone would follow that.
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
