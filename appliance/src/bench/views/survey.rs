//! Lists the changes of all phones for watchers; only phones that may have changed are judged again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use transload_provision::estimate::{self, Standing};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use crate::bench::AT_ONCE;
use crate::bench::Bench;
use crate::bench::BenchState;
use crate::bench::intake::refused::UnansweredPhone;
use crate::bench::verdict;
use crate::bench::views::phone::PhoneView;
use crate::bench::views::show;
use crate::state::library::LibrarySnapshot;

/// Surveys after which a phone is judged again in any case.
const AGAIN: u64 = 16;

/// The state of one watcher.
#[derive(Default)]
pub struct SurveyCursor {
    looks: u64,
    global_changes: u64,
    phones: BTreeMap<Mac, Glance>,
}

struct Glance {
    facts: u32,
    /// The reason that DHCP does not answer, as a mark.
    refused: Option<(Time, u16)>,
    /// The time at which the phone changes without a new fact.
    deadline: Option<Time>,
    standing: Standing,
}

/// The changes since the previous survey.
pub struct Survey {
    /// Phones that may have changed, by MAC.
    pub phones: Vec<PhoneView>,
    /// Phones that are gone.
    pub gone: Vec<Mac>,
    /// Estimated real time until the last phone under way is done; `None` if unknown.
    pub left: Option<Duration>,
    /// The library.
    pub library: Arc<LibrarySnapshot>,
}

impl Bench {
    /// Surveys all phones.
    pub fn survey(&self, seen: &mut SurveyCursor) -> Survey {
        let (macs, global_changes): (BTreeSet<Mac>, u64) = {
            let state = self.state();
            (state.shown(), state.global_changes)
        };
        let gone: Vec<Mac> = seen.phones.keys().filter(|mac| !macs.contains(mac)).copied().collect();
        seen.phones.retain(|mac, _| macs.contains(mac));
        let all =
            std::mem::replace(&mut seen.global_changes, global_changes) != global_changes || seen.looks == 0;
        seen.looks += 1;
        let macs: Vec<(u64, Mac)> = (seen.looks..).zip(macs).collect();
        let mut phones = Vec::new();
        for some in macs.chunks(AT_ONCE) {
            let (state, now) = (self.state(), self.now());
            for (turn, mac) in some {
                if all || turn % AGAIN == 0 || seen.is_stale(&state, *mac, now) {
                    phones.push(seen.look(&state, *mac, now));
                }
            }
        }
        let left = estimate::time_left(seen.phones.values().map(|glance| &glance.standing));
        Survey { phones, gone, left: left.map(|left| self.clock.in_reality(left)), library: self.library() }
    }

    /// Bytes acknowledged by phones since the program started.
    pub fn sent(&self) -> u64 {
        self.metrics.sent()
    }
}

impl SurveyCursor {
    fn is_stale(&self, state: &BenchState, mac: Mac, now: Time) -> bool {
        let facts = state.phones.get(&mac).map_or(0, |phone| phone.facts);
        let refused = state.unanswered.get(mac).map(UnansweredPhone::mark);
        self.phones.get(&mac).is_none_or(|glance| {
            (glance.facts, glance.refused) != (facts, refused) || glance.deadline.is_some_and(|at| at <= now)
        })
    }

    fn look(&mut self, state: &BenchState, mac: Mac, now: Time) -> PhoneView {
        let assessment = verdict(state, now, mac);
        let phone = state.phones.get(&mac);
        let standing = phone.map(|phone| estimate::standing(&phone.journey, &assessment, now));
        let glance = Glance {
            facts: phone.map_or(0, |phone| phone.facts),
            refused: state.unanswered.get(mac).map(UnansweredPhone::mark),
            deadline: assessment.deadline,
            standing: standing.unwrap_or_default(),
        };
        self.phones.insert(mac, glance);
        show::phone_as(state, now, mac, assessment)
    }
}
