//! Selects the part of a file that a request wants: preconditions and ranges (RFC 9110 §13, §14).

use std::ops::Range;
use std::time::{Duration, SystemTime};

use crate::Representation;

/// The header fields for conditions and ranges. Of a repeated single field, the first counts.
#[derive(Debug, Default)]
pub struct Conditions<'b> {
    if_match: Vec<&'b [u8]>,
    if_none_match: Vec<&'b [u8]>,
    if_modified_since: Option<&'b [u8]>,
    if_unmodified_since: Option<&'b [u8]>,
    if_range: Option<&'b [u8]>,
    range: Option<&'b [u8]>,
}

/// The part to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SelectedPart {
    Whole,
    Part(Range<u64>),
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416.
    Unsatisfiable,
}

impl<'b> Conditions<'b> {
    /// Takes in a header field; returns false for other fields.
    pub(crate) fn take(&mut self, name: &str, value: &'b [u8]) -> bool {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("If-Match") {
            self.if_match.push(value);
        } else if is("If-None-Match") {
            self.if_none_match.push(value);
        } else if is("If-Modified-Since") {
            self.if_modified_since.get_or_insert(value);
        } else if is("If-Unmodified-Since") {
            self.if_unmodified_since.get_or_insert(value);
        } else if is("If-Range") {
            self.if_range.get_or_insert(value);
        } else if is("Range") {
            self.range.get_or_insert(value);
        } else {
            return false;
        }
        true
    }

    /// In the order of RFC 9110 §13.2.2; `get` is false for HEAD, which knows no ranges (§14.2).
    pub(crate) fn wanted(&self, get: bool, file: &Representation) -> SelectedPart {
        let modified = file.modified.map(whole_seconds);
        if !self.if_match.is_empty() {
            if !matches(&self.if_match, file.etag, false) {
                return SelectedPart::PreconditionFailed;
            }
        } else if let (Some(date), Some(modified)) = (date(self.if_unmodified_since), modified)
            && modified > date
        {
            return SelectedPart::PreconditionFailed;
        }
        if !self.if_none_match.is_empty() {
            if matches(&self.if_none_match, file.etag, true) {
                return SelectedPart::NotModified;
            }
        } else if let (Some(date), Some(modified)) = (date(self.if_modified_since), modified)
            && modified <= date
        {
            return SelectedPart::NotModified;
        }
        // A date in If-Range would have to be a strong validator (§13.1.5). A replaced file may keep its date, so
        // only the entity tag counts, and a date gets the whole file.
        let same = self.if_range.is_none_or(|validator| validator == file.etag.as_bytes());
        match self.range {
            Some(range) if get && same => part(range, file.length),
            _ => SelectedPart::Whole,
        }
    }
}

/// True if a list of entity tags contains ours. The weak comparison (§8.8.3.2) ignores `W/`.
fn matches(values: &[&[u8]], etag: &str, weak: bool) -> bool {
    let text = values.iter().filter_map(|value| std::str::from_utf8(value).ok());
    text.flat_map(|value| value.split(',')).any(|tag| {
        let tag = tag.trim();
        let tag = if weak { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
        tag == "*" || tag == etag
    })
}

/// The date of a field. An unreadable date is no condition (§13.1.3).
fn date(value: Option<&[u8]>) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value?).ok()?).ok()
}

/// HTTP dates have no fractions.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// A single byte range. Other units, several ranges and unreadable ones are ignored, as §14.2 allows.
fn part(range: &[u8], length: u64) -> SelectedPart {
    let read = || {
        let (unit, range) = std::str::from_utf8(range).ok()?.split_once('=')?;
        let (first, last) = range.split_once('-')?;
        unit.trim().eq_ignore_ascii_case("bytes").then_some((position(first)?, position(last)?))
    };
    let range = match read() {
        Some((Some(first), Some(last))) if first > last => return SelectedPart::Whole,
        Some((Some(first), last)) => first..last.map_or(length, |last| last.saturating_add(1).min(length)),
        Some((None, Some(suffix))) => length.saturating_sub(suffix)..length,
        Some((None, None)) | None => return SelectedPart::Whole,
    };
    if range.is_empty() { SelectedPart::Unsatisfiable } else { SelectedPart::Part(range) }
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
