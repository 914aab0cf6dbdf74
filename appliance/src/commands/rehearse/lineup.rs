//! The phones of a rehearsal: one of each model of the procedure, or those of a roster.

use std::collections::BTreeMap;
use std::time::Duration;

use transload_phone::{ClientId, PageQuirk, Quirks, Registers, Spec, VendorClass};
use transload_provision::catalog::{Catalog, Model, Vid};
use transload_provision::load::{Direction, LoadName};
use transload_provision::mac::Mac;
use transload_provision::roster::Entry;

use super::folder::Firmware;
use crate::system::error::{Exit, Failure};

/// The eligible models of the 2019 procedure.
pub(super) const ELIGIBLE: [&str; 12] =
    ["7811", "7821", "7832", "7841", "7861", "8811", "8832", "8841", "8845", "8851", "8861", "8865"];
/// Phones that must not migrate, with their VIDs.
pub(super) const INELIGIBLE: [(&str, u8); 3] = [("8821", 5), ("8831", 5), ("7821", 1)];
/// The VID of generated phones: old enough for the loads of 2019, new enough to migrate.
const VID: u8 = 5;
/// An OUI of phones of these series.
const OUI: [u8; 3] = [0x00, 0x56, 0x2b];

/// A phone, and its roster line.
#[derive(Debug, Clone)]
pub struct Player {
    /// The phone.
    pub spec: Spec,
    /// Its VID, if the roster has it.
    pub listed_vid: Option<Vid>,
    /// Its load, if the roster has it.
    pub listed_load: Option<LoadName>,
    /// The roster says that CDA has the phone assigned. For other phones the operator says so when they wait.
    pub attested: bool,
}

/// One phone of each model, or a given number in turn, with ineligible ones last.
pub fn made_up(
    count: Option<usize>,
    direction: Direction,
    catalog: &Catalog,
    firmware: &Firmware,
) -> Vec<Player> {
    let ineligible: &[(&str, u8)] = if direction == Direction::E2m { &INELIGIBLE } else { &[] };
    let count = count.unwrap_or(ELIGIBLE.len() + ineligible.len());
    let rest = if count >= ELIGIBLE.len() + ineligible.len() { ineligible } else { &[] };
    let eligible = ELIGIBLE.iter().map(|model| (*model, VID)).cycle().take(count - rest.len());
    let models =
        eligible.chain(rest.iter().copied()).filter_map(|(name, vid)| Some((catalog.model(name)?, vid)));
    models
        .zip(1..)
        .filter_map(|((model, vid), index)| {
            let [_, high, middle, low] = u32::to_be_bytes(index);
            let mac = Mac([OUI[0], OUI[1], OUI[2], high, middle, low]);
            let load = first_load(model, direction)?;
            Some(Player {
                spec: spec(index, mac, model, vid, load, firmware),
                listed_vid: Some(Vid(vid)),
                listed_load: None,
                attested: index % 2 == 0,
            })
        })
        .collect()
}

/// The phones of a roster. Missing values are invented and not told to the appliance.
pub fn listed(
    entries: &[Entry],
    direction: Direction,
    catalog: &Catalog,
    firmware: &Firmware,
) -> Result<Vec<Player>, Failure> {
    let player = |(entry, index): (&Entry, u32)| {
        let name = entry.model.as_deref().unwrap_or_default();
        let unknown = || {
            Failure::new(
                Exit::Usage,
                format!("roster line {}: {} has no model that is in the catalog", entry.line, entry.mac),
                "write its model, such as 8851: a virtual phone has to be of one",
            )
        };
        let model = catalog.model(name).ok_or_else(unknown)?;
        let load = entry.load.clone().or_else(|| first_load(model, direction)).ok_or_else(unknown)?;
        let vid = entry.vid.map_or(VID, |vid| vid.0);
        Ok(Player {
            spec: spec(index, entry.mac, model, vid, load, firmware),
            listed_vid: entry.vid,
            listed_load: entry.load.clone(),
            attested: entry.cda,
        })
    };
    entries.iter().zip(1..).map(player).collect()
}

/// The first load of a phone without a listed one: older than the first load of the procedure.
pub(super) fn first_load(model: &Model, direction: Direction) -> Option<LoadName> {
    let family = model.family.clone().unwrap_or_else(|| format!("sip{}", model.name));
    let version = match (direction, model.family.is_some()) {
        (Direction::E2m, true) => "11-7-1-17",
        (Direction::M2e, true) => "11-2-3MPP-398",
        (_, false) => "10-3-1-16",
    };
    format!("{family}.{version}").parse().ok()
}

pub(super) fn spec(
    index: u32,
    mac: Mac,
    model: &Model,
    vid: u8,
    load: LoadName,
    firmware: &Firmware,
) -> Spec {
    let platforms = model.family.as_ref().map(|family| firmware.platforms(family)).unwrap_or_default();
    let platform = platforms.get(index as usize % platforms.len().max(1)).cloned();
    Spec {
        index,
        mac,
        model: model.name.clone(),
        id: model.id.unwrap_or_default(),
        pn: model.pn.first().cloned().unwrap_or_else(|| format!("CP-{}-3PCC", model.name)),
        psn: model.psn.first().cloned().unwrap_or_else(|| format!("{}-3PCC", model.name)),
        vid,
        serial: format!("FCH{index:08}"),
        platform: platform.unwrap_or_else(|| "PLATFORM_1".to_owned()),
        load,
        production_address: (index % 4 == 2).then(|| std::net::Ipv4Addr::new(192, 0, 2, index as u8)),
        parameters: BTreeMap::new(),
        boot: Duration::from_secs(40),
        flash: Duration::from_secs(60),
        quirks: quirks(index),
    }
}

/// The roster that the appliance gets.
pub fn roster<'a>(players: impl IntoIterator<Item = &'a Player>) -> String {
    let line = |player: &Player| {
        let vid = player.listed_vid.map(|vid| vid.to_string()).unwrap_or_default();
        let load = player.listed_load.as_ref().map(LoadName::to_string).unwrap_or_default();
        let cda = if player.attested { "yes" } else { "" };
        format!("{},{},{vid},{load},{cda}\n", player.spec.mac, player.spec.model)
    };
    players.into_iter().map(line).fold("MAC,model,vid,load,cda\n".to_owned(), |roster, line| roster + &line)
}

/// Varies uncertain properties between phones, so that each variant is tried.
pub(super) fn quirks(index: u32) -> Quirks {
    Quirks {
        vendor_class: match index % 6 {
            3 => VendorClass::Absent,
            4 => VendorClass::Long,
            5 => VendorClass::Tr069,
            _ => VendorClass::Bare,
        },
        enterprise_nul: index % 3 == 1,
        client_id: match index % 5 {
            1 => ClientId::Changes,
            2 => ClientId::Absent,
            _ => ClientId::Mac,
        },
        host_name: index.is_multiple_of(2),
        broadcast: index % 5 == 3,
        asks_again: Some(Duration::from_secs(if index % 4 == 2 { 15 } else { 45 })),
        http_first: index % 7 != 3,
        tftp_after_not_found: index % 9 == 4,
        leading_slash: index % 2 == 1,
        page: match index % 6 {
            1 => PageQuirk::Off,
            2 => PageQuirk::WithoutUdi,
            _ => PageQuirk::Whole,
        },
        tftp_block_size: (index % 4 == 3).then_some(1428),
        keeps_components: index % 2 == 1,
        registers: match index % 8 {
            2 | 5 => Registers::Udp,
            7 => Registers::Never,
            _ => Registers::Tcp,
        },
        old_alarm: index % 6 == 4,
        refuses_restart: index % 16 == 9,
        retries_failed_upgrade: index % 4 == 1,
        ..Quirks::default()
    }
}
