//! Opens and closes the listeners of one segment: HTTP, TFTP and SIP on its address.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transload_tftp::{LimitCounters, Rollover};

use super::{InterfaceState, Segment};
use crate::bench::Bench;
use crate::config::FilesSection;
use crate::listeners::connections::Entrance;
use crate::listeners::sip::{Boards, Switchboard};
use crate::listeners::{self, rate::RateLimit};
use crate::system::error::{Exit, Failure};

/// The time that running transfers get after a close.
const DRAIN: Duration = Duration::from_secs(10);

/// What the listeners of all segments share.
#[derive(Clone)]
pub(super) struct SharedServices {
    pub(super) bench: Arc<Bench>,
    pub(super) files: FilesSection,
    pub(super) rate: RateLimit,
    /// Limits connections of all HTTP listeners together.
    pub(super) entrance: Entrance,
    pub(super) boards: Boards<Bench>,
    /// How often bounds of the TFTP doors of all segments were reached, of those that are closed by now, too.
    pub(super) tftp: Arc<LimitCounters>,
    /// Told when a door has closed by itself, which none should.
    pub(super) ended: Arc<Notify>,
}

/// The open listeners of one segment.
pub(super) struct SegmentListeners {
    pub(super) http: Vec<SocketAddrV4>,
    pub(super) tftp: SocketAddrV4,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl SegmentListeners {
    /// Opens the listeners.
    ///
    /// # Errors
    /// An address is taken, or a privilege is missing.
    pub(super) fn open(
        segment: &Segment,
        interface_state: &InterfaceState,
        shared: &SharedServices,
    ) -> Result<Self, Failure> {
        let SharedServices { bench, files, rate, entrance, boards, tftp: reached, ended } = shared;
        let local = interface_state.network.addr();
        let device = segment.interface.as_deref();
        let mut listeners = Vec::new();
        for port in &segment.http {
            let address = SocketAddrV4::new(local, *port);
            let listener =
                listeners::bind_tcp(address, device).map_err(|error| cannot_bind("HTTP", address, &error))?;
            listeners.push(listener);
        }
        let http = listeners.iter().map(own_address).collect::<Result<Vec<_>, _>>()?;
        let config = transload_tftp::TftpConfig {
            bind: SocketAddrV4::new(local, segment.tftp),
            device: segment.interface.clone(),
            rollover: if files.rollover == 1 { Rollover::One } else { Rollover::Zero },
            max_transfers: files.max_transfers,
            drain: DRAIN,
            ..transload_tftp::TftpConfig::default()
        };
        let bind = config.bind;
        let source = listeners::tftp::TftpFiles { plane: Arc::clone(bench), local, rate: rate.clone() };
        let server = transload_tftp::TftpServer::bind(config, Arc::new(source))
            .map_err(|error| cannot_bind("TFTP", bind, &error))?
            .counting(Arc::clone(reached));
        let registrar = segment.sip.map(|port| open_registrar(SocketAddrV4::new(local, port), device, bench));
        let registrar = registrar.transpose()?;

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let watched = |listener_task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            let (stop, ended) = (stop.clone(), Arc::clone(ended));
            async move {
                listener_task.await;
                if !stop.is_cancelled() {
                    ended.notify_one();
                }
            }
        };
        let tftp = server.local_addr();
        for listener in listeners {
            let (bench, entrance) = (Arc::clone(bench), entrance.clone());
            let listener_task = listeners::http::serve(listener, bench, entrance, rate.clone(), stop.clone());
            tasks.spawn(watched(Box::pin(listener_task)));
        }
        if let Some((board, listener)) = registrar {
            boards.add(&board);
            bench.set_registrar_port(Some(board.port()));
            tasks.spawn(watched(Box::pin(listeners::sip::serve(board, listener, stop.clone()))));
        }
        tasks.spawn(watched(Box::pin(server.run(stop.clone().cancelled_owned()))));
        Ok(Self { http, tftp, stop, tasks })
    }

    /// Refuses new transfers, and gives running ones [`DRAIN`] to end.
    pub(super) async fn close(mut self) {
        self.stop.cancel();
        let drained = tokio::time::timeout(DRAIN + Duration::from_secs(1), async {
            while self.tasks.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!("some transfers had not ended and were cut off");
            self.tasks.shutdown().await;
        }
    }
}

type OpenRegistrar = (Arc<Switchboard<Bench>>, tokio::net::TcpListener);

fn open_registrar(
    at: SocketAddrV4,
    device: Option<&str>,
    bench: &Arc<Bench>,
) -> Result<OpenRegistrar, Failure> {
    let (listener, udp) =
        listeners::sip::bind(at, device).map_err(|error| cannot_bind("the registrar", at, &error))?;
    let bounds = Arc::clone(bench);
    let full = move |bound, address: Ipv4Addr| bounds.metrics().bounds.reached(bound, address.into());
    let board = Switchboard::new(udp, Arc::clone(bench), full);
    Ok((board.map_err(|error| cannot_bind("the registrar", at, &error))?, listener))
}

fn own_address(listener: &tokio::net::TcpListener) -> Result<SocketAddrV4, Failure> {
    match listener.local_addr() {
        Ok(SocketAddr::V4(address)) => Ok(address),
        _ => Err(Failure::new(
            Exit::Privilege,
            "an HTTP listener has no IPv4 address",
            "report this as a defect",
        )),
    }
}

/// The failure if a service cannot listen.
pub fn cannot_bind(service: &str, address: impl Into<SocketAddr>, error: &std::io::Error) -> Failure {
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
