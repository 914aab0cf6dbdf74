//! A client and a lossy link in simulated time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use transload_tftp::{
    Rollover, TransferOutcome,
    blocks::Blocks,
    terms::TransferTerms,
    transfer::{Transfer, TransferStep},
};

use crate::common::{MemorySource, Random, ack};

/// What happens to each packet, in each direction, out of a thousand.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedLink {
    pub lost: u64,
    pub doubled: u64,
    /// Held back by up to four times the delay, so that others overtake them.
    pub reordered: u64,
    /// Least and most, in microseconds. Packets follow each other at least [`SPACING`] apart.
    pub delay: (u64, u64),
    pub seed: u64,
}

/// What a packet takes on a 1 Gbit/s wire, in microseconds.
const SPACING: u64 = 5;

/// How a simulated transfer went.
#[derive(Debug)]
pub struct LinkRun {
    pub received: Vec<u8>,
    pub client_done: bool,
    pub outcome: TransferOutcome,
    pub data_sent: u64,
    pub retransmissions: u64,
    pub elapsed: Duration,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum LinkEvent {
    ToServer(Vec<u8>),
    ToClient(Vec<u8>),
}

/// An independent reading of RFC 1350 and RFC 7440 from the client's side. It acknowledges every block it did not
/// expect with the last one it has: the worst a server may meet.
struct LinkClient {
    block_size: usize,
    window: u64,
    rollover: Rollover,
    expected: u16,
    have: u16,
    unacknowledged: u64,
    received: Vec<u8>,
    done: bool,
    ask_again_at: u64,
}

/// The client repeats its last ACK when nothing came for this long, in microseconds.
const CLIENT_TIMEOUT: u64 = 1_000_000;

impl LinkClient {
    fn take(&mut self, now: u64, packet: &[u8]) -> Option<Vec<u8>> {
        self.ask_again_at = now + CLIENT_TIMEOUT;
        if packet[..2] == [0, 6] {
            return (self.received.is_empty() && self.have == 0).then(|| ack(0));
        }
        let number = u16::from_be_bytes([packet[2], packet[3]]);
        let data = &packet[4..];
        if self.done || number != self.expected {
            self.unacknowledged = 0;
            return Some(ack(self.have));
        }
        self.received.extend_from_slice(data);
        self.have = number;
        self.expected = match (number, self.rollover) {
            (65_535, Rollover::Zero) => 0,
            (65_535, Rollover::One) => 1,
            (number, _) => number + 1,
        };
        self.unacknowledged += 1;
        self.done = data.len() < self.block_size;
        if self.done || self.unacknowledged == self.window {
            self.unacknowledged = 0;
            return Some(ack(self.have));
        }
        None
    }
}

/// Sends `file` over `link` and returns what became of it. The client stays around for 10 s after its last block.
pub fn send(file: &MemorySource, terms: TransferTerms, rollover: Rollover, link: SimulatedLink) -> LinkRun {
    let offer = terms.block_size != 512 || terms.window != 1 || terms.timeout.is_some();
    let mut random = Random(link.seed);
    let mut queue: BinaryHeap<Reverse<(u64, u64, LinkEvent)>> = BinaryHeap::new();
    let mut order = 0;
    let mut wires = [0_u64; 2];
    let mut transmit =
        |queue: &mut BinaryHeap<_>, now: u64, event: fn(Vec<u8>) -> LinkEvent, packet: &[u8]| {
            let copies = if random.one_in_thousand(link.doubled) { 2 } else { 1 };
            for _ in 0..copies {
                if random.one_in_thousand(link.lost) {
                    continue;
                }
                let event = event(packet.to_vec());
                let wire = &mut wires[usize::from(matches!(event, LinkEvent::ToServer(_)))];
                *wire =
                    (*wire + SPACING).max(now + link.delay.0 + random.below(link.delay.1 - link.delay.0 + 1));
                let held_back =
                    if random.one_in_thousand(link.reordered) { random.below(4 * link.delay.1) } else { 0 };
                order += 1;
                queue.push(Reverse((*wire + held_back, order, event)));
            }
        };
    let mut client = LinkClient {
        block_size: usize::from(terms.block_size),
        window: u64::from(terms.window),
        rollover,
        expected: 1,
        have: 0,
        unacknowledged: 0,
        received: Vec::new(),
        done: false,
        ask_again_at: CLIENT_TIMEOUT,
    };
    let mut transfer = Transfer::new(terms, rollover, offer);
    let mut blocks = Blocks::new(Box::new(file.opened()), terms.mode, terms.block_size);
    let (mut now, mut data_sent) = (0_u64, 0);
    let mut sent_before: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut step = transfer.start();
    loop {
        let time = Duration::from_micros(now);
        match step {
            TransferStep::End(outcome) => {
                let LinkClient { received, done, .. } = client;
                let retransmissions = transfer.retransmissions();
                return LinkRun {
                    received,
                    client_done: done,
                    outcome,
                    data_sent,
                    retransmissions,
                    elapsed: time,
                };
            }
            TransferStep::Wait => {}
            TransferStep::SendOack => {
                transmit(&mut queue, now, LinkEvent::ToClient, b"\0\x06");
                transfer.sent(time, None, false);
            }
            TransferStep::SendBlocks(range) => {
                sent_before = sent_before.split_off(range.start());
                let (mut through, mut ends) = (*range.end(), false);
                for block in range {
                    let mut packet = Vec::new();
                    ends = blocks.write(block, transfer.number(block), &mut packet).unwrap();
                    data_sent += 1;
                    let before = sent_before.entry(block).or_insert_with(|| packet.clone());
                    assert_eq!(*before, packet, "a block is sent again as it was");
                    transmit(&mut queue, now, LinkEvent::ToClient, &packet);
                    through = block;
                    if ends {
                        break;
                    }
                }
                transfer.sent(time, Some(through), ends);
            }
        }
        let tick_at = transfer.deadline().as_nanos().div_ceil(1000) as u64;
        let ask_at = if client.done { u64::MAX } else { client.ask_again_at };
        let arrives_at = queue.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
        step = if arrives_at <= tick_at && arrives_at <= ask_at {
            now = arrives_at;
            match queue.pop() {
                Some(Reverse((_, _, LinkEvent::ToServer(packet)))) => {
                    let acknowledged = transfer.acknowledged();
                    let step = transfer.receive(Duration::from_micros(now), &packet);
                    if transfer.acknowledged() > acknowledged {
                        blocks.answered();
                        blocks.acknowledge(transfer.acknowledged());
                    }
                    step
                }
                Some(Reverse((_, _, LinkEvent::ToClient(packet)))) => {
                    if let Some(reply) = client.take(now, &packet) {
                        transmit(&mut queue, now, LinkEvent::ToServer, &reply);
                    }
                    TransferStep::Wait
                }
                None => TransferStep::Wait,
            }
        } else if ask_at < tick_at {
            now = ask_at;
            client.ask_again_at = now + CLIENT_TIMEOUT;
            client.unacknowledged = 0;
            transmit(&mut queue, now, LinkEvent::ToServer, &ack(client.have));
            TransferStep::Wait
        } else {
            now = tick_at.max(now);
            transfer.tick(Duration::from_micros(now))
        };
    }
}
