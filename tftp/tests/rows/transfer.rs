//! The transfer machine, step by step.

use std::time::Duration;

use crate::common::{MemorySource, ack, noise};
use transload_tftp::{
    Abort, Rollover, TransferOutcome,
    blocks::Blocks,
    request::TransferMode,
    terms::TransferTerms,
    transfer::{PATIENCE, Transfer, TransferStep},
};

const PLAIN: TransferTerms =
    TransferTerms { mode: TransferMode::Octet, block_size: 512, window: 1, timeout: None };

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A machine with its window before it: `window` blocks sent at time 0, none acknowledged.
fn under_way(window: u16) -> Transfer {
    let mut transfer = Transfer::new(TransferTerms { window, ..PLAIN }, Rollover::Zero, true);
    assert_eq!(transfer.start(), TransferStep::SendOack);
    transfer.sent(ms(0), None, false);
    let window = u64::from(window);
    assert_eq!(transfer.receive(ms(0), &ack(0)), TransferStep::SendBlocks(1..=window));
    transfer.sent(ms(0), Some(window), false);
    transfer
}

fn blocks_of(size: usize, block_size: u16) -> Vec<Vec<u8>> {
    let mut blocks =
        Blocks::new(Box::new(MemorySource::new(noise(size, 1))), TransferMode::Octet, block_size);
    let mut made = Vec::new();
    for block in 1.. {
        let mut packet = Vec::new();
        let ends = blocks.write(block, block as u16, &mut packet).unwrap();
        made.push(packet);
        if ends {
            break;
        }
    }
    made
}

#[test]
pub fn t04_blocks_count_from_one_and_a_short_one_ends() {
    for (size, lengths) in
        [(0, vec![0]), (1, vec![1]), (511, vec![511]), (512, vec![512, 0]), (1025, vec![512, 512, 1])]
    {
        let blocks = blocks_of(size, 512);
        assert_eq!(blocks.iter().map(|packet| packet.len() - 4).collect::<Vec<_>>(), lengths);
        assert_eq!(blocks[0][..4], [0, 3, 0, 1]);
        assert_eq!(
            blocks.iter().flat_map(|packet| &packet[4..]).copied().collect::<Vec<_>>(),
            noise(size, 1)
        );
    }
    assert_eq!(blocks_of(70_000, 8).len(), 70_000 / 8 + 1);
}

#[test]
pub fn t06_an_error_ends_the_transfer_without_an_answer() {
    let mut transfer = under_way(1);
    let step = transfer.receive(ms(1), b"\0\x05\0\x03Disk full\x07 at /tmp\0trailing");
    let message = "Disk full at /tmp".to_owned();
    assert_eq!(step, TransferStep::End(TransferOutcome::Aborted(Abort::Client { code: 3, message })));
}

#[test]
pub fn t07_retransmits_until_patience_ends_and_then_falls_silent() {
    let mut transfer = under_way(1);
    let mut sendings = 0;
    let (now, outcome) = loop {
        let now = transfer.deadline();
        match transfer.tick(now) {
            TransferStep::SendBlocks(range) => {
                assert_eq!(range, 1..=1);
                sendings += 1;
                transfer.sent(now, Some(1), false);
            }
            TransferStep::End(outcome) => break (now, outcome),
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(outcome, TransferOutcome::TimedOut);
    assert_eq!(now, PATIENCE);
    assert!((6..=20).contains(&sendings), "{sendings} retransmissions in {PATIENCE:?}");
    assert_eq!(transfer.retransmissions(), sendings);
}

#[test]
pub fn t07_progress_restores_all_the_patience() {
    let mut transfer = under_way(1);
    let mut now = ms(0);
    for block in 1..200 {
        now += ms(29_000);
        assert_eq!(transfer.tick(now), TransferStep::SendBlocks(block..=block));
        transfer.sent(now, Some(block), false);
        assert_eq!(
            transfer.receive(now, &ack(block as u16)),
            TransferStep::SendBlocks(block + 1..=block + 1)
        );
        transfer.sent(now, Some(block + 1), false);
    }
}

#[test]
pub fn t09_a_duplicate_ack_sends_nothing_in_lock_step() {
    let mut transfer = under_way(1);
    assert_eq!(transfer.receive(ms(1), &ack(1)), TransferStep::SendBlocks(2..=2));
    transfer.sent(ms(1), Some(2), false);
    let deadline = transfer.deadline();
    for _ in 0..100 {
        assert_eq!(transfer.receive(ms(2), &ack(1)), TransferStep::Wait);
        assert_eq!(transfer.receive(ms(2), &ack(0)), TransferStep::Wait);
    }
    assert_eq!(transfer.deadline(), deadline, "echoes do not put off the retransmission either");
    assert_eq!(transfer.retransmissions(), 0);
}

#[test]
pub fn t09_with_a_window_a_repeated_ack_resends_once_and_echoes_die_out() {
    let mut transfer = under_way(4);
    assert_eq!(transfer.receive(ms(1), &ack(0)), TransferStep::SendBlocks(1..=4));
    transfer.sent(ms(1), Some(4), false);
    assert_eq!(transfer.receive(ms(2), &ack(0)), TransferStep::Wait);
    assert_eq!(transfer.receive(ms(3), &ack(4)), TransferStep::SendBlocks(5..=8));
    transfer.sent(ms(3), Some(8), false);
    // The client answers both copies of 1..=4 with ACK 4: the second is an echo, not a loss.
    assert_eq!(transfer.receive(ms(4), &ack(4)), TransferStep::Wait);
    assert_eq!(transfer.retransmissions(), 4);
    assert_eq!(transfer.receive(ms(5), &ack(8)), TransferStep::SendBlocks(9..=12));
    transfer.sent(ms(5), Some(12), false);
    assert_eq!(transfer.receive(ms(6), &ack(8)), TransferStep::SendBlocks(9..=12));
}

#[test]
pub fn t11_the_timeout_follows_the_client() {
    let timeout_after = |round_trip: u64| {
        let mut transfer = under_way(1);
        let mut now = ms(0);
        for block in 1..=50_u16 {
            now += ms(round_trip);
            transfer.receive(now, &ack(block));
            transfer.sent(now, Some(u64::from(block) + 1), false);
        }
        transfer.deadline().saturating_sub(now)
    };
    assert_eq!(
        under_way(1).deadline(),
        ms(50),
        "an instant client is asked again after the shortest timeout"
    );
    assert_eq!(timeout_after(1), ms(50));
    assert!((ms(200)..ms(300)).contains(&timeout_after(200)), "{:?}", timeout_after(200));
    assert!((ms(1000)..ms(1500)).contains(&timeout_after(1000)), "{:?}", timeout_after(1000));

    // Before anything was measured it is a second, and it doubles while nothing comes back.
    let mut transfer = Transfer::new(PLAIN, Rollover::Zero, false);
    assert_eq!(transfer.start(), TransferStep::SendBlocks(1..=1));
    transfer.sent(ms(0), Some(1), false);
    assert_eq!(transfer.deadline(), ms(1000));
    transfer.tick(ms(1000));
    transfer.sent(ms(1000), Some(1), false);
    assert_eq!(transfer.deadline(), ms(3000));
    // Karn: the ACK of a block sent twice measures nothing, and the doubled timeout stays.
    transfer.receive(ms(1001), &ack(1));
    transfer.sent(ms(1001), Some(2), false);
    assert_eq!(transfer.deadline(), ms(3001));
    transfer.receive(ms(1002), &ack(2));
    transfer.sent(ms(1002), Some(3), false);
    assert_eq!(transfer.deadline(), ms(1052));
}

#[test]
pub fn t11_the_clients_own_timeout_holds_exactly() {
    let mut transfer = Transfer::new(TransferTerms { timeout: Some(7), ..PLAIN }, Rollover::Zero, true);
    transfer.start();
    transfer.sent(ms(0), None, false);
    let mut sendings = 0;
    while transfer.tick(transfer.deadline()) == TransferStep::SendOack {
        sendings += 1;
        transfer.sent(ms(7000 * sendings), None, false);
    }
    assert_eq!(sendings, 4);
    assert_eq!(transfer.deadline(), ms(35_000));
}

#[test]
pub fn t16_the_oack_is_retransmitted_like_data_and_only_ack_0_starts_it() {
    let mut transfer = Transfer::new(PLAIN, Rollover::Zero, true);
    assert_eq!(transfer.start(), TransferStep::SendOack);
    transfer.sent(ms(0), None, false);
    assert_eq!(transfer.receive(ms(1), &ack(1)), TransferStep::Wait);
    assert_eq!(transfer.tick(ms(999)), TransferStep::Wait);
    assert_eq!(transfer.tick(ms(1000)), TransferStep::SendOack);
    transfer.sent(ms(1000), None, false);
    assert_eq!(transfer.retransmissions(), 1);
    assert_eq!(transfer.receive(ms(1001), &ack(0)), TransferStep::SendBlocks(1..=1));
    transfer.sent(ms(1001), Some(1), false);
    assert_eq!(transfer.receive(ms(1002), &ack(0)), TransferStep::Wait);
}

#[test]
pub fn t17_error_8_after_the_oack_ends_it_cleanly() {
    let mut transfer = Transfer::new(PLAIN, Rollover::Zero, true);
    transfer.start();
    transfer.sent(ms(0), None, false);
    let step = transfer.receive(ms(1), b"\0\x05\0\x08no thanks\0");
    let message = "no thanks".to_owned();
    assert_eq!(step, TransferStep::End(TransferOutcome::Aborted(Abort::Client { code: 8, message })));
    assert_eq!(transfer.acknowledged(), 0);
}

#[test]
pub fn t21_an_ack_within_the_window_goes_on_from_there() {
    let mut transfer = under_way(8);
    assert_eq!(transfer.receive(ms(1), &ack(3)), TransferStep::SendBlocks(4..=11));
    transfer.sent(ms(1), Some(11), false);
    assert_eq!(transfer.retransmissions(), 5, "4 to 8 went out again");
    for number in [0, 1, 2, 12, 100, 65_535] {
        assert_eq!(
            transfer.receive(ms(2), &ack(number)),
            TransferStep::Wait,
            "ACK {number} is outside the window"
        );
    }
    let deadline = transfer.deadline();
    assert_eq!(transfer.tick(deadline), TransferStep::SendBlocks(4..=11));
}

#[test]
pub fn t22_after_block_65535_comes_0_or_1() {
    let zero: Vec<u16> = (65_534..65_539).map(|block| Rollover::Zero.number(block)).collect();
    assert_eq!(zero, [65_534, 65_535, 0, 1, 2]);
    let one: Vec<u16> = (65_534..65_539).map(|block| Rollover::One.number(block)).collect();
    assert_eq!(one, [65_534, 65_535, 1, 2, 3]);
    assert_eq!(Rollover::Zero.number(131_072), 0);
    assert_eq!(Rollover::One.number(131_071), 1);
    assert_eq!((Rollover::Zero.number(0), Rollover::One.number(0)), (0, 0));
}

#[test]
fn the_ending_says_what_the_client_has() {
    let last_sent = || {
        let mut transfer = under_way(1);
        transfer.receive(ms(1), &ack(1));
        transfer.sent(ms(1), Some(2), true);
        transfer
    };
    assert_eq!(last_sent().receive(ms(2), &ack(2)), TransferStep::End(TransferOutcome::Finished));
    assert_eq!(last_sent().gone(), TransferOutcome::LastAckMissing);
    assert_eq!(
        last_sent().receive(ms(2), b"\0\x05\0\x05?\0"),
        TransferStep::End(TransferOutcome::LastAckMissing)
    );
    assert_eq!(last_sent().tick(ms(1) + PATIENCE), TransferStep::End(TransferOutcome::LastAckMissing));
    let full = last_sent().receive(ms(2), b"\0\x05\0\x03full\0");
    assert!(matches!(full, TransferStep::End(TransferOutcome::Aborted(_))), "{full:?}");
    assert_eq!(under_way(1).gone(), TransferOutcome::Aborted(Abort::Gone));
    assert_eq!(under_way(1).tick(PATIENCE), TransferStep::End(TransferOutcome::TimedOut));
}

#[test]
fn packets_a_client_has_no_business_to_send_are_ignored() {
    let mut transfer = under_way(2);
    for packet in [
        &b""[..],
        b"\0",
        b"\0\x04",
        b"\0\x04\0",
        b"\0\x05\0",
        b"\0\x03\0\x01x",
        b"\0\x01f\0octet\0",
        b"\xff\x04\0\x01",
    ] {
        assert_eq!(transfer.receive(ms(1), packet), TransferStep::Wait, "{packet:?}");
    }
    assert_eq!(transfer.receive(ms(1), b"\0\x04\0\x02padding"), TransferStep::SendBlocks(3..=4));
}
