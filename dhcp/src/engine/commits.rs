//! Tracks records on their way to disk, and writes them again if their commit failed.

use super::{Decision, Engine};
use crate::lease::LeaseRecord;
use crate::table::WriteState;

/// Records of failed commits that ride along with the next one.
const RETRIED_AT_ONCE: usize = 64;

impl Engine {
    /// All writes up to this number are on disk.
    pub fn committed(&mut self, through: u64) {
        self.settle(through, WriteState::Saved);
    }

    /// The writes up to this number that were not reported yet may or may not be on disk. Their addresses stay with
    /// their clients, who get no answer; the next commit tries them again.
    pub fn commit_failed(&mut self, through: u64) {
        self.settle(through, WriteState::Failed);
    }

    fn settle(&mut self, through: u64, outcome: WriteState) {
        while let Some(&(sequence, address)) = self.under_way.front() {
            if sequence > through {
                break;
            }
            self.under_way.pop_front();
            let stray = match self.strays.get_mut(&address) {
                Some((_, write)) if *write == WriteState::UnderWay(sequence) => {
                    *write = outcome;
                    true
                }
                _ => false,
            };
            let latest =
                stray || self.tables.iter_mut().any(|table| table.written(address, sequence, outcome));
            if latest && outcome == WriteState::Failed {
                self.failed.insert(address);
            }
        }
    }

    /// Puts a record into its table and, with records of earlier failures, among the decision's writes.
    pub(super) fn write(&mut self, record: LeaseRecord, decision: &mut Decision) {
        self.sequence += 1;
        decision.after = self.sequence;
        self.failed.remove(&record.address);
        let again: Vec<_> = self.failed.iter().copied().take(RETRIED_AT_ONCE).collect();
        for address in again {
            self.failed.remove(&address);
            decision.writes.extend(self.lease(address).cloned());
        }
        decision.writes.push(record);
        for record in &decision.writes {
            self.under_way.push_back((self.sequence, record.address));
            if let Some(table) = self.tables.iter_mut().find(|table| table.network.contains(record.address)) {
                table.put(record.clone(), WriteState::UnderWay(self.sequence));
            }
        }
    }
}
