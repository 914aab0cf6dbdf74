//! The configuration, validated. What a user writes is in [`written`]; nothing else in the program sees that.

mod dhcp;
mod findings;
mod found;
mod network;
mod options;
mod outside;
mod reader;
mod served;
mod timers;
mod validate;
pub mod values;
mod written;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use transload_dhcp::config::RelayInformation;
use transload_provision::load::{Direction, LoadName};
use transload_provision::mac::Mac;
use transload_provision::options::{ClassRule, Gives};
use transload_provision::settings::{Admit, After, Settings, Timing, UnknownVid, WayBack};

use crate::system::error::{Exit, Failure, Problem};
use crate::system::plain_file::{self, FileKind};
pub use found::{Choice, choose};
pub use served::{Given, NetworkGives, Reserved, Served};
use values::{Prefix, Range};

/// Where the configuration is looked for when `--config` does not say.
pub const PLACES: [&str; 2] = [found::HERE, found::SYSTEM];

/// Everything a user can set.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file it was read from; `None` for the built-in defaults.
    pub file: Option<PathBuf>,
    /// The box.
    pub bench: Bench,
    /// Which phones go where.
    pub migration: Migration,
    /// Leases.
    pub dhcp: Dhcp,
    /// The file service.
    pub files: Files,
    /// The SIP registrar.
    pub registrar: Registrar,
    /// Whether phones' own pages are read.
    pub probe: bool,
    /// Page and API.
    pub admin: Admin,
    /// What a finished phone is told.
    pub after: After,
    /// Programs run on events.
    pub hooks: Hooks,
    /// How long each kind of silence is waited out.
    pub timing: Timing,
    /// What is accepted and has no effect, one line each.
    pub warnings: Vec<String>,
}

/// The box.
#[derive(Debug, Clone, PartialEq)]
pub struct Bench {
    /// The staging interface.
    pub interface: Option<String>,
    /// Whether that may be the one with the default route.
    pub allow_default_route: bool,
    /// The bench's own address; the interface's, where it is not given.
    pub address: Option<Prefix>,
    /// The folder of ledger, firmware, licenses and roster.
    pub state: PathBuf,
    /// Which catalog decides.
    pub catalog: CatalogChoice,
}

/// A catalog that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatalogChoice {
    /// The newest facts.
    Current,
    /// Cisco's list of April 2019.
    #[serde(rename = "seed-2019")]
    Seed2019,
}

/// Which phones go where, and who steers them on each side.
#[derive(Debug, Clone, PartialEq)]
pub struct Migration {
    /// Which way.
    pub direction: Direction,
    /// Who steers Enterprise phones.
    pub enterprise: EnterpriseSide,
    /// Who steers Multiplatform phones.
    pub multiplatform: MultiplatformSide,
    /// Option 150 for Enterprise phones that a call manager steers.
    pub call_managers: Vec<Ipv4Addr>,
    /// Who takes part.
    pub admit: Admit,
    /// What an unknown VID means.
    pub unknown_vid: UnknownVid,
    /// What the way back to Enterprise firmware takes.
    pub way_back: WayBack,
    /// Pinned routes by load family.
    pub routes: BTreeMap<String, Vec<LoadName>>,
}

/// Who tells Enterprise phones which load to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnterpriseSide {
    /// This program, found by DHCP options 66 and 150.
    Dhcp,
    /// A call manager.
    CallManager,
}

/// Who tells Multiplatform phones which load to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MultiplatformSide {
    /// This program, found by DHCP options 159 and 160.
    Dhcp,
    /// Cisco's redirection service.
    Cda,
}

/// Leases.
#[derive(Debug, Clone, PartialEq)]
pub struct Dhcp {
    /// Whether leases are given at all.
    pub enabled: bool,
    /// Who gets one.
    pub admit: DhcpAdmit,
    /// Whether clients with a lease of another network are told to drop it.
    pub authoritative: bool,
    /// Whether an address is tried for another user before it is offered.
    pub conflict_probe: bool,
    /// How long an address rests that a client declined or that was found in use.
    pub decline_rest: Duration,
    /// What to do when another DHCP server is found; where nothing is written, it depends on how the program was
    /// started.
    pub on_foreign: Option<OnForeign>,
    /// The bench's own network. What it gives, every network does, save what belongs to one subnet.
    pub own: Network,
    /// Further networks, each on an interface of its own or behind relays.
    pub networks: Vec<Network>,
    /// Classes that come before the built-in ones.
    pub classes: Vec<ClassRule>,
    /// Fixed addresses.
    pub reservations: Vec<Reservation>,
}

/// Who gets a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DhcpAdmit {
    /// Known phones.
    Phones,
    /// Every client.
    All,
}

/// What to do when another DHCP server is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnForeign {
    /// Exit with status 3.
    Exit,
    /// Be silent until it is gone.
    Wait,
    /// Serve beside it.
    Ignore,
}

/// One network that leases are given in.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Where it is written.
    pub place: String,
    /// The interface it is on; `None` for the bench's own and for those behind relays.
    pub interface: Option<String>,
    /// The box's own address on that interface; the interface's, where it is not given.
    pub address: Option<Prefix>,
    /// Its addresses; given wherever there is no interface, save for the bench's own.
    pub subnet: Option<Prefix>,
    /// Addresses to give; the upper part of the network where none is named.
    pub pool: Vec<Range>,
    /// Addresses never to give.
    pub exclude: Vec<Range>,
    /// How long a lease lasts, and when it is renewed.
    pub lease: LeaseTimes,
    /// What becomes of clients whose messages have relay agent information and come through no relay.
    pub relay_information: RelayInformation,
    /// What every client of the network gets.
    pub gives: Gives,
}

/// How long a lease lasts, and when it is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTimes {
    /// From its beginning to its end.
    pub lease: Duration,
    /// After this time its client asks this server to renew it; half of the lease where it is not written.
    pub renewal: Option<Duration>,
    /// After this time its client asks any server; seven eighths of the lease where it is not written.
    pub rebinding: Option<Duration>,
}

/// A fixed address.
#[derive(Debug, Clone, PartialEq)]
pub struct Reservation {
    /// Whose.
    pub client: Client,
    /// The address.
    pub address: Ipv4Addr,
    /// What it gets that others do not.
    pub gives: Gives,
    /// Where it is written.
    pub place: String,
}

/// How a reservation knows its client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// By hardware address.
    Mac(Mac),
    /// By option 61.
    Id(Vec<u8>),
}

/// The file service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// TCP ports; never empty, and URLs name the first.
    pub http: Vec<u16>,
    /// The UDP port.
    pub tftp: u16,
    /// The TFTP block number after 65535: 0 or 1.
    pub rollover: u16,
    /// Bytes per second over all phones; `None` for no limit.
    pub rate_limit: Option<u64>,
    /// Transfers at once.
    pub max_transfers: usize,
}

/// The SIP registrar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registrar {
    /// Whether phones are asked to register.
    pub enabled: bool,
    /// TCP and UDP port.
    pub listen: u16,
}

/// Page and API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where they listen.
    pub listen: SocketAddr,
    /// The file that holds the token; given wherever `listen` is no loopback address.
    pub token_file: Option<PathBuf>,
}

/// Programs run on events; empty where none is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Restarts a phone.
    pub restart: Vec<String>,
    /// Told of every change of stage.
    pub stage: Vec<String>,
}

/// Direction and who steers on each side, as in `e2m/dhcp/cda`; `m2e/dhcp` names the Multiplatform side alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// Which way.
    pub direction: Direction,
    /// Who steers Enterprise phones.
    pub enterprise: EnterpriseSide,
    /// Who steers Multiplatform phones.
    pub multiplatform: MultiplatformSide,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let multiplatform = match self.multiplatform {
            MultiplatformSide::Dhcp => "dhcp",
            MultiplatformSide::Cda => "cda",
        };
        match (self.direction, self.enterprise) {
            (Direction::E2m, EnterpriseSide::Dhcp) => write!(f, "e2m/dhcp/{multiplatform}"),
            (Direction::E2m, EnterpriseSide::CallManager) => write!(f, "e2m/call-manager/{multiplatform}"),
            (Direction::M2e, _) => write!(f, "m2e/{multiplatform}"),
        }
    }
}

impl Config {
    /// Reads a configuration. `file` is what errors call it.
    ///
    /// # Errors
    /// Every mistake of form, or else everything that cannot be meant, at exit status 2.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Failure> {
        let source = reader::Source { file, text };
        let (written, problems) = reader::read(source);
        let failure = |problems| Failure { exit: Exit::Usage, problems };
        if !problems.is_empty() {
            return Err(failure(problems));
        }
        // What a mistake of form left out would be missed here, and told as a second mistake.
        let (config, problems) = validate::validate(written, source);
        if problems.is_empty() { Ok(config) } else { Err(failure(problems)) }
    }

    /// Reads the file that `--config` names, or else the first of [`PLACES`] that exists, or else the defaults. Root
    /// passes over a file of the current folder that others could have written, and a warning says so.
    pub fn load(named: Option<&Path>) -> Result<Self, Failure> {
        let Choice { path, note } = choose(named);
        let problem = note.clone().map(|note| Problem::new(note, "see that the right file is used"));
        let read =
            path.map_or_else(|| Self::parse("", Path::new("built-in defaults")), |path| Self::read(&path));
        let mut config = read.map_err(|mut failure| {
            failure.problems.extend(problem);
            failure
        })?;
        config.warnings.extend(note);
        Ok(config)
    }

    /// Reads the file that a running program was started with again, or else the system's, or else the defaults.
    pub fn reload(started_with: Option<&Path>) -> Result<Self, Failure> {
        match started_with.map(Path::to_owned).or_else(|| found::system().path) {
            Some(path) => Self::read(&path),
            None => Self::parse("", Path::new("built-in defaults")),
        }
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let text = plain_file::text(path, FileKind::Configuration).map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("cannot read the configuration {}: {error}", path.display()),
                plain_file::cure(&error, "name another with --config, or write one with `transload init`"),
            )
        })?;
        Ok(Self { file: Some(path.to_owned()), ..Self::parse(&text, path)? })
    }

    /// Direction and sides.
    pub fn scenario(&self) -> Scenario {
        let Migration { direction, enterprise, multiplatform, .. } = self.migration;
        Scenario { direction, enterprise, multiplatform }
    }

    /// The scenario by its name, such as `e2m/dhcp/dhcp`.
    pub fn scenario_name(&self) -> String {
        self.scenario().to_string()
    }

    /// Refuses scenarios that lack what phones need of others.
    ///
    /// # Errors
    /// At exit status 2: no call manager to send Enterprise phones to, or no way out to CDA.
    pub fn servable(&self) -> Result<(), Failure> {
        outside::servable(self)
    }

    /// What decides about phones, for a bench that phones reach at `server` and, over HTTP, at `http_port`.
    pub fn settings(&self, server: Ipv4Addr, http_port: u16) -> Settings {
        Settings {
            direction: self.migration.direction,
            call_managers: (self.migration.enterprise == EnterpriseSide::CallManager)
                .then(|| self.migration.call_managers.clone()),
            cda: self.migration.multiplatform == MultiplatformSide::Cda,
            admit: self.migration.admit,
            unknown_vid: self.migration.unknown_vid,
            way_back: self.migration.way_back,
            routes: self.migration.routes.clone(),
            probe: self.probe,
            timing: self.timing.clone(),
            server,
            http_port,
            registrar: self.registrar.enabled.then_some(self.registrar.listen),
            restart_hook: !self.hooks.restart.is_empty(),
            after: self.after.clone(),
        }
    }
}
