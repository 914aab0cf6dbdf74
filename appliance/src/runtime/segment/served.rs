//! All segments, and what serves phones there now.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use transload_dhcp::server::Server as DhcpServer;
use transload_dhcp::sockets::Link;
use transload_provision::roster::Entry;
use transload_tftp::Reached;

use super::listeners::{SegmentListeners, SharedServices};
use super::{InterfaceState, Segment};
use crate::bench::Bench;
use crate::config::values::Prefix;
use crate::config::{Config, Served};
use crate::listeners::bounds::Bound;
use crate::listeners::connections::{Entrance, Limits, Waiting};
use crate::listeners::{Plane, rate::Rate, sip::Boards};
use crate::runtime::health::Trouble;
use crate::system::error::Failure;

/// The segments of a running appliance.
pub struct Segments {
    shared: SharedServices,
    pub(super) dhcp: Option<Arc<DhcpServer>>,
    served_segments: Mutex<Vec<ServedSegment>>,
    config: Mutex<Config>,
}

struct ServedSegment {
    segment: Segment,
    /// As it was when it stood last.
    interface_state: Option<InterfaceState>,
    listeners: Option<SegmentListeners>,
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
        interface_states: &[Option<InterfaceState>],
        config: &Config,
        bench: &Arc<Bench>,
    ) -> Result<OpenSegments, Failure> {
        let tftp = Arc::default();
        let shared = SharedServices {
            bench: Arc::clone(bench),
            files: config.files.clone(),
            rate: Rate::new(config.files.rate_limit),
            entrance: entrance(config, bench, &tftp),
            boards: Boards::default(),
            tftp,
            ended: Arc::new(Notify::new()),
        };
        let mut served_segments = Vec::new();
        for (segment, interface_state) in segments.iter().zip(interface_states) {
            let open = |interface_state| SegmentListeners::open(segment, interface_state, &shared);
            let listeners = interface_state.as_ref().map(open).transpose()?;
            served_segments.push(ServedSegment {
                segment: segment.clone(),
                interface_state: *interface_state,
                listeners,
                leased: false,
            });
        }
        Ok(OpenSegments { served_segments, shared })
    }

    pub(super) fn bench(&self) -> &Bench {
        &self.shared.bench
    }

    fn served_segments(&self) -> MutexGuard<'_, Vec<ServedSegment>> {
        self.served_segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn config(&self) -> Config {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn segment(&self, at: usize) -> Option<Segment> {
        self.served_segments().get(at).map(|served_segment| served_segment.segment.clone())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.served_segments().len()
    }

    /// Where the file doors of the bench's own segment are, if they are open.
    pub fn own_listeners(&self) -> Option<(Vec<std::net::SocketAddrV4>, std::net::SocketAddrV4)> {
        let served_segments = self.served_segments();
        served_segments.first()?.listeners.as_ref().map(|listeners| (listeners.http.clone(), listeners.tftp))
    }

    /// The registrars of all segments.
    pub fn boards(&self) -> Boards<Bench> {
        self.shared.boards.clone()
    }

    /// How often bounds of TFTP were reached, on all segments together.
    pub fn tftp_reached(&self) -> &Reached {
        &self.shared.tftp
    }

    /// What keeps phones of a segment from being served.
    pub fn troubles(&self) -> Vec<Trouble> {
        let served_segments: Vec<_> = self
            .served_segments()
            .iter()
            .map(|served_segment| {
                (served_segment.segment.clone(), served_segment.listeners.is_some(), served_segment.leased)
            })
            .collect();
        let leases = self.dhcp.is_some();
        served_segments
            .iter()
            .filter_map(|(segment, open, leased)| trouble(segment, *open, *leased || !leases))
            .collect()
    }

    /// Until a door has closed by itself, which none should.
    pub async fn ended(&self) {
        self.shared.ended.notified().await;
    }

    /// Takes over where a segment stands now: doors are opened, or moved to the new interface and address, and DHCP
    /// gives leases of its network.
    pub(super) fn relocate(&self, at: usize, interface_state: InterfaceState) -> Result<(), Failure> {
        {
            let mut served_segments = self.served_segments();
            let Some(served_segment) = served_segments.get_mut(at) else { return Ok(()) };
            let same = served_segment.interface_state.is_some_and(|known| known.same_place(&interface_state));
            served_segment.interface_state = Some(interface_state);
            if same && served_segment.listeners.is_some() {
                return Ok(());
            }
            // DHCP comes to a new place by itself, once other servers were looked for there.
            served_segment.leased &= same;
            if let Some(old) = served_segment.listeners.take() {
                tokio::spawn(old.close());
            }
            let listeners = SegmentListeners::open(&served_segment.segment, &interface_state, &self.shared)?;
            tracing::info!(http = ?listeners.http, tftp = %listeners.tftp, "files are served here now");
            served_segment.listeners = Some(listeners);
        }
        self.renew()
    }

    /// Whether DHCP may answer on a segment.
    pub(super) async fn lease(&self, at: usize, leased: bool) {
        if let Some(served_segment) = self.served_segments().get_mut(at) {
            served_segment.leased = leased;
        }
        if let Some(dhcp) = &self.dhcp {
            let links = links(&self.served_segments());
            dhcp.set_links(links).await;
        }
    }

    pub(super) fn is_leased(&self, at: usize) -> bool {
        self.served_segments().get(at).is_some_and(|served_segment| served_segment.leased)
    }

    /// What DHCP is told, by another configuration or roster, at the addresses of now.
    pub fn served(&self, config: &Config, roster: &[Entry]) -> Result<Served, Failure> {
        config.served(
            &networks(
                self.served_segments().iter().map(|served_segment| served_segment.interface_state.as_ref()),
            ),
            roster,
        )
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
            dhcp.reconfigure(served.server.clone())
                .map_err(|error| crate::runtime::appliance::cannot_lease(&error))?;
        }
        self.bench().set_given(served.given.clone());
        Ok(())
    }

    /// Closes all doors; transfers under way may end.
    pub async fn close(&self) {
        let listeners: Vec<SegmentListeners> = self
            .served_segments()
            .iter_mut()
            .filter_map(|served_segment| served_segment.listeners.take())
            .collect();
        let closing: Vec<_> =
            listeners.into_iter().map(|listeners| tokio::spawn(listeners.close())).collect();
        for door in closing {
            _ = door.await;
        }
    }
}

/// Segments whose file doors are open, before DHCP is.
pub struct OpenSegments {
    served_segments: Vec<ServedSegment>,
    shared: SharedServices,
}

impl OpenSegments {
    /// The port that URLs name, where a door is open.
    pub fn http_port(&self) -> Option<u16> {
        self.served_segments
            .iter()
            .find_map(|served_segment| Some(served_segment.listeners.as_ref()?.http.first()?.port()))
    }

    /// The ways to clients where DHCP may answer: those of `clear` segments, which stand.
    pub fn links(&mut self, clear: &[bool]) -> Vec<Link> {
        for (served_segment, clear) in self.served_segments.iter_mut().zip(clear) {
            served_segment.leased = *clear && served_segment.interface_state.is_some();
        }
        links(&self.served_segments)
    }

    /// Together with DHCP, where it is on.
    pub fn with(self, config: &Config, dhcp: Option<Arc<DhcpServer>>) -> Segments {
        let (served_segments, config) = (Mutex::new(self.served_segments), Mutex::new(config.clone()));
        Segments { shared: self.shared, dhcp, served_segments, config }
    }
}

/// At least three of four places are for leaseholders.
fn entrance(config: &Config, bench: &Arc<Bench>, tftp: &Arc<Reached>) -> Entrance {
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

fn links(served_segments: &[ServedSegment]) -> Vec<Link> {
    let leased = served_segments.iter().filter(|served_segment| served_segment.leased);
    leased
        .filter_map(|served_segment| {
            Some(served_segment.segment.link(served_segment.interface_state.as_ref()?))
        })
        .collect()
}

/// The networks of segments, as far as they stand.
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
