//! The configuration as a user writes it, section by section. Everything may be left out.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use toml::{Spanned, Value};
use transload_dhcp::config::RelayInformation;
use transload_provision::load::{Direction, LoadName};
use transload_provision::mac::Mac;
use transload_provision::options::Pattern;

use super::values::{Hex, Oui, Prefix, Ranges, Rate, Text};
use super::{CatalogChoice, DhcpAdmit, EnterpriseSide, MultiplatformSide, OnForeign};

/// DHCP options by field name or number, with where each stands.
pub type Options = BTreeMap<Spanned<String>, Spanned<Value>>;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    pub bench: Bench,
    pub migration: Migration,
    pub dhcp: Dhcp,
    pub files: Files,
    pub registrar: Registrar,
    pub probe: Probe,
    pub admin: Admin,
    pub after: After,
    pub hooks: Hooks,
    pub timing: Timing,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bench {
    pub interface: Option<Spanned<String>>,
    pub allow_default_route: bool,
    pub address: Option<Spanned<Text<Prefix>>>,
    pub state: Option<PathBuf>,
    pub catalog: Option<CatalogChoice>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Migration {
    pub direction: Option<Direction>,
    pub enterprise: Option<EnterpriseSide>,
    pub multiplatform: Option<MultiplatformSide>,
    pub call_manager: Vec<Text<Ipv4Addr>>,
    pub admit: Option<MigrationAdmit>,
    pub unknown_vid: Option<UnknownVid>,
    pub way_back: Option<WayBack>,
    pub routes: BTreeMap<Spanned<String>, Spanned<Vec<Text<LoadName>>>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationAdmit {
    Eligible,
    Listed,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownVid {
    Hold,
    Proceed,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayBack {
    License,
    ByType,
    Free,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dhcp {
    pub enabled: Option<bool>,
    pub pool: Option<Spanned<Ranges>>,
    pub exclude: Option<Spanned<Ranges>>,
    pub lease: Option<Spanned<Text<Duration>>>,
    pub renewal_time: Option<Spanned<Text<Duration>>>,
    pub rebinding_time: Option<Spanned<Text<Duration>>>,
    pub decline_rest: Option<Spanned<Text<Duration>>>,
    pub admit: Option<DhcpAdmit>,
    pub authoritative: Option<bool>,
    pub relay_information: Option<RelayInformation>,
    pub conflict_probe: Option<bool>,
    pub on_foreign: Option<OnForeign>,
    pub options: Options,
    pub next_server: Option<Text<Ipv4Addr>>,
    pub server_name: Option<Spanned<String>>,
    pub boot_file: Option<Spanned<String>>,
    pub network: Vec<Spanned<Network>>,
    pub class: Vec<Spanned<Class>>,
    pub reservation: Vec<Spanned<Reservation>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Network {
    pub interface: Option<Spanned<String>>,
    pub address: Option<Spanned<Text<Prefix>>>,
    pub subnet: Option<Spanned<Text<Prefix>>>,
    pub pool: Option<Spanned<Ranges>>,
    pub exclude: Option<Spanned<Ranges>>,
    pub lease: Option<Spanned<Text<Duration>>>,
    pub renewal_time: Option<Spanned<Text<Duration>>>,
    pub rebinding_time: Option<Spanned<Text<Duration>>>,
    pub relay_information: Option<RelayInformation>,
    pub options: Options,
    pub next_server: Option<Text<Ipv4Addr>>,
    pub server_name: Option<Spanned<String>>,
    pub boot_file: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[allow(clippy::struct_field_names, reason = "vendor class is the standard's term")]
pub struct Class {
    pub name: Option<String>,
    pub vendor_class: Option<Text<Pattern>>,
    pub oui: Vec<Text<Oui>>,
    pub options: Options,
    pub next_server: Option<Text<Ipv4Addr>>,
    pub server_name: Option<Spanned<String>>,
    pub boot_file: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reservation {
    pub mac: Option<Spanned<Text<Mac>>>,
    pub client_id: Option<Spanned<Text<Hex>>>,
    pub address: Option<Spanned<Text<Ipv4Addr>>>,
    pub options: Options,
    pub next_server: Option<Text<Ipv4Addr>>,
    pub server_name: Option<Spanned<String>>,
    pub boot_file: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Files {
    pub http: Option<Spanned<Vec<u16>>>,
    pub tftp: Option<Spanned<u16>>,
    pub rollover: Option<Spanned<u16>>,
    pub rate_limit: Option<Spanned<Text<Rate>>>,
    pub max_transfers: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Registrar {
    pub enabled: Option<Spanned<bool>>,
    pub listen: Option<Spanned<u16>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Probe {
    pub enabled: Option<Spanned<bool>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    pub listen: Option<Spanned<Text<SocketAddr>>>,
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct After {
    pub profile: BTreeMap<Spanned<String>, Spanned<String>>,
    pub call_manager: Vec<Text<Ipv4Addr>>,
    pub model: BTreeMap<Spanned<String>, Home>,
    pub mac: BTreeMap<Spanned<Text<Mac>>, Home>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Home {
    pub profile: BTreeMap<Spanned<String>, Spanned<String>>,
    pub call_manager: Vec<Text<Ipv4Addr>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hooks {
    pub restart: Option<Spanned<Vec<String>>>,
    pub stage: Option<Spanned<Vec<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Timing {
    pub already_there: Option<Spanned<Text<Duration>>>,
    pub transfer_idle: Option<Spanned<Text<Duration>>>,
    pub flash: Option<Spanned<Text<Duration>>>,
    pub license: Option<Spanned<Text<Duration>>>,
    pub not_asking: Option<Spanned<Text<Duration>>>,
    pub quiet: Option<Spanned<Text<Duration>>>,
    pub restart: Option<Spanned<Text<Duration>>>,
    pub restarts: Option<u32>,
    pub attempts: Option<Spanned<u32>>,
}
