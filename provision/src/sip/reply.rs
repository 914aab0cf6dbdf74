//! Answers to requests (RFC 3261 §8.2.6), and where they go (§18.2).

use std::net::SocketAddrV4;

use super::message::{Message, Start};
use super::phone::split;

/// The methods that are understood.
pub(super) const ALLOW: &str = "REGISTER, REFER, SUBSCRIBE, NOTIFY, OPTIONS, INVITE, ACK, CANCEL, BYE";

/// An answer without a body: the request's Via, From, To, Call-ID and `CSeq`, and our tag.
pub(super) fn reply(request: &Message, from: SocketAddrV4, code: u16, tag: &str) -> Message {
    let mut headers = Vec::new();
    for (index, via) in request.all("Via").enumerate() {
        let via = if index == 0 { received(via, from) } else { via.to_owned() };
        headers.push(("Via".to_owned(), via));
    }
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let Some(value) = request.header(name) else { continue };
        // A provisional answer needs no tag (RFC 3261 §8.2.6.2).
        let tagged = name == "To" && code > 100 && !value.contains(";tag=");
        let value = if tagged { format!("{value};tag={tag}") } else { value.to_owned() };
        headers.push((name.to_owned(), value));
    }
    Message { start: Start::Response { code, reason: reason(code).to_owned() }, headers, body: Vec::new() }
}

fn reason(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        403 => "Forbidden",
        405 => "Method Not Allowed",
        481 => "Call/Transaction Does Not Exist",
        489 => "Bad Event",
        500 => "Server Internal Error",
        603 => "Decline",
        _ => "Answer",
    }
}

/// Adds the real source of the request to its topmost Via (RFC 3261 §18.2.1, RFC 3581 §4).
fn received(via: &str, from: SocketAddrV4) -> String {
    let first = split(via, ',').first().copied().unwrap_or_default();
    let rest = &via[first.len()..];
    let mut parts: Vec<String> = Vec::new();
    for part in split(first, ';') {
        match part.trim() {
            part if part.eq_ignore_ascii_case("rport") => parts.push(format!("rport={}", from.port())),
            part if part.to_ascii_lowercase().starts_with("received=") => {}
            part => parts.push(part.to_owned()),
        }
    }
    parts.push(format!("received={}", from.ip()));
    parts.join(";") + rest
}

/// The port for answers by UDP: the request's own if it asks for that (RFC 3581 §4), else the one it names (RFC 3261
/// §18.2.2).
pub(super) fn answer_port(request: &Message, from: SocketAddrV4) -> u16 {
    let via = request.header("Via").unwrap_or_default();
    let first = split(via, ',').first().copied().unwrap_or_default();
    let mut parts = split(first, ';').into_iter();
    let host = parts.next().unwrap_or_default().trim().rsplit([' ', '\t']).next().unwrap_or_default();
    let asks = |part: &str| {
        let part = part.trim().to_ascii_lowercase();
        part == "rport" || part.starts_with("rport=")
    };
    if parts.any(asks) {
        return from.port();
    }
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).filter(|port| *port != 0);
    port.unwrap_or(5060)
}
