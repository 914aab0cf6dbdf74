//! `[migration]`: direction, admission and pinned routes, and what tells phones their load.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use transload_provision::load::{Direction, LoadName};
use transload_provision::settings::{Admit, UnknownVid, WayBack};

use super::section::Section;
use super::values::{Text, plain};

/// Direction, admission and pinned routes, and what tells phones of each side their load.
#[derive(Debug, Clone, PartialEq)]
pub struct MigrationSection {
    /// The direction of the migration.
    pub direction: Direction,
    /// The source of loads for Enterprise phones.
    pub enterprise: EnterpriseSide,
    /// The source of loads for Multiplatform phones.
    pub multiplatform: MultiplatformSide,
    /// Option 150 for Enterprise phones whose loads a call manager names.
    pub call_managers: Vec<Ipv4Addr>,
    /// Which phones migrate.
    pub admit: Admit,
    /// The treatment of a phone whose VID is unknown.
    pub unknown_vid: UnknownVid,
    /// What a phone needs to go back to Enterprise firmware.
    pub way_back: WayBack,
    /// Pinned routes by load family.
    pub routes: BTreeMap<String, Vec<LoadName>>,
}

/// The source of loads for Enterprise phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnterpriseSide {
    /// This program, found by DHCP options 66 and 150.
    Dhcp,
    /// A call manager.
    CallManager,
}

/// The source of loads for Multiplatform phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MultiplatformSide {
    /// This program, found by DHCP options 159 and 160.
    Dhcp,
    /// Cisco's redirection service.
    Cda,
}

/// Direction and sources of loads, as in `e2m/dhcp/cda`. `m2e/dhcp` names the Multiplatform side alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// The direction of the migration.
    pub direction: Direction,
    /// The source of loads for Enterprise phones.
    pub enterprise: EnterpriseSide,
    /// The source of loads for Multiplatform phones.
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

pub(super) fn read(s: &mut Section<'_>) -> MigrationSection {
    MigrationSection {
        direction: s
            .key("direction")
            .text(r#""e2m": Enterprise to Multiplatform firmware. "m2e": back."#)
            .or(Direction::E2m),
        enterprise: s
            .key("enterprise")
            .text(
                r#"Who tells phones of each side which load to run. "dhcp": this program. "call-manager": what `transload export call-manager`
                writes is entered there, and this is its load server. "cda": Cisco's redirection service, with the profiles of `transload
                export cda`; it needs options router, dns and ntp under [dhcp] that let phones out."#,
            )
            .or(EnterpriseSide::Dhcp),
        multiplatform: s.key("multiplatform").or(MultiplatformSide::Dhcp),
        call_managers: s
            .key("call-manager")
            .text(r#"The call managers that Enterprise phones are sent to where enterprise = "call-manager"."#)
            .optional(r#"["192.0.2.10"]"#)
            .map(plain)
            .unwrap_or_default(),
        admit: s
            .key("admit")
            .text(r#""eligible": every eligible phone that appears. "listed": only those of roster.csv."#)
            .or(Admit::Eligible),
        unknown_vid: s
            .key("unknown-vid")
            .text(r#"A phone whose hardware version decides and is not known: "hold" it, or "proceed"."#)
            .or(UnknownVid::Hold),
        way_back: s
            .key("way-back")
            .text(
                r#"What a phone needs to go back to Enterprise firmware: a "license"; "by-type", no license where the roster's column
                Transition Authorization Type says WxC; or nothing ("free"). A phone that came over by transition firmware of 11.3(3) or
                later may need none; its page shows that type."#,
            )
            .or(WayBack::License),
        routes: routes(s),
    }
}

type WrittenRoutes = BTreeMap<Spanned<String>, Spanned<Vec<Text<LoadName>>>>;

fn routes(s: &mut Section<'_>) -> BTreeMap<String, Vec<LoadName>> {
    let written: Option<WrittenRoutes> = s.key("routes").table(
        r#"# A route to be taken instead of the shortest one that the library allows.
        [migration.routes]
        #sip88xx = ["sip88xx.12-5-1SR1-4", "sip88xx.TLexE2M-11-2-3C-4", "sip88xx.11-2-3MPP-398"]"#,
    );
    let mut routes = BTreeMap::new();
    for (family, loads) in written.unwrap_or_default() {
        let (span, family) = (loads.span(), family.into_inner());
        let loads: Vec<LoadName> = loads.into_inner().into_iter().map(|Text(load)| load).collect();
        let foreign = loads.iter().find(|load| !load.family().eq_ignore_ascii_case(&family));
        if let Some(load) = foreign {
            let cause = format!("migration.routes.{family}: {load} is of another family");
            s.problem(span.clone(), &cause, format!("write it under {} = […]", load.family()));
        }
        if loads.is_empty() {
            let cause = format!("migration.routes.{family} names no load");
            let cure = "name the loads in order, or leave the key out to have the route planned";
            s.problem(span, &cause, cure);
        }
        routes.insert(family, loads);
    }
    routes
}
