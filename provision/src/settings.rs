//! The parts of the configuration that decide about phones, already validated.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::after::{After, Home, Parameters};
use crate::load::{Direction, LoadName, Side};
use crate::options::Site;
use crate::roster::Entry;

/// Which phones take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admit {
    /// Every eligible phone that appears.
    Eligible,
    /// Only the roster's.
    Listed,
}

/// What to do with a phone whose VID decides and is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownVid {
    /// Hold it until the VID is known.
    Hold,
    /// Take it for the newest hardware that the route suits.
    Proceed,
}

/// Whether a phone needs a license to go back to Enterprise firmware. A phone that came over by transition firmware of
/// 11.3(3) or later, and whose page shows `WxC` as Transition Authorization Type, may go back without one (Cisco, release
/// notes of Multiplatform firmware 11.3(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayBack {
    /// Every phone does.
    License,
    /// A phone does not whose roster line has `WxC` in a column named Transition Authorization Type.
    ByType,
    /// None does.
    Free,
}

/// The roster's column of the type that a phone's page shows, in lower case.
const TYPE_COLUMNS: [&str; 3] = ["transition authorization type", "trans_auth_type", "trans auth type"];

/// How long each kind of silence is waited out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// A document named a load and no `.loads` request followed: the phone runs it already. Default 120 s.
    pub already_there: Duration,
    /// A transfer without a byte moving. Default 2 min.
    pub transfer_idle: Duration,
    /// From the last component to the next boot. Default 15 min.
    pub flash: Duration,
    /// From the crossing to the license being fetched, and from then to the belief that it was accepted. Default 35 min.
    pub license: Duration,
    /// A lease and no request for a file. Default 3 min.
    pub not_asking: Duration,
    /// How long a phone is left alone after it asked for something, before its own page is read. Default 5 s.
    pub quiet: Duration,
    /// A phone that was told to restart and has not asked for its configuration yet; twice as long each further
    /// time. Default 60 s.
    pub restart: Duration,
    /// Restarts that a phone is told of before it needs a hand. Default 3; 0 for none.
    pub restarts: u32,
    /// Failed attempts at one hop before the phone is stuck. Default 5.
    pub attempts: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            already_there: Duration::from_secs(120),
            transfer_idle: Duration::from_secs(120),
            flash: Duration::from_secs(15 * 60),
            license: Duration::from_secs(35 * 60),
            not_asking: Duration::from_secs(180),
            quiet: Duration::from_secs(5),
            restart: Duration::from_secs(60),
            restarts: 3,
            attempts: 5,
        }
    }
}

/// Everything that decides about phones, besides the catalog and the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which way.
    pub direction: Direction,
    /// The call managers that tell Enterprise phones what to load; `None` where this server does.
    pub call_managers: Option<Vec<Ipv4Addr>>,
    /// Cisco's redirection service (CDA) tells Multiplatform phones what to load, in place of this server.
    pub cda: bool,
    /// Who takes part.
    pub admit: Admit,
    /// What an unknown VID means.
    pub unknown_vid: UnknownVid,
    /// What the way back to Enterprise firmware takes.
    pub way_back: WayBack,
    /// Pinned routes by load family; otherwise planned.
    pub routes: BTreeMap<String, Vec<LoadName>>,
    /// Phones' own pages are read.
    pub probe: bool,
    /// Waiting times.
    pub timing: Timing,
    /// The address phones reach this server at.
    pub server: Ipv4Addr,
    /// The port of the HTTP file service that URLs name; 80 is left out of them.
    pub http_port: u16,
    /// The port that Enterprise phones are told to register at; none where there is no registrar.
    pub registrar: Option<u16>,
    /// There is a program that cuts a phone's power.
    pub restart_hook: bool,
    /// What a finished phone is told.
    pub after: After,
}

impl Settings {
    /// Every setting at its default, for a server at this address.
    pub fn new(direction: Direction, server: Ipv4Addr) -> Self {
        Self {
            direction,
            call_managers: None,
            cda: false,
            admit: Admit::Eligible,
            unknown_vid: UnknownVid::Hold,
            way_back: WayBack::License,
            routes: BTreeMap::new(),
            probe: true,
            timing: Timing::default(),
            server,
            http_port: 80,
            registrar: Some(5060),
            restart_hook: false,
            after: After::default(),
        }
    }

    /// Who serves the phones of each side.
    pub fn site(&self) -> Site {
        Site {
            call_managers: self.call_managers.clone(),
            cda: self.cda,
            home: self.after.all.call_manager.clone(),
        }
    }

    /// Whether the phone of a roster line goes back to Enterprise firmware without a license.
    pub fn goes_back_free(&self, entry: Option<&Entry>) -> bool {
        let has_type = |entry: &Entry| {
            let value = TYPE_COLUMNS.iter().find_map(|column| entry.more.get(*column));
            value.is_some_and(|value| value.trim().eq_ignore_ascii_case("wxc"))
        };
        self.direction == Direction::M2e
            && match self.way_back {
                WayBack::License => false,
                WayBack::ByType => entry.is_some_and(has_type),
                WayBack::Free => true,
            }
    }

    /// Whether somebody else tells phones of this side what to load.
    pub fn steered_outside(&self, side: Side) -> bool {
        match side {
            Side::Enterprise => self.call_managers.is_some(),
            Side::Multiplatform => self.cda,
        }
    }
}
