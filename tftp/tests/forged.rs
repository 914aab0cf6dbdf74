//! What forged requests and answers can do to clients that are there, on loopback.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;
#[path = "common/running.rs"]
mod running;

use std::{
    net::{Ipv4Addr, UdpSocket},
    time::{Duration, Instant},
};

use common::{MemorySource, ack, noise, read_request};
use running::{LONG, Running, client_at, ending, error, finish, finish_from, next, next_from, plain};
use transload_tftp::{Abort, TftpConfig, TransferOutcome};

const PHONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

fn stranger(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x7f63_0000 + number)
}

/// A client that asks and never answers. It stays open, or the kernel would say that its port is closed.
fn ask_from(address: Ipv4Addr, running: &Running, name: &str) -> UdpSocket {
    let client = client_at(address);
    client.send_to(&plain(name), running.address).unwrap();
    client
}

/// Fetches the file from a known address. The socket is to be kept: its port would be another client's next.
fn fetch(running: &Running, bytes: &[u8]) -> UdpSocket {
    let phone = ask_from(PHONE, running, "f");
    let (packet, transfer) = next(&phone);
    assert_eq!(packet[..2], [0, 3], "{packet:?}");
    assert_eq!(finish(&phone, packet, transfer), bytes);
    phone
}

#[test]
fn requests_from_made_up_addresses_keep_no_known_client_from_its_files() {
    let file = MemorySource::new(noise(3000, 1));
    let strangers = (0..1500).map(stranger).collect();
    let config = TftpConfig { max_transfers: 64, ..TftpConfig::default() };
    let running = Running::start_among(strangers, &[("f", file.clone())], config);
    let (mut silent, mut phones) = (Vec::new(), Vec::new());
    for number in 0..1500 {
        silent.push(ask_from(stranger(number), &running, "f"));
        if number % 100 == 99 {
            phones.push(fetch(&running, &file.bytes));
        }
        if silent.len() > 200 {
            silent.clear();
        }
    }
    assert!(running.reached.ignored() + running.reached.given_way() > 500, "{:?}", running.reached);
    let latest = running.reached.latest_unheard();
    assert!(latest.to_bits() >= stranger(0).to_bits(), "{latest} is no known client");
    assert_eq!(running.reached.refused(), 0);
}

#[test]
fn a_stranger_that_answers_is_served_like_anybody_and_no_stranger_afterwards() {
    let file = MemorySource::new(noise(3000, 2));
    let one = stranger(1);
    let running = Running::start_among(vec![one], &[("f", file.clone())], TftpConfig::default());
    let clients: Vec<_> = (0..400)
        .map(|_| {
            let client = ask_from(one, &running, "f");
            let (packet, transfer) = next(&client);
            assert_eq!(finish(&client, packet, transfer), *file.bytes);
            client
        })
        .collect();
    assert_eq!(clients.len(), 400);
    assert_eq!(running.reached.ignored(), 0);
}

#[test]
fn a_stranger_that_does_not_answer_is_given_up_on_soon() {
    let file = MemorySource::new(noise(3000, 3));
    let running = Running::start_among(vec![stranger(1)], &[("f", file.clone())], TftpConfig::default());
    let client = ask_from(stranger(1), &running, "f");
    next(&client);
    let ending = ending(&file, 1);
    assert_eq!(ending.outcome, TransferOutcome::TimedOut);
    assert!(ending.elapsed < Duration::from_secs(10), "{:?}", ending.elapsed);
    assert!(file.answers.lock().unwrap().is_empty());
}

#[test]
fn forged_requests_in_a_clients_name_neither_take_its_places_nor_end_its_transfers() {
    let file = MemorySource::new(noise(3000, 4));
    let running =
        Running::start(&[("f", file.clone())], TftpConfig { max_per_peer: 4, ..TftpConfig::default() });
    let phone = ask_from(PHONE, &running, "f");
    let (_, transfer) = next(&phone);
    phone.send_to(&ack(1), transfer).unwrap();
    let (second, _) = next(&phone);
    let forged: Vec<_> = (0..50).map(|_| ask_from(PHONE, &running, "f")).collect();
    let other = fetch(&running, &file.bytes);
    assert_eq!(finish_from(&phone, second, transfer, 2), file.bytes[512..]);
    drop((forged, other));
}

#[test]
fn a_forged_request_does_not_end_a_transfer_that_stands_still() {
    let file = MemorySource::new(noise(3000, 5));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let phone = ask_from(PHONE, &running, "f");
    let (_, transfer) = next(&phone);
    phone.send_to(&ack(1), transfer).unwrap();
    // The phone erases its flash. Meanwhile requests come that name its port, until one is heeded.
    let patience = Instant::now() + LONG;
    let other = loop {
        phone.send_to(&plain("f"), running.address).unwrap();
        let (_, from) = next(&phone);
        if from != transfer {
            break from;
        }
        assert!(Instant::now() < patience);
    };
    // Then it goes on. What it did not ask for, it turns down (RFC 1350 §4).
    phone.send_to(b"\0\x05\0\x05unknown port\0", other).unwrap();
    phone.send_to(&ack(1), transfer).unwrap();
    let second = loop {
        let packet = next_from(&phone, transfer);
        if packet[..4] == [0, 3, 0, 2] {
            break packet;
        }
    };
    assert_eq!(finish_from(&phone, second, transfer, 2), file.bytes[512..]);
    let outcomes =
        || -> Vec<_> { file.endings.lock().unwrap().iter().map(|end| end.outcome.clone()).collect() };
    ending(&file, 2);
    assert!(outcomes().contains(&TransferOutcome::Finished), "{:?}", outcomes());
    assert!(!outcomes().contains(&TransferOutcome::Aborted(Abort::Restarted)), "{:?}", outcomes());
}

#[test]
fn a_client_has_answered_with_its_first_acknowledgment_or_an_error_and_not_by_asking() {
    let file = MemorySource::new(noise(3000, 6));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let answers = || file.answers.lock().unwrap().len();
    let opened = |client: &UdpSocket| next(client).1;

    let options = running.asking(&read_request("f", "octet", &[("blksize", "1024")]));
    let transfer = opened(&options);
    options.send_to(&ack(7), transfer).unwrap();
    options.send_to(b"\0\x03\0\0", transfer).unwrap();
    let plain_one = running.asking(&plain("f"));
    let other = opened(&plain_one);
    // Without options, there is no block 0 to acknowledge.
    plain_one.send_to(&ack(0), other).unwrap();
    let stray = client_at(PHONE);
    stray.send_to(&ack(0), transfer).unwrap();
    error(&stray, 5);
    stray.send_to(&ack(1), other).unwrap();
    error(&stray, 5);
    assert_eq!(answers(), 0);

    options.send_to(&ack(0), transfer).unwrap();
    assert_eq!(next_from(&options, transfer)[..4], [0, 3, 0, 1]);
    assert_eq!(answers(), 1);
    plain_one.send_to(&ack(1), other).unwrap();
    next_from(&plain_one, other);
    assert_eq!(answers(), 2);
    let size_only = running.asking(&read_request("f", "octet", &[("tsize", "0")]));
    size_only.send_to(b"\0\x05\0\0size\0", opened(&size_only)).unwrap();
    ending(&file, 1);
    assert_eq!(*file.answers.lock().unwrap(), [0, 0, 0]);
}

#[test]
fn a_known_clients_port_is_shared_with_nobody_however_many_there_are_and_whatever_they_fetch() {
    let file = MemorySource::new(noise(100_000, 7));
    let strangers: Vec<_> = (0..50).map(stranger).collect();
    let running = Running::start_among(strangers.clone(), &[("f", file)], TftpConfig::default());
    let strangers: Vec<_> = strangers.iter().map(|one| ask_from(*one, &running, "f")).collect();
    let theirs: Vec<_> = strangers.iter().map(|client| next(client).1.port()).collect();
    let known: Vec<_> = (0..300).map(|n| ask_from(Ipv4Addr::from(0x7f00_0301 + n), &running, "f")).collect();
    let mut ours: Vec<_> = known.iter().map(|client| next(client).1.port()).collect();
    assert!(ours.iter().all(|port| !theirs.contains(port)));
    ours.sort_unstable();
    ours.dedup();
    assert_eq!(ours.len(), 300);
}
