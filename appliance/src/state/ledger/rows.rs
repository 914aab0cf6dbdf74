//! Counts each phone's observations in the file, and decides whether it may add more. A phone that reports thousands of
//! times a second gets snapshots instead of rows.

use std::collections::HashMap;
use std::time::Instant;

use transload_provision::mac::Mac;

/// Rows of a phone that trigger a snapshot.
pub(super) const OF_A_PHONE: usize = 256;
/// Covered rows that are kept for a phone.
pub(super) const KEPT_OF_A_PHONE: usize = 2 * OF_A_PHONE;
/// Covered rows that are kept for all phones.
pub(super) const KEPT_IN_ALL: usize = 131_072;
/// Rows of all phones that trigger snapshots of the busiest.
pub(super) const IN_ALL: usize = 32_768;
/// Rows that a phone may write at once after a pause; a whole migration writes fewer.
pub(super) const BURST: f64 = 512.0;
/// Rows that a busy phone may write each second.
const EACH_SECOND: f64 = 32.0;

#[derive(Default)]
pub(super) struct RowCounts {
    phones: HashMap<Mac, PhoneRows>,
    total: usize,
    /// Rows covered by snapshots.
    kept: usize,
    /// Total rows that trigger the next request.
    asked_at: usize,
}

struct PhoneRows {
    /// Keys of the rows after its snapshot.
    numbers: Vec<i64>,
    /// Keys of the rows that its snapshot covers.
    kept: Vec<i64>,
    /// Rows at the last request for its snapshot.
    asked_at: usize,
    budget: f64,
    reckoned: Instant,
    /// Some of its observations wait for its snapshot, so later ones must wait too.
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

    /// Rows that the phone may write at `now`.
    fn budget_at(&self, now: Instant) -> f64 {
        let earned = now.saturating_duration_since(self.reckoned).as_secs_f64() * EACH_SECOND;
        (self.budget + earned).min(BURST)
    }
}

impl RowCounts {
    /// Whether a phone may write this many observations now. Otherwise they wait for its snapshot.
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

    /// No job waits for a snapshot any more.
    pub(super) fn none_aside(&mut self) {
        for of in self.phones.values_mut() {
            of.aside = false;
        }
    }

    pub(super) fn is_aside(&self, mac: Mac) -> bool {
        self.phones.get(&mac).is_some_and(|of| of.aside)
    }

    /// Keys of a phone's rows after its snapshot.
    pub(super) fn of(&self, mac: Mac) -> &[i64] {
        self.phones.get(&mac).map(|of| of.numbers.as_slice()).unwrap_or_default()
    }

    /// Keys of a phone's rows that its snapshot covers.
    pub(super) fn kept_of(&self, mac: Mac) -> &[i64] {
        self.phones.get(&mac).map(|of| of.kept.as_slice()).unwrap_or_default()
    }

    /// Whether this many covered rows of a phone may be kept instead of the present ones.
    pub(super) fn may_keep(&self, mac: Mac, rows: usize) -> bool {
        rows <= KEPT_OF_A_PHONE && self.kept + rows - self.kept_of(mac).len() <= KEPT_IN_ALL
    }

    /// Counts a row of the file.
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

    /// Counts a new snapshot; `keeps` tells whether the rows since the previous one stay.
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

    /// Phones that need a snapshot now. A phone is named again only after as many further rows.
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

    /// Forgets phones without rows and with a full budget.
    pub(super) fn tidy(&mut self) {
        let now = Instant::now();
        self.phones
            .retain(|_, of| !(of.numbers.is_empty() && of.kept.is_empty()) || of.budget_at(now) < BURST);
    }
}
