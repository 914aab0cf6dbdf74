//! The server over real sockets, on loopback: limits, failures and the shutdown.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;
#[path = "common/running.rs"]
mod running;

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use common::{MemorySource, Random, ack, noise, read_request};
use running::{LONG, Running, TestFiles, client_at, ending, error, finish, next, plain};
use transload_tftp::{Abort, TftpConfig, TftpServer, TransferOutcome};

#[tokio::test]
async fn a_port_that_cannot_be_opened_is_named_and_the_kind_of_failure_kept() {
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let SocketAddr::V4(bind) = taken.local_addr().unwrap() else { panic!("not IPv4") };
    let opened =
        TftpServer::bind(TftpConfig { bind, ..TftpConfig::default() }, Arc::new(TestFiles::default()));
    let error = opened.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&bind.to_string()), "{error}");
    let device = Some("no-such-device".to_owned());
    let bind = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let opened = TftpServer::bind(
        TftpConfig { bind, device, ..TftpConfig::default() },
        Arc::new(TestFiles::default()),
    );
    assert!(opened.err().unwrap().to_string().contains("on no-such-device"));
}

#[test]
fn too_many_transfers_are_told_so_at_once() {
    let file = MemorySource::new(noise(2000, 7));
    let config = TftpConfig { max_transfers: 3, max_per_peer: 2, ..TftpConfig::default() };
    let running = Running::start(&[("f", file.clone())], config);
    let first = running.asking(&plain("f"));
    let (packet, transfer) = next(&first);
    let second = running.asking(&plain("f"));
    // A transfer holds its place once its client has answered.
    answer(&first, transfer);
    let (_, other) = next(&second);
    answer(&second, other);
    assert_eq!(error(&running.asking(&plain("f")), 0), "busy, try again");
    let elsewhere = client_at(Ipv4Addr::new(127, 0, 0, 7));
    elsewhere.send_to(&plain("f"), running.address).unwrap();
    let (_, other) = next(&elsewhere);
    answer(&elsewhere, other);
    let one_more = client_at(Ipv4Addr::new(127, 0, 0, 8));
    one_more.send_to(&plain("f"), running.address).unwrap();
    assert_eq!(error(&one_more, 0), "busy, try again");
    finish(&first, packet, transfer);
    ending(&file, 1);
    one_more.send_to(&plain("f"), running.address).unwrap();
    assert_eq!(next(&one_more).0[..4], [0, 3, 0, 1], "a slot is free again");
}

/// Acknowledges the first block, and waits for the second.
fn answer(client: &UdpSocket, transfer: SocketAddr) {
    client.send_to(&ack(1), transfer).unwrap();
    assert_eq!(next(client).0[..4], [0, 3, 0, 2]);
}

#[test]
fn a_request_the_source_thinks_about_keeps_nobody_waiting() {
    let file = MemorySource::new(noise(10, 8));
    let running = Running::start(&[("f", file.clone()), ("slow", file)], TftpConfig::default());
    let patient = running.asking(&plain("slow"));
    let other = running.asking(&plain("f"));
    let (packet, transfer) = next(&other);
    finish(&other, packet, transfer);
    running.files.go_on.notify_one();
    let (packet, transfer) = next(&patient);
    assert_eq!(finish(&patient, packet, transfer), noise(10, 8));
}

#[test]
fn a_file_that_must_come_from_a_disk_or_wait_for_its_turn_arrives_whole() {
    let bytes = noise(200_000, 14);
    let disk = MemorySource { on_disk: true, ..MemorySource::new(bytes.clone()) };
    let paced = MemorySource { pace: Some(20_000), ..MemorySource::new(bytes.clone()) };
    let both = MemorySource { on_disk: true, pace: Some(700), ..MemorySource::new(bytes[..30_000].to_vec()) };
    let files = [("disk", disk.clone()), ("paced", paced.clone()), ("both", both.clone())];
    let running = Running::start(&files, TftpConfig::default());
    for (name, file) in &files {
        let client = running.asking(&plain(name));
        let (packet, transfer) = next(&client);
        assert!(finish(&client, packet, transfer) == *file.bytes, "{name}");
        let ending = ending(file, 1);
        assert_eq!(
            (ending.outcome, ending.bytes),
            (TransferOutcome::Finished, file.bytes.len() as u64),
            "{name}"
        );
        // Blocks that wait for our own reasons are not repeated: a turn at a time, a millisecond at least each.
        let turns = file.pace.map_or(0, |pace| file.bytes.len() as u64 / (pace + 512));
        assert!(ending.elapsed >= Duration::from_millis(turns), "{name}: {:?}", ending.elapsed);
    }
}

#[test]
fn who_waits_for_a_turn_keeps_nobody_else_waiting_and_may_still_break_off() {
    let bytes = noise(5_000, 15);
    let waiting = MemorySource { pace: Some(0), ..MemorySource::new(bytes.clone()) };
    let other = MemorySource::new(bytes.clone());
    let running = Running::start(&[("waiting", waiting.clone()), ("other", other)], TftpConfig::default());
    let client = running.asking(&read_request("waiting", "octet", &[("blksize", "1024")]));
    let (_, transfer) = next(&client);
    client.send_to(&ack(0), transfer).unwrap();
    let second = running.asking(&plain("other"));
    let (packet, from) = next(&second);
    assert_eq!(finish(&second, packet, from), bytes);
    client.send_to(b"\0\x05\0\0enough\0", transfer).unwrap();
    let abort = Abort::Client { code: 0, message: "enough".into() };
    assert_eq!(ending(&waiting, 1).outcome, TransferOutcome::Aborted(abort));
}

#[test]
fn a_client_that_starts_anew_from_the_same_port_after_a_silence_is_served_again() {
    let file = MemorySource::new(noise(2000, 16));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = running.asking(&plain("f"));
    let (_, transfer) = next(&client);
    client.send_to(&ack(1), transfer).unwrap();
    let patience = Instant::now() + LONG;
    let (packet, again) = loop {
        client.send_to(&plain("f"), running.address).unwrap();
        let (packet, from) = next(&client);
        if from != transfer {
            break (packet, from);
        }
        assert!(Instant::now() < patience);
    };
    assert_eq!(finish(&client, packet, again), noise(2000, 16));
    assert_eq!(ending(&file, 1).outcome, TransferOutcome::Aborted(Abort::Restarted));
    assert_eq!(ending(&file, 2).outcome, TransferOutcome::Finished);
}

#[test]
fn a_client_that_closes_its_port_is_noticed_at_once() {
    let file = MemorySource::new(noise(60_000, 9));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = running.asking(&plain("f"));
    let (_, transfer) = next(&client);
    client.send_to(&ack(1), transfer).unwrap();
    next(&client);
    drop(client);
    let ending = ending(&file, 1);
    assert_eq!((ending.outcome, ending.bytes), (TransferOutcome::Aborted(Abort::Gone), 512));
    assert!(ending.elapsed < Duration::from_secs(5), "{:?}", ending.elapsed);
}

#[test]
fn a_file_that_fails_midway_ends_in_an_error_and_never_in_a_short_file() {
    let file = MemorySource { cut_at: Some(600), ..MemorySource::new(noise(40_000, 10)) };
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let text = error(&running.asking(&plain("f")), 0);
    assert_eq!(text, "the server could not read this file to its end");
    assert!(matches!(ending(&file, 1).outcome, TransferOutcome::Aborted(Abort::Unreadable(_))));
}

#[test]
fn a_shutdown_lets_transfers_finish_refuses_new_ones_and_cuts_the_rest_off() {
    let file = MemorySource::new(noise(2000, 11));
    let config = TftpConfig { drain: Duration::from_millis(1500), ..TftpConfig::default() };
    let mut running = Running::start(&[("f", file.clone()), ("slow", file.clone())], config);
    let finishing = running.asking(&plain("f"));
    let (packet, transfer) = next(&finishing);
    let stalled = running.asking(&plain("f"));
    next(&stalled);
    let pending = running.asking(&plain("slow"));
    error(&running.asking(&plain("absent")), 1);
    running.stop();
    let patience = Instant::now() + LONG;
    while error_text(&running.asking(&plain("absent"))) != "the server is stopping, try again" {
        assert!(Instant::now() < patience);
    }
    assert_eq!(finish(&finishing, packet, transfer), noise(2000, 11));
    running.join();
    let endings = file.endings.lock().unwrap().clone();
    let outcomes: Vec<_> = endings.iter().map(|ending| ending.outcome.clone()).collect();
    assert_eq!(outcomes, [TransferOutcome::Finished, TransferOutcome::Aborted(Abort::Stopped)]);
    error(&pending, 0);
    let farewell = std::iter::repeat_with(|| next(&stalled).0).find(|packet| packet[1] == 5).unwrap();
    assert!(farewell.ends_with(b"the server is stopping, try again\0"));
}

fn error_text(client: &UdpSocket) -> String {
    let (packet, _) = next(client);
    assert_eq!(packet[..2], [0, 5]);
    String::from_utf8(packet[4..packet.len() - 1].to_vec()).unwrap()
}

#[test]
fn garbage_does_no_harm() {
    let file = MemorySource::new(noise(20_000, 12));
    let running =
        Running::start(&[("f", file.clone())], TftpConfig { max_per_peer: 1000, ..TftpConfig::default() });
    let client = running.asking(&plain("f"));
    let (packet, transfer) = next(&client);
    let noisy = client_at(Ipv4Addr::LOCALHOST);
    let mut random = Random(13);
    for _ in 0..3000 {
        let length = random.below(700) as usize;
        let mut garbage = noise(length, random.next());
        if let [first, second, ..] = &mut garbage[..] {
            (*first, *second) = (0, random.below(8) as u8);
        }
        noisy.send_to(&garbage, running.address).unwrap();
        // The client itself may talk nonsense, save ERROR and the ACK that is awaited.
        if garbage.get(1).is_none_or(|opcode| ![4, 5].contains(opcode)) {
            client.send_to(&garbage, transfer).unwrap();
        }
    }
    assert_eq!(finish(&client, packet, transfer), noise(20_000, 12));
    assert_eq!(ending(&file, 1).outcome, TransferOutcome::Finished);
}
