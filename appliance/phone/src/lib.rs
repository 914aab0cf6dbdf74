//! A virtual phone. It behaves on the wire as the phones of the 7800 and 8800 series, and fails where they would.
//!
//! It is written from the phone's side and shares only load names with the server, so that a misunderstanding in the
//! server shows up as a phone that does not move. Section numbers are those of the field notes on these phones.

mod awake;
mod dhcp;
mod enterprise;
mod faults;
mod firmware;
mod journal;
pub mod lookalike;
mod multiplatform;
mod network;
mod page;
mod registration;
mod rules;
mod shared;
mod sink;
mod spec;
#[cfg(test)]
mod tests;
mod tftp;
pub mod truth;
mod unknown;
mod xml;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::shared::{Direction, Kind, LoadName, Side};

pub use faults::FaultInjector;
pub use firmware::listing;
pub use journal::{PhoneEvent, PhoneJournal};
pub use network::Wiring;
pub use spec::{ClientId, PageQuirk, Quirks, Registers, Spec, VendorClass};

use awake::Awake;
use dhcp::{DhcpClient, Hello};
use firmware::FirmwareFault;
use network::VirtualNetwork;

/// The state that survives a power cut.
#[derive(Debug, Clone)]
pub struct PhoneMemory {
    /// The present load.
    pub load: LoadName,
    /// The load in the other partition.
    pub inactive: Option<LoadName>,
    /// The last address.
    pub lease: Option<Ipv4Addr>,
    /// Profile parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// The direction that its license authorized it for.
    pub authorized: Option<Direction>,
    /// It crossed to Multiplatform firmware directly and its license is still due.
    pub license_due: bool,
    /// The source of its latest license; the same one is not fetched twice.
    pub licensed_from: Option<String>,
    /// The URL of a failed upgrade; the same one is not tried again.
    pub failed_upgrade: Option<String>,
    /// The redirection service has given the phone a profile.
    pub redirected: bool,
    /// The phone wants an activation code, and asks for nothing until somebody presses Cancel.
    pub wants_code: bool,
    /// The web page is on; Enterprise firmware turns it on by its configuration.
    pub page_open: bool,
    /// Components in flash.
    pub components: BTreeSet<String>,
}

impl PhoneMemory {
    /// Forgets what a factory reset forgets; firmware stays.
    pub fn forget_settings(&mut self) {
        self.parameters.clear();
        self.authorized = None;
        self.licensed_from = None;
        self.failed_upgrade = None;
        self.redirected = false;
    }
}

/// A phone's activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doing {
    /// Starting.
    Booting,
    /// Looking for an address.
    Leasing,
    /// Asking for configuration.
    Asking,
    /// Fetching a load: components fetched, and their number.
    Fetching(LoadName, usize, usize),
    /// Writing a load.
    Flashing(LoadName),
    /// Nothing, until an event comes.
    Resting,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Booting => f.write_str("boots"),
            Self::Leasing => f.write_str("wants an address"),
            Self::Asking => f.write_str("asks what to do"),
            Self::Fetching(load, done, of) => write!(f, "fetches {load}, {done} of {of}"),
            Self::Flashing(load) => write!(f, "writes {load}"),
            Self::Resting => f.write_str("rests"),
        }
    }
}

/// The state of a phone.
#[derive(Debug, Clone)]
pub struct PhoneState {
    /// The state that survives a power cut.
    pub memory: PhoneMemory,
    /// The activity.
    pub doing: Doing,
    /// Loads flashed since the first start.
    pub hops: Vec<LoadName>,
    /// Bytes of firmware fetched.
    pub bytes: u64,
    /// Failures that would harm or strand a real phone.
    pub failures: Vec<String>,
}

/// A running phone; dropping it pulls its plug.
#[derive(Debug)]
pub struct VirtualPhone {
    /// The phone's properties.
    pub spec: Arc<Spec>,
    /// The state.
    pub state: watch::Receiver<PhoneState>,
    /// The journal.
    pub journal: Arc<PhoneJournal>,
    wiring: Wiring,
    task: JoinHandle<()>,
}

impl VirtualPhone {
    /// Plugs a phone in for the first time.
    pub fn plug(spec: Spec, wiring: Wiring) -> Self {
        let memory = PhoneMemory {
            load: spec.load.clone(),
            inactive: None,
            lease: spec.production_address,
            parameters: spec.parameters.clone(),
            authorized: None,
            license_due: false,
            licensed_from: None,
            failed_upgrade: None,
            redirected: false,
            wants_code: spec.quirks.wants_code && spec.load.kind() == Kind::Enterprise,
            page_open: spec.load.kind().side() == Side::Multiplatform,
            components: BTreeSet::new(),
        };
        let state =
            PhoneState { memory, doing: Doing::Booting, hops: Vec::new(), bytes: 0, failures: Vec::new() };
        let journal = Arc::new(PhoneJournal::new(wiring.pace.clone()));
        Self::start(Arc::new(spec), wiring, state, journal)
    }

    /// Pulls the plug and puts it in again.
    pub fn restart(&mut self) {
        self.task.abort();
        let state = PhoneState { doing: Doing::Booting, ..self.state.borrow().clone() };
        *self = Self::start(Arc::clone(&self.spec), self.wiring.clone(), state, Arc::clone(&self.journal));
    }

    /// Pulls the plug.
    pub fn unplug(&mut self) {
        self.task.abort();
    }

    /// Changes something in the phone by hand, and restarts it.
    pub fn mend(&mut self, mend: impl FnOnce(&mut Spec, &mut PhoneMemory)) {
        self.task.abort();
        let mut state = PhoneState { doing: Doing::Booting, ..self.state.borrow().clone() };
        let mut spec = (*self.spec).clone();
        mend(&mut spec, &mut state.memory);
        *self = Self::start(Arc::new(spec), self.wiring.clone(), state, Arc::clone(&self.journal));
    }

    fn start(spec: Arc<Spec>, wiring: Wiring, state: PhoneState, journal: Arc<PhoneJournal>) -> Self {
        let (sender, receiver) = watch::channel(state);
        let awake = Awake::new(&wiring.pace, "a phone at work");
        awake.work();
        let life = Life {
            spec: Arc::clone(&spec),
            wiring: wiring.clone(),
            state: sender,
            journal: Arc::clone(&journal),
            awake,
        };
        let task = tokio::spawn(life.live());
        Self { spec, state: receiver, journal, wiring, task }
    }
}

impl Drop for VirtualPhone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The reason that a run ends.
enum RunEnd {
    /// A load is to be written and started.
    Install(LoadName),
    /// The phone starts again unchanged.
    Restart,
}

/// The phone's inner state.
struct Life {
    spec: Arc<Spec>,
    wiring: Wiring,
    state: watch::Sender<PhoneState>,
    journal: Arc<PhoneJournal>,
    awake: Awake,
}

impl Life {
    async fn live(self) {
        loop {
            let load = self.memory(|memory| memory.load.clone());
            self.journal.add(PhoneEvent::Booted(load));
            self.doing(Doing::Booting);
            self.pause(self.spec.boot).await;
            match self.run().await {
                Ok(RunEnd::Install(load)) => self.install(load).await,
                Ok(RunEnd::Restart) => {}
                Err(error) => {
                    self.note(format!("the network failed: {error}"));
                    self.pause(Duration::from_secs(30)).await;
                }
            }
        }
    }

    /// Runs from the first DHCP message to the end.
    async fn run(&self) -> std::io::Result<RunEnd> {
        self.doing(Doing::Leasing);
        let (load, remembered) = self.memory(|memory| (memory.load.clone(), memory.lease));
        let side = load.kind().side();
        let client = self.client(&load).await?;
        if self.spec.quirks.faults.is_rogue() {
            client.ask_only().await?;
            self.note(
                "it took the address of somebody else's DHCP server, and finds nobody there".to_owned(),
            );
            self.doing(Doing::Resting);
            return self.awake.idle(std::future::pending()).await;
        }
        let lease = client.acquire(remembered).await?;
        self.change(|state| state.memory.lease = Some(lease.address));
        self.journal.add(PhoneEvent::Leased(lease.address, lease.options.keys().copied().collect()));
        let network = VirtualNetwork {
            wiring: self.wiring.clone(),
            address: lease.address,
            user_agent: self.spec.user_agent(&load),
            block_size: self.spec.quirks.tftp_block_size,
            faults: self.spec.quirks.faults.clone(),
        };
        if self.memory(|memory| memory.wants_code) {
            self.note("it wants an activation code".to_owned());
            self.doing(Doing::Resting);
            self.awake.idle(client.keep(&lease)).await;
            return Ok(RunEnd::Restart);
        }
        self.doing(Doing::Asking);
        let work = async {
            match side {
                Side::Enterprise => enterprise::run(self, &network, &lease).await,
                Side::Multiplatform => multiplatform::run(self, &network, &lease).await,
            }
        };
        tokio::select! {
            end = work => Ok(end),
            () = page::show(self, lease.address) => Ok(RunEnd::Restart),
            () = client.keep(&lease) => {
                self.note("its lease is gone".to_owned());
                self.change(|state| state.memory.lease = None);
                Ok(RunEnd::Restart)
            }
        }
    }

    async fn client(&self, load: &LoadName) -> std::io::Result<DhcpClient> {
        let (spec, side) = (&self.spec, load.kind().side());
        let hello = Hello {
            mac: spec.mac,
            client_id: spec.client_id(side),
            host_name: spec.quirks.host_name.then(|| format!("SEP{}", spec.mac)),
            vendor_class: spec.vendor_class(load.kind()),
            request_list: spec::request_list(side),
            broadcast: spec.quirks.broadcast,
        };
        let [_, _, high, low] = spec.index.to_be_bytes();
        let from = Ipv4Addr::new(127, 99, high, low);
        let faults = self.spec.quirks.faults.clone();
        DhcpClient::bind(from, &self.wiring, hello, faults, self.awake.clone()).await
    }

    async fn install(&self, load: LoadName) {
        self.doing(Doing::Flashing(load.clone()));
        self.pause(self.spec.flash).await;
        self.journal.add(PhoneEvent::Flashed(load.clone()));
        self.change(|state| {
            let memory = &mut state.memory;
            let (from, to) = (memory.load.kind(), load.kind());
            memory.inactive = Some(std::mem::replace(&mut memory.load, load.clone()));
            state.hops.push(load);
            // After each hop to or from a transition load, phones ask the redirection service again (Phone Firmware
            // Migration).
            memory.redirected &= !truth::is_transition(from) && !truth::is_transition(to);
            if from.side() != to.side() {
                // A crossing is a factory reset; the license of the old side is useless on the new one.
                memory.license_due = to.side() == Side::Multiplatform && !truth::is_transition(to);
                memory.inactive = None;
                memory.lease = None;
                memory.forget_settings();
                memory.page_open = to.side() == Side::Multiplatform;
                self.journal.add(PhoneEvent::FactoryReset);
            }
        });
    }

    fn memory<T>(&self, read: impl FnOnce(&PhoneMemory) -> T) -> T {
        read(&self.state.borrow().memory)
    }

    fn change(&self, change: impl FnOnce(&mut PhoneState)) {
        self.state.send_modify(change);
    }

    fn doing(&self, doing: Doing) {
        self.change(|state| state.doing = doing);
    }

    fn note(&self, what: String) {
        self.journal.add(PhoneEvent::Noted(what));
    }

    /// Records a load that the phone was told and cannot use: a failure, unless a drill caused it.
    fn stays_without(&self, load: &LoadName, trouble: FirmwareFault) {
        let faults = &self.spec.quirks.faults;
        let what = match trouble {
            FirmwareFault::Broken(what) => return self.note(what),
            FirmwareFault::Forbidden(rule) => return self.fail(rule),
            // A load's `.loads` file is refused to phones that must not have it any more.
            FirmwareFault::Missing(name) if faults.is_stirred() && name.strip_suffix(".loads").is_some() => {
                return self.note(format!("told to run {load}: {name} was withdrawn"));
            }
            FirmwareFault::Missing(name) => format!("told to run {load}: {name} is not there"),
            FirmwareFault::Damaged(what) => format!("told to run {load}: {what}"),
        };
        if faults.is_spoiled() { self.note(what) } else { self.fail(what) }
    }

    /// Ok if the phone survives the hop, else the broken rule.
    fn judge(&self, from: &LoadName, to: &LoadName) -> Result<(), String> {
        truth::judge(truth::TrueHardware { model: &self.spec.model, vid: self.spec.vid }, from, to)
    }

    /// Records a failure that would harm or strand a real phone, once.
    fn fail(&self, what: String) {
        self.journal.add(PhoneEvent::Failed(what.clone()));
        self.change(|state| {
            if !state.failures.contains(&what) {
                state.failures.push(what);
            }
        });
    }

    /// Waits on the phone's clock.
    async fn pause(&self, span: Duration) {
        self.awake.pause(span).await;
    }
}
