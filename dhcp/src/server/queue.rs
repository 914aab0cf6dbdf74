//! Datagrams that were received and wait their turn.

use std::collections::VecDeque;

use crate::MessageType;
use crate::packet::peek_kind;
use crate::sockets::Received;

/// Datagrams of each kind that wait; about a tenth of a second's work, and far less than a client's patience.
const MOST: usize = 1024;
/// Of so many datagrams, one is a DISCOVER where there are any.
const SHARE: u32 = 4;

/// When more comes in than can be handled, the oldest go: their clients have asked again, or will. DISCOVERs wait
/// apart and come second, for a lease that was begun is better finished than another one begun.
#[derive(Default)]
pub(super) struct Queue {
    discovers: VecDeque<Datagram>,
    others: VecDeque<Datagram>,
    /// Emptied buffers, to be used again.
    spare: Vec<Vec<u8>>,
    turn: u32,
    shed: u64,
}

pub(super) struct Datagram {
    pub(super) octets: Vec<u8>,
    pub(super) received: Received,
}

impl Queue {
    pub(super) fn push(&mut self, octets: &[u8], received: Received) {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(octets);
        let queue = match peek_kind(octets) {
            Some(MessageType::Discover) => &mut self.discovers,
            _ => &mut self.others,
        };
        let oldest = if queue.len() < MOST { None } else { queue.pop_front() };
        queue.push_back(Datagram { octets: buffer, received });
        if let Some(oldest) = oldest {
            self.shed += 1;
            self.recycle(oldest.octets);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Datagram> {
        self.turn = self.turn.wrapping_add(1);
        let mut order = [&mut self.others, &mut self.discovers];
        if self.turn.is_multiple_of(SHARE) {
            order.reverse();
        }
        let [first, second] = order;
        first.pop_front().or_else(|| second.pop_front())
    }

    /// Takes back the buffer of a datagram that was handled.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < MOST {
            self.spare.push(buffer);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.discovers.is_empty() && self.others.is_empty()
    }

    /// How many went since this was last asked.
    pub(super) fn take_shed(&mut self) -> u64 {
        std::mem::take(&mut self.shed)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::time::Instant;

    use super::*;
    use crate::packet::Packet;

    fn datagram(kind: MessageType, xid: u32) -> Vec<u8> {
        Packet::request(kind, xid, [0, 0x12, 0x34, 0, 0, 1]).encode(576)
    }

    fn push(queue: &mut Queue, kind: MessageType, xid: u32) {
        let source = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68);
        let octets = datagram(kind, xid);
        queue.push(&octets, Received { at: Instant::now(), length: octets.len(), source, unicast: false });
    }

    fn pop(queue: &mut Queue) -> Option<(MessageType, u32)> {
        let datagram = queue.pop()?;
        let packet = Packet::decode(&datagram.octets).ok()?;
        queue.recycle(datagram.octets);
        Some((packet.kind, packet.xid))
    }

    #[test]
    fn in_a_flood_the_oldest_go_and_those_who_take_an_offer_are_not_crowded_out() {
        let mut queue = Queue::default();
        push(&mut queue, MessageType::Request, 1);
        for xid in 0..5000 {
            push(&mut queue, MessageType::Discover, xid);
        }
        push(&mut queue, MessageType::Inform, 9999);
        assert_eq!(queue.take_shed(), 5000 - MOST as u64);
        assert_eq!(pop(&mut queue), Some((MessageType::Request, 1)));
        let rest: Vec<_> = std::iter::from_fn(|| pop(&mut queue)).map(|(_, xid)| xid).collect();
        assert_eq!(rest.len(), MOST + 1);
        assert_eq!(rest.iter().copied().filter(|xid| *xid != 9999).min(), Some(5000 - MOST as u32));
        assert!(queue.is_empty() && queue.spare.len() <= MOST);
    }

    #[test]
    fn requests_do_not_crowd_out_discovers_either() {
        let mut queue = Queue::default();
        for xid in 0..100 {
            push(&mut queue, MessageType::Discover, xid);
            push(&mut queue, MessageType::Request, xid);
        }
        let first: Vec<_> = (0..40).filter_map(|_| pop(&mut queue)).collect();
        assert_eq!(first.iter().filter(|(kind, _)| *kind == MessageType::Discover).count(), 10);
    }
}
