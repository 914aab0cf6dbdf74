//! SIP as far as a phone needs a call manager for (RFC 3261, cisco-phones §13): messages in, messages and events out.
//!
//! The parser is our own: what is wanted of a message is its headers, verbatim and bounded, and whatever reads more
//! of SIP brings a transport with it or is not kept up.

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

pub use message::{Frame, LARGEST, Malformed, Message, Start, frame};
pub use phone::{Said, said};
pub use registrar::{Action, Caller, Event, Flow, Proof, Registrar, Transport};
