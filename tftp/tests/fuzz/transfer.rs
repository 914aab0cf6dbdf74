//! Any sequence of packets, delays and pauses: the machine never claims what was not acknowledged, never sends outside
//! its window, in lock-step never sends a block twice for a packet's sake, and always comes to an end.

use std::time::Duration;

use transload_tftp::{
    Rollover,
    request::TransferMode,
    terms::TransferTerms,
    transfer::{Transfer, TransferStep},
};

/// Octets of the input, one by one, then nothing.
struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

struct FuzzedTransfer {
    transfer: Transfer,
    rollover: Rollover,
    window: u64,
    last: u64,
    now: Duration,
    furthest: u64,
    over: bool,
}

pub fn check(input: &[u8]) {
    let mut tape = Tape(input);
    let mut setting = || tape.next().unwrap_or(0);
    let window = u16::from(setting() % 64 + 1);
    let rollover = if setting() % 2 == 0 { Rollover::Zero } else { Rollover::One };
    let last = u64::from(setting()) * u64::from(setting()) * 4 + 1;
    let timeout = Some(setting()).filter(|seconds| *seconds > 0);
    let offer = setting() % 2 == 0;
    let terms = TransferTerms { mode: TransferMode::Octet, block_size: 512, window, timeout };
    let mut world = FuzzedTransfer {
        transfer: Transfer::new(terms, rollover, offer),
        rollover,
        window: u64::from(window),
        last,
        now: Duration::ZERO,
        furthest: 0,
        over: false,
    };
    let step = world.transfer.start();
    world.follow(step, None, false);
    while let Some(what) = tape.next() {
        if world.over {
            return;
        }
        let with = tape.next().unwrap_or(0);
        world.happens(what, with);
    }
    // Nobody ever speaks again.
    for _ in 0..1000 {
        if world.over {
            return;
        }
        world.now = world.transfer.deadline().max(world.now);
        let step = world.transfer.tick(world.now);
        world.follow(step, None, false);
    }
    panic!("a silent client is never given up on");
}

impl FuzzedTransfer {
    fn happens(&mut self, what: u8, with: u8) {
        let acknowledged = self.transfer.acknowledged();
        let ack = |number: u16| [&[0, 4][..], &number.to_be_bytes()].concat();
        let packet = match what % 8 {
            0..=2 => ack(self.rollover.number(acknowledged + u64::from(with) % (self.window + 2))),
            3 => ack(u16::from_be_bytes([what, with])),
            4 => vec![0, with % 8, what, with, b'x', 0],
            5 => {
                self.now += Duration::from_millis(u64::from(with) * 10);
                let step = self.transfer.tick(self.now);
                return self.follow(step, None, with.is_multiple_of(4));
            }
            6 => {
                self.now = self.transfer.deadline().max(self.now);
                let step = self.transfer.tick(self.now);
                assert_ne!(step, TransferStep::Wait, "a deadline without consequence would be a loop");
                return self.follow(step, None, with.is_multiple_of(4));
            }
            _ => ack(self.rollover.number(acknowledged)),
        };
        self.now += Duration::from_micros(u64::from(what));
        let step = self.transfer.receive(self.now, &packet);
        let after = self.transfer.acknowledged();
        assert!(
            (acknowledged..=self.furthest).contains(&after),
            "{after} acknowledged, {} sent",
            self.furthest
        );
        self.follow(step, Some(after > acknowledged), with.is_multiple_of(16));
    }

    /// Does as the machine says; `progress` for a packet's step. Held back, a step is taken a while later.
    fn follow(&mut self, step: TransferStep, progress: Option<bool>, held: bool) {
        if held && step != TransferStep::Wait {
            self.now += Duration::from_secs(40);
            self.transfer.held(Duration::from_secs(40));
        }
        match step {
            TransferStep::Wait => {}
            TransferStep::End(_) => self.over = true,
            TransferStep::SendOack => {
                assert_eq!(self.furthest, 0, "the OACK comes before all blocks");
                self.transfer.sent(self.now, None, false);
            }
            TransferStep::SendBlocks(range) => {
                let acknowledged = self.transfer.acknowledged();
                assert!(!range.is_empty() && *range.start() > acknowledged, "{range:?} after {acknowledged}");
                assert!(*range.end() <= acknowledged + self.window, "{range:?} after {acknowledged}");
                if self.window == 1 && progress.is_some() {
                    assert!(*range.start() > self.furthest, "the Sorcerer's Apprentice (RFC 1123 §4.2.3.1)");
                }
                let through = (*range.end()).min(self.last);
                self.furthest = self.furthest.max(through);
                self.transfer.sent(self.now, Some(through), through == self.last);
                assert!(self.transfer.deadline() > self.now, "there is time for an answer");
            }
        }
    }
}
