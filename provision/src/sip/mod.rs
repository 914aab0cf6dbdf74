//! SIP as far as a phone needs it of a call manager (RFC 3261, cisco-phones §13): messages in, messages and events
//! out.
//!
//! The parser is our own: it only needs verbatim, bounded headers, and existing crates bring a transport along or are
//! unmaintained.

mod challenge;
mod message;
mod notify;
mod phone;
mod registrar;
mod registration;
mod reply;
mod request;
#[cfg(test)]
mod tests;

pub use message::{LARGEST, Malformed, Message, Start, StreamItem, frame};
pub use phone::{PhoneDescription, said};
pub use registrar::{Action, Flow, Registrar, RegistrarEvent, Sender, SenderProof, Transport};
