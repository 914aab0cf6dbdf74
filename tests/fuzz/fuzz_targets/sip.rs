//! Anything that a connection brings: no panic, nothing sent but to the phone that spoke, and what is sent can be
//! read. The stream is cut into messages as the door cuts it, with two phones at its other end.

#![no_main]

use std::net::{Ipv4Addr, SocketAddrV4};

use libfuzzer_sys::fuzz_target;
use transload_provision::journey::Restart;
use transload_provision::mac::Mac;
use transload_provision::sip::{Action, Caller, Event, Flow, Frame, Message, Registrar, Transport, frame, said};

const OWN: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 23, 45, 67), 5060);
const AT: Ipv4Addr = Ipv4Addr::new(10, 23, 45, 101);
const PHONE: Mac = Mac([0xc8, 0x00, 0x84, 0xaa, 0x87, 0x43]);

fuzz_target!(|stream: &[u8]| {
    let mut registrar = Registrar::new(OWN, 1);
    let (mut rest, mut now) = (stream, 0);
    while !rest.is_empty() {
        let length = match frame(rest) {
            Ok(Frame::Whole(length)) => length,
            Ok(Frame::Blank { bytes, .. }) => {
                assert!(bytes > 0 && bytes <= rest.len());
                rest = &rest[bytes..];
                continue;
            }
            Ok(Frame::Partial) | Err(_) => break,
        };
        let (bytes, after) = rest.split_at(length);
        rest = after;
        let message = Message::parse(bytes).expect("what was cut out as a message is one");
        assert_eq!(Message::parse(&message.encode()).expect("what is written can be read").body, message.body);
        now += 1000 * u64::from(bytes.len().is_multiple_of(7)) * 60;
        let transport = if bytes.len().is_multiple_of(2) { Transport::Tcp } else { Transport::Udp };
        let flow = Flow { transport, peer: SocketAddrV4::new(AT, 49_154) };
        let mut actions = registrar.receive(&message, flow, Caller { phone: Some(PHONE) }, now);
        actions.extend(registrar.restart(PHONE, Restart::Restart, now));
        actions.extend(registrar.tick(now));
        for action in actions {
            match action {
                Action::Send(flow, bytes) => {
                    assert_eq!(*flow.peer.ip(), AT);
                    Message::parse(&bytes).expect("what is sent can be read");
                }
                Action::Tell(Event::Registered(mac, words)) => {
                    assert_eq!((mac, words.device), (PHONE, Some(PHONE)));
                    assert_eq!(said(&message), words);
                }
                Action::Tell(_) => {}
            }
        }
        assert!(registrar.len() <= 1);
    }
});
