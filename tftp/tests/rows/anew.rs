//! A client that asks again from the same port: what is a repetition, and what begins anew.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use crate::common::{MemorySource, ack, noise, read_request};
use crate::running::{LONG, Running, client_at, ending, error, finish, next, plain};
use transload_tftp::{Abort, TftpConfig, TransferOutcome};

fn sized(name: &str) -> Vec<u8> {
    read_request(name, "octet", &[("tsize", "0")])
}

/// Asks, and waits for the first packet.
fn begin(client: &UdpSocket, running: &Running, request: &[u8]) -> (Vec<u8>, SocketAddr) {
    client.send_to(request, running.address).unwrap();
    next(client)
}

/// Shows that nothing comes for so long.
fn is_silent(client: &UdpSocket, milliseconds: u64) {
    client.set_read_timeout(Some(Duration::from_millis(milliseconds))).unwrap();
    assert_eq!(client.recv(&mut [0; 600]).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.set_read_timeout(Some(LONG)).unwrap();
}

#[test]
pub fn t06_a_request_with_other_options_begins_anew_at_once_where_the_first_was_never_answered() {
    let requests = [
        sized("f"),
        plain("f"),
        read_request("f", "octet", &[("blksize", "1024")]),
        read_request("f", "octet", &[("blksize", "1024"), ("unknown", "1")]),
        read_request("f", "OCTET", &[]),
        read_request("f", "netascii", &[]),
        read_request("f", "octet", &[("tsize", "1")]),
    ];
    let file = MemorySource::new(noise(700, 1));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = client_at(Ipv4Addr::LOCALHOST);
    for (before, request) in requests.iter().enumerate() {
        let (packet, transfer) = begin(&client, &running, request);
        let oack = matches!(before, 0 | 2 | 3 | 6);
        assert_eq!(packet[1], if oack { 6 } else { 3 }, "request {before}");
        if before > 0 {
            assert_eq!(ending(&file, before).outcome, TransferOutcome::Aborted(Abort::Restarted));
        }
        if before + 1 == requests.len() {
            client.send_to(&ack(0), transfer).unwrap();
            let (packet, _) = next(&client);
            assert_eq!(finish(&client, packet, transfer), noise(700, 1));
        }
    }
    assert_eq!(running.files.asked.lock().unwrap().len(), requests.len());
}

#[test]
pub fn t06_a_request_that_is_still_being_opened_gives_way_to_another_one() {
    let file = MemorySource::new(noise(100, 2));
    let running = Running::start(&[("slow", file)], TftpConfig::default());
    let client = client_at(Ipv4Addr::LOCALHOST);
    client.send_to(&sized("slow"), running.address).unwrap();
    client.send_to(&plain("slow"), running.address).unwrap();
    error(&running.asking(&plain("absent")), 1);
    running.files.go_on.notify_one();
    let (packet, transfer) = next(&client);
    assert_eq!(packet[..4], [0, 3, 0, 1]);
    assert_eq!(finish(&client, packet, transfer), noise(100, 2));
    is_silent(&client, 300);
}

#[test]
pub fn t09_a_request_that_was_late_on_its_way_does_not_bring_back_what_it_asked_for() {
    let file = MemorySource::new(noise(1200, 3));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = client_at(Ipv4Addr::LOCALHOST);
    begin(&client, &running, &sized("f"));
    let (packet, transfer) = begin(&client, &running, &plain("f"));
    for late in [sized("f"), plain("f"), sized("f")] {
        client.send_to(&late, running.address).unwrap();
    }
    error(&running.asking(&plain("absent")), 1);
    assert_eq!(finish(&client, packet, transfer), noise(1200, 3));
    assert_eq!(*running.files.asked.lock().unwrap(), ["f", "f", "absent"]);
    is_silent(&client, 300);
}

#[test]
pub fn t06_a_transfer_that_was_answered_goes_on_beside_a_new_request_until_that_is_answered() {
    let file = MemorySource::new(noise(2000, 4));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = client_at(Ipv4Addr::LOCALHOST);
    let (_, first) = begin(&client, &running, &plain("f"));
    client.send_to(&ack(1), first).unwrap();
    assert_eq!(next(&client).0[..4], [0, 3, 0, 2]);
    let (oack, second) = begin(&client, &running, &sized("f"));
    assert_eq!(oack[1], 6);
    client.send_to(&ack(2), first).unwrap();
    assert_eq!(next(&client), (next_block(&noise(2000, 4), 3), first), "it goes on");
    client.send_to(&ack(0), second).unwrap();
    let (packet, _) = next(&client);
    assert_eq!(finish(&client, packet, second), noise(2000, 4));
    let outcomes: Vec<TransferOutcome> = {
        ending(&file, 2);
        file.endings.lock().unwrap().iter().map(|it| it.outcome.clone()).collect()
    };
    assert_eq!(outcomes, [TransferOutcome::Aborted(Abort::Restarted), TransferOutcome::Finished]);
}

fn next_block(file: &[u8], number: usize) -> Vec<u8> {
    let mut packet = vec![0, 3, 0, number as u8];
    packet.extend_from_slice(&file[(number - 1) * 512..number * 512]);
    packet
}

#[test]
pub fn t06_a_client_that_asks_for_another_file_is_not_sent_again_what_it_left() {
    let (left, wanted) = (MemorySource::new(noise(700, 5)), MemorySource::new(noise(100, 6)));
    let files = [("left", left.clone()), ("wanted", wanted)];
    let running = Running::start(&files, TftpConfig::default());
    let client = client_at(Ipv4Addr::LOCALHOST);
    begin(&client, &running, &plain("left"));
    let (packet, transfer) = begin(&client, &running, &plain("wanted"));
    assert_eq!(&packet[4..], noise(100, 6));
    // Neither file is answered. Only the one that was asked for last is sent again.
    assert_eq!(next(&client), (packet.clone(), transfer));
    assert_eq!(ending(&left, 1).outcome, TransferOutcome::Aborted(Abort::Restarted));
    assert_eq!(finish(&client, packet, transfer), noise(100, 6));
}

#[test]
pub fn t06_what_a_client_left_is_not_sent_again_after_the_end_of_what_it_asked_for_since() {
    let left = MemorySource::new(noise(700, 9));
    let files = [("left", left.clone()), ("wanted", MemorySource::new(noise(100, 10)))];
    for since in ["wanted", "absent"] {
        let running = Running::start(&files, TftpConfig::default());
        let client = client_at(Ipv4Addr::LOCALHOST);
        begin(&client, &running, &plain("left"));
        let (packet, transfer) = begin(&client, &running, &plain(since));
        if since == "wanted" {
            finish(&client, packet, transfer);
        }
        is_silent(&client, 1300);
    }
    assert_eq!(ending(&left, 2).outcome, TransferOutcome::Aborted(Abort::Restarted));
}

#[test]
pub fn t06_two_files_at_one_port_are_both_served_where_both_are_answered() {
    let files = [("a", MemorySource::new(noise(1200, 7))), ("b", MemorySource::new(noise(1300, 8)))];
    let running = Running::start(&files, TftpConfig::default());
    let client = client_at(Ipv4Addr::LOCALHOST);
    let (_, first) = begin(&client, &running, &plain("a"));
    let (packet, second) = begin(&client, &running, &plain("b"));
    client.send_to(&ack(1), first).unwrap();
    assert_eq!(next(&client).0, next_block(&noise(1200, 7), 2));
    assert_eq!(finish(&client, packet, second), noise(1300, 8));
    client.send_to(&ack(2), first).unwrap();
    assert_eq!(next(&client).0[..4], [0, 3, 0, 3]);
}
