//! Records the end of everything that a stopped bench or a cut segment interrupted.

use std::net::Ipv4Addr;

use transload_provision::journey::{Fact, under_way};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::judge::{context, verdict};
use super::{Bench, TrackedPhone};

impl Bench {
    /// A phone that a release before 0.2 found done stays done.
    pub(super) fn keep_done(&self) {
        let mut state = self.state();
        let now = self.now();
        let done = |mac: &Mac| {
            let journey = &state.phones.get(mac)?.journey;
            let fact = journey.was_done(|| verdict(&state, now, *mac), &context(&state, *mac, now))?;
            Some((*mac, fact))
        };
        let facts: Vec<(Mac, Fact)> = state.phones.keys().filter_map(done).collect();
        for (mac, fact) in facts {
            self.observe(&mut state, mac, fact);
        }
    }

    /// No fetch outlives the bench that served it. A fetch without an end is broken, so that its phone gets another
    /// attempt.
    pub(super) fn end_fetches(&self) {
        let mut state = self.state();
        let index = &state.library.index;
        let cut = |(mac, phone): (&Mac, &TrackedPhone)| {
            Some((*mac, under_way(&phone.journey, index)?.loads_file()))
        };
        let fetches: Vec<(Mac, String)> = state.phones.iter().filter_map(cut).collect();
        for (mac, name) in fetches {
            let cause = "transload was stopped while it was fetched".into();
            self.observe(&mut state, mac, Fact::Broken { name, cause });
        }
    }

    /// Records an observation gap since `since`, before any conclusion: silence in the gap is no evidence. `at` is
    /// our address on the segment that was cut off; `None` means that no bench ran.
    pub fn note_absence(&self, since: Time, at: Option<Ipv4Addr>) {
        let mut state = self.state();
        let unheard = |(mac, phone): (&Mac, &TrackedPhone)| {
            let concerned = at.is_none() || phone.heard_at.is_none() || phone.heard_at == at;
            concerned.then_some(*mac)
        };
        let phones: Vec<Mac> = state.phones.iter().filter_map(unheard).collect();
        for mac in phones {
            self.observe(&mut state, mac, Fact::Unwatched { since });
        }
    }

    /// No registration outlives the bench that took it.
    pub(super) fn note_unregistered(&self) {
        let mut state = self.state();
        let registered = |(mac, phone): (&Mac, &TrackedPhone)| phone.journey.is_registered().then_some(*mac);
        let phones: Vec<Mac> = state.phones.iter().filter_map(registered).collect();
        for mac in phones {
            self.observe(&mut state, mac, Fact::Unregistered);
        }
        state.look_at_all(self.now());
    }
}
