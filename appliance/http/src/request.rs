//! Reads the head of a request: whether it is complete, what it asks for, and whether the connection may go on after
//! it.

use std::mem::MaybeUninit;

use httparse::{Error, Header};

use crate::Status;
use crate::conditional::Conditions;

/// The longest head of a request, in bytes.
pub const LONGEST_HEAD: usize = 16 * 1024;
/// The most header fields of a request.
const MOST_FIELDS: usize = 100;

/// The bytes at the start of a connection's input.
#[derive(Debug)]
pub enum Received<'b> {
    /// The start of a head.
    Partial,
    /// A request, and the length of its head in bytes.
    Request(HttpRequest<'b>, usize),
    /// Bytes that are no valid request. The start of the next request is unknown.
    Refused(HttpVersion, Status),
}

/// The method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Send the file.
    Get,
    /// Send the head only.
    Head,
    /// Anything else.
    Other,
}

/// The client's version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// A valid request.
#[derive(Debug)]
pub struct HttpRequest<'b> {
    /// The method.
    pub method: Method,
    /// The target's path without its query, not decoded. It starts with `/` for GET and HEAD.
    pub path: &'b str,
    /// The client's version.
    pub version: HttpVersion,
    /// The User-Agent.
    pub user_agent: Option<&'b [u8]>,
    /// The client may send another request on this connection, and this one has no content.
    pub persists: bool,
    /// Its conditions and range.
    pub conditions: Conditions<'b>,
}

/// Reads the request at the start of `bytes`. The content of a request is never read: the connection ends after the
/// answer (RFC 9112 §9.6), so that no content is taken for a request.
pub fn receive(bytes: &[u8]) -> Received<'_> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let refused = |status| Received::Refused(HttpVersion::Http11, status);
    let length = match parsed.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length <= LONGEST_HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() < LONGEST_HEAD => return Received::Partial,
        Ok(_) if !has_request_line(bytes) => return refused(Status::TargetTooLong),
        Ok(_) | Err(Error::TooManyHeaders) => return refused(Status::HeadTooLong),
        Err(_) => return refused(Status::BadRequest),
    };
    let version = if parsed.version == Some(1) { HttpVersion::Http11 } else { HttpVersion::Http10 };
    match request(&parsed, version) {
        Some(request) => Received::Request(request, length),
        None => Received::Refused(version, Status::BadRequest),
    }
}

fn has_request_line(bytes: &[u8]) -> bool {
    let begin = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(0);
    bytes.iter().take(LONGEST_HEAD).skip(begin).any(|byte| *byte == b'\n')
}

/// `None` for a bad request.
fn request<'b>(parsed: &httparse::Request<'_, 'b>, version: HttpVersion) -> Option<HttpRequest<'b>> {
    let method = match parsed.method? {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        _ => Method::Other,
    };
    let target = parsed.path?;
    let path = match method {
        Method::Other => target,
        Method::Get | Method::Head => path(target)?,
    };
    let (mut conditions, mut framing, mut user_agent) = (Conditions::default(), Framing::default(), None);
    for Header { name, value } in &*parsed.headers {
        if name.eq_ignore_ascii_case("User-Agent") {
            user_agent.get_or_insert(*value);
        } else if !conditions.take(name, value) {
            framing.take(name, value)?;
        }
    }
    let persists = framing.persists(version)?;
    Some(HttpRequest { method, path, version, user_agent, persists, conditions })
}

/// RFC 9112 §3.2: the target is a path, or an address with one.
fn path(target: &str) -> Option<&str> {
    let target = target.split(['?', '#']).next()?;
    if target.starts_with('/') {
        return Some(target);
    }
    let (scheme, rest) = target.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (is_scheme && !authority.is_empty() && is_authority(authority.as_bytes())).then_some(if path.is_empty() {
        "/"
    } else {
        path
    })
}

/// True for a valid host with an optional port (RFC 3986 §3.2).
fn is_authority(authority: &[u8]) -> bool {
    authority.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%:[]@".contains(byte))
}

/// The header fields that tell where the request ends and whether another may follow.
#[derive(Default)]
struct Framing<'b> {
    hosts: usize,
    length: Option<&'b [u8]>,
    coding: Option<&'b [u8]>,
    close: bool,
    keep_alive: bool,
}

impl<'b> Framing<'b> {
    /// `None` if the field makes the request a bad one.
    fn take(&mut self, name: &str, value: &'b [u8]) -> Option<()> {
        if name.eq_ignore_ascii_case("Host") {
            self.hosts += 1;
            return is_authority(value).then_some(());
        }
        if name.eq_ignore_ascii_case("Content-Length") {
            let digits = value.len() <= 19 && !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let same = self.length.replace(value).is_none_or(|former| former == value);
            return (digits && same).then_some(());
        }
        if name.eq_ignore_ascii_case("Transfer-Encoding") {
            self.coding = Some(value);
        } else if name.eq_ignore_ascii_case("Connection") {
            for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        Some(())
    }

    /// True if another request may follow; `None` for a bad request. A request of HTTP/1.1 has exactly one Host, an
    /// older one may have none (RFC 9112 §3.2). A request with both a length and a coding is refused, since another
    /// program may read it as two (§6.3).
    fn persists(&self, version: HttpVersion) -> Option<bool> {
        let is_11 = version == HttpVersion::Http11;
        let one_host = self.hosts == 1 || (self.hosts == 0 && !is_11);
        let last =
            |coding: &'b [u8]| coding.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
        let coded = self.coding.is_none_or(|coding| {
            is_11 && self.length.is_none() && last(coding).eq_ignore_ascii_case(b"chunked")
        });
        let has_content = self.coding.is_some()
            || self.length.is_some_and(|length| length.iter().any(|digit| *digit != b'0'));
        (one_host && coded).then_some(!self.close && (is_11 || self.keep_alive) && !has_content)
    }
}
