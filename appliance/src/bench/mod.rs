//! The running appliance's mind: it turns what the doors see into observations, keeps every phone's journey
//! beside the ledger, and answers by what `provision` decides. One lock, held for short computations only.

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
use intake::feed::Verdicts;
use intake::identity::Addresses;
use intake::last_dhcp::LastDhcp;
pub use intake::pages::{Round, Visit};
use intake::refused::Refusals;
pub use intake::registrar::Errand;
pub use intake::tracker::Tracker;
use intake::unleased::Unleased;
use judge::{assess_as, belief, verdict};
pub use outcome::{PhoneOutcome, Refusal, RefusalReason};
pub use record::Known;
use views::explain::{self, Explanation};
pub use views::offline::{Offline, offline};
use views::show;
pub use views::survey::{Seen, Survey};
pub use watch::Change;

/// Phones taken under one hold of the lock: nobody who answers phones waits for a look at all of them.
const AT_ONCE: usize = 32;

/// The parts of the configuration that the bench acts by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What decides about phones.
    pub settings: Settings,
    /// The user's DHCP classes, in file order.
    pub classes: Vec<ClassRule>,
    /// What networks and reservations give, at the addresses that the box has now.
    pub given: DhcpValues,
    /// Clients that are no phones get addresses too.
    pub admit_all: bool,
    /// Our DHCP server gives the addresses, so that a lease tells who asks.
    pub gives_leases: bool,
    /// The program that is told of changes of stage, with its arguments; empty if there is none.
    pub stage_hook: Vec<String>,
}

/// The running appliance.
pub struct Bench {
    clock: Clock,
    ledger: Ledger,
    /// How many of the ledger's commits had failed when everything in memory was in it last.
    failed_before: AtomicU64,
    state: Mutex<State>,
    metrics: Metrics,
    /// Who knows the leases.
    dhcp: OnceLock<Weak<DhcpServer>>,
    /// Something is in the state's `changes`.
    changed: Notify,
}

struct State {
    rules: Rules,
    catalog: Catalog,
    roster: BTreeMap<Mac, Entry>,
    shelf: Arc<LibrarySnapshot>,
    phones: HashMap<Mac, Phone>,
    /// Phones that the operator forgot.
    forgotten: Forgotten,
    /// Until then nobody gives way: there were few that could.
    crowded_until: Time,
    /// Counts changes that may concern every phone.
    upheavals: u64,
    /// Phones that are not written down, oldest first.
    newcomers: VecDeque<Mac>,
    /// What came of the last DHCP message of phones that are listed and nothing more.
    listed_dhcp: HashMap<Mac, LastDhcp>,
    /// The same of clients that are no phones.
    strangers: HashMap<Mac, LastDhcp>,
    /// Phones that DHCP does not answer.
    refusals: Refusals,
    addresses: Addresses,
    /// Who asks without a lease.
    unleased: Unleased,
    /// What other DHCP servers are told.
    verdicts: Verdicts,
    /// When each phone is to be looked at again: something is new of it, or time may have changed where it stands.
    agenda: HashMap<Mac, Time>,
    /// Restarts that the operator ordered.
    errands: Vec<Errand>,
    /// Changes of stage that the program is to be told, oldest first.
    changes: VecDeque<Change>,
    /// Other DHCP servers, for which ours is silent, by our address on their segment.
    foreign_dhcp: BTreeMap<Ipv4Addr, String>,
}

impl State {
    fn look_at_all(&mut self, now: Time) {
        self.upheavals += 1;
        self.agenda.extend(self.phones.keys().map(|mac| (*mac, now)));
    }

    /// Phones of which something is new; they leave the agenda.
    fn due(&mut self, now: Time) -> Vec<Mac> {
        self.agenda.extract_if(|_, at| *at <= now).map(|(mac, _)| mac).collect()
    }
}

struct Phone {
    /// Boxed, for of the table of phones much is empty.
    journey: Box<Journey>,
    /// What it may be doing.
    worlds: Box<Worlds>,
    /// Counts facts: what was concluded from as many still holds, but for the time.
    facts: u32,
    /// Observations in the ledger since its snapshot.
    unfolded: u32,
    /// It is in the ledger. One that is not listed gets there once it has taken an address or asked for a file.
    written: bool,
    /// Our address where it was heard last, since the program started.
    heard_at: Option<Ipv4Addr>,
    /// The persona whose options our DHCP server gave it last, since the program started.
    given_as: Option<Persona>,
    /// Since the program started.
    last_dhcp: Option<Box<LastDhcp>>,
}

impl Phone {
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

impl State {
    fn new(rules: Rules, catalog: Catalog, roster: Vec<Entry>, shelf: LibrarySnapshot, known: Known) -> Self {
        let Known { phones, facts, forgotten, .. } = known;
        let mut state = Self {
            rules,
            catalog,
            roster: roster.into_iter().map(|entry| (entry.mac, entry)).collect(),
            shelf: Arc::new(shelf),
            phones,
            forgotten,
            crowded_until: Time::default(),
            upheavals: 0,
            newcomers: VecDeque::new(),
            listed_dhcp: HashMap::new(),
            strangers: HashMap::new(),
            refusals: Refusals::default(),
            addresses: Addresses::default(),
            unleased: Unleased::default(),
            verdicts: Verdicts::default(),
            agenda: HashMap::new(),
            errands: Vec::new(),
            changes: VecDeque::new(),
            foreign_dhcp: BTreeMap::new(),
        };
        state.read_facts(facts);
        state
    }
}

impl Bench {
    /// A bench that goes on where the ledger left off: with the phones that it told of, which were
    /// watched until `last_seen`.
    pub fn new(
        clock: Clock,
        catalog: Catalog,
        rules: Rules,
        roster: Vec<Entry>,
        shelf: LibrarySnapshot,
        ledger: Ledger,
        (known, last_seen): (Known, Time),
    ) -> Arc<Self> {
        let bench = Arc::new(Self {
            clock,
            ledger,
            failed_before: AtomicU64::new(0),
            metrics: Metrics::default(),
            dhcp: OnceLock::new(),
            changed: Notify::new(),
            state: Mutex::new(State::new(rules, catalog, roster, shelf, known)),
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

    /// The time all decisions are made by.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// What its clock goes by.
    pub fn pace(&self) -> &Pace {
        self.clock.pace()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change to the state is a whole step, so a panic elsewhere leaves it sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All phones: those seen and those listed, by MAC.
    pub fn phones(&self) -> Vec<PhoneView> {
        let state = self.state();
        show::phones(&state, self.now())
    }

    /// One phone, if it was seen or listed.
    pub fn phone(&self, mac: Mac) -> Option<PhoneDetail> {
        let state = self.state();
        state.shows(mac).then(|| show::detail(&state, self.now(), mac))
    }

    /// Why a client got what it got, and what it will get next.
    pub fn explain(&self, mac: Mac) -> Explanation {
        let address = self.state().addresses.leased_to(mac);
        let server = self.dhcp.get().and_then(Weak::upgrade);
        let lease = server.zip(address).and_then(|(server, address)| server.lease(address));
        explain::explain(&self.state(), self.now(), mac, lease.as_ref().filter(|lease| lease.mac == mac.0))
    }

    /// Tells it who knows the leases.
    pub fn attach(&self, dhcp: &Arc<DhcpServer>) {
        // There is one server in the life of a bench.
        let _ = self.dhcp.set(Arc::downgrade(dhcp));
    }

    /// The library as it stands.
    pub fn shelf(&self) -> Arc<LibrarySnapshot> {
        Arc::clone(&self.state().shelf)
    }

    /// The library as it stands, and which phones were given their license.
    pub fn library_view(&self) -> LibraryView {
        let state = self.state();
        let used = |(mac, phone): (&Mac, &Phone)| {
            let (first, latest) = phone.journey.license_given?;
            Some(LicenseUse { mac: *mac, first: Some(first), latest: Some(latest) })
        };
        let mut license_uses: Vec<LicenseUse> = state.phones.iter().filter_map(used).collect();
        license_uses.sort_by_key(|license| license.mac);
        LibraryView { license_uses, ..state.shelf.view() }
    }

    /// Swaps in another library; held phones follow by themselves.
    pub fn set_shelf(&self, shelf: LibrarySnapshot) {
        let mut state = self.state();
        state.shelf = Arc::new(shelf);
        state.look_at_all(self.now());
    }

    /// Swaps in a validated configuration, with its catalog and roster.
    pub fn set_rules(&self, rules: Rules, catalog: Catalog, roster: Vec<Entry>) {
        let mut state = self.state();
        state.rules = rules;
        state.catalog = catalog;
        state.list(roster);
        state.look_at_all(self.now());
        drop(state);
        self.roster_changed();
    }

    /// Takes over what networks and reservations give, at new addresses.
    pub fn set_given(&self, given: DhcpValues) {
        self.state().rules.given = given;
    }

    /// Swaps in another roster; phones held for what it says now follow by themselves.
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

    /// Another DHCP server was found on the segment where our address is `at`, or is gone: while it is there, no phone
    /// of that segment gets on.
    pub fn set_foreign_dhcp(&self, at: Ipv4Addr, found: Option<String>) {
        let mut state = self.state();
        state.upheavals += 1;
        match found {
            Some(server) => _ = state.foreign_dhcp.insert(at, server),
            None => _ = state.foreign_dhcp.remove(&at),
        }
        state.look_at_all(self.now());
    }

    /// Other DHCP servers, by our address on their segment.
    pub fn foreign_dhcp(&self) -> BTreeMap<Ipv4Addr, String> {
        self.state().foreign_dhcp.clone()
    }

    /// What was counted since the program started.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How the ledger's commits went.
    pub fn ledger(&self) -> &Commits {
        self.ledger.commits()
    }

    /// What the ledger had lost when it was opened.
    pub fn ledger_loss(&self) -> Option<&Loss> {
        self.ledger.loss()
    }

    /// The bench's own address, for what is told to no phone in particular.
    pub fn server(&self) -> Ipv4Addr {
        self.state().rules.settings.server
    }

    /// The port that URLs name.
    pub fn http_port(&self) -> u16 {
        self.state().rules.settings.http_port
    }

    /// The port that phones register at; none without a registrar.
    pub fn registrar_port(&self) -> Option<u16> {
        self.state().rules.settings.registrar
    }

    /// The port that phones register at, once it is bound; none without a registrar.
    pub fn set_registrar_port(&self, port: Option<u16>) {
        self.state().rules.settings.registrar = port;
    }

    /// The port that URLs name, once it is bound.
    pub fn set_http_port(&self, port: u16) {
        self.state().rules.settings.http_port = port;
    }

    fn assess(&self, state: &State, mac: Mac) -> Assessment {
        verdict(state, self.now(), mac)
    }
}
