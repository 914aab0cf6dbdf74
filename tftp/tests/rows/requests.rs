//! What a client may ask for, and what it is granted.

use crate::common::read_request;
use transload_tftp::{
    request::{self, ParsedRequest, ReadRequest, RequestOptions, TransferMode},
    terms::{self, TermLimits, TransferTerms},
};

const LIMITS: TermLimits = TermLimits { block_size: 1468, window: 64 };

fn reads(packet: &[u8]) -> ReadRequest {
    match request::read(packet) {
        ParsedRequest::Read(request) => request,
        other => panic!("{other:?}"),
    }
}

fn agreed(options: &[(&str, &str)]) -> (TransferTerms, Option<String>) {
    let request = reads(&read_request("f", "octet", options));
    let (terms, oack) = terms::agree(&request, LIMITS, 90_000_000);
    let text = oack.map(|oack| {
        assert_eq!(oack[..2], [0, 6]);
        String::from_utf8(oack[2..].to_vec()).unwrap().replace('\0', " ").trim_end().to_owned()
    });
    (terms, text)
}

#[test]
pub fn t03_mode_in_any_case_and_anything_else_is_illegal() {
    for mode in ["octet", "OCTET", "oCtEt"] {
        assert_eq!(reads(&read_request("f", mode, &[])).mode, TransferMode::Octet);
    }
    assert_eq!(reads(&read_request("f", "NetASCII", &[])).mode, TransferMode::Netascii);
    for packet in
        [&b"\0\x01f\0binary\0"[..], b"\0\x01f\0octet", b"\0\x01f\0", b"\0\x01f", b"\0\x01", b"\0\x01f\0\0"]
    {
        assert_eq!(request::read(packet), ParsedRequest::Illegal, "{packet:?}");
    }
}

#[test]
pub fn t10_both_modes_are_served_and_mail_is_not() {
    assert_eq!(reads(&read_request("f", "octet", &[])).mode, TransferMode::Octet);
    assert_eq!(reads(&read_request("f", "netascii", &[])).mode, TransferMode::Netascii);
    assert_eq!(request::read(&read_request("f", "mail", &[])), ParsedRequest::Illegal);
}

#[test]
pub fn t14_option_names_in_any_case_and_order_and_each_once() {
    let expected = RequestOptions { block_size: Some(1024), timeout: Some(3), size: true, window: Some(4) };
    let one = read_request(
        "f",
        "octet",
        &[("BLKSIZE", "1024"), ("TimeOut", "3"), ("tSize", "0"), ("windowSize", "4")],
    );
    let other = read_request(
        "f",
        "octet",
        &[("windowsize", "4"), ("tsize", "0"), ("timeout", "3"), ("blksize", "1024")],
    );
    assert_eq!(reads(&one).options, expected);
    assert_eq!(reads(&other).options, expected);
    let twice = read_request("f", "octet", &[("blksize", "1024"), ("blksize", "8")]);
    assert_eq!(reads(&twice).options.block_size, Some(1024));
    let long_name = "x".repeat(900);
    assert_eq!(reads(&read_request(&long_name, "octet", &[])).name, long_name);
}

#[test]
pub fn t15_unknown_and_bad_options_are_ignored_and_the_oack_has_only_what_was_asked() {
    assert_eq!(agreed(&[]).1, None);
    assert_eq!(agreed(&[("utimeout", "50000"), ("multicast", ""), ("x", "y")]).1, None);
    let nonsense = [("blksize", "abc"), ("tsize", "-1"), ("timeout", ""), ("windowsize", "+4")];
    assert_eq!(agreed(&nonsense).1, None);
    let (terms, oack) = agreed(&[("blksize", "zero"), ("foo", "1"), ("windowsize", "4")]);
    assert_eq!((terms.block_size, terms.window), (512, 4));
    assert_eq!(oack.as_deref(), Some("windowsize 4"));
    // An option without its value, or without its NUL, is no option.
    let mut cut = read_request("f", "octet", &[("tsize", "0")]);
    cut.extend_from_slice(b"blksize\x001024");
    assert_eq!(reads(&cut).options, RequestOptions { size: true, ..RequestOptions::default() });
}

#[test]
pub fn t18_block_size_at_most_what_was_asked_and_out_of_range_is_left_out() {
    for (asked, granted, answer) in [
        ("8", 8, Some("blksize 8")),
        ("512", 512, Some("blksize 512")),
        ("1428", 1428, Some("blksize 1428")),
        ("65464", 1468, Some("blksize 1468")),
        ("7", 512, None),
        ("0", 512, None),
        ("65465", 512, None),
        ("99999999999999999999999", 512, None),
    ] {
        let (terms, oack) = agreed(&[("blksize", asked)]);
        assert_eq!((terms.block_size, oack.as_deref()), (granted, answer), "asked {asked}");
    }
}

#[test]
pub fn t19_timeout_echoed_or_left_out_and_the_real_size_told() {
    for (asked, granted, answer) in [
        ("1", Some(1), Some("timeout 1")),
        ("255", Some(255), Some("timeout 255")),
        ("0", None, None),
        ("256", None, None),
    ] {
        let (terms, oack) = agreed(&[("timeout", asked)]);
        assert_eq!((terms.timeout, oack.as_deref()), (granted, answer), "asked {asked}");
    }
    assert_eq!(agreed(&[("tsize", "0")]).1.as_deref(), Some("tsize 90000000"));
    let request = reads(&read_request("f", "netascii", &[("tsize", "0"), ("blksize", "600")]));
    let (_, oack) = terms::agree(&request, LIMITS, 90_000_000);
    assert_eq!(oack.unwrap(), b"\0\x06blksize\x00600\0");
}

#[test]
pub fn t20_window_at_most_what_was_asked_and_one_if_not_asked() {
    for (asked, granted, answer) in [
        ("1", 1, Some("windowsize 1")),
        ("16", 16, Some("windowsize 16")),
        ("65535", 64, Some("windowsize 64")),
        ("0", 1, None),
        ("65536", 1, None),
    ] {
        let (terms, oack) = agreed(&[("windowsize", asked)]);
        assert_eq!((terms.window, oack.as_deref()), (granted, answer), "asked {asked}");
    }
    assert_eq!(agreed(&[("blksize", "1000")]).0.window, 1);
    let request = reads(&read_request("f", "octet", &[("blksize", "65464"), ("windowsize", "64")]));
    let (terms, _) = terms::agree(&request, TermLimits { block_size: 65464, window: 64 }, 1);
    assert!(u32::from(terms.window) * 65464 <= 128 * 1024, "one ACK never sets off more than 128 KiB");
}

#[test]
pub fn t24_no_block_that_would_be_fragmented() {
    for (mtu, largest) in [(1500, 1468), (1400, 1368), (9000, 8968), (0, 8), (u16::MAX, 65464)] {
        assert_eq!(terms::largest_block(mtu), largest, "MTU {mtu}");
    }
}

#[test]
fn names_reach_the_source_as_they_were_written() {
    for name in ["/Cisco/CP-7832-3PCC/001234ab45de.cfg", "..\\..\\etc/passwd", "a b%20c", ""] {
        assert_eq!(reads(&read_request(name, "octet", &[])).name, name);
    }
    assert_eq!(reads(b"\0\x01\xff.loads\0octet\0").name, "\u{fffd}.loads");
}
