//! The server over real sockets, on loopback: what the RFCs ask of it.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use crate::common::{MemorySource, ack, noise, read_request};
use crate::running::{Running, client_at, ending, error, finish, next, plain};
use transload_tftp::{Abort, TftpConfig, TransferOutcome};

#[test]
pub fn t01_each_transfer_has_a_port_of_its_own_at_the_address_that_was_asked() {
    let file = MemorySource::new(noise(100, 1));
    let everywhere =
        TftpConfig { bind: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), ..TftpConfig::default() };
    let running = Running::start(&[("f", file)], everywhere);
    let mut ports = vec![running.address.port()];
    for _ in 0..20 {
        let asked = Ipv4Addr::new(127, 0, 0, 2);
        let client = client_at(Ipv4Addr::LOCALHOST);
        client.send_to(&plain("f"), (asked, running.address.port())).unwrap();
        let (packet, from) = next(&client);
        assert_eq!(from.ip(), asked);
        assert!(!ports.contains(&from.port()), "port {} again", from.port());
        ports.push(from.port());
        finish(&client, packet, from);
        client.send_to(&plain("absent"), (asked, running.address.port())).unwrap();
        assert_eq!(next(&client).1.ip(), asked, "a refusal, too, comes from the address that was asked");
    }
}

#[test]
pub fn t01_t02_where_transfers_share_a_port_each_gets_its_own_file_and_disturbs_no_other() {
    let files: Vec<(String, MemorySource)> =
        (0..40).map(|n| (format!("file{n}"), MemorySource::new(noise(2000, n)))).collect();
    let named: Vec<(&str, MemorySource)> =
        files.iter().map(|(name, file)| (name.as_str(), file.clone())).collect();
    let strangers = (0..20).map(|n| Ipv4Addr::new(127, 0, 1, 1 + n)).collect();
    let running = Running::start_among(strangers, &named, TftpConfig::default());
    let mut clients: Vec<_> = (0..40)
        .map(|n| {
            let client = client_at(Ipv4Addr::new(127, 0, 1, 1 + n / 2));
            client.send_to(&plain(&format!("file{n}")), running.address).unwrap();
            let (packet, transfer) = next(&client);
            (n, client, packet, transfer)
        })
        .collect();
    let mut ends: Vec<_> = clients.iter().map(|(n, _, _, transfer)| (transfer.port(), n / 2)).collect();
    ends.sort_unstable();
    ends.dedup();
    assert_eq!(ends.len(), 40, "an address has two transfers at one port");
    ends.dedup_by_key(|(port, _)| *port);
    assert!((16..40).contains(&ends.len()), "{} ports", ends.len());

    // One port is closed in the middle, and a packet of another client's goes astray to each transfer's port.
    let (gone, client, ..) = clients.swap_remove(7);
    drop(client);
    let stray = client_at(Ipv4Addr::new(127, 0, 2, 1));
    for (n, client, packet, transfer) in clients {
        stray.send_to(&ack(1), transfer).unwrap();
        error(&stray, 5);
        assert_eq!(finish(&client, packet, transfer), noise(2000, u64::from(n)));
        assert_eq!(ending(&files[usize::from(n)].1, 1).outcome, TransferOutcome::Finished);
    }
    assert_eq!(ending(&files[usize::from(gone)].1, 1).outcome, TransferOutcome::Aborted(Abort::Gone));
}

#[test]
pub fn t02_what_leaves_together_reaches_everybody_though_some_close_their_ports() {
    let file = MemorySource::new(noise(5000, 3));
    let running = Running::start(&[("f", file)], TftpConfig::default());
    // Nothing is sent again within the test: what is lost fails it.
    let request = read_request("f", "octet", &[("timeout", "255")]);
    let mut clients: Vec<_> = (0..60)
        .map(|n| {
            let client = client_at(Ipv4Addr::new(127, 0, 1, 1 + n));
            client.send_to(&request, running.address).unwrap();
            let (_, transfer) = next(&client);
            (client, transfer, Vec::new())
        })
        .collect();
    for block in 0..10 {
        for (client, transfer, _) in &clients {
            client.send_to(&ack(block), *transfer).unwrap();
        }
        if block == 4 {
            let mut place = 0;
            clients.retain(|_| {
                place += 1;
                place % 3 > 0
            });
        }
        for (client, _, received) in &mut clients {
            let (packet, _) = next(client);
            assert_eq!(packet[..4], [0, 3, 0, block as u8 + 1]);
            received.extend_from_slice(&packet[4..]);
        }
    }
    assert_eq!(clients.len(), 40);
    assert!(clients.iter().all(|(_, _, received)| *received == noise(5000, 3)));
}

#[test]
pub fn t01_bound_to_a_device_it_serves_there() {
    let file = MemorySource::new(noise(700, 1));
    let on_loopback = TftpConfig { device: Some("lo".to_owned()), ..TftpConfig::default() };
    let running = Running::start(&[("f", file)], on_loopback);
    let client = running.asking(&plain("f"));
    let (packet, transfer) = next(&client);
    assert_eq!(finish(&client, packet, transfer), noise(700, 1));
}

#[test]
pub fn t02_a_stranger_at_a_transfers_port_is_turned_away_and_disturbs_nothing() {
    let file = MemorySource::new(noise(2000, 2));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = running.asking(&plain("f"));
    let (packet, transfer) = next(&client);
    let stranger = client_at(Ipv4Addr::LOCALHOST);
    stranger.send_to(b"\0\x05\0\0stop\0", transfer).unwrap();
    for packet in [ack(1), plain("f")] {
        stranger.send_to(&packet, transfer).unwrap();
        error(&stranger, 5);
    }
    // One that does not wait for its answer leaves a "port unreachable" behind.
    let hasty = client_at(Ipv4Addr::LOCALHOST);
    hasty.send_to(&ack(1), transfer).unwrap();
    drop(hasty);
    assert_eq!(finish(&client, packet, transfer), noise(2000, 2));
    assert_eq!(ending(&file, 1).outcome, TransferOutcome::Finished);
}

#[test]
pub fn t05_errors_carry_the_right_code_and_no_path() {
    let running = Running::start(&[], TftpConfig::default());
    let refused = |request: &[u8], code| error(&running.asking(request), code);
    for (request, code) in [
        (plain("/srv/secret/../x.loads"), 1),
        (plain("forbidden"), 2),
        (plain("later"), 0),
        (read_request("f", "mail", &[]), 4),
        (b"\0\x01f\0".to_vec(), 4),
    ] {
        let text = refused(&request, code);
        assert!(!text.is_empty() && !text.contains('/') && !text.contains("secret"), "{text}");
    }
    assert_eq!(refused(&plain("later"), 0), "busy, try again");
}

#[test]
pub fn t06_repeated_requests_from_one_port_are_one_transfer() {
    let file = MemorySource::new(noise(700, 3));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = client_at(Ipv4Addr::LOCALHOST);
    for _ in 0..5 {
        client.send_to(&plain("f"), running.address).unwrap();
    }
    let (packet, transfer) = next(&client);
    // A request for another file shows when the five before it were handled.
    let other = running.asking(&plain("absent"));
    error(&other, 1);
    assert_eq!(*running.files.asked.lock().unwrap(), ["f", "absent"]);
    assert_eq!(finish(&client, packet, transfer), noise(700, 3));
    ending(&file, 1);
    client.send_to(&plain("f"), running.address).unwrap();
    let (packet, transfer) = next(&client);
    assert_eq!(finish(&client, packet, transfer), noise(700, 3), "asked again after the end");
}

#[test]
pub fn t06_errors_and_other_packets_get_no_answer() {
    let file = MemorySource::new(noise(5000, 4));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = client_at(Ipv4Addr::LOCALHOST);
    for packet in
        [&b"\0\x05\0\x01x\0"[..], b"\0\x04\0\x01", b"\0\x03\0\x01x", b"\0\x06", b"\0\x07", b"\0", b""]
    {
        client.send_to(packet, running.address).unwrap();
    }
    client.send_to(&plain("absent"), running.address).unwrap();
    error(&client, 1);
    client.send_to(&plain("f"), running.address).unwrap();
    let (_, transfer) = next(&client);
    client.send_to(b"\0\x05\0\0enough\0", transfer).unwrap();
    let abort = Abort::Client { code: 0, message: "enough".into() };
    assert_eq!(ending(&file, 1).outcome, TransferOutcome::Aborted(abort));
    client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(client.recv(&mut [0; 600]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
pub fn t12_names_reach_the_source_untouched_and_only_the_source_decides() {
    let running = Running::start(&[], TftpConfig::default());
    let names = ["../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a\u{1}b"];
    for name in names {
        error(&running.asking(&plain(name)), 1);
    }
    assert_eq!(*running.files.asked.lock().unwrap(), names);
}

#[test]
pub fn t13_a_request_to_a_broadcast_address_is_ignored() {
    let file = MemorySource::new(noise(10, 5));
    let everywhere =
        TftpConfig { bind: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), ..TftpConfig::default() };
    let running = Running::start(&[("f", file)], everywhere);
    let client = client_at(Ipv4Addr::LOCALHOST);
    client.set_broadcast(true).unwrap();
    client.send_to(&plain("f"), (Ipv4Addr::new(127, 255, 255, 255), running.address.port())).unwrap();
    client.send_to(&plain("absent"), running.address).unwrap();
    error(&client, 1);
    assert_eq!(*running.files.asked.lock().unwrap(), ["absent"]);
}

#[test]
pub fn t16_t19_an_oack_then_data_with_the_sizes_agreed() {
    let file = MemorySource::new(noise(3000, 6));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let options = [("blksize", "1024"), ("tsize", "0"), ("timeout", "2")];
    let client = running.asking(&read_request("f", "OCTET", &options));
    let (packet, transfer) = next(&client);
    assert_eq!(packet, b"\0\x06blksize\x001024\0tsize\x003000\0timeout\x002\0");
    client.send_to(&ack(0), transfer).unwrap();
    let mut received = Vec::new();
    for number in 1..=3_u16 {
        let (packet, _) = next(&client);
        assert_eq!(packet[..4], [0, 3, 0, number as u8]);
        received.extend_from_slice(&packet[4..]);
        client.send_to(&ack(number), transfer).unwrap();
    }
    assert_eq!(received, noise(3000, 6));
    let ending = ending(&file, 1);
    assert_eq!((ending.outcome, ending.bytes, ending.retransmissions), (TransferOutcome::Finished, 3000, 0));
}

#[test]
pub fn t16_an_oack_that_is_not_acknowledged_is_sent_again() {
    let file = MemorySource::new(noise(100, 7));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = running.asking(&read_request("f", "octet", &[("blksize", "1024")]));
    let (oack, transfer) = next(&client);
    assert_eq!(next(&client), (oack, transfer));
    client.send_to(&ack(0), transfer).unwrap();
    let (packet, _) = next(&client);
    assert_eq!(packet[..4], [0, 3, 0, 1]);
    client.send_to(&ack(1), transfer).unwrap();
    assert_eq!(ending(&file, 1).retransmissions, 1);
}

#[test]
pub fn t17_a_client_that_declines_the_options_is_left_alone() {
    let file = MemorySource::new(noise(100, 8));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = running.asking(&read_request("f", "octet", &[("blksize", "1024")]));
    let (_, transfer) = next(&client);
    client.send_to(b"\0\x05\0\x08no options\0", transfer).unwrap();
    let abort = Abort::Client { code: 8, message: "no options".into() };
    assert_eq!(ending(&file, 1).outcome, TransferOutcome::Aborted(abort));
    client.set_read_timeout(Some(Duration::from_millis(1200))).unwrap();
    assert_eq!(client.recv(&mut [0; 600]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
pub fn t08_a_write_never_begins_so_nothing_is_received_and_nothing_dallies() {
    let running = Running::start(&[], TftpConfig::default());
    let client = running.asking(b"\0\x02x\0octet\0");
    let (_, from) = next(&client);
    assert_eq!(from.port(), running.address.port(), "no port was opened for it");
    client.send_to(b"\0\x03\0\x01data", running.address).unwrap();
    client.send_to(&plain("absent"), running.address).unwrap();
    error(&client, 1);
}

#[test]
pub fn t20_t21_a_window_is_sent_whole_and_taken_up_again_where_the_client_says() {
    let file = MemorySource::new(noise(512 * 20, 9));
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let client = running.asking(&read_request("f", "octet", &[("windowsize", "8")]));
    let (packet, transfer) = next(&client);
    assert_eq!(packet, b"\0\x06windowsize\x008\0");
    client.send_to(&ack(0), transfer).unwrap();
    let numbers = |count: usize| -> Vec<u8> { (0..count).map(|_| next(&client).0[3]).collect() };
    assert_eq!(numbers(8), [1, 2, 3, 4, 5, 6, 7, 8]);
    client.send_to(&ack(3), transfer).unwrap();
    assert_eq!(numbers(8), [4, 5, 6, 7, 8, 9, 10, 11]);
    client.send_to(&ack(11), transfer).unwrap();
    assert_eq!(numbers(8), [12, 13, 14, 15, 16, 17, 18, 19]);
    client.send_to(&ack(19), transfer).unwrap();
    assert_eq!(numbers(2), [20, 21]);
    client.send_to(&ack(21), transfer).unwrap();
    assert_eq!(ending(&file, 1).outcome, TransferOutcome::Finished);
}

#[test]
pub fn t23_write_requests_are_refused() {
    let running = Running::start(&[], TftpConfig::default());
    assert_eq!(error(&running.asking(b"\0\x02x\0octet\0"), 2), "this server is read-only");
    assert!(running.files.asked.lock().unwrap().is_empty());
}
