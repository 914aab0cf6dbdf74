//! Negotiates the options of a transfer before its first block.

use tftpd::{OptionType, TransferOption};

use crate::{
    packet,
    request::{ReadRequest, TransferMode},
};

/// The server's upper limits for one transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermLimits {
    /// Largest block, in bytes.
    pub block_size: u16,
    /// Largest window, in blocks.
    pub window: u16,
}

/// The agreed options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferTerms {
    /// How the file is sent.
    pub mode: TransferMode,
    /// Bytes of data in every block but the last; 512 unless agreed otherwise.
    pub block_size: u16,
    /// Blocks sent before an ACK is awaited; 1 unless agreed otherwise.
    pub window: u16,
    /// The retransmission timeout in seconds, if the client set it.
    pub timeout: Option<u8>,
}

/// Bytes that one ACK may set in motion, so that a client's socket buffer is not overrun by one window.
const WINDOW_BYTES: u32 = 128 * 1024;

/// The largest block that does not make an IPv4 packet longer than `mtu`: 20 bytes of IP, 8 of UDP and 4 of TFTP go
/// besides the data.
pub fn largest_block(mtu: u16) -> u16 {
    mtu.saturating_sub(32).clamp(8, 65464)
}

/// Agrees on terms, and returns the OACK to be sent first: `None` when no option is agreed on, and the transfer
/// starts with DATA (RFC 2347, "Negotiation Protocol"). The OACK holds only options that were asked for.
pub fn agree(request: &ReadRequest, limits: TermLimits, size: u64) -> (TransferTerms, Option<Vec<u8>>) {
    let mut terms = TransferTerms { mode: request.mode, block_size: 512, window: 1, timeout: None };
    let mut agreed = Vec::new();
    let mut accept = |option, value| agreed.push(TransferOption { option, value });
    if let Some(asked) = request.options.block_size {
        // RFC 2348: the answer is at most what was asked.
        terms.block_size = asked.min(limits.block_size);
        accept(OptionType::BlockSize, u64::from(terms.block_size));
    }
    if request.options.size && request.mode == TransferMode::Octet {
        // The length in netascii is known only at its end, so there the option is left out.
        accept(OptionType::TransferSize, size);
    }
    if let Some(seconds) = request.options.timeout {
        // RFC 2349: the same value, or no answer.
        terms.timeout = Some(seconds);
        accept(OptionType::Timeout, u64::from(seconds));
    }
    if let Some(asked) = request.options.window {
        // RFC 7440 §3: the answer is at most what was asked.
        let fits = (WINDOW_BYTES / u32::from(terms.block_size)).max(1);
        terms.window = asked.min(limits.window).min(fits.try_into().unwrap_or(u16::MAX)).max(1);
        accept(OptionType::WindowSize, u64::from(terms.window));
    }
    let oack = (!agreed.is_empty()).then(|| packet::oack(agreed));
    (terms, oack)
}
