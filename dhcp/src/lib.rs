//! A DHCPv4 server (RFC 2131, RFC 2132) that knows no phones. The caller's [`policy::Policy`] decides which clients get
//! an answer, and which options they get beyond the network's.
//!
//! The [`engine`] is pure. It owns the lease table; time and packets come in, records to save and replies to
//! send go out. The [`server`] around it moves datagrams, and sends a reply only after the
//! [`journal`] has saved the lease in it.
//!
//! All times are milliseconds since 1970-01-01 UTC; all lengths of a lease are seconds, as on the wire.
//!
//! [`packet`] is a codec of our own: dhcproto keeps options in code order and stops at the first malformed
//! one, so it gives us its names of message types and, in tests, a second opinion.

pub mod config;
pub mod destination;
pub mod engine;
pub mod event;
pub mod guard;
pub mod journal;
pub mod lease;
pub mod options;
pub mod packet;
pub mod policy;
pub mod server;
pub mod sockets;
pub mod token_bucket;

mod arp;
mod encode;
mod fields;
mod frame;
mod keys;
mod reply;
mod table;

pub use dhcproto::v4::MessageType;

/// An Ethernet address.
pub type MacOctets = [u8; 6];
