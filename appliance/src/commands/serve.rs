//! `transload serve`: runs the appliance until it is told to stop.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};
use transload_dhcp::guard::ForeignServerWatch;
use transload_pace::Pace;

use crate::config::{Config, OnForeign};
use crate::runtime::addresses::{self, ServiceAddresses};
use crate::runtime::appliance::{Appliance, PreparedAppliance};
use crate::runtime::segment::{PROBE, describe};
use crate::runtime::service;
use crate::system::error::{Exit, Failure};
use crate::system::interface;

/// Serves until a signal. `named` is the value of `--config`, for later reloads. `unattended` decides the default for
/// another DHCP server: wait until it is gone, or end.
///
/// # Errors
/// The appliance cannot start, or had to end.
pub async fn serve(config: Config, named: Option<&Path>, unattended: bool) -> Result<(), Failure> {
    config.servable()?;
    let mut signals = Signals::new()?;
    let place = addresses::resolve(&config)?;
    let own_choice = if unattended { OnForeign::Wait } else { OnForeign::Exit };
    let on_foreign = config.dhcp.on_foreign.unwrap_or(own_choice);
    // Files are read while the guard listens, so that phones wait less.
    let (clear, opened) = tokio::select! {
        both = async { tokio::try_join!(
            async { if config.dhcp.enabled { clear_segments(&place, on_foreign).await } else { Ok(Vec::new()) } },
            async { PreparedAppliance::read(&config, &place, &Pace::system()) },
        ) } => both?,
        _ = signals.terminate.recv() => return Ok(()),
        _ = signals.interrupt.recv() => return Ok(()),
    };
    let appliance = opened.serve(&config, place, &clear).await?;
    appliance.keep_segments(on_foreign != OnForeign::Ignore);
    announce(&appliance);
    service::ready();
    let ended = loop {
        tokio::select! {
            _ = signals.terminate.recv() => break Ok(()),
            _ = signals.interrupt.recv() => break Ok(()),
            failure = appliance.failure() => break Err(failure),
            _ = signals.hang_up.recv() => {
                service::reloading();
                reload(&appliance, &config, named);
                service::ready();
            }
        }
    };
    service::stopping();
    tracing::info!("stopping: new transfers are refused, those under way may end");
    appliance.stop().await;
    ended
}

fn announce(appliance: &Appliance) {
    let http = appliance.http.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let tftp = appliance.tftp.map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(http, tftp, dhcp = ?appliance.dhcp, api = %appliance.admin, "serving");
}

fn reload(appliance: &Appliance, running: &Config, named: Option<&Path>) {
    let read = Config::reload(named.or(running.file.as_deref()));
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

/// Which segments are clear of other DHCP servers. Segments that are down are checked when they come up.
///
/// # Errors
/// Another server was found and the program must end, or a segment cannot be checked.
async fn clear_segments(place: &ServiceAddresses, on_foreign: OnForeign) -> Result<Vec<bool>, Failure> {
    let mut probes = Vec::new();
    for segment in &place.segments {
        let (Some(name), Ok(interface_state)) = (&segment.interface, segment.look()) else {
            probes.push(None);
            continue;
        };
        if on_foreign == OnForeign::Ignore || !interface_state.link {
            probes.push(None);
            continue;
        }
        let watch = ForeignServerWatch::open(name, interface::own_addresses())
            .map_err(|error| Failure::new(Exit::Privilege, error.to_string(), error.cure()))?;
        tracing::info!(interface = name, "looking for other DHCP servers");
        probes.push(Some((name, tokio::spawn(async move { watch.probe(PROBE).await }))));
    }
    let mut clear = Vec::new();
    for probe in probes {
        let Some((name, probe)) = probe else {
            clear.push(on_foreign == OnForeign::Ignore);
            continue;
        };
        let found =
            probe.await.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(|error| {
                Failure::new(
                    Exit::Privilege,
                    format!("{name} cannot be probed for other DHCP servers: {error}"),
                    "see that the interface is up, and run as root",
                )
            })?;
        if let (Some(foreign), OnForeign::Exit) = (found.first(), on_foreign) {
            return Err(Failure::new(
                Exit::ForeignDhcp,
                format!("another DHCP server answers on {name}: {}", describe(foreign)),
                "take it off the segment, or set on-foreign under [dhcp]; nothing has been served",
            ));
        }
        clear.push(found.is_empty());
    }
    Ok(clear)
}
