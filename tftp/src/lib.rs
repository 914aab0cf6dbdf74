//! A read-only TFTP server library (RFC 1350, with the options of RFC 2347, 2348, 2349 and 7440) that knows no phones.
//!
//! Three layers, each usable and tested without the next:
//! - [`request`] and [`terms`] read what a client asks for and agree its options; [`transfer`] and [`timer`] decide
//!   what to send next and when a transfer is over. They are pure: time and packets are arguments, decisions are
//!   returned values.
//! - [`blocks`] cuts a file into DATA packets, in either mode.
//! - [`TftpServer`] owns the sockets. What exists, and who may read it, is the [`FileSource`]'s to say: this crate opens no
//!   file and puts no name or path into an error's text. One thread serves all transfers; each
//!   has a port of its own until there are many.
//!
//! IPv4 only. As files are only ever read, receiving and its dallying (RFC 1350 §6) do not arise.
//!
//! Known deviation: the retransmission timeout goes down to 50 ms, below the second of RFC 6298 §2.4, which is meant
//! for receivers that delay their ACKs.

mod active;
pub mod blocks;
mod bulk;
mod event_loop;
mod listen;
mod mailbox;
mod occupancy;
pub mod packet;
mod ports;
mod ready;
pub mod request;
mod server;
mod session;
mod slots;
mod source;
mod strangers;
pub mod terms;
pub mod timer;
pub mod transfer;

pub use packet::Rollover;
pub use server::{TftpConfig, TftpServer};
pub use source::{
    Abort, FileContent, FileSource, OpenFuture, OpenRefusal, SendPermit, TransferEnd, TransferOutcome,
};
pub use strangers::LimitCounters;
