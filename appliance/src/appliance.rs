//! The whole appliance, started and stopped as one: state folder, ledger, bench and doors.

use std::net::{SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transload_dhcp::journal::Journal;
use transload_dhcp::lease::LeaseRecord;
use transload_dhcp::server::{Server as DhcpServer, Setup};
use transload_dhcp::sockets::Link;
use transload_tftp::Rollover;

use crate::admin;
use crate::bench::{Bench, Rules};
use crate::clock::{self, Clock};
use crate::config::{Config, DhcpAdmit};
use crate::doors::{self, connections::Limits};
use crate::error::{Exit, Failure};
use crate::home;
use crate::ledger::{Ledger, Restored};
use crate::library::Shelf;
use crate::place::Place;
use crate::probe;
use crate::state_lock::{self, StateLock};

/// How often the library folder is compared with what is known of it, in real time.
const LOOK_AT_LIBRARY: Duration = Duration::from_secs(2);
/// How often the time is written down and old facts are folded, in real time.
const HOUSEKEEPING: Duration = Duration::from_secs(10);
/// How long transfers under way may go on after the appliance was told to stop.
pub const DRAIN: Duration = Duration::from_secs(10);

/// A running appliance.
pub struct Appliance {
    /// Its mind.
    pub bench: Arc<Bench>,
    /// HTTP file service.
    pub http: Vec<SocketAddrV4>,
    /// TFTP.
    pub tftp: SocketAddrV4,
    /// DHCP, where it is on.
    pub dhcp: Vec<SocketAddrV4>,
    /// Page and API.
    pub admin: SocketAddr,
    place: Place,
    config: Config,
    dhcp_server: Option<Arc<DhcpServer>>,
    stop: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
    _lock: StateLock,
}

impl Appliance {
    /// Opens the state folder, binds every socket and serves. `speed` is 1 but in a rehearsal.
    ///
    /// # Errors
    /// The state folder is in use or unreadable, an address is taken, or a privilege is missing. Nothing has been
    /// served then.
    pub async fn start(config: &Config, place: Place, speed: u32) -> Result<Self, Failure> {
        config.servable()?;
        let state = config.bench.state.clone();
        let lock = claim(&state)?;
        let catalog = home::catalog(config)?;
        let roster = roster(&state)?;
        let shelf = Shelf::scan(&state, config.migration.direction)?;
        let (ledger, restored) = Ledger::open(&state.join("ledger.db"))?;
        let mut leases = leases(&restored);
        let clock = Clock::start(restored.high_water, speed);
        let kept = if clock::is_trusted() {
            Vec::new()
        } else {
            clock::keep_running(&mut leases, restored.high_water, clock.now())
        };
        let bench = Bench::new(clock, catalog, rules(config, &place), roster, shelf, ledger, &restored);
        bench.restore_leases(&leases);
        if !kept.is_empty() {
            tracing::info!(
                leases = kept.len(),
                "nothing vouches for the time: leases go on for what was left of them"
            );
            // Written before any other lease, for the ledger keeps the order; nobody has to wait for it.
            drop(bench.commit(kept));
        }

        let device = place.device.as_ref().map(|device| device.name.as_str());
        let mut listeners = Vec::new();
        for address in &place.http {
            let listener =
                doors::bind_tcp(*address, device).map_err(|error| cannot_bind("HTTP", *address, &error))?;
            listeners.push(listener);
        }
        let http = listeners.iter().map(local).collect::<Result<Vec<_>, _>>()?;
        bench.set_http_port(http.first().map_or(80, SocketAddrV4::port));
        let rate = doors::rate::Rate::new(config.files.rate_limit);
        let tftp = transload_tftp::Server::bind(
            tftp_config(config, &place),
            Arc::new(doors::tftp::Files { plane: Arc::clone(&bench), rate: rate.clone() }),
        )
        .map_err(|error| cannot_bind("TFTP", place.tftp, &error))?;
        let admin_listener = tokio::net::TcpListener::bind(place.admin)
            .await
            .map_err(|error| cannot_bind("the API", place.admin, &error))?;
        let dhcp_server = start_dhcp(config, &place, &bench, clock, leases)?;

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let tftp_address = tftp.local_addr();
        let admin = admin_listener.local_addr().unwrap_or(place.admin);
        let limits = Limits { connections: config.files.max_transfers, ..Limits::default() };
        for listener in listeners {
            tasks.spawn(doors::http::serve(listener, Arc::clone(&bench), limits, rate.clone(), stop.clone()));
        }
        tasks.spawn(tftp.run(stop.clone().cancelled_owned()));
        tasks.spawn(admin::serve(admin_listener, Arc::clone(&bench), place.token.clone(), stop.clone()));
        tasks.spawn(keep_house(Arc::clone(&bench), stop.clone()));
        let visitor = probe::Visitor::new(&place, speed);
        tasks.spawn(probe::serve(visitor, Arc::clone(&bench), stop.clone()));
        Ok(Self {
            bench,
            http,
            tftp: tftp_address,
            dhcp: dhcp_server.as_ref().map(|server| server.addresses()).unwrap_or_default(),
            admin,
            place,
            config: config.clone(),
            dhcp_server,
            stop,
            tasks: Mutex::new(tasks),
            _lock: lock,
        })
    }

    /// Takes over another configuration, catalog and roster. Listeners stay as they are.
    ///
    /// # Errors
    /// Something is wrong with them; nothing has changed then.
    pub fn reload(&self, config: &Config) -> Result<(), Failure> {
        config.servable()?;
        let running = &self.config;
        for (key, same) in [
            ("bench.state", config.bench.state == running.bench.state),
            ("bench.interface", config.bench.interface == running.bench.interface),
            ("bench.address", config.bench.address == running.bench.address),
            ("files", config.files == running.files),
            ("admin", config.admin == running.admin),
        ] {
            if !same {
                return Err(needs_restart(key));
            }
        }
        let catalog = home::catalog(config)?;
        let roster = roster(&self.config.bench.state)?;
        let shelf = Shelf::scan(&self.config.bench.state, config.migration.direction)?;
        match (&self.dhcp_server, config.dhcp.enabled) {
            (Some(server), true) => {
                let networks = config.dhcp_server(self.place.network)?;
                server.reconfigure(networks).map_err(|error| {
                    Failure::new(
                        Exit::Usage,
                        format!("DHCP: {error}"),
                        "correct the network in the configuration",
                    )
                })?;
            }
            (None, false) => {}
            _ => return Err(needs_restart("dhcp.enabled")),
        }
        let mut rules = rules(config, &self.place);
        rules.settings.http_port = self.http.first().map_or(80, SocketAddrV4::port);
        self.bench.set_rules(rules, catalog, roster);
        self.bench.set_shelf(shelf);
        Ok(())
    }

    /// The port that phones' own pages are looked for at.
    pub fn page_port(&self) -> u16 {
        self.place.page_port
    }

    /// The DHCP server, where it is on.
    pub fn dhcp_server(&self) -> Option<&Arc<DhcpServer>> {
        self.dhcp_server.as_ref()
    }

    /// Until a service has ended by itself, which none should.
    pub async fn failure(&self) -> Failure {
        std::future::poll_fn(|context| {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.poll_join_next(context)
        })
        .await;
        Failure::new(
            Exit::Act,
            "a service of the appliance has ended",
            "start it again, and report this with its log",
        )
    }

    /// Refuses new work, lets transfers under way end within [`DRAIN`], and writes down what is known.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Some(server) = &self.dhcp_server {
            server.shutdown().await;
        }
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let drained = tokio::time::timeout(DRAIN + Duration::from_secs(1), async {
            while tasks.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!("some transfers had not ended and were cut off");
            tasks.shutdown().await;
        }
        self.bench.close().await;
    }
}

fn claim(state: &Path) -> Result<StateLock, Failure> {
    std::fs::create_dir_all(state).map_err(|error| {
        Failure::new(
            Exit::Privilege,
            format!("the state folder {} cannot be made: {error}", state.display()),
            "run as root, or set state under [bench] to a folder of yours",
        )
    })?;
    Ok(state_lock::lock(state)?)
}

fn roster(state: &Path) -> Result<Vec<transload_provision::roster::Entry>, Failure> {
    let (entries, problems) = home::roster(state)?;
    for problem in problems {
        tracing::warn!("{problem}");
    }
    Ok(entries)
}

fn leases(restored: &Restored) -> Vec<LeaseRecord> {
    let read = |json: &String| {
        serde_json::from_str(json)
            .inspect_err(|error| tracing::warn!(%error, "a lease in the ledger cannot be read"))
            .ok()
    };
    restored.leases.values().filter_map(read).collect()
}

fn rules(config: &Config, place: &Place) -> Rules {
    Rules {
        settings: config.settings(place.server(), place.http_port()),
        classes: config.dhcp.classes.clone(),
        admit_all: config.dhcp.admit == DhcpAdmit::All,
        gives_leases: config.dhcp.enabled,
    }
}

fn tftp_config(config: &Config, place: &Place) -> transload_tftp::Config {
    transload_tftp::Config {
        bind: place.tftp,
        device: place.device.as_ref().map(|device| device.name.clone()),
        rollover: if config.files.rollover == 1 { Rollover::One } else { Rollover::Zero },
        max_transfers: config.files.max_transfers,
        drain: DRAIN,
        ..transload_tftp::Config::default()
    }
}

fn start_dhcp(
    config: &Config,
    place: &Place,
    bench: &Arc<Bench>,
    clock: Clock,
    leases: Vec<LeaseRecord>,
) -> Result<Option<Arc<DhcpServer>>, Failure> {
    if !config.dhcp.enabled {
        return Ok(None);
    }
    let link = match (&place.device, place.dhcp_loopback) {
        (Some(device), _) => Link::Interface { name: device.name.clone(), address: place.server() },
        (None, Some(bind)) => Link::Loopback { bind },
        (None, None) => return Ok(None),
    };
    let observer = Arc::clone(bench);
    let setup = Setup {
        config: config.dhcp_server(place.network)?,
        leases,
        links: vec![link],
        await_links: false,
        policy: Arc::clone(bench) as _,
        journal: Arc::clone(bench) as _,
        clock: Arc::new(move || clock.now().0),
        observer: Arc::new(move |event| observer.dhcp_event(event)),
    };
    DhcpServer::start(setup).map(|server| Some(Arc::new(server))).map_err(|error| {
        use transload_dhcp::server::StartError;
        match error {
            StartError::Config(error) => Failure::new(
                Exit::Usage,
                format!("DHCP: {error}"),
                "correct the network in the configuration",
            ),
            StartError::Open(error) => {
                let text = error.to_string();
                let (cause, cure) =
                    text.split_once("; ").unwrap_or((&text, "see that nothing else serves there"));
                Failure::new(Exit::Privilege, cause, cure)
            }
        }
    })
}

async fn keep_house(bench: Arc<Bench>, stop: CancellationToken) {
    let mut library = tokio::time::interval(LOOK_AT_LIBRARY);
    let mut ledger = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = library.tick() => look_at_library(&bench).await,
            _ = ledger.tick() => {
                if let Err(error) = bench.housekeeping().await {
                    tracing::error!(%error, "the ledger cannot be written: no new lease, no new hop until it can");
                }
            }
        }
    }
}

/// Files added or changed by hand count at once: a license that arrives lifts its hold.
async fn look_at_library(bench: &Arc<Bench>) {
    let shelf = bench.shelf();
    let scanned = tokio::task::spawn_blocking(move || shelf.rescan()).await;
    match scanned {
        Ok(Ok(Some(shelf))) => {
            tracing::info!("the library has changed");
            bench.set_shelf(shelf);
        }
        Ok(Ok(None)) | Err(_) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the library cannot be read"),
    }
}

fn local(listener: &tokio::net::TcpListener) -> Result<SocketAddrV4, Failure> {
    match listener.local_addr() {
        Ok(SocketAddr::V4(address)) => Ok(address),
        _ => Err(Failure::new(
            Exit::Privilege,
            "an HTTP listener has no IPv4 address",
            "report this as a defect",
        )),
    }
}

fn cannot_bind(service: &str, address: impl Into<SocketAddr>, error: &std::io::Error) -> Failure {
    let address = address.into();
    let cure = match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            "run as root, or with the capabilities NET_BIND_SERVICE and NET_RAW".into()
        }
        std::io::ErrorKind::AddrInUse => {
            format!("stop what listens there; `ss -lntup 'sport = :{}'` shows it", address.port())
        }
        _ => "see that the address is this machine's".into(),
    };
    Failure::new(Exit::Privilege, format!("{service} cannot listen on {address}: {error}"), cure)
}

fn needs_restart(key: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{key} cannot change while the bench runs"), "restart transload serve")
}
