//! What the wire carries.

use proptest::prelude::*;
use transload_dhcp::packet::{Malformed, Packet};

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
fn d3_without_the_cookie_it_is_not_dhcp() {
    let mut octets = raw(&[53, 1, 1, 255]);
    assert!(Packet::decode(&octets).is_ok());
    octets[239] = 98;
    assert_eq!(Packet::decode(&octets), Err(Malformed::Cookie));
}

#[test]
fn d16_options_then_file_then_sname_are_read() {
    let mut octets = raw(&[53, 1, 1, 52, 1, 3, 12, 1, b'a', 255]);
    field(&mut octets, 44, &[12, 1, b'c', 55, 1, 6, 255]);
    field(&mut octets, 108, &[12, 1, b'b', 60, 1, b'v', 255]);
    let packet = Packet::decode(&octets).unwrap();
    assert_eq!(packet.options, [(12, b"abc".to_vec()), (60, b"v".to_vec()), (55, vec![6])]);
    assert_eq!((packet.file, packet.sname), (Vec::new(), Vec::new()));
}

#[test]
fn d16_without_overload_file_and_sname_are_text() {
    let mut octets = raw(&[53, 1, 1, 255]);
    field(&mut octets, 44, b"server\0junk");
    field(&mut octets, 108, &[b'f'; 128]);
    let packet = Packet::decode(&octets).unwrap();
    assert_eq!((packet.sname.as_slice(), packet.file.len()), (&b"server"[..], 128));
}

#[test]
fn d33_without_a_message_type_it_is_not_answerable() {
    assert_eq!(Packet::decode(&raw(&[12, 1, b'a', 255])), Err(Malformed::NoMessageType));
}

#[test]
fn d34_closing_nuls_of_text_are_stripped() {
    let packet = Packet::decode(&raw(&[53, 1, 1, 60, 4, b'C', b'P', 0, 0, 255])).unwrap();
    assert_eq!(packet.text(60), Some(&b"CP"[..]));
}

#[test]
fn d35_lengths_that_cannot_be_are_refused() {
    for (options, error) in [
        (&[53, 1, 1, 12, 9, b'a'][..], Malformed::Overrun(12)),
        (&[53, 1, 1, 12], Malformed::Overrun(12)),
        (&[53, 1, 1, 50, 3, 1, 2, 3, 255], Malformed::Length { code: 50, length: 3 }),
        (&[53, 1, 1, 54, 5, 1, 2, 3, 4, 5, 255], Malformed::Length { code: 54, length: 5 }),
        (&[53, 1, 1, 57, 1, 2, 255], Malformed::Length { code: 57, length: 1 }),
        (&[53, 1, 1, 61, 0, 255], Malformed::Length { code: 61, length: 0 }),
        (&[53, 1, 1, 52, 1, 4, 255], Malformed::Length { code: 52, length: 1 }),
        (&[53, 2, 1, 1, 255], Malformed::Length { code: 53, length: 2 }),
        (&[53, 0, 255], Malformed::Length { code: 53, length: 0 }),
    ] {
        assert_eq!(Packet::decode(&raw(options)), Err(error), "{options:?}");
    }
    assert_eq!(Packet::decode(&raw(&[])[..239]), Err(Malformed::Short(239)));
}

#[test]
fn d40_a_repeated_option_is_one_option() {
    let packet = Packet::decode(&raw(&[12, 1, b'a', 53, 1, 1, 12, 2, b'b', b'c', 255])).unwrap();
    assert_eq!(packet.option(12), Some(&b"abc"[..]));
}

#[test]
fn d40_a_long_option_is_split_in_order() {
    let long: Vec<u8> = (0..=255).chain(0..=99).collect();
    let packet = with(discover(PHONE), 43, &long);
    let octets = packet.encode(1500);
    assert_eq!(octets[243..245], [43, 255]);
    assert_eq!(octets[500..502], [43, 101]);
    assert_eq!(Packet::decode(&octets).unwrap(), packet);
}

#[test]
fn d8_the_last_option_is_end_and_the_rest_is_pad() {
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
fn d48_at_least_300_octets_are_sent() {
    assert_eq!(discover(PHONE).encode(576).len(), 300);
    let reply = Lab::new(config()).handle(&reboot(PHONE, host(200)), BROADCAST).reply.unwrap();
    assert_eq!(reply.encode().len(), 300);
}

#[test]
fn d50_only_ethernet_and_known_ops_are_read() {
    for (at, octet, error) in [
        (0, 3, Malformed::Op(3)),
        (1, 6, Malformed::Hardware { htype: 6, hlen: 6 }),
        (2, 16, Malformed::Hardware { htype: 1, hlen: 16 }),
        (2, 255, Malformed::Hardware { htype: 1, hlen: 255 }),
    ] {
        let mut octets = raw(&[53, 1, 1, 255]);
        octets[at] = octet;
        assert_eq!(Packet::decode(&octets), Err(error));
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
