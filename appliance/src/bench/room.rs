//! Makes room in the table of phones: unlisted phones without a lease give way to new ones.

use transload_provision::journey::{Fact, Observation};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::record::PHONES_KEPT;
use super::{Bench, BenchState, TrackedPhone};
use crate::listeners::bounds::Bound;
use crate::state::ledger::Record;

/// Phones evicted at once, so that one pass over the table pays off.
const AT_ONCE: usize = 64;
/// Wait after a pass that evicted fewer.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

impl Bench {
    /// Makes room if this is the first recorded fact of a phone and the table is full.
    pub(super) fn make_room_for(&self, state: &mut BenchState, mac: Mac, observation: &Observation) {
        let only_dhcp = matches!(observation.fact, Fact::Dhcp { .. });
        if only_dhcp || state.has_room_for(mac) || state.is_over(mac, &observation.fact) {
            return;
        }
        let now = observation.at;
        let mut evicted = Vec::new();
        if now >= state.no_eviction_until {
            evicted = state.least_known(now);
            if evicted.len() < AT_ONCE {
                state.no_eviction_until = now + PAUSE;
            }
        }
        if evicted.is_empty() {
            self.metrics.bounds.reached_by(Bound::Phones, mac.to_string());
            return;
        }
        for mac in &evicted {
            state.drop_phone(*mac);
            self.publish(state, *mac);
        }
        state.global_changes += 1;
        tracing::debug!(phones = evicted.len(), "strangers without a lease gave way");
        drop(self.ledger.append(evicted.into_iter().map(|mac| Record::Evict { mac }).collect()));
    }
}

impl BenchState {
    /// True if a phone is in the ledger or may be added.
    pub(super) fn has_room_for(&self, mac: Mac) -> bool {
        self.roster.contains_key(&mac)
            || self.phones.get(&mac).is_some_and(|phone| phone.written)
            || self.phones.len() - self.newcomers.len() < PHONES_KEPT + self.roster.len()
    }

    /// The evictable phones with the oldest last fact, at most [`AT_ONCE`].
    fn least_known(&self, now: Time) -> Vec<Mac> {
        let flash = self.rules.settings.timing.flash;
        let may_go = |mac: &Mac, phone: &TrackedPhone| {
            let journey = &phone.journey;
            phone.written
                && !journey.is_met()
                && journey.held_by_operator.is_none()
                && !journey.may_write(flash, now)
                && !self.roster.contains_key(mac)
                && self.addresses.lease_of(*mac, now).is_none()
        };
        let strangers = self.phones.iter().filter(|(mac, phone)| may_go(mac, phone));
        let mut strangers: Vec<(Time, Mac)> =
            strangers.map(|(mac, phone)| (phone.journey.last_seen, *mac)).collect();
        if strangers.len() > AT_ONCE {
            strangers.select_nth_unstable(AT_ONCE);
            strangers.truncate(AT_ONCE);
        }
        strangers.into_iter().map(|(_, mac)| mac).collect()
    }
}
