//! Cisco's firmware packages: their headers and their names.

use crate::catalog::known;
use crate::load::LoadName;

/// The longest header of a signed file that is searched, in bytes; real ones have some hundreds.
pub const MAX_HEADER: usize = 64 * 1024;

/// The start of the payload of a signed file, from its header of fields: tag, 16-bit length, value, high byte first.
/// Tag 2 holds the length of the whole header; tag 13 is one byte of padding without a length (usecallmanager.nz,
/// certutils). `None` if the file has no such header.
pub fn payload(file: &[u8]) -> Option<usize> {
    const VERSION: u8 = 1;
    const LENGTH: u8 = 2;
    const PADDING: u8 = 13;
    if file.first() != Some(&VERSION) {
        return None;
    }
    let mut rest = file;
    loop {
        match rest {
            [PADDING, after @ ..] => rest = after,
            [LENGTH, 0, 2, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                let so_far = file.len() - rest.len() + 5;
                return (length >= so_far).then_some(length);
            }
            [_, high, low, after @ ..] => {
                rest = after.get(usize::from(u16::from_be_bytes([*high, *low]))..)?;
            }
            _ => return None,
        }
    }
}

/// The start of the compressed archive in a COP file: after the header if its length is known, else the first gzip
/// member (RFC 1952 §2.3.1: 1F 8B, deflate, no reserved flag). `head` is the start of the file, of which at most
/// [`MAX_HEADER`] bytes are searched. `None` if there is none.
pub fn archive(head: &[u8]) -> Option<usize> {
    const RESERVED_FLAGS: u8 = 0xE0;
    let head = head.get(..MAX_HEADER).unwrap_or(head);
    let is_gzip = |at: usize| match head.get(at..) {
        Some([0x1F, 0x8B, 8, flags, ..]) => flags & RESERVED_FLAGS == 0,
        _ => false,
    };
    payload(head).filter(|at| is_gzip(*at)).or_else(|| (0..head.len()).find(|at| is_gzip(*at)))
}

/// The likely name of a load's package on Cisco's download pages. Packages of transition loads have no known name;
/// their link comes by mail.
pub fn likely_name(load: &LoadName) -> String {
    match known::packages(load).as_slice() {
        [] => format!("the package of {load} that the licenses' mail links to"),
        names => names.join(" or "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Version, length, signer, padding.
    fn header(length: u16) -> Vec<u8> {
        let mut header = vec![1, 0, 2, 1, 0, 2, 0, 2];
        header.extend(length.to_be_bytes());
        header.extend([3, 0, 4, 0x1F, 0x8B, 8, 0, 13]);
        header
    }

    const GZIP: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];

    #[test]
    fn the_header_tells_where_the_archive_begins() {
        let file = [header(18).as_slice(), &GZIP].concat();
        assert_eq!((payload(&file), archive(&file)), (Some(18), Some(18)), "not at the signer's bytes");
    }

    #[test]
    fn a_header_of_another_form_is_skipped() {
        for header in [vec![0x30; 428], header(9999), header(3), b"text".to_vec()] {
            let header: Vec<u8> = header.into_iter().filter(|byte| *byte != 0x1F).collect();
            let file = [header.as_slice(), &GZIP].concat();
            assert_eq!(archive(&file), Some(header.len()));
        }
        assert_eq!(archive(&GZIP), Some(0), "none at all");
        assert_eq!(archive(b"<html>log in first</html>"), None);
        assert_eq!(archive(&[vec![0; MAX_HEADER], GZIP.to_vec()].concat()), None);
    }

    #[test]
    fn packages_are_named_as_cisco_names_them() {
        let name = |load: &str| likely_name(&load.parse().unwrap());
        assert_eq!(name("sip88xx.12-0-7MPP0201-66"), "cmterm-88xx.12-0-7MPP0201-66_REL.zip");
        assert_eq!(
            name("sip8845_65.14-4-1-0401-1"),
            "cmterm-8845_65-sip.14-4-1-0401-1.k4.cop.sha512 or cmterm-8845_65.14-4-1-0401-1.zip"
        );
        assert!(name("sip88xx.TLexE2M-11-2-3C-4").contains("sip88xx.TLexE2M-11-2-3C-4"));
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_payload_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(at) = archive(&bytes) {
                prop_assert!(bytes[at..].starts_with(&[0x1F, 0x8B, 8]));
            }
            let _ = payload(&[&[1, 0, 2, 1, 0][..], &bytes].concat());
        }
    }
}
