//! Exports tables and AXL requests for a call manager that moves Enterprise phones: load and load server of each phone,
//! for each hop.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use transload_provision::documents::{product_specific, reset_phone, update_phone};
use transload_provision::load::{LoadName, Side};
use transload_provision::mac::Mac;

use super::{ExportFiles, ahead, file_server, text, write, written};
use crate::bench::views::phone::{HoldCode, License, PhoneView, Stage};
use crate::commands::status;
use crate::config::{Config, MultiplatformSide};
use crate::state::state_folder;
use crate::system::error::{Exit, Failure};

/// A route has two or three hops on the Enterprise side. Leftover files up to this hop are removed.
const MOST_HOPS: usize = 8;

/// The loads that a phone's call manager must name, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallManagerPlan {
    pub mac: Mac,
    /// Never empty; the last load crosses.
    pub loads: Vec<LoadName>,
}

/// Plans for the phones that a call manager can move, and the number of other held phones. `may_cross` tells whether
/// CDA is ready for a phone; other phones stop before the crossing.
pub fn plans(phones: &[PhoneView], may_cross: impl Fn(Mac) -> bool) -> (Vec<CallManagerPlan>, usize) {
    let outside = |phone: &PhoneView| {
        let code = phone.hold.as_ref().map(|hold| hold.code);
        matches!(code, None | Some(HoldCode::WaitingOutside | HoldCode::NotAsking | HoldCode::NeedsRestart))
    };
    let mut left_out = 0;
    let mut plans = Vec::new();
    for phone in phones.iter().filter(|phone| phone.stage != Stage::Done) {
        let mut loads = ahead_of_crossing(phone);
        if !may_cross(phone.mac) {
            loads.pop();
        }
        if loads.is_empty() && phone.route.is_empty() || !outside(phone) || phone.license == License::Absent {
            left_out += 1;
        } else if !loads.is_empty() {
            plans.push(CallManagerPlan { mac: phone.mac, loads });
        }
    }
    (plans, left_out)
}

/// The loads that remain on the Enterprise side, up to the crossing.
fn ahead_of_crossing(phone: &PhoneView) -> Vec<LoadName> {
    let side = |load: &LoadName| load.kind().side();
    let far = |load: &String| load.parse().is_ok_and(|load: LoadName| side(&load) == Side::Multiplatform);
    if phone.load.as_ref().is_some_and(far) {
        return Vec::new();
    }
    let ahead = ahead(phone);
    let Some(crossing) = ahead.iter().position(|load| side(load) == Side::Multiplatform) else {
        return Vec::new();
    };
    // A route that starts beyond the crossing never was on the Enterprise side.
    if crossing == 0 && phone.load.is_none() {
        return Vec::new();
    }
    ahead.into_iter().take(crossing + 1).collect()
}

/// Writes tables and requests for each hop.
pub fn run(config: &Config, output: &Path, schema: &str) -> Result<(), Failure> {
    let roster = state_folder::roster(&config.bench.state)?.entries;
    let attested: BTreeSet<Mac> = roster.iter().filter(|entry| entry.cda).map(|entry| entry.mac).collect();
    let cda = config.migration.multiplatform == MultiplatformSide::Cda;
    let (plans, left_out) = plans(&status::phones(config)?, |mac| !cda || attested.contains(&mac));
    let server = file_server(config)?.address;
    let files = files(&plans, server, schema).map_err(|error| {
        Failure::new(Exit::Usage, error.to_string(), "name an AXL schema such as 14.0 with --schema")
    })?;
    write(output, &files)?;
    let mut lines = vec![format!("{} phones to be moved by their call manager", plans.len())];
    if left_out > 0 {
        lines.push(format!(
            "{left_out} phones are left out, because they would be refused: see `transload status` and `transload check`"
        ));
    }
    lines.extend(written(output, &files));
    if !plans.is_empty() {
        lines.push(
            "Enter hop 1 and reset these phones; when `transload status` shows them waiting outside, export again."
                .to_owned(),
        );
    }
    println!("{}", lines.join("\n"));
    Ok(())
}

fn files(
    plans: &[CallManagerPlan],
    server: Ipv4Addr,
    schema: &str,
) -> Result<ExportFiles, transload_provision::documents::DocumentError> {
    let line = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let product_specific = line(product_specific(server)?);
    let name = |hop: usize, rest: &str| PathBuf::from(format!("call-manager-hop-{hop}{rest}"));
    let most = plans.iter().map(|plan| plan.loads.len()).max().unwrap_or(0);
    let mut files = vec![(PathBuf::from("call-manager.csv"), overview(plans, server, most))];
    for hop in 1..=most.max(MOST_HOPS) {
        let steps: Vec<(Mac, &LoadName)> =
            plans.iter().filter_map(|plan| Some((plan.mac, plan.loads.get(hop - 1)?))).collect();
        // The columns of the bulk administration guide, which puts the product-specific part in XML.
        let rows: Vec<String> =
            steps.iter().map(|(mac, load)| format!("SEP{mac},{load},\"{product_specific}\"")).collect();
        let table = text(&rows).map(|rows| format!("Device Name,Phone Load Name,XML\n{rows}"));
        let updates = steps.iter().map(|(mac, load)| update_phone(*mac, load, server, schema).map(line));
        let resets = steps.iter().map(|(mac, _)| reset_phone(*mac, schema).map(line));
        files.push((name(hop, ".csv"), table));
        files.push((name(hop, "-update.axl"), text(&updates.collect::<Result<Vec<_>, _>>()?)));
        files.push((name(hop, "-reset.axl"), text(&resets.collect::<Result<Vec<_>, _>>()?)));
    }
    Ok(files)
}

/// The routes of all phones.
fn overview(plans: &[CallManagerPlan], server: Ipv4Addr, most: usize) -> Option<String> {
    let heading = ["Device Name".to_owned(), "Load Server".to_owned()];
    let hops = (1..=most).map(|hop| format!("Phone Load Name {hop}"));
    let heading = heading.into_iter().chain(hops).collect::<Vec<_>>().join(",");
    let row = |plan: &CallManagerPlan| {
        let load = |hop: usize| plan.loads.get(hop).map(ToString::to_string).unwrap_or_default();
        let cells = [format!("SEP{}", plan.mac), server.to_string()];
        cells.into_iter().chain((0..most).map(load)).collect::<Vec<_>>().join(",")
    };
    text(&plans.iter().map(row).collect::<Vec<_>>()).map(|rows| format!("{heading}\n{rows}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tests::phone;
    use super::*;
    use crate::bench::views::phone::HoldView;

    const FLOOR: &str = "sip88xx.12-5-1SR1-4";
    const E2M: &str = "sip88xx.TLexE2M-11-2-3C-4";
    const MPP: &str = "sip88xx.11-2-3MPP-398";
    const PRODUCT_SPECIFIC: &str = "\"<vendorConfig><webAccess>0</webAccess><loadServer>10.23.45.67</loadServer>\
                                    <peerFirmwareSharing>0</peerFirmwareSharing></vendorConfig>\"";

    #[test]
    fn every_phone_is_told_hop_by_hop_from_where_it_is() {
        let held = HoldView {
            code: HoldCode::NoLicense,
            cause: "a".to_owned(),
            cure: "b".to_owned(),
            actions: Vec::new(),
        };
        let phones = [
            phone("001122334401", None, &[FLOOR, E2M, MPP]),
            phone("001122334402", Some(FLOOR), &["sip88xx.11-7-1-17", FLOOR, E2M, MPP]),
            // A phone beyond the crossing, a done phone, one without a route, one without a license.
            phone("001122334403", Some(E2M), &[FLOOR, E2M, MPP]),
            PhoneView { stage: Stage::Done, ..phone("001122334404", Some(MPP), &[MPP]) },
            phone("001122334405", None, &[]),
            PhoneView { hold: Some(held), ..phone("001122334406", None, &[FLOOR, E2M, MPP]) },
        ];
        let second: Mac = phones[1].mac;
        let (waiting, _) = plans(&phones, |mac| mac != second);
        assert_eq!(waiting.iter().map(|plan| plan.loads.len()).collect::<Vec<_>>(), [2]);
        let (plans, left_out) = plans(&phones, |_| true);
        assert_eq!((plans.len(), left_out), (2, 2));
        let files: BTreeMap<String, Option<String>> = files(&plans, Ipv4Addr::new(10, 23, 45, 67), "14.0")
            .unwrap()
            .into_iter()
            .map(|(name, text)| (name.display().to_string(), text))
            .collect();
        let text = |name: &str| files[name].as_deref();
        assert_eq!(
            text("call-manager.csv"),
            Some(
                "Device Name,Load Server,Phone Load Name 1,Phone Load Name 2\n\
                 SEP001122334401,10.23.45.67,sip88xx.12-5-1SR1-4,sip88xx.TLexE2M-11-2-3C-4\n\
                 SEP001122334402,10.23.45.67,sip88xx.TLexE2M-11-2-3C-4,\n"
            )
        );
        let table: Vec<&str> = text("call-manager-hop-1.csv").unwrap().lines().collect();
        assert_eq!(
            table,
            [
                "Device Name,Phone Load Name,XML".to_owned(),
                format!("SEP001122334401,{FLOOR},{PRODUCT_SPECIFIC}"),
                format!("SEP001122334402,{E2M},{PRODUCT_SPECIFIC}"),
            ]
        );
        let second = text("call-manager-hop-2-update.axl").unwrap();
        assert!(second.lines().count() == 1 && second.contains("SEP001122334401") && second.contains(E2M));
        assert_eq!(text("call-manager-hop-1-reset.axl").unwrap().lines().count(), 2);
        assert_eq!(text("call-manager-hop-3.csv"), None);
    }
}
