//! Parses and writes SIP messages.

use std::fmt;

use crate::text::is_hidden;

/// The largest message accepted, in bytes; a phone's REGISTER with all its parts has about 4,000.
pub const LARGEST: usize = 16 * 1024;
/// Headers accepted per message.
const MOST_HEADERS: usize = 100;

/// A request or response with its headers in order.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: Start,
    /// Names and values; folded lines are joined.
    pub headers: Vec<(String, String)>,
    /// What follows the headers.
    pub body: Vec<u8>,
}

/// The first line, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A request.
    Request {
        /// `REGISTER`; case matters (RFC 3261 §7.1).
        method: String,
        /// The request URI.
        uri: String,
    },
    /// A response.
    Response {
        /// 100 to 699.
        code: u16,
        /// Text for people.
        reason: String,
    },
}

/// The reason that bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Larger than [`LARGEST`], or with more than a hundred headers.
    #[error("it is too large")]
    TooLarge,
    /// The first line is neither a request's nor a response's of SIP 2.0.
    #[error("its first line is not SIP")]
    Start,
    /// A header without a name, or bytes that are not text.
    #[error("a header cannot be read")]
    Header,
    /// Two lengths, one that is no number, or one beyond the end.
    #[error("its Content-Length is wrong")]
    Length,
}

/// The first item in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamItem {
    /// An incomplete message.
    Partial,
    /// Line ends between messages (RFC 3261 §7.5). `ping` marks the two that a phone sends as a keepalive (RFC 5626
    /// §3.5.1).
    Blank {
        /// Their length.
        bytes: usize,
        /// An answer is expected.
        ping: bool,
    },
    /// A message of this length.
    Whole(usize),
}

/// Finds the first message in a stream by its Content-Length (RFC 3261 §18.3).
pub fn frame(bytes: &[u8]) -> Result<StreamItem, Malformed> {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if blank > 0 {
        return Ok(StreamItem::Blank { bytes: blank, ping: bytes.starts_with(b"\r\n\r\n") });
    }
    let Some(head) = head_length(bytes) else {
        return if bytes.len() > LARGEST { Err(Malformed::TooLarge) } else { Ok(StreamItem::Partial) };
    };
    if head > LARGEST {
        return Err(Malformed::TooLarge);
    }
    let (_, headers) = head_of(&bytes[..head])?;
    let whole = head + content_length(&headers)?.unwrap_or(0);
    if whole > LARGEST {
        return Err(Malformed::TooLarge);
    }
    Ok(if bytes.len() >= whole { StreamItem::Whole(whole) } else { StreamItem::Partial })
}

/// The position after the empty line that ends the headers.
fn head_length(bytes: &[u8]) -> Option<usize> {
    let ends =
        |tail: &[u8]| bytes.windows(tail.len()).position(|bytes| bytes == tail).map(|at| at + tail.len());
    match (ends(b"\r\n\r\n"), ends(b"\n\n")) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

type Head = (Start, Vec<(String, String)>);

fn head_of(bytes: &[u8]) -> Result<Head, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Header)?;
    if text.chars().any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t')) {
        return Err(Malformed::Header);
    }
    // Marks of writing direction and similar characters carry nothing here and would reach people.
    let text: String = text.chars().filter(|letter| letter.is_control() || !is_hidden(*letter)).collect();
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let start = start(lines.next().unwrap_or_default())?;
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if line.contains('\r') {
            return Err(Malformed::Header);
        }
        // RFC 3261 §7.3.1: a line that starts with a blank continues the one before.
        if line.starts_with([' ', '\t']) {
            let (_, value) = headers.last_mut().ok_or(Malformed::Header)?;
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let (name, value) = line.split_once(':').ok_or(Malformed::Header)?;
        let name = name.trim_end();
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(Malformed::Header);
        }
        if headers.len() == MOST_HEADERS {
            return Err(Malformed::TooLarge);
        }
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok((start, headers))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

fn start(line: &str) -> Result<Start, Malformed> {
    let mut words = line.splitn(3, ' ');
    let (Some(first), Some(second), third) = (words.next(), words.next(), words.next()) else {
        return Err(Malformed::Start);
    };
    if first == "SIP/2.0" {
        let code = second.parse().ok().filter(|code| (100..700).contains(code)).ok_or(Malformed::Start)?;
        return Ok(Start::Response { code, reason: third.unwrap_or_default().to_owned() });
    }
    let sound = !first.is_empty() && first.bytes().all(is_token) && !second.is_empty();
    if sound && third == Some("SIP/2.0") {
        Ok(Start::Request { method: first.to_owned(), uri: second.to_owned() })
    } else {
        Err(Malformed::Start)
    }
}

fn content_length(headers: &[(String, String)]) -> Result<Option<usize>, Malformed> {
    let mut values = headers.iter().filter(|(name, _)| is(name, "Content-Length")).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
            value.parse().map(Some).map_err(|_| Malformed::Length)
        }
        _ => Err(Malformed::Length),
    }
}

/// True if a header has this name, in long or one-letter form (RFC 3261 §7.3.3).
fn is(name: &str, wanted: &str) -> bool {
    const SHORT: [(&str, &str); 11] = [
        ("i", "Call-ID"),
        ("m", "Contact"),
        ("l", "Content-Length"),
        ("c", "Content-Type"),
        ("f", "From"),
        ("k", "Supported"),
        ("s", "Subject"),
        ("t", "To"),
        ("v", "Via"),
        ("o", "Event"),
        ("e", "Content-Encoding"),
    ];
    name.eq_ignore_ascii_case(wanted)
        || SHORT.iter().any(|(short, long)| *long == wanted && name.eq_ignore_ascii_case(short))
}

impl Message {
    /// Reads one message. Bytes after its body are ignored, as in a datagram (RFC 3261 §18.3).
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > LARGEST {
            return Err(Malformed::TooLarge);
        }
        let head = head_length(bytes).ok_or(Malformed::Start)?;
        let (start, headers) = head_of(&bytes[..head])?;
        let rest = &bytes[head..];
        let length = content_length(&headers)?.unwrap_or(rest.len());
        let body = rest.get(..length).ok_or(Malformed::Length)?.to_vec();
        Ok(Self { start, headers, body })
    }

    /// The first header with this long name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| is(known, name)).map(|(_, value)| value.as_str())
    }

    /// Every header with this long name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| is(known, name)).map(|(_, value)| value.as_str())
    }

    /// Number and method of `CSeq`.
    pub fn sequence(&self) -> Option<(u32, &str)> {
        let (number, method) = self.header("CSeq")?.split_once([' ', '\t'])?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// The bytes of the message, with the length of the body added.
    pub fn encode(&self) -> Vec<u8> {
        let first = match &self.start {
            Start::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response { code, reason } => format!("SIP/2.0 {code} {reason}\r\n"),
        };
        let mut text = first;
        for (name, value) in self.headers.iter().filter(|(name, _)| !is(name, "Content-Length")) {
            text.extend([name, ": ", value, "\r\n"]);
        }
        let length = format!("Content-Length: {}\r\n\r\n", self.body.len());
        [text.as_bytes(), length.as_bytes(), &self.body].concat()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.encode()))
    }
}
