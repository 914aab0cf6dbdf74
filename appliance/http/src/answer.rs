//! Decides the answer to a request, and writes the head of the answer.

use std::fmt::Display;
use std::io::Write as _;
use std::ops::Range;
use std::time::SystemTime;

use crate::conditional::SelectedPart;
use crate::{HttpRequest, HttpVersion, Method, RETRY_AFTER};

/// The status of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of RFC 9110.
pub enum Status {
    Ok,
    PartialContent,
    NotModified,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    PreconditionFailed,
    TargetTooLong,
    RangeNotSatisfiable,
    HeadTooLong,
    Unavailable,
}

impl Status {
    /// Code and phrase.
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::PartialContent => "206 Partial Content",
            Self::NotModified => "304 Not Modified",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::PreconditionFailed => "412 Precondition Failed",
            Self::TargetTooLong => "414 URI Too Long",
            Self::RangeNotSatisfiable => "416 Range Not Satisfiable",
            Self::HeadTooLong => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }

    /// The text of an answer without a file. It is never HTML, which a phone might take for the file.
    fn text(self) -> &'static str {
        match self {
            Self::Ok | Self::PartialContent | Self::NotModified => "",
            Self::BadRequest => "bad request: a path and one Host are needed\n",
            Self::NotFound => "not found\n",
            Self::MethodNotAllowed => "only GET and HEAD\n",
            Self::PreconditionFailed => "precondition failed\n",
            Self::TargetTooLong | Self::HeadTooLong => "the request is too long\n",
            Self::RangeNotSatisfiable => "no such part\n",
            Self::Unavailable => "busy, try again\n",
        }
    }
}

/// The file at a path.
#[derive(Debug, Clone, Copy)]
pub enum LookupResult<'a> {
    /// There is no file.
    Nothing,
    /// There is no answer now; the client may ask again.
    Busy,
    /// A file.
    File(Representation<'a>),
}

/// The present state of a file.
#[derive(Debug, Clone, Copy)]
pub struct Representation<'a> {
    /// Its length in bytes.
    pub length: u64,
    /// A strong entity tag, with quotes.
    pub etag: &'a str,
    /// `None` for a document made for each request.
    pub modified: Option<SystemTime>,
    /// Its media type.
    pub content_type: &'a str,
}

/// An answer.
#[derive(Debug)]
pub struct Response<'a> {
    /// The status.
    pub status: Status,
    /// The content after the head.
    pub content: ResponseContent,
    /// Another request may follow on the connection.
    pub persists: bool,
    version: HttpVersion,
    /// The whole file, whatever part of it is sent.
    file: Option<Representation<'a>>,
}

/// The content of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseContent {
    /// Nothing.
    Nothing,
    /// A short text.
    Text(&'static str),
    /// A part of the file, in bytes.
    Part(Range<u64>),
}

/// Decides the answer to a request.
pub fn answer<'a>(request: &HttpRequest, found: LookupResult<'a>) -> Response<'a> {
    let HttpRequest { method, version, persists, .. } = *request;
    let (status, file) = match found {
        _ if method == Method::Other => (Status::MethodNotAllowed, None),
        LookupResult::Nothing => (Status::NotFound, None),
        LookupResult::Busy => (Status::Unavailable, None),
        LookupResult::File(file) => {
            let (status, part) = match request.conditions.wanted(method == Method::Get, &file) {
                SelectedPart::Whole => (Status::Ok, 0..file.length),
                SelectedPart::Part(part) => (Status::PartialContent, part),
                SelectedPart::NotModified => (Status::NotModified, 0..0),
                SelectedPart::PreconditionFailed => (Status::PreconditionFailed, 0..0),
                SelectedPart::Unsatisfiable => (Status::RangeNotSatisfiable, 0..0),
            };
            let content = match status {
                Status::Ok | Status::PartialContent if method == Method::Get => ResponseContent::Part(part),
                Status::Ok | Status::PartialContent | Status::NotModified => ResponseContent::Nothing,
                _ => text(status, method),
            };
            return Response { status, content, persists, version, file: Some(file) };
        }
    };
    Response { status, content: text(status, method), persists, version, file }
}

/// The answer to bytes that are no request; the connection ends after it.
pub fn refuse(version: HttpVersion, status: Status) -> Response<'static> {
    Response { status, content: ResponseContent::Text(status.text()), persists: false, version, file: None }
}

/// The answer "come back later"; the connection ends after it.
pub fn turn_away(request: &HttpRequest) -> Response<'static> {
    Response { persists: false, ..answer(request, LookupResult::Busy) }
}

/// Nothing follows the head of an answer to HEAD (RFC 9110 §9.3.2).
fn text(status: Status, method: Method) -> ResponseContent {
    if method == Method::Head { ResponseContent::Nothing } else { ResponseContent::Text(status.text()) }
}

impl Response<'_> {
    /// Appends the head to `out`. Field names are spelled as in their RFCs: HTTP ignores letter case, but some boot
    /// clients compare `Content-Length` byte by byte.
    pub fn write_head(&self, now: SystemTime, out: &mut Vec<u8>) {
        let version = if self.version == HttpVersion::Http11 { "HTTP/1.1" } else { "HTTP/1.0" };
        put(out, &[version, " ", self.status.line(), "\r\n"]);
        match self.status {
            Status::Ok | Status::PartialContent | Status::NotModified => self.describe(now, out),
            Status::MethodNotAllowed => field(out, "Allow", "GET, HEAD"),
            Status::Unavailable => field(out, "Retry-After", RETRY_AFTER),
            Status::RangeNotSatisfiable => {
                let length = self.file.map_or(0, |file| file.length);
                field(out, "Content-Range", format_args!("bytes */{length}"));
            }
            _ => {}
        }
        if !self.status.text().is_empty() {
            field(out, "Content-Type", "text/plain; charset=utf-8");
        }
        if let Some(length) = self.length() {
            field(out, "Content-Length", length);
        }
        match (self.version, self.persists) {
            (HttpVersion::Http11, false) => field(out, "Connection", "close"),
            (HttpVersion::Http10, true) => field(out, "Connection", "keep-alive"),
            (HttpVersion::Http11, true) | (HttpVersion::Http10, false) => {}
        }
        field(out, "Date", httpdate::HttpDate::from(now));
        put(out, &["\r\n"]);
    }

    fn describe(&self, now: SystemTime, out: &mut Vec<u8>) {
        let Some(file) = self.file else { return };
        if self.status != Status::NotModified {
            field(out, "Content-Type", file.content_type);
        }
        if let (Status::PartialContent, ResponseContent::Part(part)) = (self.status, &self.content) {
            let (first, last) = (part.start, part.end.saturating_sub(1));
            field(out, "Content-Range", format_args!("bytes {first}-{last}/{}", file.length));
        }
        field(out, "Accept-Ranges", "bytes");
        field(out, "ETag", file.etag);
        // A date in the future is invalid (RFC 9110 §8.8.2.1); a box without a clock has files with such dates.
        let known = |modified: &SystemTime| (SystemTime::UNIX_EPOCH..=now).contains(modified);
        if let Some(modified) = file.modified.filter(known) {
            field(out, "Last-Modified", httpdate::HttpDate::from(modified));
        }
    }

    /// The value of `Content-Length`; for HEAD, its value for GET. A 304 answer does not describe the file.
    fn length(&self) -> Option<u64> {
        match (&self.content, self.status) {
            (_, Status::NotModified) => None,
            (ResponseContent::Part(part), _) => Some(part.end - part.start),
            (ResponseContent::Nothing, Status::Ok) => self.file.map(|file| file.length),
            (ResponseContent::Text(_) | ResponseContent::Nothing, status) => Some(status.text().len() as u64),
        }
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: impl Display) {
    put(out, &[name, ": "]);
    // Writing to memory does not fail.
    let _ = write!(out, "{value}");
    put(out, &["\r\n"]);
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}
