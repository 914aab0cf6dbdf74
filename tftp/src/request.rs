//! Reads the first packet of a transfer, leniently: a bad option is an absent one (RFC 2347), and only what makes
//! the request itself meaningless is refused.

use std::str;

/// A packet on the server's well-known port, as read.
#[derive(Debug, PartialEq, Eq)]
pub enum ParsedRequest {
    /// A read request.
    Read(ReadRequest),
    /// A write request, however well formed.
    Write,
    /// A read request without a complete name and mode, or in a mode that is not served: ERROR 4.
    Illegal,
    /// Not a request. It gets no answer, so that two servers can never answer each other without end.
    Nothing,
}

/// A read request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The file's name as the client wrote it, bytes that are not UTF-8 replaced by U+FFFD.
    pub name: String,
    /// How the file is to be sent.
    pub mode: TransferMode,
    /// The options that were asked for with a sensible value.
    pub options: RequestOptions,
}

/// RFC 1350 §1. "mail" is obsolete (RFC 1123 §4.2.2.1) and refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferMode {
    /// The bytes as they are.
    Octet,
    /// Line ends as CR LF, a lone CR as CR NUL.
    Netascii,
}

/// The options this server knows, each `None` unless asked for within its range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestOptions {
    /// RFC 2348: 8 to 65464 bytes.
    pub block_size: Option<u16>,
    /// RFC 2349: 1 to 255 seconds.
    pub timeout: Option<u8>,
    /// RFC 2349: the client wants to know the size. It sends 0; other numbers are taken the same way.
    pub size: bool,
    /// RFC 7440: 1 to 65535 blocks.
    pub window: Option<u16>,
}

/// Reads a datagram from the well-known port. A request longer than the 512 bytes of RFC 2347 is read as well.
pub fn read(datagram: &[u8]) -> ParsedRequest {
    match datagram {
        [0, 1, rest @ ..] => read_request(rest).map_or(ParsedRequest::Illegal, ParsedRequest::Read),
        [0, 2, ..] => ParsedRequest::Write,
        _ => ParsedRequest::Nothing,
    }
}

fn read_request(mut rest: &[u8]) -> Option<ReadRequest> {
    let name = String::from_utf8_lossy(take_string(&mut rest)?).into_owned();
    let mode = take_string(&mut rest)?;
    // RFC 1350 §5: the mode may be written in any mixture of upper and lower case.
    let mode = if mode.eq_ignore_ascii_case(b"octet") {
        TransferMode::Octet
    } else if mode.eq_ignore_ascii_case(b"netascii") {
        TransferMode::Netascii
    } else {
        return None;
    };
    let mut options = RequestOptions::default();
    while let (Some(option), Some(value)) = (take_string(&mut rest), take_string(&mut rest)) {
        read_option(option, value, &mut options);
    }
    Some(ReadRequest { name, mode, options })
}

/// RFC 2347, "Packet Formats": names in any case, in any order, each once. Of a repeated option the first good value holds.
fn read_option(name: &[u8], value: &[u8], options: &mut RequestOptions) {
    let Some(value) = number(value) else { return };
    let within = |low: u16, high: u16| u16::try_from(value).ok().filter(|value| (low..=high).contains(value));
    if name.eq_ignore_ascii_case(b"blksize") {
        options.block_size = options.block_size.or(within(8, 65464));
    } else if name.eq_ignore_ascii_case(b"timeout") {
        options.timeout = options.timeout.or(u8::try_from(value).ok().filter(|seconds| *seconds > 0));
    } else if name.eq_ignore_ascii_case(b"tsize") {
        options.size = true;
    } else if name.eq_ignore_ascii_case(b"windowsize") {
        options.window = options.window.or(within(1, u16::MAX));
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

/// Takes the bytes up to the next NUL, and the NUL.
fn take_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (string, after) = rest.split_at_checked(end)?;
    *rest = after.get(1..)?;
    Some(string)
}
