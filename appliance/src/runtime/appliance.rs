//! Starts and stops the appliance as a whole: state folder, ledger, bench and listeners.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transload_dhcp::journal::Journal;
use transload_dhcp::lease::LeaseRecord;
use transload_dhcp::server::{DhcpServer, Setup, StartError};
use transload_dhcp::sockets::Link;
use transload_pace::Pace;
use transload_provision::mac::Mac;

use crate::admin;
use crate::bench::{Bench, ReplayedPhones, Rules};
use crate::config::{Config, DhcpAdmit, DhcpValues, ResolvedDhcp};
use crate::runtime::addresses::ServiceAddresses;
use crate::runtime::feed;
use crate::runtime::hooks;
use crate::runtime::housekeeping;
use crate::runtime::probe;
use crate::runtime::restart;
use crate::runtime::segment::{self, Segments};
use crate::runtime::service;
use crate::state::backup;
use crate::state::ledger::Ledger;
use crate::state::library::LibrarySnapshot;
use crate::state::resume;
use crate::state::state_folder;
use crate::state::state_lock::{self, StateLock};
use crate::system::clock::{self, Clock};
use crate::system::error::{Exit, Failure};
use crate::system::limits;

/// A running appliance.
pub struct Appliance {
    /// Decides what phones get.
    pub bench: Arc<Bench>,
    /// HTTP addresses on the bench's own segment, if it was up at the start.
    pub http: Vec<SocketAddrV4>,
    /// The TFTP address on that segment.
    pub tftp: Option<SocketAddrV4>,
    /// DHCP addresses, if DHCP was on at the start.
    pub dhcp: Vec<SocketAddrV4>,
    /// The address of page and API.
    pub admin: SocketAddr,
    pub segments: Arc<Segments>,
    page_port: u16,
    config: Config,
    dhcp_server: Option<Arc<DhcpServer>>,
    stop: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
    _lock: StateLock,
}

/// An appliance that holds its state folder and has read its files, but serves nothing yet.
pub struct PreparedAppliance {
    clock: Clock,
    leases: Vec<LeaseRecord>,
    bench: Arc<Bench>,
    lock: StateLock,
    /// The roster file before it was read, so that a later change is noticed.
    roster: Option<state_folder::RosterStamp>,
}

impl PreparedAppliance {
    /// Opens the state folder and reads its files. `pace` is the system's clock, except in a rehearsal.
    ///
    /// # Errors
    /// The configuration cannot be served, or the state folder is in use or unreadable.
    pub fn read(config: &Config, place: &ServiceAddresses, pace: &Pace) -> Result<Self, Failure> {
        config.servable()?;
        limits::raise(config.files.max_transfers);
        let state = &config.bench.state;
        let lock = claim(state)?;
        let catalog = state_folder::catalog(config)?;
        let stamp = state_folder::roster_stamp(state);
        let roster = housekeeping::roster(state)?;
        let library = LibrarySnapshot::scan(state, config.migration.direction)?;
        let mut unread = Ledger::open(&state.join("ledger.db"))?;
        if let Some(loss) = &unread.loss {
            tracing::error!(cure = loss.cure(), "{}", loss.cause());
        }
        let clock = resume::start(&mut unread, pace.clone())?;
        let mut leases = std::mem::take(&mut unread.leases);
        let last_seen = unread.marks.high_water;
        let kept = if clock::is_trusted() {
            Vec::new()
        } else {
            clock::keep_running(&mut leases, last_seen, clock.now())
        };
        let mut known = ReplayedPhones::default();
        let ledger = unread.replay(&mut known)?;
        let rules = rules(config, place.server(), DhcpValues::default());
        let bench = Bench::new(clock.clone(), catalog, rules, roster, library, ledger, (known, last_seen));
        bench.restore_leases(&leases);
        if !kept.is_empty() {
            tracing::info!(
                leases = kept.len(),
                "nothing vouches for the time: leases go on for what was left of them"
            );
            // The ledger keeps the order, so these leases precede any other. Nothing waits for the write.
            bench.commit(kept, Box::new(drop));
        }
        Ok(Self { clock, leases, bench, lock, roster: stamp })
    }

    /// Binds every socket and serves the segments that are up. DHCP answers only on segments that are `clear` of other
    /// servers.
    ///
    /// # Errors
    /// An address is taken, or a privilege is missing. Nothing was served then.
    pub async fn serve(
        self,
        config: &Config,
        place: ServiceAddresses,
        clear: &[bool],
    ) -> Result<Appliance, Failure> {
        let Self { clock, leases, bench, lock, roster } = self;
        let interface_states: Vec<_> = place.segments.iter().map(|segment| segment.look().ok()).collect();
        let networks = segment::networks(interface_states.iter().map(Option::as_ref));
        let served = config.served(&networks, &bench.roster())?;
        for warning in &served.warnings {
            tracing::warn!("{}", warning.line());
        }
        bench.set_given(served.given.clone());
        let mut segments = Segments::open(&place.segments, &interface_states, config, &bench)?;
        if let Some(port) = segments.http_port() {
            bench.set_http_port(port);
        }
        let admin_listener = tokio::net::TcpListener::bind(place.admin)
            .await
            .map_err(|error| segment::cannot_bind("the API", place.admin, &error))?;
        let feed_listener = feed::open(config)?;
        let links = segments.links(clear);
        let dhcp_server = start_dhcp(config, served, links, &bench, clock, leases)?;
        if let Some(server) = &dhcp_server {
            bench.attach(server);
        }
        let segments = Arc::new(segments.with(config, dhcp_server.clone()));

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let admin = admin_listener.local_addr().unwrap_or(place.admin);
        let api = Arc::new(admin::ApiState {
            bench: Arc::clone(&bench),
            live: admin::events::LiveEvents::new(),
            serving: Arc::clone(&segments) as _,
            state: config.bench.state.clone(),
            long: admin::long::LongAnswers::default(),
        });
        tasks.spawn(admin::serve(admin_listener, api, place.token.clone(), stop.clone()));
        tasks.spawn(service::report(Arc::clone(&bench), stop.clone()));
        if let Some(listener) = feed_listener {
            tasks.spawn(feed::serve(listener, Arc::clone(&bench), stop.clone()));
        }
        let hook = config.hooks.restart.clone();
        tasks.spawn(hooks::run(Arc::clone(&bench), stop.clone()));
        tasks.spawn(restart::run(Arc::clone(&bench), segments.boards(), hook, stop.clone()));
        tasks.spawn(housekeeping::keep(
            Arc::clone(&bench),
            Arc::clone(&segments),
            config.bench.state.clone(),
            roster,
            stop.clone(),
        ));
        let reader = probe::PageReader::new(&place, bench.pace());
        tasks.spawn(probe::serve(reader, Arc::clone(&bench), stop.clone()));
        let (http, tftp) = segments.own_listeners().unzip();
        Ok(Appliance {
            bench,
            http: http.unwrap_or_default(),
            tftp,
            dhcp: dhcp_server.as_ref().map(|server| server.addresses()).unwrap_or_default(),
            admin,
            segments,
            page_port: place.page_port,
            config: config.clone(),
            dhcp_server,
            stop,
            tasks: Mutex::new(tasks),
            _lock: lock,
        })
    }
}

impl Appliance {
    /// Serves each segment while it is up; `guarded` looks for other DHCP servers.
    pub fn keep_segments(&self, guarded: bool) {
        for at in 0..self.segments.count() {
            let kept = Arc::clone(&self.segments).keep(at, guarded);
            let stop = self.stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = kept => {}
                }
            });
        }
    }

    /// Takes another configuration, catalog and roster. Listeners stay as they are.
    ///
    /// # Errors
    /// One of them is wrong. Nothing has changed then.
    pub fn reload(&self, config: &Config) -> Result<(), Failure> {
        config.servable()?;
        if let Some(what) = self.config.needs_restart(config) {
            let cause = format!("{what} cannot change while the bench runs");
            return Err(Failure::new(Exit::Usage, cause, "restart transload serve"));
        }
        let catalog = state_folder::catalog(config)?;
        let roster = housekeeping::roster(&self.config.bench.state)?;
        let library = LibrarySnapshot::scan(&self.config.bench.state, config.migration.direction)?;
        let served = self.segments.served(config, &roster)?;
        self.segments.reconfigure(config, &served)?;
        let mut rules = rules(config, self.bench.server(), served.given);
        rules.settings.http_port = self.bench.http_port();
        rules.settings.registrar = self.bench.registrar_port();
        self.bench.set_rules(rules, catalog, roster);
        self.bench.set_library(library);
        Ok(())
    }

    /// The port of phones' own web pages.
    pub fn page_port(&self) -> u16 {
        self.page_port
    }

    /// Waits until a service ends by itself, which is a defect.
    pub async fn failure(&self) -> Failure {
        let task = std::future::poll_fn(|context| {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.poll_join_next(context)
        });
        tokio::select! {
            _ = task => {}
            () = self.segments.ended() => {}
        }
        Failure::new(
            Exit::Act,
            "a service of the appliance has ended",
            "start it again, and report this with its log",
        )
    }

    /// Refuses new work, gives running transfers 10 s, and closes the ledger.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Some(server) = &self.dhcp_server {
            server.shutdown().await;
        }
        self.segments.close().await;
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = tokio::time::timeout(Duration::from_secs(1), async {
            while tasks.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
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
    let lock = state_lock::lock(state)?;
    backup::complete(state)?;
    Ok(lock)
}

fn rules(config: &Config, server: Ipv4Addr, given: DhcpValues) -> Rules {
    Rules {
        settings: config.settings(server, config.files.http.first().copied().unwrap_or(80)),
        classes: config.dhcp.classes.clone(),
        given,
        admit_all: config.dhcp.admit == DhcpAdmit::All,
        gives_leases: config.dhcp.enabled,
        stage_hook: config.hooks.stage.clone(),
    }
}

fn start_dhcp(
    config: &Config,
    served: ResolvedDhcp,
    links: Vec<Link>,
    bench: &Arc<Bench>,
    clock: Clock,
    leases: Vec<LeaseRecord>,
) -> Result<Option<Arc<DhcpServer>>, Failure> {
    if !config.dhcp.enabled {
        return Ok(None);
    }
    let (observer, pace) = (Arc::clone(bench), clock.pace().clone());
    let setup = Setup {
        config: served.server,
        leases,
        links,
        await_links: true,
        policy: Arc::clone(bench) as _,
        journal: Arc::clone(bench) as _,
        clock: Arc::new(move || clock.now().0),
        observer: Arc::new(move |event, took| {
            observer.dhcp_event(event, took);
            if !event.outcome.is_answer() {
                pace.not_answered(Mac(event.mac));
            }
        }),
    };
    DhcpServer::start(setup).map(|server| Some(Arc::new(server))).map_err(|error| match error {
        StartError::Config(error) => segment::cannot_lease(&error),
        StartError::Open(error) => Failure::new(Exit::Privilege, error.to_string(), error.cure()),
    })
}
