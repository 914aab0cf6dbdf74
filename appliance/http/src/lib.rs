//! HTTP/1.0 and 1.1 for a file server (RFC 9110, RFC 9112), as pure functions. [`receive`] reads a request,
//! [`answer`] decides the answer, and [`Response::write_head`] writes its head. No function here knows a socket, a
//! clock, a file or a phone.

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

/// Seconds after which a client that was turned away may ask again.
pub const RETRY_AFTER: &str = "5";
