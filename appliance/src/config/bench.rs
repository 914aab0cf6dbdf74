//! `[bench]`: the box.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::key::Mistake;
use super::section::Section;
use super::values::{Prefix, Text};

/// The box.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchSection {
    /// The staging interface.
    pub interface: Option<String>,
    /// Whether the staging interface may have the default route.
    pub allow_default_route: bool,
    /// The bench's own address. Without it, the interface's address counts.
    pub address: Option<Prefix>,
    /// The folder of ledger, firmware, licenses and roster.
    pub state: PathBuf,
    /// The catalog of models and rules.
    pub catalog: CatalogChoice,
}

/// A catalog that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatalogChoice {
    /// The newest facts.
    Current,
    /// Cisco's list of April 2019.
    #[serde(rename = "seed-2019")]
    Seed2019,
}

pub(super) fn read(s: &mut Section<'_>) -> BenchSection {
    BenchSection {
        interface: s
            .key("interface")
            .text(
                "The interface to the staging VLAN; `transload serve --interface` says it too. It is refused if the default route
                 goes through it, unless allow-default-route = true.",
            )
            .check(interface_name)
            .at_restart(|a, b| a.bench.interface == b.bench.interface)
            .optional(r#""eth1""#),
        allow_default_route: s.key("allow-default-route").optional("false").unwrap_or(false),
        address: s
            .key("address")
            .text("The box's address there; the interface's own if left out.")
            .check(own_address)
            .at_restart(|a, b| a.bench.address == b.bench.address)
            .optional(r#""10.23.45.67/24""#)
            .map(|Text(address)| address),
        state: s
            .key("state")
            .text("ledger.db, firmware/, licenses/e2m/, licenses/m2e/, roster.csv, catalog.toml and extra/ lie under it.")
            .at_restart(|a, b| a.bench.state == b.bench.state)
            .or("/var/lib/transload".into()),
        catalog: s
            .key("catalog")
            .text(r#"Which phones are eligible: "current", or "seed-2019" for Cisco's list of April 2019."#)
            .or(CatalogChoice::Current),
    }
}

/// Checks the name of an interface.
pub(super) fn interface_name(name: &String) -> Option<Mistake> {
    let valid = (1..16).contains(&name.len()) && !name.contains(['/', ' ', '\0', '\n']);
    let mistake =
        || Mistake::new(format!("{name:?} is no interface's name"), "write a name that `ip link` shows");
    (!valid).then(mistake)
}

/// Checks an address of the box.
pub(super) fn own_address(Text(address): &Text<Prefix>) -> Option<Mistake> {
    let valid = (8..=30).contains(&address.length) && address.has_host(address.address);
    let mistake = || {
        Mistake::new(
            format!("{address} is not a host's address in a network with room for phones"),
            r#"write the box's own address, such as "10.23.45.67/24""#,
        )
    };
    (!valid).then(mistake)
}
