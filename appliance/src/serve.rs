//! `transload serve`: the appliance on its staging interface, until it is told to stop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use transload_dhcp::guard::{Foreign, Watch};
use transload_dhcp::server::Server as DhcpServer;

use crate::appliance::Appliance;
use crate::bench::Bench;
use crate::config::{Config, OnForeign};
use crate::error::{Exit, Failure};
use crate::place::{self, Place};

/// How long other DHCP servers have to answer the probe; those that look for address conflicts take a second.
const PROBE: Duration = Duration::from_secs(3);
/// A server found while serving counts as gone when a probe this much later finds none.
const PROBE_AGAIN: Duration = Duration::from_secs(15);

/// Serves. `named` is what `--config` said, for reading the file again.
///
/// # Errors
/// Why it could not start, or why it had to end.
pub async fn serve(config: Config, named: Option<&Path>) -> Result<(), Failure> {
    config.servable()?;
    let mut signals = Signals::new()?;
    let place = place::resolve(&config)?;
    let watch = guard(&config, &place)?;
    if let Some(watch) = &watch {
        tokio::select! {
            clear = clear_segment(watch, config.dhcp.on_foreign) => clear?,
            _ = signals.terminate.recv() => return Ok(()),
            _ = signals.interrupt.recv() => return Ok(()),
        }
    }
    let appliance = Appliance::start(&config, place, 1).await?;
    if let (Some(watch), Some(server)) = (watch, appliance.dhcp_server()) {
        tokio::spawn(keep_watch(watch, Arc::clone(server), Arc::clone(&appliance.bench)));
    }
    announce(&appliance);
    let ended = loop {
        tokio::select! {
            _ = signals.terminate.recv() => break Ok(()),
            _ = signals.interrupt.recv() => break Ok(()),
            failure = appliance.failure() => break Err(failure),
            _ = signals.hang_up.recv() => reload(&appliance, &config, named),
        }
    };
    tracing::info!("stopping: new transfers are refused, those under way may end");
    appliance.stop().await;
    ended
}

fn announce(appliance: &Appliance) {
    let http = appliance.http.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    tracing::info!(http, tftp = %appliance.tftp, dhcp = ?appliance.dhcp, api = %appliance.admin, "serving");
}

fn reload(appliance: &Appliance, running: &Config, named: Option<&Path>) {
    let read = Config::load(named.or(running.file.as_deref()));
    match read.and_then(|config| appliance.reload(&config)) {
        Ok(()) => tracing::info!("configuration and roster were read again"),
        Err(failure) => {
            for problem in &failure.problems {
                tracing::error!(cause = %problem.cause, cure = %problem.cure, "the configuration is wrong: nothing has changed");
            }
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(Exit::Act, format!("signals cannot be received: {error}"), "start it again")
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }
}

fn guard(config: &Config, place: &Place) -> Result<Option<Watch>, Failure> {
    let (true, Some(device)) = (config.dhcp.enabled, &place.device) else {
        return Ok(None);
    };
    if config.dhcp.on_foreign == OnForeign::Ignore {
        return Ok(None);
    }
    let own = device.addresses.iter().map(|(address, _)| *address).collect();
    Watch::open(&device.name, own).map(Some).map_err(|error| {
        let text = error.to_string();
        let (cause, cure) = text.split_once("; ").unwrap_or((&text, "run as root"));
        Failure::new(Exit::Privilege, cause, cure)
    })
}

/// Waits, or ends, while another DHCP server answers on the segment.
async fn clear_segment(watch: &Watch, on_foreign: OnForeign) -> Result<(), Failure> {
    tracing::info!("looking for other DHCP servers on the segment");
    loop {
        let found = watch.probe(PROBE).await.map_err(|error| {
            Failure::new(
                Exit::Privilege,
                format!("the segment cannot be probed for other DHCP servers: {error}"),
                "see that the interface is up, and run as root",
            )
        })?;
        let Some(foreign) = found.first() else {
            return Ok(());
        };
        if on_foreign == OnForeign::Exit {
            return Err(Failure::new(
                Exit::ForeignDhcp,
                format!("another DHCP server answers on this segment: {}", describe(foreign)),
                "take it off the segment, or set on-foreign under [dhcp]; nothing has been served",
            ));
        }
        tracing::warn!(
            "another DHCP server answers on this segment: {}; waiting until it is gone",
            describe(foreign)
        );
        tokio::time::sleep(PROBE_AGAIN).await;
    }
}

/// Falls silent while another DHCP server is about.
async fn keep_watch(watch: Watch, server: Arc<DhcpServer>, bench: Arc<Bench>) {
    loop {
        let Ok(foreign) = watch.next().await else {
            tokio::time::sleep(PROBE_AGAIN).await;
            continue;
        };
        server.set_silent(true);
        bench.set_foreign_dhcp(Some(describe(&foreign)));
        tracing::error!(
            "another DHCP server answers on this segment: {}; ours is silent until it is gone",
            describe(&foreign)
        );
        loop {
            tokio::time::sleep(PROBE_AGAIN).await;
            if watch.probe(PROBE).await.is_ok_and(|found| found.is_empty()) {
                break;
            }
        }
        server.set_silent(false);
        bench.set_foreign_dhcp(None);
        tracing::info!("the other DHCP server is gone; ours answers again");
    }
}

fn describe(foreign: &Foreign) -> String {
    let mac = transload_provision::mac::Mac(foreign.mac);
    format!("{} (Ethernet address {})", foreign.server, mac.colons())
}
