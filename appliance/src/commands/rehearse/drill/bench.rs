//! The appliance of a drill: it can lose power, and returns at the same ports.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use transload_pace::Pace;
use transload_phone::{FaultInjector, Wiring};

use super::super::loopback;
use crate::config::Config;
use crate::runtime::addresses::ServiceAddresses;
use crate::runtime::appliance::{Appliance, PreparedAppliance};
use crate::state::ledger;
use crate::system::error::{Exit, Failure};

/// The appliance's ports stay free while it has no power, because systems do not assign these.
const PORTS: Range<u16> = 10_000..32_000;
/// Ports of each appliance.
const EACH: u16 = 5;
/// Real time that sockets may take to close.
const PATIENCE: Duration = Duration::from_millis(250);
const TRIES: u32 = 40;

/// An appliance that can lose power.
pub struct PluggedAppliance {
    config: Config,
    place: ServiceAddresses,
    pace: Pace,
    faults: FaultInjector,
    ledger: PathBuf,
    running: Option<Appliance>,
    /// Holds the ledger's lock, so that others cannot write.
    blocker: Option<Connection>,
    /// The appliance's ports, whether it runs or not.
    pub wiring: Wiring,
}

impl PluggedAppliance {
    /// Starts the appliance for the first time.
    pub async fn start(config: &Config, pace: Pace, faults: FaultInjector) -> Result<Self, Failure> {
        let mut tries = 0;
        let (place, appliance) = loop {
            let place = place(config.registrar.enabled);
            match PreparedAppliance::read(config, &place, &pace)?.serve(config, place.clone(), &[true]).await
            {
                Ok(appliance) => break (place, appliance),
                Err(failure) if tries == TRIES => return Err(failure),
                // The ports are taken: try the next ones.
                Err(_) => tries += 1,
            }
        };
        let wiring = loopback::wiring(&appliance, None).ok_or_else(|| {
            Failure::new(
                Exit::Privilege,
                "the appliance does not listen on loopback",
                "report this as a defect",
            )
        })?;
        let ledger = config.bench.state.join("ledger.db");
        let (config, running) = (config.clone(), Some(appliance));
        Ok(Self { config, place, pace, faults, ledger, running, blocker: None, wiring })
    }

    /// The running appliance, if it has power.
    pub fn appliance(&self) -> Option<&Appliance> {
        self.running.as_ref()
    }

    /// Cuts the power: nothing is sent any more, and the ledger keeps only what was on disk.
    pub async fn pull(&mut self) -> Result<(), Failure> {
        let Some(appliance) = self.running.take() else { return Ok(()) };
        self.faults.cut(true);
        let left = self.ledger.with_extension("left");
        let (from, to) = (self.ledger.clone(), left.clone());
        let copied = tokio::task::spawn_blocking(move || ledger::copy(&from, &to)).await;
        self.blocker = None;
        appliance.stop().await;
        match copied {
            Ok(result) => result.map(drop)?,
            Err(error) => return Err(broken(&error)),
        }
        for suffix in ["-wal", "-shm"] {
            let beside = PathBuf::from(format!("{}{suffix}", self.ledger.display()));
            if beside.exists() {
                fs::remove_file(beside).map_err(|error| broken(&error))?;
            }
        }
        fs::rename(&left, &self.ledger).map_err(|error| broken(&error))
    }

    /// Restores the power.
    pub async fn plug_in(&mut self) -> Result<(), Failure> {
        let mut tries = 0;
        while self.running.is_none() {
            let opened = PreparedAppliance::read(&self.config, &self.place, &self.pace)?;
            match opened.serve(&self.config, self.place.clone(), &[true]).await {
                Ok(appliance) => self.running = Some(appliance),
                Err(failure) if tries == TRIES => return Err(failure),
                Err(_) => tokio::time::sleep(PATIENCE).await,
            }
            tries += 1;
        }
        self.faults.cut(false);
        Ok(())
    }

    /// Makes the ledger fail, or work again.
    pub fn fill_disk(&mut self, full: bool) {
        self.blocker = None;
        if full && self.running.is_some() {
            let blocker = Connection::open(&self.ledger).ok();
            self.blocker = blocker.filter(|blocker| blocker.execute_batch("BEGIN IMMEDIATE").is_ok());
        }
    }

    /// Stops the appliance in order.
    pub async fn stop(&mut self) {
        self.blocker = None;
        if let Some(appliance) = self.running.take() {
            appliance.stop().await;
        }
    }
}

/// Addresses with ports of its own.
fn place(registrar: bool) -> ServiceAddresses {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let mut place = loopback::place(registrar, None);
    let turn = NEXT.fetch_add(1, Ordering::Relaxed) % ((PORTS.end - PORTS.start) / EACH);
    let first = PORTS.start + turn * EACH;
    for segment in &mut place.segments {
        segment.http = vec![first, first + 1];
        segment.tftp = first + 2;
        segment.rehearsed_dhcp = first + 3;
        segment.sip = registrar.then_some(first + 4);
    }
    place
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Act, format!("the drill's ledger: {error}"), "make room, or point TMPDIR elsewhere")
}
