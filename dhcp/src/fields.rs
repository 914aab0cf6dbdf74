//! Options as they are collected from a message's fields. An option that cannot be used is left out and noted, so that one
//! odd option never costs its client the answer.

use std::fmt;

use crate::options::code;

/// An option that is read as if it were absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignored {
    /// The option.
    pub code: u8,
    /// Why it cannot be used.
    pub flaw: Flaw,
}

/// Why an option cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It has this many octets, which its definition does not allow.
    Length(usize),
    /// Its length points beyond its field.
    Overrun,
    /// Its value means nothing: an overload other than 1 to 3, or a server identifier of 0.0.0.0.
    Value,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, flaw } = self;
        match flaw {
            Flaw::Length(1) => write!(f, "option {code} has 1 octet"),
            Flaw::Length(length) => write!(f, "option {code} has {length} octets"),
            Flaw::Overrun => write!(f, "option {code} runs past the end of the message"),
            Flaw::Value => write!(f, "option {code} has a value that means nothing"),
        }
    }
}

/// Options as they are collected from up to three fields.
pub(crate) struct Fields {
    /// Each code once, in wire order.
    pub(crate) options: Vec<(u8, Vec<u8>)>,
    /// At most one for each field, and one for each code.
    pub(crate) ignored: Vec<Ignored>,
    /// Where a code sits in `options`, plus one; so that a hostile datagram costs no search.
    places: [u16; 256],
}

impl Fields {
    pub(crate) fn new() -> Self {
        Self { options: Vec::with_capacity(12), ignored: Vec::new(), places: [0; 256] }
    }

    /// Reads one field, up to its end or to an option that overruns it.
    pub(crate) fn read(&mut self, mut field: &[u8]) {
        while let Some((&code, rest)) = field.split_first() {
            if code == code::END {
                return;
            }
            if code == code::PAD {
                field = rest;
                continue;
            }
            let value = rest.split_first().and_then(|(length, rest)| rest.split_at_checked((*length).into()));
            let Some((value, rest)) = value else {
                self.ignored.push(Ignored { code, flaw: Flaw::Overrun });
                return;
            };
            self.take(code, value);
            field = rest;
        }
    }

    /// What appears again is appended to what was there (RFC 3396 §5); but of an option of fixed length that appears whole
    /// twice, the first counts.
    fn take(&mut self, code: u8, value: &[u8]) {
        let place = &mut self.places[usize::from(code)];
        let known = usize::from(*place).checked_sub(1).and_then(|place| self.options.get_mut(place));
        let Some((_, octets)) = known else {
            self.options.push((code, value.to_vec()));
            *place = self.options.len() as u16;
            return;
        };
        match fixed_length(code) {
            Some(length) if octets.len() == length => {}
            Some(length) if value.len() == length => value.clone_into(octets),
            _ => octets.extend_from_slice(value),
        }
    }

    /// Which of the fields `file` (1) and `sname` (2) hold options (RFC 2132 §9.3).
    pub(crate) fn overload(&self) -> u8 {
        let overload = self.options.iter().find(|(code, _)| *code == code::OVERLOAD);
        match overload.map(|(_, octets)| octets.as_slice()) {
            Some([which @ 1..=3]) => *which,
            _ => 0,
        }
    }

    /// Leaves out the options that this server acts on and cannot use; others are none of its business.
    pub(crate) fn drop_flawed(&mut self) {
        let ignored = &mut self.ignored;
        self.options.retain(|(code, octets)| {
            let flaw = flaw(*code, octets);
            ignored.extend(flaw.map(|flaw| Ignored { code: *code, flaw }));
            flaw.is_none()
        });
    }
}

fn flaw(code: u8, octets: &[u8]) -> Option<Flaw> {
    let length = octets.len();
    let fine = match code {
        code::CLIENT_ID => (2..=255).contains(&length),
        code::HOST_NAME | code::REQUEST_LIST | code::VENDOR_CLASS | code::RELAY_INFORMATION => length > 0,
        _ => fixed_length(code).is_none_or(|fixed| fixed == length),
    };
    match (code, octets) {
        _ if !fine => Some(Flaw::Length(length)),
        (code::OVERLOAD, [0 | 4..]) | (code::SERVER_ID, [0, 0, 0, 0]) => Some(Flaw::Value),
        _ => None,
    }
}

/// Octets of an option that this server acts on and whose length is fixed.
fn fixed_length(code: u8) -> Option<usize> {
    match code {
        code::MESSAGE_TYPE | code::OVERLOAD => Some(1),
        code::MAX_MESSAGE_SIZE => Some(2),
        code::REQUESTED_ADDRESS | code::LEASE_TIME | code::SERVER_ID | code::SUBNET_SELECTION => Some(4),
        _ => None,
    }
}
