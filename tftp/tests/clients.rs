//! An independent client, and many at once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;
#[path = "common/running.rs"]
mod running;

use std::thread;

use common::{MemorySource, Random, ack, noise, read_request};
use running::{Running, ending, next};
use tftpd::{Client, ClientConfig};
use transload_tftp::{TftpConfig, TransferOutcome};

#[test]
fn t18_t20_t22_the_tftpd_client_gets_every_byte() {
    let small = MemorySource::new(noise(3_000_000, 1));
    // Past block 65535, and a multiple of the block size.
    let long = MemorySource::new(noise(16 * 66_000, 2));
    let running = Running::start(&[("small", small.clone()), ("long", long.clone())], TftpConfig::default());
    for (name, file, block_size, window) in [
        ("small", &small, "512", "1"),
        ("small", &small, "1428", "8"),
        ("small", &small, "1468", "64"),
        ("small", &small, "65464", "1"),
        ("long", &long, "16", "32"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let port = running.address.port().to_string();
        let to = folder.path().display().to_string();
        let arguments = [name, "-p", &port, "-d", "-b", block_size, "-w", window, "-rd", &to];
        let config = ClientConfig::new(arguments.into_iter().map(ToOwned::to_owned)).unwrap();
        assert!(Client::new(&config).unwrap().run().unwrap(), "{name} {block_size} {window}");
        let received = std::fs::read(folder.path().join(name)).unwrap();
        assert!(received == *file.bytes, "{name} {block_size} {window}");
    }
    assert_eq!(ending(&small, 4).outcome, TransferOutcome::Finished);
    assert_eq!(ending(&long, 1).outcome, TransferOutcome::Finished);
}

#[test]
fn t07_t11_32_clients_at_once_that_lose_10_percent_each_way() {
    let file = MemorySource::new(noise(60_000, 3));
    let running =
        Running::start(&[("f", file.clone())], TftpConfig { max_per_peer: 64, ..TftpConfig::default() });
    thread::scope(|scope| {
        for seed in 0..32 {
            let (running, file) = (&running, &file);
            scope.spawn(move || {
                let mut random = Random(seed);
                let client = running.asking(&read_request("f", "octet", &[]));
                let mut received = Vec::new();
                let mut expected = 1_u16;
                loop {
                    let (packet, transfer) = next(&client);
                    if random.one_in_thousand(100) {
                        continue;
                    }
                    let number = u16::from_be_bytes([packet[2], packet[3]]);
                    if number == expected {
                        received.extend_from_slice(&packet[4..]);
                        expected += 1;
                    }
                    let last = packet.len() < 516;
                    if last || !random.one_in_thousand(100) {
                        client.send_to(&ack(number), transfer).unwrap();
                    }
                    if last {
                        break;
                    }
                }
                assert!(received == *file.bytes, "seed {seed}");
            });
        }
    });
    for count in 1..=32 {
        let ending = ending(&file, count);
        assert_eq!((ending.outcome, ending.bytes), (TransferOutcome::Finished, 60_000));
    }
}
