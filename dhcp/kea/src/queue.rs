//! Reports that wait for the appliance: bounded, the oldest goes first. A report is kept until the appliance confirms it.

use std::collections::VecDeque;

/// A queue of what is to be sent, and of what was sent and not confirmed yet. Items are counted from the first ever.
#[derive(Debug)]
pub struct ReportQueue<T> {
    room: usize,
    waiting: VecDeque<T>,
    /// The number of the first that waits.
    first: u64,
    /// The number of the first that was not sent.
    unsent: u64,
    /// Sent reports: the number of the last one in each line.
    sent: VecDeque<(u64, u64)>,
    dropped: u64,
}

impl<T: Clone> ReportQueue<T> {
    /// A queue with room for so many.
    pub fn new(room: usize) -> Self {
        Self { room, waiting: VecDeque::new(), first: 0, unsent: 0, sent: VecDeque::new(), dropped: 0 }
    }

    /// Adds the newest; where there is no room, the oldest goes, and is counted.
    pub fn push(&mut self, item: T) {
        if self.waiting.len() >= self.room && self.waiting.pop_front().is_some() {
            self.first += 1;
            self.dropped += 1;
            if self.sent.front().is_some_and(|(end, _)| *end <= self.first) {
                self.sent.pop_front();
            }
        }
        self.waiting.push_back(item);
    }

    /// The reports to send next, a bounded number; and the number to call [`ReportQueue::sent`] with.
    pub fn next(&self, most: usize) -> (Vec<T>, u64) {
        let start = self.unsent.max(self.first);
        let skipped = (start - self.first) as usize;
        let next: Vec<T> = self.waiting.iter().skip(skipped).take(most).cloned().collect();
        let end = start + next.len() as u64;
        (next, end)
    }

    /// All up to this number are sent, and `line` is the last that tells of them.
    pub fn sent(&mut self, end: u64, line: u64) {
        self.unsent = end;
        self.sent.push_back((end, line));
    }

    /// The lines up to this one were taken in.
    pub fn heard(&mut self, lines: u64) {
        while let Some(&(end, _)) = self.sent.front().filter(|(_, line)| *line <= lines) {
            self.sent.pop_front();
            self.waiting.drain(..end.saturating_sub(self.first) as usize);
            self.first = self.first.max(end);
        }
    }

    /// The connection is gone: what was not heard is to be sent again.
    pub fn disconnected(&mut self) {
        self.unsent = self.first;
        self.sent.clear();
    }

    /// Whether there is something to send.
    pub fn is_waiting(&self) -> bool {
        self.unsent < self.first + self.waiting.len() as u64 || self.dropped > 0
    }

    /// How many were dropped since this was asked last.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends at most so many, the last of them in `line`.
    fn send(queue: &mut ReportQueue<u32>, most: usize, line: u64) -> Vec<u32> {
        let (next, end) = queue.next(most);
        queue.sent(end, line);
        next
    }

    #[test]
    fn what_was_not_heard_is_sent_again_in_order() {
        let mut queue = ReportQueue::new(10);
        (1..=5).for_each(|item| queue.push(item));
        // Two of them went in one line.
        assert_eq!((send(&mut queue, 2, 2), send(&mut queue, 2, 4)), (vec![1, 2], vec![3, 4]));
        queue.heard(3);
        queue.push(6);
        queue.disconnected();
        assert_eq!(send(&mut queue, 10, 5), [3, 4, 5, 6]);
        assert!(!queue.is_waiting());
        queue.heard(99);
        queue.disconnected();
        assert!(!queue.is_waiting());
        assert!(queue.next(10).0.is_empty());
    }

    #[test]
    fn the_oldest_goes_first_and_is_counted() {
        let mut queue = ReportQueue::new(3);
        (1..=3).for_each(|item| queue.push(item));
        assert_eq!(send(&mut queue, 1, 2), [1]);
        (4..=5).for_each(|item| queue.push(item));
        assert_eq!((send(&mut queue, 1, 3), queue.take_dropped(), queue.take_dropped()), (vec![3], 2, 0));
        // A report that was dropped after it was sent needs no confirmation.
        queue.heard(2);
        assert_eq!(send(&mut queue, 10, 5), [4, 5]);
        queue.heard(5);
        queue.push(6);
        assert_eq!(send(&mut queue, 10, 6), [6]);
    }

    #[test]
    fn what_goes_while_it_is_made_ready_is_not_waited_for() {
        let mut queue = ReportQueue::new(2);
        (1..=2).for_each(|item| queue.push(item));
        let (next, end) = queue.next(10);
        (3..=5).for_each(|item| queue.push(item));
        queue.sent(end, 3);
        assert_eq!((next, queue.take_dropped()), (vec![1, 2], 3));
        queue.heard(3);
        assert_eq!(send(&mut queue, 10, 5), [4, 5]);
    }
}
