//! The running appliance. It turns the events of listeners into facts, keeps every phone's journey beside the ledger,
//! and answers by the decisions of `provision`. One lock guards it; it is held for short computations only.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::Notify;
use transload_dhcp::server::DhcpServer;
use transload_pace::Pace;
use transload_provision::catalog::Catalog;
use transload_provision::client::Persona;
use transload_provision::journey::{Assessment, Journey};
use transload_provision::mac::Mac;
use transload_provision::options::ClassRule;
use transload_provision::roster::Entry;
use transload_provision::settings::Settings;
use transload_provision::time::Time;
use transload_provision::worlds::Worlds;

use crate::bench::metrics::Metrics;
use crate::bench::views::phone::{PhoneDetail, PhoneView};
use crate::config::DhcpValues;
use crate::state::ledger::{Commits, Ledger, Loss};
use crate::state::library::{LibrarySnapshot, LibraryView, LicenseUse};
use crate::system::clock::Clock;

pub mod forget;
mod intake;
mod judge;
pub mod metrics;
mod operate;
mod outcome;
mod pulse;
mod record;
mod restart;
mod room;
pub mod selection;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
pub mod views;
mod watch;

use forget::Forgotten;
use intake::feed::PublishedVerdicts;
use intake::identity::Addresses;
use intake::last_dhcp::LastDhcp;
pub use intake::pages::{PageSchedule, Visit};
use intake::refused::UnansweredPhones;
pub use intake::registrar::PendingRestart;
pub use intake::tracker::Tracker;
use intake::unleased::Unleased;
use judge::{assess_as, belief, verdict};
pub use outcome::{OrderRefusal, PhoneOutcome, RefusalReason};
pub use record::ReplayedPhones;
use views::explain::{self, Explanation};
pub use views::offline::{Offline, offline};
use views::show;
pub use views::survey::{Survey, SurveyCursor};
pub use watch::StageNotice;

/// Phones handled under one hold of the lock, so that a pass over all phones delays no answer.
const AT_ONCE: usize = 32;

/// The parts of the configuration that the bench uses.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Settings of the decisions.
    pub settings: Settings,
    /// The user's DHCP classes, in file order.
    pub classes: Vec<ClassRule>,
    /// Options of networks and reservations, at the box's present addresses.
    pub given: DhcpValues,
    /// Clients that are no phones get addresses too.
    pub admit_all: bool,
    /// Our DHCP server gives the leases, so a lease identifies the requester.
    pub gives_leases: bool,
    /// The command that is told of stage changes; empty if there is none.
    pub stage_hook: Vec<String>,
}

/// The running appliance.
pub struct Bench {
    clock: Clock,
    ledger: Ledger,
    /// Failed commits at the last moment when the ledger had everything in memory.
    failed_before: AtomicU64,
    state: Mutex<BenchState>,
    metrics: Metrics,
    /// The server that has the leases.
    dhcp: OnceLock<Weak<DhcpServer>>,
    /// Signals a new entry in `BenchState::changes`.
    changed: Notify,
}

struct BenchState {
    rules: Rules,
    catalog: Catalog,
    roster: BTreeMap<Mac, Entry>,
    library: Arc<LibrarySnapshot>,
    phones: HashMap<Mac, TrackedPhone>,
    /// Phones that the operator forgot.
    forgotten: Forgotten,
    /// No eviction is tried until then, because the last one freed too little.
    no_eviction_until: Time,
    /// Counts changes that may affect every phone.
    global_changes: u64,
    /// Phones that are not in the ledger, oldest first.
    newcomers: VecDeque<Mac>,
    /// The last DHCP outcome of listed phones that have no journey yet.
    listed_dhcp: HashMap<Mac, LastDhcp>,
    /// The last DHCP outcome of clients that are no phones.
    strangers: HashMap<Mac, LastDhcp>,
    /// Phones that DHCP does not answer.
    unanswered: UnansweredPhones,
    addresses: Addresses,
    /// Requests without a lease.
    unleased: Unleased,
    /// Verdicts published to other DHCP servers.
    verdicts: PublishedVerdicts,
    /// The time of the next look at each phone: a fact is new, or the stage may change with time.
    agenda: HashMap<Mac, Time>,
    /// Restarts that the operator ordered.
    pending_restarts: Vec<PendingRestart>,
    /// Stage changes that the hook has not been told yet, oldest first.
    changes: VecDeque<StageNotice>,
    /// Foreign DHCP servers, by our address on their segment. Our DHCP server is silent there.
    foreign_dhcp: BTreeMap<Ipv4Addr, String>,
}

impl BenchState {
    fn look_at_all(&mut self, now: Time) {
        self.global_changes += 1;
        self.agenda.extend(self.phones.keys().map(|mac| (*mac, now)));
    }

    /// Takes the phones whose next look is due off the agenda.
    fn due(&mut self, now: Time) -> Vec<Mac> {
        self.agenda.extract_if(|_, at| *at <= now).map(|(mac, _)| mac).collect()
    }
}

struct TrackedPhone {
    /// Boxed, because many slots of the table are empty.
    journey: Box<Journey>,
    /// The states the phone may be in.
    worlds: Box<Worlds>,
    /// Counts facts; a conclusion with the same count is stale only by time.
    facts: u32,
    /// Observations in the ledger since the last snapshot.
    unfolded: u32,
    /// The phone is in the ledger. An unlisted phone gets there when it takes an address or asks for a file.
    written: bool,
    /// Our address on the segment where the phone was last heard, since the program started.
    heard_at: Option<Ipv4Addr>,
    /// The persona whose options our DHCP server gave it last, since the program started.
    given_as: Option<Persona>,
    /// The outcome of the last DHCP message since the program started.
    last_dhcp: Option<Box<LastDhcp>>,
}

impl TrackedPhone {
    fn new(journey: Journey) -> Self {
        Self {
            worlds: Box::new(Worlds::new(journey.mac)),
            journey: Box::new(journey),
            facts: 0,
            unfolded: 0,
            written: true,
            heard_at: None,
            given_as: None,
            last_dhcp: None,
        }
    }
}

impl BenchState {
    fn new(
        rules: Rules,
        catalog: Catalog,
        roster: Vec<Entry>,
        library: LibrarySnapshot,
        known: ReplayedPhones,
    ) -> Self {
        let ReplayedPhones { phones, facts, forgotten, .. } = known;
        let mut state = Self {
            rules,
            catalog,
            roster: roster.into_iter().map(|entry| (entry.mac, entry)).collect(),
            library: Arc::new(library),
            phones,
            forgotten,
            no_eviction_until: Time::default(),
            global_changes: 0,
            newcomers: VecDeque::new(),
            listed_dhcp: HashMap::new(),
            strangers: HashMap::new(),
            unanswered: UnansweredPhones::default(),
            addresses: Addresses::default(),
            unleased: Unleased::default(),
            verdicts: PublishedVerdicts::default(),
            agenda: HashMap::new(),
            pending_restarts: Vec::new(),
            changes: VecDeque::new(),
            foreign_dhcp: BTreeMap::new(),
        };
        state.read_facts(facts);
        state
    }
}

impl Bench {
    /// A bench that continues from the ledger; its phones were watched until `last_seen`.
    pub fn new(
        clock: Clock,
        catalog: Catalog,
        rules: Rules,
        roster: Vec<Entry>,
        library: LibrarySnapshot,
        ledger: Ledger,
        (known, last_seen): (ReplayedPhones, Time),
    ) -> Arc<Self> {
        let bench = Arc::new(Self {
            clock,
            ledger,
            failed_before: AtomicU64::new(0),
            metrics: Metrics::default(),
            dhcp: OnceLock::new(),
            changed: Notify::new(),
            state: Mutex::new(BenchState::new(rules, catalog, roster, library, known)),
        });
        let weak = Arc::downgrade(&bench);
        bench.ledger.fold_by(Box::new(move |macs| {
            if let Some(bench) = weak.upgrade() {
                bench.fold_at_once(macs);
            }
        }));
        bench.note_absence(last_seen, None);
        bench.keep_done();
        bench.note_roster();
        bench.end_fetches();
        bench.note_unregistered();
        bench
    }

    /// The time of all decisions.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The pace of the bench's clock.
    pub fn pace(&self) -> &Pace {
        self.clock.pace()
    }

    fn state(&self) -> MutexGuard<'_, BenchState> {
        // Every change of the state is a complete step, so a panic elsewhere leaves it sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All phones that are known or listed, by MAC.
    pub fn phones(&self) -> Vec<PhoneView> {
        let state = self.state();
        show::phones(&state, self.now())
    }

    /// One phone, if it is known or listed.
    pub fn phone(&self, mac: Mac) -> Option<PhoneDetail> {
        let state = self.state();
        state.shows(mac).then(|| show::detail(&state, self.now(), mac))
    }

    /// Explains the present answer to a client and the next one.
    pub fn explain(&self, mac: Mac) -> Explanation {
        let address = self.state().addresses.leased_to(mac);
        let server = self.dhcp.get().and_then(Weak::upgrade);
        let lease = server.zip(address).and_then(|(server, address)| server.lease(address));
        explain::explain(&self.state(), self.now(), mac, lease.as_ref().filter(|lease| lease.mac == mac.0))
    }

    /// Connects the DHCP server.
    pub fn attach(&self, dhcp: &Arc<DhcpServer>) {
        // A bench has one DHCP server in its life.
        let _ = self.dhcp.set(Arc::downgrade(dhcp));
    }

    /// The present library.
    pub fn library(&self) -> Arc<LibrarySnapshot> {
        Arc::clone(&self.state().library)
    }

    /// The present library, and the phones whose license was given.
    pub fn library_view(&self) -> LibraryView {
        let state = self.state();
        let used = |(mac, phone): (&Mac, &TrackedPhone)| {
            let (first, latest) = phone.journey.license_given?;
            Some(LicenseUse { mac: *mac, first: Some(first), latest: Some(latest) })
        };
        let mut license_uses: Vec<LicenseUse> = state.phones.iter().filter_map(used).collect();
        license_uses.sort_by_key(|license| license.mac);
        LibraryView { license_uses, ..state.library.view() }
    }

    /// Takes over another library and judges all phones again.
    pub fn set_library(&self, library: LibrarySnapshot) {
        let mut state = self.state();
        state.library = Arc::new(library);
        state.look_at_all(self.now());
    }

    /// Takes over a validated configuration with its catalog and roster.
    pub fn set_rules(&self, rules: Rules, catalog: Catalog, roster: Vec<Entry>) {
        let mut state = self.state();
        state.rules = rules;
        state.catalog = catalog;
        state.list(roster);
        state.look_at_all(self.now());
        drop(state);
        self.roster_changed();
    }

    /// Takes over the options of networks and reservations at new addresses.
    pub fn set_given(&self, given: DhcpValues) {
        self.state().rules.given = given;
    }

    /// Takes over another roster and judges all phones again.
    pub fn set_roster(&self, roster: Vec<Entry>) {
        let mut state = self.state();
        state.list(roster);
        state.look_at_all(self.now());
        drop(state);
        self.roster_changed();
    }

    /// The roster.
    pub fn roster(&self) -> Vec<Entry> {
        self.state().roster.values().cloned().collect()
    }

    /// Records a foreign DHCP server on the segment where our address is `at`, or its end. While it is there, the
    /// phones of that segment are held.
    pub fn set_foreign_dhcp(&self, at: Ipv4Addr, found: Option<String>) {
        let mut state = self.state();
        state.global_changes += 1;
        match found {
            Some(server) => _ = state.foreign_dhcp.insert(at, server),
            None => _ = state.foreign_dhcp.remove(&at),
        }
        state.look_at_all(self.now());
    }

    /// Foreign DHCP servers, by our address on their segment.
    pub fn foreign_dhcp(&self) -> BTreeMap<Ipv4Addr, String> {
        self.state().foreign_dhcp.clone()
    }

    /// Counters since the program started.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Results of the ledger's commits.
    pub fn ledger(&self) -> &Commits {
        self.ledger.commits()
    }

    /// The loss found when the ledger was opened.
    pub fn ledger_loss(&self) -> Option<&Loss> {
        self.ledger.loss()
    }

    /// The bench's own address, for documents that belong to no single phone.
    pub fn server(&self) -> Ipv4Addr {
        self.state().rules.settings.server
    }

    /// The port in URLs.
    pub fn http_port(&self) -> u16 {
        self.state().rules.settings.http_port
    }

    /// The registrar's port; `None` without a registrar.
    pub fn registrar_port(&self) -> Option<u16> {
        self.state().rules.settings.registrar
    }

    /// Sets the registrar's port once it is bound; `None` without a registrar.
    pub fn set_registrar_port(&self, port: Option<u16>) {
        self.state().rules.settings.registrar = port;
    }

    /// Sets the port in URLs once it is bound.
    pub fn set_http_port(&self, port: u16) {
        self.state().rules.settings.http_port = port;
    }

    fn assess(&self, state: &BenchState, mac: Mac) -> Assessment {
        verdict(state, self.now(), mac)
    }
}
