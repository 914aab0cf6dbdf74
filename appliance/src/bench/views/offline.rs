//! Views of a state folder on which no bench runs.

use transload_dhcp::lease::LeaseRecord;
use transload_provision::catalog::Catalog;
use transload_provision::mac::Mac;
use transload_provision::roster::Entry;
use transload_provision::time::Time;

use crate::bench::BenchState;
use crate::bench::ReplayedPhones;
use crate::bench::Rules;
use crate::bench::views::explain::{self, Explanation};
use crate::bench::views::phone::PhoneView;
use crate::bench::views::report::MigrationReport;
use crate::bench::views::report::gather;
use crate::bench::views::show;
use crate::state::library::LibrarySnapshot;

/// The content of a state folder on which no bench runs.
pub struct Offline {
    state: BenchState,
    leases: Vec<LeaseRecord>,
    now: Time,
}

impl Offline {
    /// The phones.
    pub fn phones(&self) -> Vec<PhoneView> {
        show::phones(&self.state, self.now)
    }

    /// Whether the roster lists a phone.
    pub fn lists(&self, mac: Mac) -> bool {
        self.state.roster.contains_key(&mac)
    }

    /// As [`Bench::report`].
    pub fn report(&self) -> MigrationReport {
        gather::report(&self.state, self.now)
    }

    /// As [`Bench::explain`].
    pub fn explain(&self, mac: Mac) -> Explanation {
        let of_it = self.leases.iter().filter(|lease| lease.mac == mac.0);
        explain::explain(&self.state, self.now, mac, of_it.max_by_key(|lease| lease.since))
    }
}

/// Reads a state folder on which no bench runs.
pub fn offline(
    catalog: Catalog,
    rules: Rules,
    roster: Vec<Entry>,
    library: LibrarySnapshot,
    (known, leases): (ReplayedPhones, Vec<LeaseRecord>),
    now: Time,
) -> Offline {
    let state = BenchState::new(rules, catalog, roster, library, known);
    Offline { state, leases, now }
}
