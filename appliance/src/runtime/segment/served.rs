//! All segments, and what serves phones there now.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use transload_dhcp::config::ConfigError;
use transload_dhcp::server::DhcpServer;
use transload_dhcp::sockets::Link;
use transload_provision::roster::Entry;
use transload_tftp::LimitCounters;

use super::listeners::{Doors, Shared};
use super::{Segment, Standing};
use crate::bench::Bench;
use crate::bench::views::health::Serving;
use crate::config::values::Prefix;
use crate::config::{Config, Served};
use crate::listeners::bounds::Bound;
use crate::listeners::connections::{Entrance, Limits, Waiting};
use crate::listeners::{Plane, rate::Rate, sip::Boards};
use crate::system::error::{Exit, Failure, Trouble};

/// The segments of a running appliance.
pub struct Segments {
    shared: Shared,
    pub(super) dhcp: Option<Arc<DhcpServer>>,
    sites: Mutex<Vec<Site>>,
    config: Mutex<Config>,
}

struct Site {
    segment: Segment,
    /// As it was when it stood last.
    standing: Option<Standing>,
    doors: Option<Doors>,
    /// DHCP may answer there.
    leased: bool,
}

impl Segments {
    /// Opens the file doors of the segments that stand.
    ///
    /// # Errors
    /// An address is taken, or a privilege is missing.
    pub fn open(
        segments: &[Segment],
        standings: &[Option<Standing>],
        config: &Config,
        bench: &Arc<Bench>,
    ) -> Result<OpenSegments, Failure> {
        let tftp = Arc::default();
        let shared = Shared {
            bench: Arc::clone(bench),
            files: config.files.clone(),
            rate: Rate::new(config.files.rate_limit),
            entrance: entrance(config, bench, &tftp),
            boards: Boards::default(),
            tftp,
            ended: Arc::new(Notify::new()),
        };
        let mut sites = Vec::new();
        for (segment, standing) in segments.iter().zip(standings) {
            let open = |standing| Doors::open(segment, standing, &shared);
            let doors = standing.as_ref().map(open).transpose()?;
            sites.push(Site { segment: segment.clone(), standing: *standing, doors, leased: false });
        }
        Ok(OpenSegments { sites, shared })
    }

    pub(super) fn bench(&self) -> &Bench {
        &self.shared.bench
    }

    fn sites(&self) -> MutexGuard<'_, Vec<Site>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn config(&self) -> Config {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn segment(&self, at: usize) -> Option<Segment> {
        self.sites().get(at).map(|site| site.segment.clone())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sites().len()
    }

    /// Where the file doors of the bench's own segment are, if they are open.
    pub fn own_doors(&self) -> Option<(Vec<std::net::SocketAddrV4>, std::net::SocketAddrV4)> {
        let sites = self.sites();
        sites.first()?.doors.as_ref().map(|doors| (doors.http.clone(), doors.tftp))
    }

    /// The registrars of all segments.
    pub fn boards(&self) -> Boards<Bench> {
        self.shared.boards.clone()
    }

    /// Until a door has closed by itself, which none should.
    pub async fn ended(&self) {
        self.shared.ended.notified().await;
    }

    /// Takes over where a segment stands now: doors are opened, or moved to the new interface and address, and DHCP
    /// gives leases of its network.
    pub(super) fn stand(&self, at: usize, standing: Standing) -> Result<(), Failure> {
        {
            let mut sites = self.sites();
            let Some(site) = sites.get_mut(at) else { return Ok(()) };
            let same = site.standing.is_some_and(|known| known.same_place(&standing));
            site.standing = Some(standing);
            if same && site.doors.is_some() {
                return Ok(());
            }
            // DHCP comes to a new place by itself, once other servers were looked for there.
            site.leased &= same;
            if let Some(old) = site.doors.take() {
                tokio::spawn(old.close());
            }
            let doors = Doors::open(&site.segment, &standing, &self.shared)?;
            tracing::info!(http = ?doors.http, tftp = %doors.tftp, "files are served here now");
            site.doors = Some(doors);
        }
        self.renew()
    }

    /// Whether DHCP may answer on a segment.
    pub(super) async fn lease(&self, at: usize, leased: bool) {
        if let Some(site) = self.sites().get_mut(at) {
            site.leased = leased;
        }
        if let Some(dhcp) = &self.dhcp {
            let links = links(&self.sites());
            dhcp.set_links(links).await;
        }
    }

    pub(super) fn is_leased(&self, at: usize) -> bool {
        self.sites().get(at).is_some_and(|site| site.leased)
    }

    /// What DHCP is told, by another configuration or roster, at the addresses of now.
    pub fn served(&self, config: &Config, roster: &[Entry]) -> Result<Served, Failure> {
        config.served(&networks(self.sites().iter().map(|site| site.standing.as_ref())), roster)
    }

    /// Takes over a configuration that [`Segments::served`] has found good.
    pub fn reconfigure(&self, config: &Config, served: &Served) -> Result<(), Failure> {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config.clone();
        self.tell(served)
    }

    /// Takes over another roster: what it reserves, and what it tells of phones.
    pub fn take_roster(&self, roster: Vec<Entry>) -> Result<(), Failure> {
        let served = self.served(&self.config(), &roster)?;
        self.bench().set_roster(roster);
        self.tell(&served)
    }

    /// Tells DHCP the networks as they are now.
    fn renew(&self) -> Result<(), Failure> {
        let served = self.served(&self.config(), &self.bench().roster())?;
        self.tell(&served)
    }

    fn tell(&self, served: &Served) -> Result<(), Failure> {
        for warning in &served.warnings {
            tracing::warn!("{warning}");
        }
        if let Some(dhcp) = &self.dhcp {
            dhcp.reconfigure(served.server.clone()).map_err(|error| cannot_lease(&error))?;
        }
        self.bench().set_given(served.given.clone());
        Ok(())
    }

    /// Closes all doors; transfers under way may end.
    pub async fn close(&self) {
        let doors: Vec<Doors> = self.sites().iter_mut().filter_map(|site| site.doors.take()).collect();
        let closing: Vec<_> = doors.into_iter().map(|doors| tokio::spawn(doors.close())).collect();
        for door in closing {
            _ = door.await;
        }
    }
}

impl Serving for Segments {
    fn tftp_reached(&self) -> &LimitCounters {
        &self.shared.tftp
    }

    fn troubles(&self) -> Vec<Trouble> {
        let sites: Vec<_> = self
            .sites()
            .iter()
            .map(|site| (site.segment.clone(), site.doors.is_some(), site.leased))
            .collect();
        let leases = self.dhcp.is_some();
        sites
            .iter()
            .filter_map(|(segment, open, leased)| trouble(segment, *open, *leased || !leases))
            .collect()
    }
}

/// Segments whose file doors are open, before DHCP is.
pub struct OpenSegments {
    sites: Vec<Site>,
    shared: Shared,
}

impl OpenSegments {
    /// The port that URLs name, where a door is open.
    pub fn http_port(&self) -> Option<u16> {
        self.sites.iter().find_map(|site| Some(site.doors.as_ref()?.http.first()?.port()))
    }

    /// The ways to clients where DHCP may answer: those of `clear` segments, which stand.
    pub fn links(&mut self, clear: &[bool]) -> Vec<Link> {
        for (site, clear) in self.sites.iter_mut().zip(clear) {
            site.leased = *clear && site.standing.is_some();
        }
        links(&self.sites)
    }

    /// Together with DHCP, where it is on.
    pub fn with(self, config: &Config, dhcp: Option<Arc<DhcpServer>>) -> Segments {
        let (sites, config) = (Mutex::new(self.sites), Mutex::new(config.clone()));
        Segments { shared: self.shared, dhcp, sites, config }
    }
}

/// At least three of four places are for leaseholders.
fn entrance(config: &Config, bench: &Arc<Bench>, tftp: &Arc<LimitCounters>) -> Entrance {
    let connections = config.files.max_transfers;
    let limits = Limits { connections, strangers: (connections / 4).max(1), ..Limits::default() };
    let (leases, bounds) = (Arc::clone(bench), Arc::clone(bench));
    let is_leased = move |peer| match peer {
        IpAddr::V4(address) => leases.is_leased(address),
        IpAddr::V6(_) => false,
    };
    let tftp = Arc::clone(tftp);
    Entrance::new(limits, is_leased, move |peer| bounds.metrics().bounds.reached(Bound::Http, peer))
        .with_queue(Waiting::default(), move || tftp.has_room())
}

fn links(sites: &[Site]) -> Vec<Link> {
    let leased = sites.iter().filter(|site| site.leased);
    leased.filter_map(|site| Some(site.segment.link(site.standing.as_ref()?))).collect()
}

/// The networks of segments, as far as they stand.
pub fn networks<'a>(standings: impl Iterator<Item = Option<&'a Standing>>) -> Vec<Option<Prefix>> {
    standings.map(|standing| standing.map(|standing| standing.network)).collect()
}

fn trouble(segment: &Segment, open: bool, leased: bool) -> Option<Trouble> {
    let trouble = |what, cause: String, cure: &str| Some(Trouble { what, cause, cure: cure.to_owned() });
    let name = segment.interface.as_deref().unwrap_or("loopback");
    match segment.look() {
        Err(failure) => {
            let problem = failure.problems.into_iter().next()?;
            trouble("interface", problem.cause, &problem.cure)
        }
        Ok(standing) if !standing.link => {
            let cure = "plug its cable in, or switch the switch on";
            trouble("interface", format!("{name} has no link"), cure)
        }
        Ok(_) if !open => trouble("doors", format!("no files are served on {name}"), "see the log"),
        Ok(_) if !leased => {
            let cause = format!("DHCP does not answer on {name} yet: other servers are looked for");
            trouble("dhcp", cause, "wait some seconds")
        }
        Ok(_) => None,
    }
}

/// The DHCP server refuses its configuration.
pub fn cannot_lease(error: &ConfigError) -> Failure {
    Failure::new(Exit::Usage, format!("DHCP: {error}"), error.cure())
}
