//! How many observations of each phone lie in the file, and whether a phone may add more of them now. One that tells
//! something thousands of times a second gets a snapshot now and then in place of a row each time.

use std::collections::HashMap;
use std::time::Instant;

use transload_provision::mac::Mac;

/// Rows of one phone before its journey is to take their place.
pub(super) const OF_A_PHONE: usize = 256;
/// Rows of one phone that its snapshot covers and that are kept.
pub(super) const KEPT_OF_A_PHONE: usize = 2 * OF_A_PHONE;
/// The same of all phones.
pub(super) const KEPT_IN_ALL: usize = 131_072;
/// Rows in all before the journeys of those with most of them are to take their place.
pub(super) const IN_ALL: usize = 32_768;
/// Rows that a phone may write at once, after a pause: more than a whole migration writes.
pub(super) const BURST: f64 = 512.0;
/// Rows that it may write each second from then on.
const EACH_SECOND: f64 = 32.0;

#[derive(Default)]
pub(super) struct Rows {
    phones: HashMap<Mac, PhoneRows>,
    total: usize,
    /// Rows that snapshots cover.
    kept: usize,
    /// Rows in all at which phones are asked for again.
    asked_at: usize,
}

struct PhoneRows {
    /// The keys of those after its snapshot.
    numbers: Vec<i64>,
    /// The keys of those that its snapshot covers.
    kept: Vec<i64>,
    /// Rows at which its journey was asked for last.
    asked_at: usize,
    budget: f64,
    reckoned: Instant,
    /// Some of its observations wait for its journey, and so must all later ones.
    aside: bool,
}

impl PhoneRows {
    fn new() -> Self {
        Self {
            numbers: Vec::new(),
            kept: Vec::new(),
            asked_at: 0,
            budget: BURST,
            reckoned: Instant::now(),
            aside: false,
        }
    }

    /// Rows that it may write by then.
    fn budget_at(&self, now: Instant) -> f64 {
        let earned = now.saturating_duration_since(self.reckoned).as_secs_f64() * EACH_SECOND;
        (self.budget + earned).min(BURST)
    }
}

impl Rows {
    /// Whether so many more observations of a phone are written as they are. Otherwise they wait for its journey.
    pub(super) fn affords(&mut self, mac: Mac, rows: usize, now: Instant) -> bool {
        let of = self.phones.entry(mac).or_insert_with(PhoneRows::new);
        (of.budget, of.reckoned) = (of.budget_at(now), now);
        let rows = u32::try_from(rows).map_or(f64::INFINITY, f64::from);
        of.aside |= of.budget < rows;
        if of.aside {
            return false;
        }
        of.budget -= rows;
        true
    }

    /// Nothing waits for journeys any more.
    pub(super) fn none_aside(&mut self) {
        for of in self.phones.values_mut() {
            of.aside = false;
        }
    }

    pub(super) fn is_aside(&self, mac: Mac) -> bool {
        self.phones.get(&mac).is_some_and(|of| of.aside)
    }

    /// The keys of a phone's rows after its snapshot.
    pub(super) fn of(&self, mac: Mac) -> &[i64] {
        self.phones.get(&mac).map(|of| of.numbers.as_slice()).unwrap_or_default()
    }

    /// The keys of those that its snapshot covers.
    pub(super) fn kept_of(&self, mac: Mac) -> &[i64] {
        self.phones.get(&mac).map(|of| of.kept.as_slice()).unwrap_or_default()
    }

    /// Whether so many rows of a phone may be kept beside its snapshot, in the place of those that are.
    pub(super) fn may_keep(&self, mac: Mac, rows: usize) -> bool {
        rows <= KEPT_OF_A_PHONE && self.kept + rows - self.kept_of(mac).len() <= KEPT_IN_ALL
    }

    /// A row is there.
    pub(super) fn read(&mut self, mac: Mac, number: i64, covered: bool) {
        if covered {
            self.phones.entry(mac).or_insert_with(PhoneRows::new).kept.push(number);
            self.kept += 1;
        } else {
            self.wrote(mac, number);
        }
    }

    pub(super) fn wrote(&mut self, mac: Mac, number: i64) {
        self.phones.entry(mac).or_insert_with(PhoneRows::new).numbers.push(number);
        self.total += 1;
    }

    /// A snapshot has taken their place; the rows since the one before it are kept or not.
    pub(super) fn folded(&mut self, mac: Mac, keeps: bool) {
        if let Some(of) = self.phones.get_mut(&mac) {
            self.total -= of.numbers.len();
            self.kept -= of.kept.len();
            let numbers = std::mem::take(&mut of.numbers);
            of.kept = if keeps { numbers } else { Vec::new() };
            self.kept += of.kept.len();
            of.asked_at = 0;
        }
        if self.total <= IN_ALL / 2 {
            self.asked_at = 0;
        }
    }

    /// Phones whose journeys are to take their rows' place now. Each is named once until it has got as many rows again.
    pub(super) fn overfull(&mut self, among: &[Mac]) -> Vec<Mac> {
        let mut macs = Vec::new();
        for mac in among {
            let Some(of) = self.phones.get_mut(mac) else { continue };
            if of.numbers.len() >= of.asked_at + OF_A_PHONE {
                of.asked_at = of.numbers.len();
                macs.push(*mac);
            }
        }
        if self.total >= IN_ALL.max(self.asked_at) {
            self.asked_at = self.total + IN_ALL / 8;
            let mut largest: Vec<(usize, Mac)> =
                self.phones.iter().map(|(mac, of)| (of.numbers.len(), *mac)).collect();
            largest.sort_unstable_by(|one, other| other.cmp(one));
            let mut left = self.total;
            for (rows, mac) in largest.into_iter().take_while(|(rows, _)| *rows > 0) {
                if left <= IN_ALL / 2 {
                    break;
                }
                left -= rows;
                macs.push(mac);
            }
            macs.sort_unstable();
            macs.dedup();
        }
        macs
    }

    /// Forgets phones without rows that may write as many as any other.
    pub(super) fn tidy(&mut self) {
        let now = Instant::now();
        self.phones
            .retain(|_, of| !(of.numbers.is_empty() && of.kept.is_empty()) || of.budget_at(now) < BURST);
    }
}
