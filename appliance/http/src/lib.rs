//! HTTP/1.0 and 1.1 for a server of files (RFC 9110, RFC 9112), as pure functions. [`receive`] reads a request out of what
//! a connection brought, [`answer`] decides what is sent, and [`Response::write_head`] writes its head. No function here
//! knows a socket, a clock, a file or a phone.

mod answer;
mod conditional;
mod request;
#[cfg(test)]
mod tests;

pub use answer::{
    LookupResult, Representation, Response, ResponseContent, Status, answer, refuse, turn_away,
};
pub use conditional::Conditions;
pub use request::{HttpRequest, HttpVersion, LONGEST_HEAD, Method, Received, receive};

/// Seconds after which a client may ask again that was told to come back.
pub const RETRY_AFTER: &str = "5";
