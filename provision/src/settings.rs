//! The validated part of the configuration that decides about phones.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::after::{After, Home, Parameters};
use crate::load::{Direction, LoadName, Side};
use crate::options::Site;
use crate::roster::Entry;

/// The phones that take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admit {
    /// Every eligible phone that appears.
    Eligible,
    /// The phones of the roster only.
    Listed,
}

/// The treatment of a phone whose VID decides and is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownVid {
    /// Hold it until the VID is known.
    Hold,
    /// Assume the newest hardware that the route suits.
    Proceed,
}

/// The license rule for the way back to Enterprise firmware. A phone that came over by transition firmware of 11.3(3)
/// or later, and whose page shows `WxC` as Transition Authorization Type, may go back without a license (Cisco,
/// release notes of Multiplatform firmware 11.3(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayBack {
    /// Every phone needs a license.
    License,
    /// A phone needs none if its roster line has `WxC` in a column named Transition Authorization Type.
    ByType,
    /// No phone needs a license.
    Free,
}

/// The roster columns for the type that a phone's page shows, in lower case.
const TYPE_COLUMNS: [&str; 3] = ["transition authorization type", "trans_auth_type", "trans auth type"];

/// Waiting times of the decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// From a document that names a load, without a `.loads` request: the phone already runs the load. Default 120 s.
    pub already_there: Duration,
    /// A transfer without a moving byte. Default 2 min.
    pub transfer_idle: Duration,
    /// From the last component to the next boot. Default 15 min.
    pub flash: Duration,
    /// From the crossing to the license request, and from there to the conclusion that the license was accepted.
    /// Default 35 min.
    pub license: Duration,
    /// A lease without a file request. Default 3 min.
    pub not_asking: Duration,
    /// From a phone's last request to the reading of its web page. Default 5 s.
    pub quiet: Duration,
    /// From a restart order to the phone's configuration request; doubled each further time. Default 60 s.
    pub restart: Duration,
    /// Restart orders before a phone needs a hand. Default 3; 0 for none.
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

/// All inputs of decisions besides the catalog and the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The direction.
    pub direction: Direction,
    /// The call managers that tell Enterprise phones their loads; `None` if this server does.
    pub call_managers: Option<Vec<Ipv4Addr>>,
    /// Cisco's redirection service (CDA) tells Multiplatform phones their loads, in place of this server.
    pub cda: bool,
    /// The phones that take part.
    pub admit: Admit,
    /// The treatment of an unknown VID.
    pub unknown_vid: UnknownVid,
    /// The license rule for the way back to Enterprise firmware.
    pub way_back: WayBack,
    /// Pinned routes by load family; other routes are planned.
    pub routes: BTreeMap<String, Vec<LoadName>>,
    /// The phones' web pages are read.
    pub probe: bool,
    /// Waiting times.
    pub timing: Timing,
    /// This server's address as phones reach it.
    pub server: Ipv4Addr,
    /// The HTTP port in URLs; 80 is left out of them.
    pub http_port: u16,
    /// The registrar's port for Enterprise phones; `None` without a registrar.
    pub registrar: Option<u16>,
    /// A hook exists that cuts a phone's power.
    pub restart_hook: bool,
    /// The settings of finished phones.
    pub after: After,
}

impl Settings {
    /// All settings at their defaults, for a server at this address.
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

    /// The servers of each side's phones.
    pub fn site(&self) -> Site {
        Site {
            call_managers: self.call_managers.clone(),
            cda: self.cda,
            home: self.after.all.call_manager.clone(),
        }
    }

    /// True if the phone of a roster line goes back to Enterprise firmware without a license.
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

    /// True if a call manager or CDA tells phones of this side their loads.
    pub fn steered_outside(&self, side: Side) -> bool {
        match side {
            Side::Enterprise => self.call_managers.is_some(),
            Side::Multiplatform => self.cda,
        }
    }
}
