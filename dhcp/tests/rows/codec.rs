//! What the wire carries.

use proptest::prelude::*;
use transload_dhcp::packet::{Flaw, Ignored, MalformedMessage, Packet};

use crate::lab::*;

/// A DISCOVER by hand: `options` after the cookie.
fn raw(options: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 236];
    octets[..8].copy_from_slice(&[1, 1, 6, 0, 1, 2, 3, 4]);
    octets[28..34].copy_from_slice(&PHONE);
    octets.extend([99, 130, 83, 99]);
    octets.extend_from_slice(options);
    octets
}

fn field(octets: &mut [u8], at: usize, options: &[u8]) {
    octets[at..at + options.len()].copy_from_slice(options);
}

#[test]
pub fn d3_without_the_cookie_it_is_not_dhcp() {
    let mut octets = raw(&[53, 1, 1, 255]);
    assert!(Packet::decode(&octets).is_ok());
    octets[239] = 98;
    assert_eq!(Packet::decode(&octets), Err(MalformedMessage::Cookie));
}

#[test]
pub fn d16_options_then_file_then_sname_are_read() {
    let mut octets = raw(&[53, 1, 1, 52, 1, 3, 12, 1, b'a', 255]);
    field(&mut octets, 44, &[12, 1, b'c', 55, 1, 6, 255]);
    field(&mut octets, 108, &[12, 1, b'b', 60, 1, b'v', 255]);
    let packet = Packet::decode(&octets).unwrap();
    assert_eq!(packet.options, [(12, b"abc".to_vec()), (60, b"v".to_vec()), (55, vec![6])]);
    assert_eq!((packet.file, packet.sname), (Vec::new(), Vec::new()));
}

#[test]
pub fn d16_without_overload_file_and_sname_are_text() {
    let mut octets = raw(&[53, 1, 1, 255]);
    field(&mut octets, 44, b"server\0junk");
    field(&mut octets, 108, &[b'f'; 128]);
    let packet = Packet::decode(&octets).unwrap();
    assert_eq!((packet.sname.as_slice(), packet.file.len()), (&b"server"[..], 128));
}

#[test]
pub fn d33_without_a_message_type_it_is_not_answerable() {
    assert_eq!(Packet::decode(&raw(&[12, 1, b'a', 255])), Err(MalformedMessage::NoMessageType));
}

#[test]
pub fn d34_closing_nuls_of_text_are_stripped() {
    let packet = Packet::decode(&raw(&[53, 1, 1, 60, 4, b'C', b'P', 0, 0, 255])).unwrap();
    assert_eq!(packet.text(60), Some(&b"CP"[..]));
}

/// A DISCOVER with an option that cannot be used, one before it and one behind it.
fn with_flaw(option: &[u8]) -> Packet {
    let octets = raw(&[&[53, 1, 1, 12, 1, b'a'], option, &[60, 1, b'v', 255]].concat());
    Packet::decode(&octets).expect("a message all the same")
}

#[test]
pub fn d35_an_option_of_a_length_that_cannot_be_counts_as_absent() {
    let of = |code: u8, length: usize| [&[code, length as u8][..], &vec![7; length]].concat();
    let wrong: &[(u8, &[usize])] = &[
        (50, &[0, 1, 3, 5, 8]),
        (51, &[0, 2, 3, 5]),
        (52, &[0, 2]),
        (54, &[0, 3, 5]),
        (55, &[0]),
        (57, &[0, 1, 3, 4]),
        (61, &[0, 1]),
        (82, &[0]),
        (118, &[0, 3, 5]),
    ];
    for (code, lengths) in wrong {
        for length in *lengths {
            let packet = with_flaw(&of(*code, *length));
            assert_eq!(packet.options, [(12, b"a".to_vec()), (60, b"v".to_vec())], "{code} of {length}");
            let expected = Ignored { code: *code, flaw: Flaw::Length(*length) };
            assert_eq!(packet.ignored, [expected], "{code} of {length}");
            assert_eq!(packet.unusable(*code), Some(expected));
            let offer = EngineUnderTest::new(config()).ask(&packet).expect("an offer");
            assert_eq!(offer.option(*code).is_some(), [51, 54].contains(code), "{code} comes back");
        }
    }
    let long = [of(61, 255), of(61, 1)].concat();
    assert_eq!(with_flaw(&long).ignored, [Ignored { code: 61, flaw: Flaw::Length(256) }]);
    for (option, flaw) in [(&[52, 1, 0][..], 52), (&[52, 1, 4], 52), (&[54, 4, 0, 0, 0, 0], 54)] {
        assert_eq!(with_flaw(option).ignored, [Ignored { code: flaw, flaw: Flaw::Value }], "{option:?}");
    }
}

#[test]
pub fn d35_what_overruns_its_field_is_left_out_and_what_stands_before_it_counts() {
    for tail in [&[12, 9, b'a'][..], &[12], &[61, 255, 1], &[57, 4, 2], &[82, 200, 1, 1, 7]] {
        let packet = Packet::decode(&raw(&[&[53, 1, 1, 60, 1, b'v'], tail].concat())).unwrap();
        assert_eq!(packet.options, [(60, b"v".to_vec())], "{tail:?}");
        assert_eq!(packet.ignored, [Ignored { code: tail[0], flaw: Flaw::Overrun }], "{tail:?}");
        assert!(EngineUnderTest::new(config()).ask(&packet).is_some(), "{tail:?}");
    }
    // In `file` and `sname` too, where text is taken for options.
    let mut octets = raw(&[53, 1, 1, 52, 1, 3, 12, 1, b'a', 255]);
    field(&mut octets, 108, b"\xe1\x7fboot.bin");
    field(&mut octets, 44, &[60, 1, b'v', 225, 63]);
    let packet = Packet::decode(&octets).unwrap();
    assert_eq!(packet.options, [(12, b"a".to_vec()), (60, b"v".to_vec())]);
    assert_eq!(packet.ignored, [Ignored { code: 225, flaw: Flaw::Overrun }; 2]);
}

#[test]
pub fn d35_without_a_usable_message_type_nobody_can_answer() {
    for options in [&[53, 2, 1, 1, 255][..], &[53, 0, 255], &[53, 9, 1]] {
        assert_eq!(Packet::decode(&raw(options)), Err(MalformedMessage::NoMessageType), "{options:?}");
    }
    assert_eq!(Packet::decode(&raw(&[])[..239]), Err(MalformedMessage::Short(239)));
}

#[test]
pub fn d40_of_an_option_of_fixed_length_that_comes_twice_the_first_whole_one_counts() {
    for (options, value) in [
        (&[57, 2, 5, 0, 57, 2, 4, 0][..], &[5, 0][..]),
        (&[57, 1, 5, 57, 1, 0], &[5, 0]),
        (&[57, 4, 0, 0, 5, 0, 57, 2, 5, 0], &[5, 0]),
        (&[50, 2, 10, 0, 50, 2, 0, 15], &[10, 0, 0, 15]),
        (&[50, 0, 50, 4, 10, 0, 0, 15], &[10, 0, 0, 15]),
        (&[54, 4, 10, 0, 0, 1, 54, 4, 10, 0, 0, 1], &[10, 0, 0, 1]),
    ] {
        let packet = Packet::decode(&raw(&[&[53, 1, 1, 53, 1, 1], options, &[255]].concat())).unwrap();
        assert_eq!(packet.options, [(options[0], value.to_vec())], "{options:?}");
        assert_eq!(packet.ignored, []);
    }
}

#[test]
pub fn d34_a_text_of_nuls_says_nothing() {
    let packet = Packet::decode(&raw(&[53, 1, 1, 60, 2, 0, 0, 12, 1, 0, 255])).unwrap();
    assert_eq!((packet.text(60), packet.text(12)), (None, None));
}

#[test]
pub fn d40_a_repeated_option_is_one_option() {
    let packet = Packet::decode(&raw(&[12, 1, b'a', 53, 1, 1, 12, 2, b'b', b'c', 255])).unwrap();
    assert_eq!(packet.option(12), Some(&b"abc"[..]));
}

#[test]
pub fn d40_a_long_option_is_split_in_order() {
    let long: Vec<u8> = (0..=255).chain(0..=99).collect();
    let packet = with(discover(PHONE), 43, &long);
    let octets = packet.encode(1500);
    assert_eq!(octets[243..245], [43, 255]);
    assert_eq!(octets[500..502], [43, 101]);
    assert_eq!(Packet::decode(&octets).unwrap(), packet);
}

#[test]
pub fn d8_the_last_option_is_end_and_the_rest_is_pad() {
    let octets = discover(PHONE).encode(576);
    assert_eq!(octets[240..244], [53, 1, 1, 255]);
    assert!(octets[244..].iter().all(|octet| *octet == 0));
    let long = with(discover(PHONE), 43, &[7; 200]).encode(576);
    assert_eq!((long.len(), long.last()), (446, Some(&255)));
    // What stands behind End is no option, and pads in between are nothing.
    let read = Packet::decode(&raw(&[0, 53, 1, 1, 0, 0, 12, 1, b'a', 255, 12, 1, b'b'])).unwrap();
    assert_eq!(read.options, [(12, b"a".to_vec())]);
}

#[test]
pub fn d48_at_least_300_octets_are_sent() {
    assert_eq!(discover(PHONE).encode(576).len(), 300);
    let reply = EngineUnderTest::new(config()).handle(&reboot(PHONE, host(200)), BROADCAST).reply.unwrap();
    assert_eq!(reply.encode().len(), 300);
}

#[test]
pub fn d50_only_ethernet_and_known_ops_are_read() {
    for (at, octet, error) in [
        (0, 3, MalformedMessage::Op(3)),
        (2, 17, MalformedMessage::Hardware { htype: 1, hlen: 17 }),
        (2, 255, MalformedMessage::Hardware { htype: 1, hlen: 255 }),
    ] {
        let mut octets = raw(&[53, 1, 1, 255]);
        octets[at] = octet;
        assert_eq!(Packet::decode(&octets), Err(error));
    }
    // Addresses of more octets are no Ethernet's, nor is one of none.
    for (hlen, chaddr) in [(8, [2; 8]), (16, [2; 8]), (0, [0; 8]), (16, [0; 8])] {
        let mut octets = raw(&[53, 1, 1, 255]);
        octets[2] = hlen;
        field(&mut octets, 28, &chaddr);
        assert_eq!(Packet::decode(&octets), Err(MalformedMessage::Hardware { htype: 1, hlen }), "{chaddr:?}");
    }
}

#[test]
pub fn d50_an_ethernet_address_under_another_type_or_length_is_answered_and_copied() {
    for (htype, hlen) in [(6, 6), (0, 6), (255, 6), (1, 0), (1, 5), (1, 7), (1, 16), (6, 16)] {
        let mut octets = raw(&[53, 1, 1, 255]);
        octets[1..3].copy_from_slice(&[htype, hlen]);
        let packet = Packet::decode(&octets).expect("a message");
        let offer =
            EngineUnderTest::new(config()).handle(&packet, BROADCAST).reply.expect("an offer").encode();
        assert_eq!(offer[..3], [2, htype, hlen]);
        assert_eq!(offer[28..44], octets[28..44]);
    }
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let value = prop::collection::vec(any::<u8>(), 1..300);
    let options = prop::collection::btree_map(128_u8..=254, value, 0..6);
    (any::<[u8; 6]>(), any::<u32>(), any::<u16>(), any::<[u32; 4]>(), options, 0_u8..3).prop_map(
        |(mac, xid, flags, addresses, options, texts)| {
            let [ciaddr, yiaddr, siaddr, giaddr] = addresses.map(std::net::Ipv4Addr::from);
            let text = |wanted: bool| if wanted { b"text".to_vec() } else { Vec::new() };
            let mut packet = Packet { xid, flags, ciaddr, yiaddr, siaddr, giaddr, ..discover(mac) };
            (packet.file, packet.sname) = (text(texts > 0), text(texts > 1));
            packet.options = options.into_iter().collect();
            packet
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_again(packet in any_packet(), limit in 576_usize..1500) {
        let octets = packet.encode(limit);
        if packet.fits(limit) {
            prop_assert!(octets.len() + 28 <= limit.max(328));
        }
        let mut read = Packet::decode(&octets).unwrap();
        read.options.sort();
        prop_assert_eq!(read, packet);
    }

    /// dhcproto reads neither overload nor options it knows by another form, so it judges what it can.
    #[test]
    fn dhcproto_reads_what_we_write(packet in any_packet()) {
        let octets = packet.encode(1 << 16);
        let message = dhcproto::v4::borrowed::Message::new(&octets).unwrap();
        prop_assert_eq!(message.xid(), packet.xid);
        prop_assert_eq!(message.giaddr(), packet.giaddr);
        let mut read = std::collections::BTreeMap::<u8, Vec<u8>>::new();
        for option in message.opts() {
            let (code, data) = (u8::from(option.code()), option.data());
            read.entry(code).or_default().extend_from_slice(data);
        }
        prop_assert_eq!(read.remove(&53), Some(vec![1]));
        prop_assert_eq!(read.into_iter().collect::<Vec<_>>(), packet.options);
    }

    #[test]
    fn d35_no_datagram_makes_it_panic(octets in prop::collection::vec(any::<u8>(), 0..600), whole in any::<bool>()) {
        let datagram = if whole { raw(&octets) } else { octets };
        _ = Packet::decode(&datagram);
    }
}
