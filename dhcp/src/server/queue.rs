//! Received datagrams that wait to be handled, a bounded number of them.

use std::collections::{HashMap, VecDeque};

use crate::packet::{peek_kind, peek_mac};
use crate::sockets::ReceivedPacket;
use crate::{MacOctets, MessageType};

/// Most waiting datagrams of each kind: about 0.1 s of work, far less than a client waits.
const MOST: usize = 1024;
/// At least every fourth datagram handled is a DISCOVER, and every fourth is of an unknown client, if any are waiting.
const SHARE: u32 = 4;
/// If fewer wait, they are handled in order of arrival.
const MANY: usize = 64;
/// Most waiting messages in the name of one known client. A client sends one at a time, and its name can be forged.
const MOST_OF_ONE: u8 = 4;

/// A queue in three parts. Messages of known clients come first. DISCOVERs of others come last, because a lease under way
/// is better finished than another one begun. If a part is full, its oldest message goes: its client asks again.
#[derive(Default)]
pub(super) struct ReceiveQueue {
    known: VecDeque<QueuedDatagram>,
    /// How many messages each known client has in the queue.
    of_each: HashMap<MacOctets, u8>,
    discovers: VecDeque<QueuedDatagram>,
    others: VecDeque<QueuedDatagram>,
    /// Emptied buffers, to be used again.
    spare: Vec<Vec<u8>>,
    turn: u32,
    shed: u64,
}

pub(super) struct QueuedDatagram {
    pub(super) octets: Vec<u8>,
    pub(super) received: ReceivedPacket,
}

impl ReceiveQueue {
    /// Takes in a datagram. `knows` says whether a client is known; it is asked only while many wait.
    pub(super) fn push(
        &mut self,
        octets: &[u8],
        received: ReceivedPacket,
        knows: impl FnOnce(MacOctets) -> bool,
    ) {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(octets);
        let mac = peek_mac(octets).filter(|mac| {
            self.len() >= MANY && self.of_each.get(mac).is_none_or(|count| *count < MOST_OF_ONE)
        });
        let known = mac.filter(|mac| self.of_each.contains_key(mac) || knows(*mac));
        let datagram = QueuedDatagram { octets: buffer, received };
        let gone = match (known, peek_kind(octets)) {
            (Some(mac), _) => {
                *self.of_each.entry(mac).or_default() += 1;
                let gone = if self.known.len() < MOST { None } else { self.pop_known() };
                self.known.push_back(datagram);
                gone
            }
            (None, Some(MessageType::Discover)) => crowd(&mut self.discovers, datagram),
            (None, _) => crowd(&mut self.others, datagram),
        };
        if let Some(oldest) = gone {
            self.shed += 1;
            self.recycle(oldest.octets);
        }
    }

    pub(super) fn pop(&mut self) -> Option<QueuedDatagram> {
        self.turn = self.turn.wrapping_add(1);
        let strangers_first = self.turn.is_multiple_of(SHARE);
        if !strangers_first && let Some(known) = self.pop_known() {
            return Some(known);
        }
        let mut order = [&mut self.others, &mut self.discovers];
        // Where known clients take most turns, the others' turns are counted apart.
        let turn = if self.known.is_empty() { self.turn } else { self.turn / SHARE };
        if turn.is_multiple_of(SHARE) {
            order.reverse();
        }
        let [first, second] = order;
        first.pop_front().or_else(|| second.pop_front()).or_else(|| self.pop_known())
    }

    fn pop_known(&mut self) -> Option<QueuedDatagram> {
        let datagram = self.known.pop_front()?;
        if let Some(mac) = peek_mac(&datagram.octets)
            && let Some(count) = self.of_each.get_mut(&mac)
        {
            *count -= 1;
            if *count == 0 {
                self.of_each.remove(&mac);
            }
        }
        Some(datagram)
    }

    /// Takes back the buffer of a datagram that was handled.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < MOST {
            self.spare.push(buffer);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.known.len() + self.discovers.len() + self.others.len()
    }

    /// How many datagrams were dropped since the last call.
    pub(super) fn take_shed(&mut self) -> u64 {
        std::mem::take(&mut self.shed)
    }
}

/// Takes in a datagram. Returns the oldest if the queue is full.
fn crowd(queue: &mut VecDeque<QueuedDatagram>, datagram: QueuedDatagram) -> Option<QueuedDatagram> {
    let oldest = if queue.len() < MOST { None } else { queue.pop_front() };
    queue.push_back(datagram);
    oldest
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::time::Instant;

    use super::*;
    use crate::packet::Packet;

    const STRANGER: MacOctets = [2, 0, 0, 0, 0, 1];

    fn phone(last: u8) -> MacOctets {
        [0, 0x12, 0x34, 0, 0, last]
    }

    fn push_of(queue: &mut ReceiveQueue, kind: MessageType, xid: u32, mac: MacOctets) {
        let source = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68);
        let octets = Packet::request(kind, xid, mac).encode(576);
        let received = ReceivedPacket { at: Instant::now(), length: octets.len(), source, unicast: false };
        queue.push(&octets, received, |mac| mac[0] == 0);
    }

    fn push(queue: &mut ReceiveQueue, kind: MessageType, xid: u32) {
        push_of(queue, kind, xid, STRANGER);
    }

    fn pop(queue: &mut ReceiveQueue) -> Option<(MessageType, u32)> {
        let datagram = queue.pop()?;
        let packet = Packet::decode(&datagram.octets).ok()?;
        queue.recycle(datagram.octets);
        Some((packet.kind, packet.xid))
    }

    #[test]
    fn in_a_flood_the_oldest_go_and_those_who_take_an_offer_are_not_crowded_out() {
        let mut queue = ReceiveQueue::default();
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
        let mut queue = ReceiveQueue::default();
        for xid in 0..100 {
            push(&mut queue, MessageType::Discover, xid);
            push(&mut queue, MessageType::Request, xid);
        }
        let first: Vec<_> = (0..40).filter_map(|_| pop(&mut queue)).collect();
        assert_eq!(first.iter().filter(|(kind, _)| *kind == MessageType::Discover).count(), 10);
    }

    #[test]
    fn a_known_clients_message_waits_for_no_flood_of_strangers() {
        for kind in [MessageType::Discover, MessageType::Request] {
            let mut queue = ReceiveQueue::default();
            for xid in 0..3000 {
                push(&mut queue, kind, xid);
            }
            push_of(&mut queue, MessageType::Discover, 9999, phone(1));
            let first: Vec<_> = (0..2).filter_map(|_| pop(&mut queue)).map(|(_, xid)| xid).collect();
            assert!(first.contains(&9999), "{first:?}");
        }
    }

    #[test]
    fn nor_does_a_flood_in_the_name_of_known_clients_crowd_out_another_or_strangers() {
        let mut queue = ReceiveQueue::default();
        push(&mut queue, MessageType::Discover, 7777);
        push_of(&mut queue, MessageType::Request, 8888, phone(200));
        for xid in 0..5000 {
            push_of(&mut queue, MessageType::Discover, xid, phone((xid % 100) as u8));
        }
        push_of(&mut queue, MessageType::Discover, 9999, phone(201));
        push(&mut queue, MessageType::Request, 6666);
        let order: Vec<_> = std::iter::from_fn(|| pop(&mut queue)).map(|(_, xid)| xid).collect();
        let place = |wanted| order.iter().position(|xid| *xid == wanted).unwrap_or(usize::MAX);
        assert!(place(8888) < 4, "{}", place(8888));
        assert!(place(9999) < 600, "{}", place(9999));
        assert!(place(6666) < 8, "{}", place(6666));
        assert!(queue.of_each.is_empty() && queue.is_empty());
    }
}
