//! Writes a DHCP message. Options keep their order; overload (option 52) is used only if they do not fit otherwise.

use crate::options::code;
use crate::packet::{COOKIE, FIXED, Op, Packet};

/// IPv4 and UDP headers, which a maximum message size counts (it equals the 576 octets of RFC 2131 §2).
const HEADERS: usize = 28;
/// RFC 1542 §2.1: BOOTP messages have at least 300 octets.
const SMALLEST: usize = 300;
const FILE: usize = 128;
const SNAME: usize = 64;

/// The three fields that can hold options, in the order they are read (RFC 3396 §5).
struct OptionLayout {
    options: Vec<u8>,
    file: Vec<u8>,
    sname: Vec<u8>,
}

impl Packet {
    /// Whether all options find room in an IP datagram of `limit` octets.
    pub fn fits(&self, limit: usize) -> bool {
        self.options_size() <= room(limit) || self.layout(limit).is_some()
    }

    /// The datagram's payload. What does not fit `limit` octets (of the IP datagram) makes it longer: ask
    /// [`Packet::fits`] first.
    pub fn encode(&self, limit: usize) -> Vec<u8> {
        let layout = if self.options_size() <= room(limit) { None } else { self.layout(limit) };
        let mut octets = Vec::with_capacity(SMALLEST.max(FIXED + self.options_size()));
        octets.extend([if self.op == Op::Request { 1 } else { 2 }, self.htype, self.hlen, self.hops]);
        octets.extend(self.xid.to_be_bytes());
        octets.extend(self.secs.to_be_bytes());
        octets.extend(self.flags.to_be_bytes());
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            octets.extend(address.octets());
        }
        octets.extend(self.chaddr);
        octets.resize(44, 0);
        let (sname, file) = match &layout {
            Some(layout) if !layout.sname.is_empty() => (layout.sname.as_slice(), layout.file.as_slice()),
            Some(layout) if !layout.file.is_empty() => (cut(&self.sname, SNAME), layout.file.as_slice()),
            _ => (cut(&self.sname, SNAME), cut(&self.file, FILE)),
        };
        let file = if file.is_empty() { cut(&self.file, FILE) } else { file };
        octets.extend_from_slice(sname);
        octets.resize(44 + SNAME, 0);
        octets.extend_from_slice(file);
        octets.resize(FIXED - COOKIE.len(), 0);
        octets.extend(COOKIE);
        match layout {
            Some(layout) => octets.extend(layout.options),
            None => self.write_all(&mut octets),
        }
        octets.push(code::END);
        if octets.len() < SMALLEST {
            octets.resize(SMALLEST, 0);
        }
        octets
    }

    /// Octets of the options field if everything goes there.
    fn options_size(&self) -> usize {
        let others: usize = self.options.iter().map(|(_, octets)| size(octets)).sum();
        3 + others + 1
    }

    fn write_all(&self, field: &mut Vec<u8>) {
        write(field, code::MESSAGE_TYPE, &[self.kind.into()]);
        for (code, octets) in &self.options {
            write(field, *code, octets);
        }
    }

    /// Spreads the options over `options`, `file` and `sname`; `None` where even that has no room for all.
    /// RFC 2131 §4.1: option 52 stays in `options`; RFC 3046 §2.2: so does option 82, as the last.
    fn layout(&self, limit: usize) -> Option<OptionLayout> {
        let last = |code: u8| code == code::RELAY_INFORMATION;
        let relay: usize =
            self.options.iter().filter(|(code, _)| last(*code)).map(|(_, octets)| size(octets)).sum();
        let main_room = room(limit).checked_sub(relay + 1)?;
        let file_room = if self.file.is_empty() { FILE - 1 } else { 0 };
        let sname_room = if self.sname.is_empty() { SNAME - 1 } else { 0 };

        let mut layout =
            OptionLayout { options: Vec::with_capacity(limit), file: Vec::new(), sname: Vec::new() };
        write(&mut layout.options, code::MESSAGE_TYPE, &[self.kind.into()]);
        write(&mut layout.options, code::OVERLOAD, &[0]);
        for (code, octets) in self.options.iter().filter(|(code, _)| !last(*code)) {
            let fields = [
                (&mut layout.options, main_room),
                (&mut layout.file, file_room),
                (&mut layout.sname, sname_room),
            ];
            let (field, _) = fields.into_iter().find(|(field, room)| field.len() + size(octets) <= *room)?;
            write(field, *code, octets);
        }
        for (code, octets) in self.options.iter().filter(|(code, _)| last(*code)) {
            write(&mut layout.options, *code, octets);
        }
        let overload = u8::from(!layout.file.is_empty()) | u8::from(!layout.sname.is_empty()) << 1;
        if let Some(value) = layout.options.get_mut(5) {
            *value = overload;
        }
        for field in [&mut layout.file, &mut layout.sname] {
            if !field.is_empty() {
                field.push(code::END);
            }
        }
        Some(layout)
    }
}

/// Octets of the options field, End included, in an IP datagram of `limit` octets.
fn room(limit: usize) -> usize {
    limit.saturating_sub(HEADERS + FIXED)
}

/// Octets on the wire: values beyond 255 octets are split (RFC 3396 §7), each part with its own head.
fn size(octets: &[u8]) -> usize {
    octets.len() + 2 * octets.len().div_ceil(255).max(1)
}

fn write(field: &mut Vec<u8>, code: u8, octets: &[u8]) {
    if octets.is_empty() {
        field.extend([code, 0]);
    }
    for part in octets.chunks(255) {
        field.extend([code, part.len() as u8]);
        field.extend_from_slice(part);
    }
}

/// As much of a text as its field takes with the closing NUL.
fn cut(text: &[u8], field: usize) -> &[u8] {
    text.get(..field - 1).unwrap_or(text)
}
