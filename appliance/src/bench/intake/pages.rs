//! Decides which phones' web pages to read, and takes in their content.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use transload_provision::journey::{Fact, disagreements, is_of_another, page_due};
use transload_provision::load::Side;
use transload_provision::mac::Mac;
use transload_provision::page::Page;
use transload_provision::time::Time;

use crate::bench::AT_ONCE;
use crate::bench::Bench;
use crate::bench::BenchState;
use crate::bench::judge::context;
use crate::bench::verdict;

/// Attempts to read a page between two starts of its phone; the wait doubles each time.
const TRIES: u32 = 6;
/// Quiet periods between two looks at a phone whose page is not needed.
const LOOK_AGAIN: u32 = 64;

/// A page to read.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The phone.
    pub mac: Mac,
    /// The address of the phone's lease.
    pub address: Ipv4Addr,
    /// The side that the phone behaves as.
    pub side: Option<Side>,
    started: Time,
}

/// The schedule of page visits: visits in progress, and failed attempts.
#[derive(Debug, Default)]
pub struct PageSchedule {
    known: HashMap<Mac, PageVisits>,
}

#[derive(Debug, Clone, Copy)]
struct PageVisits {
    /// The phone's latest fact at the last look; without a newer fact there is no reason to look again.
    seen: Time,
    /// The phone's start at the last look.
    started: Time,
    tries: u32,
    /// The next look, unless a new fact comes first.
    next: Time,
    /// A visit is in progress.
    away: bool,
}

impl PageSchedule {
    /// Ends a visit.
    pub fn back(&mut self, mac: Mac) {
        if let Some(known) = self.known.get_mut(&mac) {
            known.away = false;
        }
    }
}

impl Bench {
    /// The pages to read now, at most `most`. The lock is held for a few phones at a time.
    pub fn visits(&self, schedule: &mut PageSchedule, most: usize) -> Vec<Visit> {
        let now = self.now();
        let macs: Vec<Mac> = {
            let state = self.state();
            if !state.rules.settings.probe {
                return Vec::new();
            }
            schedule.known.retain(|mac, _| state.phones.contains_key(mac));
            let due = |(mac, phone): (&Mac, &crate::bench::TrackedPhone)| {
                let known = schedule.known.get(mac);
                let fresh = known.is_none_or(|known| known.seen != phone.journey.last_seen);
                let waits = known.is_some_and(|known| known.next <= now);
                (known.is_none_or(|known| !known.away) && (fresh || waits)).then_some(*mac)
            };
            state.phones.iter().filter_map(due).collect()
        };
        let mut visits = Vec::new();
        for macs in macs.chunks(AT_ONCE) {
            let state = self.state();
            for mac in macs {
                if visits.len() < most {
                    visits.extend(self.visit(&state, schedule, *mac));
                }
            }
        }
        visits
    }

    fn visit(&self, state: &BenchState, schedule: &mut PageSchedule, mac: Mac) -> Option<Visit> {
        let now = self.now();
        let journey = &state.phones.get(&mac)?.journey;
        let quiet = state.rules.settings.timing.quiet;
        let started = journey.started();
        let before = schedule.known.get(&mac).filter(|known| known.started == started);
        let tries = before.map_or(0, |known| known.tries);
        // A phone that has answered is asked again now and then.
        let tries = if journey.page.read >= Some(started) { tries.min(TRIES - 1) } else { tries };
        let address = state.addresses.lease_of(mac, now).filter(|_| tries < TRIES);
        let due = address.and_then(|_| page_due(journey, &context(state, mac, now)));
        // The wait grows with each attempt that fails.
        let due = due.map(|due| before.filter(|_| tries > 0).map_or(due, |known| due.max(known.next)));
        let away = due.is_some_and(|due| due <= now);
        let (tries, next) = match due {
            _ if away => (tries + 1, now + quiet * (2 << tries)),
            Some(due) => (tries, due),
            None => (tries, now + quiet * LOOK_AGAIN),
        };
        schedule.known.insert(mac, PageVisits { seen: journey.last_seen, started, tries, next, away });
        let address = address.filter(|_| away)?;
        let side = verdict(state, now, mac).persona.side();
        Some(Visit { mac, address, side, started })
    }

    /// Takes in a page, unless the phone has started again since, or the page belongs to another phone.
    pub fn page_read(&self, visit: &Visit, page: Page) {
        let mac = visit.mac;
        let mut state = self.state();
        let Some(journey) = state.phones.get(&mac).map(|phone| &phone.journey) else { return };
        if journey.started() != visit.started
            || state.addresses.lease_of(mac, self.now()) != Some(visit.address)
        {
            return;
        }
        let before = verdict(&state, self.now(), mac);
        let stranger = page.mac.is_some_and(|other| other != mac) || is_of_another(&page, &before);
        let denied = if let Some(other) = page.mac.filter(|_| stranger) {
            vec![format!("the page at {}, which has the lease of {mac}, is that of {other}", visit.address)]
        } else {
            disagreements(&page, journey, &before, state.roster.get(&mac))
        };
        for what in denied {
            tracing::warn!(%mac, %what, "the phone's web page contradicts other signals");
            self.observe(&mut state, mac, Fact::Contradiction { what });
        }
        if !stranger {
            self.observe(&mut state, mac, Fact::Probed(page));
        }
    }
}
