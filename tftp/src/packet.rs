//! The packets a read-only server sends and receives (RFC 1350 §5).
//!
//! `tftpd`'s codec writes OACK and ERROR. Requests are read by [`crate::request`], as that codec refuses a whole
//! request for one bad option; DATA and ACK are a header of four bytes each.

use tftpd::{ErrorCode, Packet, TransferOption};

/// Which number follows block 65535. No RFC says; clients differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rollover {
    /// 65535, 0, 1, …: what most clients expect.
    #[default]
    Zero,
    /// 65535, 1, 2, …
    One,
}

impl Rollover {
    /// The number on the wire of the `block`th block, counted from 1; 0 stands for the OACK (RFC 2347).
    pub fn number(self, block: u64) -> u16 {
        match self {
            Rollover::Zero => (block & 0xffff) as u16,
            Rollover::One if block == 0 => 0,
            Rollover::One => ((block - 1) % 0xffff + 1) as u16,
        }
    }
}

/// A client's packet during a read.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientReply {
    /// ACK of a block number.
    Ack(u16),
    /// ERROR: the transfer is over.
    Error {
        /// As in RFC 1350 §5; not limited to the codes known.
        code: u16,
        /// At most [`MESSAGE_LIMIT`] characters, none of them a control character.
        message: String,
    },
}

/// Characters kept of a client's error text.
pub const MESSAGE_LIMIT: usize = 120;

/// Reads a packet that arrived during a transfer; `None` for any packet that no client may send.
pub fn read_reply(packet: &[u8]) -> Option<ClientReply> {
    match *packet {
        [0, 4, high, low, ..] => Some(ClientReply::Ack(u16::from_be_bytes([high, low]))),
        [0, 5, high, low, ref text @ ..] => {
            let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
            let message = String::from_utf8_lossy(text);
            let message = message.chars().filter(|c| !c.is_control()).take(MESSAGE_LIMIT).collect();
            Some(ClientReply::Error { code: u16::from_be_bytes([high, low]), message })
        }
        _ => None,
    }
}

/// Bytes before the data of a DATA packet.
pub const DATA_HEADER: usize = 4;

/// Appends the beginning of a DATA packet.
pub fn start_data(packets: &mut Vec<u8>, number: u16) {
    packets.extend_from_slice(&[0, 3]);
    packets.extend_from_slice(&number.to_be_bytes());
}

/// An OACK with these options, in this order.
pub fn oack(options: Vec<TransferOption>) -> Vec<u8> {
    Packet::Oack(options).serialize().unwrap_or_default()
}

/// The errors that this server sends to clients. Their texts say nothing about the server's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file does not exist, for this client.
    NotFound,
    /// The file exists, but not for this client.
    Forbidden,
    /// A write request.
    ReadOnly,
    /// Too many transfers, or no socket left.
    Busy,
    /// The server is being stopped.
    Stopping,
    /// A request that cannot be read, or with a mode other than octet and netascii.
    Illegal,
    /// The file failed during the transfer.
    Unreadable,
    /// A packet to a transfer's port from another client.
    Stranger,
}

impl Fault {
    /// The ERROR packet.
    pub fn packet(self) -> Vec<u8> {
        let (code, text) = match self {
            Fault::NotFound => (ErrorCode::FileNotFound, "file not found"),
            Fault::Forbidden => (ErrorCode::AccessViolation, "not allowed to read this file"),
            Fault::ReadOnly => (ErrorCode::AccessViolation, "this server is read-only"),
            Fault::Busy => (ErrorCode::NotDefined, "busy, try again"),
            Fault::Stopping => (ErrorCode::NotDefined, "the server is stopping, try again"),
            Fault::Illegal => (ErrorCode::IllegalOperation, "not a read request in mode octet or netascii"),
            Fault::Unreadable => (ErrorCode::NotDefined, "the server could not read this file to its end"),
            Fault::Stranger => (ErrorCode::UnknownId, "this transfer is somebody else's"),
        };
        Packet::Error { code, msg: text.to_owned() }.serialize().unwrap_or_default()
    }
}
