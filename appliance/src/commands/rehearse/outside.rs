//! The outside servers of a rehearsal, a call manager and Cisco's redirection service (CDA), and the operator, who
//! enters the output of `transload export` there and confirms it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use transload_phone::{VirtualPhone, Wiring};
use transload_provision::documents::{self, FileServer};
use transload_provision::hold::ActionKind;
use transload_provision::load::{Direction, LoadName};
use transload_provision::mac::Mac;

use super::actions::{due, writes_load};
use super::lineup::{self, Player};
use crate::bench::views::phone::{HoldCode, PhoneView};
use crate::commands::export::{call_manager, cda};
use crate::config::{Config, EnterpriseSide, MultiplatformSide};
use crate::state::state_folder;
use crate::system::atomic;

/// The operator's attempts for one phone at one load; more in a drill, where much gets lost.
const PATIENCE: u32 = 3;
const PATIENCE_IN_DRILLS: u32 = 24;

/// The outside servers and the operator.
pub struct OutsideServers {
    entered: Arc<Entered>,
    players: Vec<Player>,
    roster: PathBuf,
    server: FileServer,
    direction: Direction,
    call_manager: Option<Ipv4Addr>,
    cda: bool,
    seen_to: BTreeMap<(Mac, LoadName), u32>,
    patience: u32,
    /// The operator reads a phone's load on its screen if a cure asks for it. In a drill the technician does.
    reads_screens: bool,
    /// Phones that were reset and still wait, with the load entered for them.
    reset: BTreeMap<Mac, LoadName>,
    /// The task that serves both; it ends with this value.
    task: JoinHandle<()>,
    port: u16,
}

/// The entries in both servers.
#[derive(Default)]
struct Entered {
    /// The call manager's load of each phone.
    loads: Mutex<BTreeMap<Mac, LoadName>>,
    /// The CDA profile of each phone.
    profiles: Mutex<BTreeMap<Mac, String>>,
    /// The product-specific part of every phone's record in the call manager.
    product_specific: String,
}

impl Drop for OutsideServers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl OutsideServers {
    /// Starts both on loopback without entries. `server` is the appliance as phones reach it.
    pub async fn open(config: &Config, players: &[Player], server: FileServer) -> io::Result<Self> {
        let migration = &config.migration;
        let product_specific = documents::product_specific(server.address).map_err(io::Error::other)?;
        let entered = Arc::new(Entered {
            product_specific: String::from_utf8_lossy(&product_specific).into_owned(),
            ..Entered::default()
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&entered));
        let task = tokio::spawn(async move {
            // The task ends with the rehearsal.
            let _ = axum::serve(listener, router).await;
        });
        let steered =
            migration.enterprise == EnterpriseSide::CallManager && migration.direction == Direction::E2m;
        Ok(Self {
            entered,
            players: players.to_vec(),
            roster: config.bench.state.join(state_folder::ROSTER),
            server,
            direction: migration.direction,
            call_manager: migration.call_managers.first().copied().filter(|_| steered),
            cda: migration.multiplatform == MultiplatformSide::Cda,
            seen_to: BTreeMap::new(),
            patience: PATIENCE,
            reads_screens: true,
            reset: BTreeMap::new(),
            task,
            port,
        })
    }

    /// Adds both servers to the phones' wiring.
    pub fn wire(&self, wiring: Wiring) -> Wiring {
        let call_manager = self.call_manager.map(|address| (address, self.port));
        Wiring { call_manager, cda: self.cda.then_some(self.port), ..wiring }
    }

    /// Allows more attempts, since much gets lost.
    pub fn expect_trouble(&mut self) {
        self.patience = PATIENCE_IN_DRILLS;
        self.reads_screens = false;
    }

    /// Merges the roster's entries of the technician (VIDs and loads) and of the operator (assignments).
    pub fn agree(&mut self, players: &mut [Player]) {
        for (own, other) in self.players.iter_mut().zip(players) {
            own.listed_vid = other.listed_vid;
            own.listed_load.clone_from(&other.listed_load);
            other.attested = own.attested;
        }
    }

    /// True if phones get configuration signed for their trust lists.
    pub fn signs(&self) -> bool {
        self.call_manager.is_some()
    }

    /// Lets the operator act for the phones that wait for an outside server. Returns the phones to retry, whose loads
    /// are now in the roster.
    pub fn tend(
        &mut self,
        views: &BTreeMap<Mac, PhoneView>,
        phones: &mut [VirtualPhone],
    ) -> io::Result<Vec<Mac>> {
        if self.call_manager.is_none() && !self.cda {
            return Ok(Vec::new());
        }
        let vouched = self.read_screens(views, phones)?;
        let views: Vec<PhoneView> = views.values().cloned().collect();
        let waiting: BTreeSet<Mac> = views
            .iter()
            .filter(|view| view.hold.as_ref().is_some_and(|hold| hold.code == HoldCode::WaitingOutside))
            .map(|view| view.mac)
            .collect();
        if self.cda {
            self.assign(&views, &waiting)?;
        }
        self.reset.retain(|mac, _| waiting.contains(mac));
        if self.call_manager.is_some() && !waiting.is_empty() {
            self.enter(&views, &waiting, phones);
        }
        Ok(vouched)
    }

    /// Writes a phone's load into the roster if only its screen shows that it runs the load it waits for.
    fn read_screens(
        &mut self,
        views: &BTreeMap<Mac, PhoneView>,
        phones: &[VirtualPhone],
    ) -> io::Result<Vec<Mac>> {
        let mut vouched = Vec::new();
        for player in self.players.iter_mut().filter(|_| self.reads_screens) {
            let mac = player.spec.mac;
            let hold = views.get(&mac).and_then(|view| view.hold.as_ref());
            let phone = phones.iter().find(|phone| phone.spec.mac == mac);
            let Some((hold, phone)) = hold.zip(phone) else { continue };
            let memory = phone.state.borrow().memory.clone();
            if hold.asks_for(&ActionKind::Retry) && due(hold, &memory, writes_load) {
                player.listed_load = Some(memory.load);
                vouched.push(mac);
            }
        }
        if !vouched.is_empty() {
            atomic::write(&self.roster, lineup::roster(&self.players).as_bytes())?;
        }
        Ok(vouched)
    }

    /// Assigns phones in CDA: those the roster names, and those that wait, which are then confirmed. A phone on its
    /// way to Enterprise firmware comes by CDA and needs no confirmation.
    fn assign(&mut self, views: &[PhoneView], waiting: &BTreeSet<Mac>) -> io::Result<()> {
        let (redirections, _) = cda::redirections(views, self.direction);
        let mut said = false;
        for redirection in &redirections {
            let profile = redirection.profile(self.server).map_err(io::Error::other)?;
            let profile = String::from_utf8_lossy(&profile).into_owned();
            for player in self.players.iter_mut().filter(|player| redirection.macs.contains(&player.spec.mac))
            {
                let mac = player.spec.mac;
                let new = !player.attested && waiting.contains(&mac);
                player.attested |= new;
                said |= new;
                if player.attested || self.direction == Direction::M2e {
                    let mut profiles = locked(&self.entered.profiles);
                    if waiting.contains(&mac) || !profiles.contains_key(&mac) {
                        profiles.insert(mac, profile.clone());
                    }
                }
            }
        }
        if said && self.direction == Direction::E2m {
            atomic::write(&self.roster, lineup::roster(&self.players).as_bytes())?;
        }
        Ok(())
    }

    /// Enters the next load of all waiting phones as one bulk change, and resets them.
    fn enter(&mut self, views: &[PhoneView], waiting: &BTreeSet<Mac>, phones: &mut [VirtualPhone]) {
        let attested: BTreeSet<Mac> =
            self.players.iter().filter(|player| player.attested).map(|player| player.spec.mac).collect();
        let (plans, _) = call_manager::plans(views, |mac| !self.cda || attested.contains(&mac));
        for plan in plans.iter().filter(|plan| waiting.contains(&plan.mac)) {
            let Some(load) = plan.loads.first() else { continue };
            if self.reset.get(&plan.mac) == Some(load) {
                continue;
            }
            let times = self.seen_to.entry((plan.mac, load.clone())).or_default();
            *times += 1;
            if *times > self.patience {
                continue;
            }
            locked(&self.entered.loads).insert(plan.mac, load.clone());
            let at_screen =
                views.iter().filter(|view| view.mac == plan.mac).filter_map(|view| view.hold.as_ref());
            let cancel = at_screen.into_iter().any(|hold| hold.asks_for(&ActionKind::PressCancel));
            if let Some(phone) = phones.iter_mut().find(|phone| phone.spec.mac == plan.mac) {
                phone.mend(|_, memory| memory.wants_code &= !cancel);
                self.reset.insert(plan.mac, load.clone());
            }
        }
    }
}

/// A call manager has configuration for each of its phones; CDA has a profile for those assigned.
async fn answer(State(entered): State<Arc<Entered>>, uri: Uri) -> Result<String, StatusCode> {
    let name = uri.path().trim_start_matches('/');
    let found = if let Ok(mac) = name.parse::<Mac>() {
        // CDA expands macros once before the phone does.
        let profile = locked(&entered.profiles).get(&mac).cloned();
        profile.map(|profile| profile.replace("$MAU", &mac.to_string()).replace("$$", "$"))
    } else {
        let name = name.trim_end_matches(".sgn").strip_suffix(".cnf.xml");
        let mac = name.and_then(|name| name.strip_prefix("SEP")?.parse::<Mac>().ok());
        mac.map(|mac| configuration(locked(&entered.loads).get(&mac), &entered.product_specific))
    };
    found.ok_or(StatusCode::NOT_FOUND)
}

/// The parts that a virtual phone reads.
fn configuration(load: Option<&LoadName>, product_specific: &str) -> String {
    match load {
        Some(load) => {
            format!("<device><loadInformation>{load}</loadInformation>{product_specific}</device>")
        }
        None => "<device><versionStamp>1</versionStamp></device>".to_owned(),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
