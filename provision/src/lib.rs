//! Knowledge about Cisco phones, and the decisions about them.
//!
//! Everything here is pure: no socket, clock, file or thread. Input and time are arguments, decisions are values.

mod after;
pub mod catalog;
pub mod client;
pub mod documents;
pub mod estimate;
pub mod feed;
pub mod hold;
pub mod journey;
pub mod library;
pub mod license;
pub mod load;
pub mod loads_file;
pub mod mac;
pub mod names;
pub mod options;
pub mod package;
pub mod page;
pub mod roster;
pub mod route;
pub mod routine;
pub mod settings;
pub mod shared;
pub mod sip;
pub mod text;
pub mod time;
pub mod unknown;
pub mod worlds;
