//! What waits to be told: bounded, the oldest goes first, and nothing is forgotten before it was heard.

use std::collections::VecDeque;

/// A queue of what is to be sent, and of what was sent and not confirmed yet.
#[derive(Debug)]
pub struct Queue<T> {
    room: usize,
    /// With the line that it was sent in; 0 for not sent.
    waiting: VecDeque<(u64, T)>,
    sent: usize,
    dropped: u64,
}

impl<T: Clone> Queue<T> {
    /// A queue with room for so many.
    pub fn new(room: usize) -> Self {
        Self { room, waiting: VecDeque::new(), sent: 0, dropped: 0 }
    }

    /// Adds the newest; where there is no room, the oldest goes, and is counted.
    pub fn push(&mut self, item: T) {
        if self.waiting.len() >= self.room && self.waiting.pop_front().is_some() {
            self.sent = self.sent.saturating_sub(1);
            self.dropped += 1;
        }
        self.waiting.push_back((0, item));
    }

    /// The next to send, as line `line` of the connection.
    pub fn send(&mut self, line: u64) -> Option<T> {
        let (sent_in, item) = self.waiting.get_mut(self.sent)?;
        *sent_in = line;
        self.sent += 1;
        Some(item.clone())
    }

    /// The lines up to this one were taken in.
    pub fn heard(&mut self, lines: u64) {
        while self.sent > 0 && self.waiting.front().is_some_and(|(line, _)| *line <= lines) {
            self.waiting.pop_front();
            self.sent -= 1;
        }
    }

    /// The connection is gone: what was not heard is to be sent again.
    pub fn disconnected(&mut self) {
        self.sent = 0;
    }

    /// Whether there is something to send.
    pub fn is_waiting(&self) -> bool {
        self.sent < self.waiting.len() || self.dropped > 0
    }

    /// How many were dropped since this was asked last.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_heard_is_sent_again_in_order() {
        let mut queue = Queue::new(10);
        (1..=5).for_each(|item| queue.push(item));
        assert_eq!((queue.send(2), queue.send(3), queue.send(4)), (Some(1), Some(2), Some(3)));
        queue.heard(3);
        queue.push(6);
        queue.disconnected();
        let again: Vec<_> = (2..).map_while(|line| queue.send(line)).collect();
        assert_eq!(again, [3, 4, 5, 6]);
        assert!(!queue.is_waiting());
        queue.heard(99);
        queue.disconnected();
        assert_eq!(queue.send(1), None);
    }

    #[test]
    fn the_oldest_goes_first_and_is_counted() {
        let mut queue = Queue::new(3);
        (1..=3).for_each(|item| queue.push(item));
        assert_eq!(queue.send(2), Some(1));
        (4..=5).for_each(|item| queue.push(item));
        assert_eq!((queue.send(3), queue.take_dropped(), queue.take_dropped()), (Some(3), 2, 0));
        // What was dropped after it was sent is not waited for.
        queue.heard(2);
        assert_eq!((queue.send(4), queue.send(5), queue.send(6)), (Some(4), Some(5), None));
    }
}
