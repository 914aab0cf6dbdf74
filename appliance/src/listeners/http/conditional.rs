//! Which part of a file a request wants, if any: preconditions and ranges (RFC 9110 §13, §14).

use std::ops::Range;
use std::time::{Duration, SystemTime};

use hyper::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};

/// What a file's present state is known by.
#[derive(Debug, Clone)]
pub(super) struct Representation {
    pub(super) length: u64,
    /// Strong, quotes included.
    pub(super) etag: String,
    /// `None` for what is made for each request.
    pub(super) modified: Option<SystemTime>,
}

/// What is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    Part(Range<u64>),
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416.
    Unsatisfiable,
}

/// In the order of RFC 9110 §13.2.2; `get` is false for HEAD, which knows no ranges (§14.2).
pub(super) fn wanted(get: bool, headers: &HeaderMap, file: &Representation) -> Wanted {
    let modified = file.modified.map(whole_seconds);
    if headers.contains_key(IF_MATCH) {
        if !matches(headers, &IF_MATCH, &file.etag, false) {
            return Wanted::PreconditionFailed;
        }
    } else if let (Some(date), Some(modified)) = (date(headers, &IF_UNMODIFIED_SINCE), modified)
        && modified > date
    {
        return Wanted::PreconditionFailed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if matches(headers, &IF_NONE_MATCH, &file.etag, true) {
            return Wanted::NotModified;
        }
    } else if let (Some(date), Some(modified)) = (date(headers, &IF_MODIFIED_SINCE), modified)
        && modified <= date
    {
        return Wanted::NotModified;
    }
    // A date in If-Range would have to be a strong validator (§13.1.5). Files may keep their date when replaced, so
    // only the entity tag counts, and with a date the whole file is sent.
    let same = match headers.get(IF_RANGE) {
        None => true,
        Some(validator) => validator.as_bytes() == file.etag.as_bytes(),
    };
    match headers.get(RANGE) {
        Some(range) if get && same => part(range.as_bytes(), file.length),
        _ => Wanted::Whole,
    }
}

/// Whether a list of entity tags names ours. The weak comparison (§8.8.3.2) leaves `W/` out of account.
fn matches(headers: &HeaderMap, name: &HeaderName, etag: &str, weak: bool) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| {
            let tag = tag.trim();
            let tag = if weak { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
            tag == "*" || tag == etag
        })
}

/// A header's date. One that cannot be read is no condition (§13.1.3).
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// HTTP dates have no fractions.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// One range of bytes. Other units, several ranges and what cannot be read are left out of account, as §14.2 allows.
fn part(range: &[u8], length: u64) -> Wanted {
    let read = || {
        let (unit, range) = std::str::from_utf8(range).ok()?.split_once('=')?;
        let (first, last) = range.split_once('-')?;
        unit.trim().eq_ignore_ascii_case("bytes").then_some((position(first)?, position(last)?))
    };
    let range = match read() {
        Some((Some(first), Some(last))) if first > last => return Wanted::Whole,
        Some((Some(first), last)) => first..last.map_or(length, |last| last.saturating_add(1).min(length)),
        Some((None, Some(suffix))) => length.saturating_sub(suffix)..length,
        Some((None, None)) | None => return Wanted::Whole,
    };
    if range.is_empty() { Wanted::Unsatisfiable } else { Wanted::Part(range) }
}

/// A number, or nothing; `None` for anything else. Numbers beyond 64 bits are beyond every file.
#[allow(clippy::option_option)]
fn position(digits: &str) -> Option<Option<u64>> {
    let digits = digits.trim();
    match digits {
        "" => Some(None),
        _ if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}
