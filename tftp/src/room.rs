//! How many of all seats are taken, for those who send clients here only while there is room.

use std::sync::Arc;

use crate::strangers::Reached;

/// What one server adds to the sums, as long as it runs.
pub struct Occupancy {
    sums: Arc<Reached>,
    seats: usize,
    taken: usize,
}

impl Occupancy {
    /// A server with so many seats, none of them taken.
    pub fn new(sums: Arc<Reached>, seats: usize) -> Occupancy {
        sums.add_seats(seats);
        Occupancy { sums, seats, taken: 0 }
    }

    /// Tells how many are taken now.
    pub fn tell(&mut self, taken: usize) {
        if taken != self.taken {
            self.sums.take_seats(self.taken, taken);
            self.taken = taken;
        }
    }
}

impl Drop for Occupancy {
    fn drop(&mut self) {
        self.tell(0);
        self.sums.remove_seats(self.seats);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_while_a_server_runs_that_has_a_seat() {
        let sums = Arc::new(Reached::default());
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
