//! A table's bytes as text, and what stands between its cells.

use std::borrow::Cow;
use std::ops::Range;

use super::cell::{Owner, owner};
use super::columns::{Meaning, find};

/// A table as text with `\n` between its lines, and how it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded<'f> {
    pub text: Cow<'f, str>,
    /// A byte order mark stood before it.
    pub mark: bool,
    pub carriage_returns: bool,
}

/// Windows-1252's letters from 0x80 to 0x9f (Unicode Consortium, CP1252.TXT); undefined ones are left out.
const WINDOWS: &str = "€\u{fffd}‚ƒ„…†‡ˆ‰Š‹Œ\u{fffd}Ž\u{fffd}\u{fffd}‘’“”•–—˜™š›œ\u{fffd}žŸ";

/// Lines in which a header or the first phone is looked for.
pub(super) const BEGINNING: usize = 100;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// UTF-8 and UTF-16 with or without a byte order mark; anything else is read as Windows-1252.
pub(super) fn decode(file: &[u8]) -> Decoded<'_> {
    let (text, mark) = if let Some(rest) = file.strip_prefix(b"\xef\xbb\xbf") {
        (String::from_utf8_lossy(rest), true)
    } else if let Some(rest) = file.strip_prefix(b"\xff\xfe") {
        (Cow::Owned(utf16(rest, u16::from_le_bytes)), true)
    } else if let Some(rest) = file.strip_prefix(b"\xfe\xff") {
        (Cow::Owned(utf16(rest, u16::from_be_bytes)), true)
    } else {
        (unmarked(file), false)
    };
    let carriage_returns = text.contains("\r\n");
    let text =
        if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text };
    Decoded { text, mark, carriage_returns }
}

fn unmarked(file: &[u8]) -> Cow<'_, str> {
    // Half of the octets of a Latin text in UTF-16 are zeros; other texts have none.
    let sample = &file[..file.len().min(4096)];
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count() * 4;
    if zeros(1) > sample.len() && zeros(0) == 0 {
        return Cow::Owned(utf16(file, u16::from_le_bytes));
    }
    if zeros(0) > sample.len() && zeros(1) == 0 {
        return Cow::Owned(utf16(file, u16::from_be_bytes));
    }
    match std::str::from_utf8(file) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(file.iter().map(|byte| windows(*byte)).collect()),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .map(|letter| letter.unwrap_or('\u{fffd}'))
        .collect()
}

fn windows(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS.chars().nth(usize::from(byte - 0x80)).unwrap_or('\u{fffd}'),
        other => char::from(other),
    }
}

/// What stands between cells: what a line `sep=` says, or else what makes the best header of a line; where no line is
/// one, what puts a MAC address into a cell of its own. Also how many bytes of the text come before the table.
pub(super) fn delimiter(text: &str) -> (u8, usize) {
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    let told = first.trim_end_matches('\n').trim_matches('"').as_bytes();
    if let Some((head, [byte, ..])) = told.split_at_checked(4)
        && head.eq_ignore_ascii_case(b"sep=")
        && DELIMITERS.contains(byte)
    {
        return (*byte, first.len());
    }
    let score = |delimiter: u8| {
        text.lines().take(BEGINNING).map(|line| line_score(line, delimiter)).max().unwrap_or_default()
    };
    let best = DELIMITERS.into_iter().rev().max_by_key(|delimiter| score(*delimiter));
    (best.unwrap_or(b','), 0)
}

/// How well a delimiter divides a line: by columns of known meaning, if one names phones; by a phone in a cell of its own; and
/// by how often it stands in it.
fn line_score(line: &str, delimiter: u8) -> (usize, bool, usize) {
    let cells = divide(line, delimiter);
    let meanings: Vec<Meaning> = cells.iter().filter_map(|cell| Some(find(cell)?.meaning)).collect();
    let known = if meanings.contains(&Meaning::Mac) { meanings.len() } else { 0 };
    let phone = cells.iter().any(|cell| matches!(owner(cell.trim_matches('"')), Owner::Phone(_)));
    (known, phone, if known > 0 || phone { cells.len() } else { 0 })
}

/// The cells of one line; what stands in quotes separates nothing.
fn divide(line: &str, delimiter: u8) -> Vec<&str> {
    let (mut cells, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in line.bytes().enumerate() {
        if byte == b'"' {
            quoted = !quoted;
        } else if byte == delimiter && !quoted {
            cells.push(line[start..at].trim());
            start = at + 1;
        }
    }
    cells.push(line[start..].trim());
    cells
}

/// Where the columns of a printed table are, in characters, if a line of `=` or `-` stands below its header: what a call
/// manager's `run sql` prints, and databases. Also which line that is, from 0.
pub(super) fn ruled(text: &str) -> Option<(usize, Vec<Range<usize>>)> {
    let beginning = || text.lines().take(BEGINNING);
    beginning().zip(beginning().skip(1)).enumerate().find_map(|(at, (header, rule))| {
        let rule = rule.trim_end();
        let drawn = rule.contains("===") || rule.contains("---");
        let only = rule.chars().all(|letter| matches!(letter, '=' | '-' | ' ' | '+' | '|'));
        let columns = if drawn && only { runs(rule) } else { Vec::new() };
        let names = cut(header, &columns);
        let phones = names.iter().any(|name| find(name).is_some_and(|found| found.meaning == Meaning::Mac));
        phones.then_some((at + 1, columns))
    })
}

fn runs(rule: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, _) in rule.chars().enumerate().filter(|(_, letter)| matches!(letter, '=' | '-')) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// The cells of a line of a printed table. A value may be wider than its rule where the next column leaves room.
pub(super) fn cut(line: &str, columns: &[Range<usize>]) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    let ends = columns.iter().skip(1).map(|next| next.start).chain([usize::MAX]);
    let cell = |(column, end): (&Range<usize>, usize)| {
        let end = end.min(letters.len()).max(column.start);
        let cell: String = letters.get(column.start..end).unwrap_or_default().iter().collect();
        cell.trim().trim_matches('|').trim().to_owned()
    };
    columns.iter().zip(ends).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_encoding_is_the_same_text() {
        let text = "MAC;Büro\n001234ab45de;–";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let latin: Vec<u8> =
            text.chars().map(|letter| if letter == '–' { 0x96 } else { letter as u8 }).collect();
        for file in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [&b"\xff\xfe"[..], &little].concat(),
            [&b"\xfe\xff"[..], &big].concat(),
            latin,
        ] {
            assert_eq!(decode(&file).text, text, "{file:x?}");
        }
        let plain = "MAC\tModel\n001234ab45de\t8851";
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            let file: Vec<u8> = plain.encode_utf16().flat_map(unit).collect();
            assert_eq!(decode(&file).text, plain, "{file:x?}");
        }
        assert_eq!(decode(b"a\rb\r\nc\nd").text, "a\nb\nc\nd");
        assert_eq!(decode(b"\xff\xfe").text, "");
    }

    #[test]
    fn the_delimiter_is_what_makes_a_header() {
        for (text, expected) in [
            ("MAC,Model", b','),
            ("Report, of today, at nine\nMAC;Model;a,b\n", b';'),
            ("Name\tModel\tDescription\nSEP001234AB45DE\t8851\ta, b, c, d\n", b'\t'),
            ("MAC|Model", b'|'),
            ("mac,\"a;b;c;d\"", b','),
            ("001234ab45de;8851;V05", b';'),
            ("sep=|\nx", b'|'),
            ("MAC", b','),
            ("", b','),
        ] {
            assert_eq!(delimiter(text).0, expected, "{text}");
        }
    }
}
