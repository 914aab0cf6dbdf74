//! Counts taken slots over all servers, so that a caller can send clients here only while there is room.

use std::sync::Arc;

use crate::strangers::LimitCounters;

/// The share of one running server in the sums.
pub struct Occupancy {
    sums: Arc<LimitCounters>,
    slots: usize,
    taken: usize,
}

impl Occupancy {
    /// Adds a server with this many free slots.
    pub fn new(sums: Arc<LimitCounters>, slots: usize) -> Occupancy {
        sums.add_slots(slots);
        Occupancy { sums, slots, taken: 0 }
    }

    /// Reports how many slots are taken now.
    pub fn tell(&mut self, taken: usize) {
        if taken != self.taken {
            self.sums.take_slots(self.taken, taken);
            self.taken = taken;
        }
    }
}

impl Drop for Occupancy {
    fn drop(&mut self) {
        self.tell(0);
        self.sums.remove_slots(self.slots);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_while_a_server_runs_that_has_a_slot() {
        let sums = Arc::new(LimitCounters::default());
        assert!(!sums.has_room(), "no server runs");
        let mut first = Occupancy::new(Arc::clone(&sums), 2);
        assert!(sums.has_room());
        first.tell(2);
        assert!(!sums.has_room());
        let second = Occupancy::new(Arc::clone(&sums), 1);
        assert!(sums.has_room());
        drop(second);
        assert!(!sums.has_room());
        first.tell(1);
        assert!(sums.has_room());
        drop(first);
        assert!(!sums.has_room());
    }
}
