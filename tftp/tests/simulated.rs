//! Whole transfers over links that lose, double, delay and reorder, in simulated time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;
#[path = "common/link.rs"]
mod link;

use std::time::Duration;

use common::{MemorySource, Random, noise};
use link::{SimulatedLink, send};
use proptest::prelude::*;
use transload_tftp::{Rollover, TransferOutcome, request::TransferMode, terms::TransferTerms};

const CLEAN: SimulatedLink = SimulatedLink { lost: 0, doubled: 0, reordered: 0, delay: (200, 200), seed: 1 };

fn terms(block_size: u16, window: u16) -> TransferTerms {
    TransferTerms { mode: TransferMode::Octet, block_size, window, timeout: None }
}

fn exact(
    file: &MemorySource,
    terms: TransferTerms,
    rollover: Rollover,
    link: SimulatedLink,
) -> link::LinkRun {
    let run = send(file, terms, rollover, link);
    assert!(run.client_done, "{terms:?} {link:?}: {:?} after {} bytes", run.outcome, run.received.len());
    assert!(
        matches!(run.outcome, TransferOutcome::Finished | TransferOutcome::LastAckMissing),
        "{terms:?} {link:?}: {:?}",
        run.outcome
    );
    assert!(run.received == *file.bytes, "{terms:?} {link:?}: other bytes arrived");
    run
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_transfer_is_byte_exact_under_loss(
        size in prop_oneof![0_usize..5_000, 0_usize..200_000],
        block_size in prop_oneof![Just(512_u16), Just(1428), 8_u16..2000],
        window in prop_oneof![Just(1_u16), 1_u16..=64],
        lost in 0_u64..150,
        doubled in 0_u64..150,
        reordered in prop_oneof![Just(0_u64), 0_u64..100, Just(1000)],
        fastest in 0_u64..5_000,
        spread in prop_oneof![Just(0_u64), 0_u64..20_000],
        seed in any::<u64>(),
    ) {
        let link = SimulatedLink { lost, doubled, reordered, delay: (fastest, fastest + spread), seed };
        exact(&MemorySource::new(noise(size, seed)), terms(block_size, window), Rollover::Zero, link);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn t22_byte_exact_past_the_rollover_under_loss(
        extra in 0_usize..4_000,
        rounds in 1_usize..=2,
        window in 1_u16..=16,
        one in any::<bool>(),
        lost in 0_u64..50,
        doubled in 0_u64..50,
        reordered in 0_u64..50,
        seed in any::<u64>(),
    ) {
        let rollover = if one { Rollover::One } else { Rollover::Zero };
        let file = MemorySource::new(noise(8 * 65_530 * rounds + extra, seed));
        exact(&file, terms(8, window), rollover, SimulatedLink { lost, doubled, reordered, delay: (100, 2_000), seed });
    }
}

#[test]
fn t22_40_megabytes_at_512_bytes_past_the_rollover_with_1_percent_lost() {
    let file = MemorySource::new(noise(40_000_000, 3));
    for rollover in [Rollover::Zero, Rollover::One] {
        let link = SimulatedLink { lost: 10, doubled: 0, reordered: 0, delay: (150, 300), seed: 4 };
        let run = exact(&file, terms(512, 1), rollover, link);
        // 78,126 blocks at some 0.45 ms, and 2 % of them a timeout of 50 ms.
        eprintln!(
            "40 MB, 1 % lost, {rollover:?}: {:?}, {} retransmissions",
            run.elapsed, run.retransmissions
        );
        assert!(run.elapsed < Duration::from_secs(180), "{:?}", run.elapsed);
    }
}

#[test]
fn t09_doubling_packets_does_not_double_the_traffic() {
    let file = MemorySource::new(noise(500_000, 7));
    let blocks = 500_000 / 512 + 1;
    let every_packet_twice = SimulatedLink { doubled: 1000, reordered: 0, ..CLEAN };
    let run = exact(&file, terms(512, 1), Rollover::Zero, every_packet_twice);
    assert_eq!(run.data_sent, blocks, "in lock step each block leaves once");
    assert_eq!(run.retransmissions, 0);
    for window in [2, 4, 16, 64] {
        let run = exact(&file, terms(512, window), Rollover::Zero, every_packet_twice);
        assert!(
            run.data_sent <= blocks * 5 / 4,
            "window {window}: {} blocks sent for {blocks}",
            run.data_sent
        );
        // One block sent twice must not make all that follow go twice.
        let one_doubled = SimulatedLink { doubled: 1, reordered: 0, seed: 11, ..CLEAN };
        let run = exact(&file, terms(512, window), Rollover::Zero, one_doubled);
        assert!(
            run.data_sent < blocks * 5 / 4,
            "window {window}: {} blocks sent for {blocks}",
            run.data_sent
        );
    }
}

#[test]
fn t11_a_slow_client_is_not_sent_everything_twice() {
    let file = MemorySource::new(noise(100_000, 9));
    let slow = SimulatedLink { delay: (150_000, 200_000), ..CLEAN };
    let run = exact(&file, terms(512, 1), Rollover::Zero, slow);
    assert!(run.retransmissions <= 2, "{} of {} blocks", run.retransmissions, run.data_sent);
}

#[test]
fn t21_windows_recover_from_loss_mostly_without_waiting_for_a_timeout() {
    let file = MemorySource::new(noise(5_000_000, 13));
    let lossy = SimulatedLink { lost: 10, doubled: 0, reordered: 0, delay: (200, 200), seed: 14 };
    let run = exact(&file, terms(1428, 16), Rollover::Zero, lossy);
    // 3,502 blocks: some 35 are lost. At a 50 ms timeout each this would take over 1.7 s.
    assert!(run.elapsed < Duration::from_millis(1200), "{:?} {}", run.elapsed, run.retransmissions);
}

#[test]
fn t07_500_clients_with_10_percent_lost_each_way_are_all_served() {
    let mut random = Random(17);
    for _ in 0..500 {
        let seed = random.next();
        let file = MemorySource::new(noise(60_000, seed));
        let run = exact(&file, terms(512, 1), Rollover::Zero, SimulatedLink { lost: 100, seed, ..CLEAN });
        assert!(run.elapsed < Duration::from_secs(60), "seed {seed}: {:?}", run.elapsed);
    }
}

#[test]
fn netascii_arrives_translated_under_loss() {
    let text: Vec<u8> = noise(60_000, 19).iter().map(|byte| b"ab\n\r"[usize::from(byte % 4)]).collect();
    let mut expected = Vec::new();
    for byte in &text {
        expected.extend_from_slice(match byte {
            b'\n' => b"\r\n",
            b'\r' => b"\r\0",
            other => std::slice::from_ref(other),
        });
    }
    let link = SimulatedLink { lost: 50, doubled: 50, reordered: 50, delay: (100, 3_000), seed: 20 };
    let run = send(
        &MemorySource::new(text),
        TransferTerms { mode: TransferMode::Netascii, ..terms(100, 8) },
        Rollover::Zero,
        link,
    );
    assert!(run.received == expected);
}

#[test]
fn a_client_that_vanishes_is_given_up_on() {
    let link = SimulatedLink { lost: 1000, ..CLEAN };
    let run = send(&MemorySource::new(noise(10_000, 1)), terms(1428, 4), Rollover::Zero, link);
    assert_eq!(run.outcome, TransferOutcome::TimedOut);
    assert_eq!(run.elapsed, Duration::from_secs(30));
    assert!(run.data_sent == 0 && !run.client_done);
}
