//! All segments, and the services on each.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use transload_dhcp::config::ConfigError;
use transload_dhcp::server::DhcpServer;
use transload_dhcp::sockets::Link;
use transload_provision::roster::Entry;
use transload_tftp::LimitCounters;

use super::listeners::{SegmentListeners, SharedServices};
use super::{InterfaceState, Segment};
use crate::bench::Bench;
use crate::bench::views::health::Serving;
use crate::config::values::Prefix;
use crate::config::{Config, ResolvedDhcp};
use crate::listeners::bounds::Bound;
use crate::listeners::connections::{Entrance, Limits, QueueLimits};
use crate::listeners::{Plane, rate::RateLimit, sip::Boards};
use crate::system::error::{Exit, Failure, Trouble};

/// The segments of a running appliance.
pub struct Segments {
    shared: SharedServices,
    pub(super) dhcp: Option<Arc<DhcpServer>>,
    entries: Mutex<Vec<ServedSegment>>,
    config: Mutex<Config>,
}

struct ServedSegment {
    segment: Segment,
    /// The interface when it was last up.
    interface_state: Option<InterfaceState>,
    listeners: Option<SegmentListeners>,
    /// DHCP may answer on this segment.
    leased: bool,
}

impl Segments {
    /// Opens the file listeners of the segments that are up.
    ///
    /// # Errors
    /// An address is taken, or a privilege is missing.
    pub fn open(
        segments: &[Segment],
        interface_states: &[Option<InterfaceState>],
        config: &Config,
        bench: &Arc<Bench>,
    ) -> Result<OpenSegments, Failure> {
        let tftp = Arc::default();
        let shared = SharedServices {
            bench: Arc::clone(bench),
            files: config.files.clone(),
            rate: RateLimit::new(config.files.rate_limit),
            entrance: entrance(config, bench, &tftp),
            boards: Boards::default(),
            tftp,
            ended: Arc::new(Notify::new()),
        };
        let mut entries = Vec::new();
        for (segment, interface_state) in segments.iter().zip(interface_states) {
            let open = |interface_state| SegmentListeners::open(segment, interface_state, &shared);
            let listeners = interface_state.as_ref().map(open).transpose()?;
            entries.push(ServedSegment {
                segment: segment.clone(),
                interface_state: *interface_state,
                listeners,
                leased: false,
            });
        }
        Ok(OpenSegments { entries, shared })
    }

    pub(super) fn bench(&self) -> &Bench {
        &self.shared.bench
    }

    fn entries(&self) -> MutexGuard<'_, Vec<ServedSegment>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn config(&self) -> Config {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn segment(&self, at: usize) -> Option<Segment> {
        self.entries().get(at).map(|entry| entry.segment.clone())
    }

    /// The number of segments.
    pub fn count(&self) -> usize {
        self.entries().len()
    }

    /// HTTP and TFTP addresses on the bench's own segment, if they are open.
    pub fn own_listeners(&self) -> Option<(Vec<std::net::SocketAddrV4>, std::net::SocketAddrV4)> {
        let entries = self.entries();
        entries.first()?.listeners.as_ref().map(|listeners| (listeners.http.clone(), listeners.tftp))
    }

    pub fn boards(&self) -> Boards<Bench> {
        self.shared.boards.clone()
    }

    /// Waits until a listener ends by itself, which is a defect.
    pub async fn ended(&self) {
        self.shared.ended.notified().await;
    }

    /// Opens the listeners at a segment's new interface and address, or moves them there, and tells DHCP its network.
    pub(super) fn relocate(&self, at: usize, interface_state: InterfaceState) -> Result<(), Failure> {
        {
            let mut entries = self.entries();
            let Some(entry) = entries.get_mut(at) else { return Ok(()) };
            let same = entry.interface_state.is_some_and(|known| known.same_place(&interface_state));
            entry.interface_state = Some(interface_state);
            if same && entry.listeners.is_some() {
                return Ok(());
            }
            // DHCP moves to a new address only after the search for other servers.
            entry.leased &= same;
            if let Some(old) = entry.listeners.take() {
                tokio::spawn(old.close());
            }
            let listeners = SegmentListeners::open(&entry.segment, &interface_state, &self.shared)?;
            tracing::info!(http = ?listeners.http, tftp = %listeners.tftp, "files are served here now");
            entry.listeners = Some(listeners);
        }
        self.renew()
    }

    /// Sets whether DHCP may answer on a segment.
    pub(super) async fn lease(&self, at: usize, leased: bool) {
        if let Some(entry) = self.entries().get_mut(at) {
            entry.leased = leased;
        }
        if let Some(dhcp) = &self.dhcp {
            let links = links(&self.entries());
            dhcp.set_links(links).await;
        }
    }

    pub(super) fn is_leased(&self, at: usize) -> bool {
        self.entries().get(at).is_some_and(|entry| entry.leased)
    }

    /// The DHCP settings for a configuration and roster, with the present addresses.
    pub fn served(&self, config: &Config, roster: &[Entry]) -> Result<ResolvedDhcp, Failure> {
        config.served(&networks(self.entries().iter().map(|entry| entry.interface_state.as_ref())), roster)
    }

    /// Takes a configuration that [`Segments::served`] has accepted.
    pub fn reconfigure(&self, config: &Config, served: &ResolvedDhcp) -> Result<(), Failure> {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config.clone();
        self.tell(served)
    }

    /// Takes another roster: its reservations, and its facts about phones.
    pub fn take_roster(&self, roster: Vec<Entry>) -> Result<(), Failure> {
        let served = self.served(&self.config(), &roster)?;
        self.bench().set_roster(roster);
        self.tell(&served)
    }

    fn renew(&self) -> Result<(), Failure> {
        let served = self.served(&self.config(), &self.bench().roster())?;
        self.tell(&served)
    }

    fn tell(&self, served: &ResolvedDhcp) -> Result<(), Failure> {
        for warning in &served.warnings {
            tracing::warn!("{}", warning.line());
        }
        if let Some(dhcp) = &self.dhcp {
            dhcp.reconfigure(served.server.clone()).map_err(|error| cannot_lease(&error))?;
        }
        self.bench().set_given(served.given.clone());
        Ok(())
    }

    /// Closes all listeners; running transfers may end.
    pub async fn close(&self) {
        let listeners: Vec<SegmentListeners> =
            self.entries().iter_mut().filter_map(|entry| entry.listeners.take()).collect();
        let closing: Vec<_> =
            listeners.into_iter().map(|listeners| tokio::spawn(listeners.close())).collect();
        for listener_task in closing {
            _ = listener_task.await;
        }
    }
}

impl Serving for Segments {
    fn tftp_reached(&self) -> &LimitCounters {
        &self.shared.tftp
    }

    fn troubles(&self) -> Vec<Trouble> {
        let entries: Vec<_> = self
            .entries()
            .iter()
            .map(|entry| (entry.segment.clone(), entry.listeners.is_some(), entry.leased))
            .collect();
        let leases = self.dhcp.is_some();
        entries
            .iter()
            .filter_map(|(segment, open, leased)| trouble(segment, *open, *leased || !leases))
            .collect()
    }
}

/// Segments whose file doors are open, before DHCP is.
pub struct OpenSegments {
    entries: Vec<ServedSegment>,
    shared: SharedServices,
}

impl OpenSegments {
    /// The port that URLs name, if a listener is open.
    pub fn http_port(&self) -> Option<u16> {
        self.entries.iter().find_map(|entry| Some(entry.listeners.as_ref()?.http.first()?.port()))
    }

    /// The DHCP links of segments that are up and `clear` of other servers.
    pub fn links(&mut self, clear: &[bool]) -> Vec<Link> {
        for (entry, clear) in self.entries.iter_mut().zip(clear) {
            entry.leased = *clear && entry.interface_state.is_some();
        }
        links(&self.entries)
    }

    /// Adds the DHCP server, if it is on.
    pub fn with(self, config: &Config, dhcp: Option<Arc<DhcpServer>>) -> Segments {
        let (entries, config) = (Mutex::new(self.entries), Mutex::new(config.clone()));
        Segments { shared: self.shared, dhcp, entries, config }
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
        .with_queue(QueueLimits::default(), move || tftp.has_room())
}

fn links(entries: &[ServedSegment]) -> Vec<Link> {
    let leased = entries.iter().filter(|entry| entry.leased);
    leased.filter_map(|entry| Some(entry.segment.link(entry.interface_state.as_ref()?))).collect()
}

/// The networks of the segments that are up.
pub fn networks<'a>(
    interface_states: impl Iterator<Item = Option<&'a InterfaceState>>,
) -> Vec<Option<Prefix>> {
    interface_states
        .map(|interface_state| interface_state.map(|interface_state| interface_state.network))
        .collect()
}

fn trouble(segment: &Segment, open: bool, leased: bool) -> Option<Trouble> {
    let trouble = |what, cause: String, cure: &str| Some(Trouble { what, cause, cure: cure.to_owned() });
    let name = segment.interface.as_deref().unwrap_or("loopback");
    match segment.look() {
        Err(failure) => {
            let problem = failure.problems.into_iter().next()?;
            trouble("interface", problem.cause, &problem.cure)
        }
        Ok(interface_state) if !interface_state.link => {
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
