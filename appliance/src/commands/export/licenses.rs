//! Exports missing licenses: MAC addresses for the License Registration Portal, and an order.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use transload_provision::catalog::{Catalog, Eligibility};
use transload_provision::license;
use transload_provision::load::Direction;
use transload_provision::mac::Mac;

use super::{ExportFiles, text, write, written};
use crate::bench::views::phone::{HoldCode, License, PhoneView, Stage};
use crate::commands::status;
use crate::config::Config;
use crate::state::state_folder;
use crate::system::error::Failure;

/// The licenses to order.
#[derive(Debug, Default, PartialEq, Eq)]
struct LicenseOrder {
    /// Phones by product.
    products: BTreeMap<String, Vec<Mac>>,
    /// Phones of unknown model.
    unknown: Vec<Mac>,
    /// Phones that cannot or must not be migrated.
    left_out: usize,
}

/// Writes a MAC list for each product, and the quantities.
pub fn run(config: &Config, output: &Path) -> Result<(), Failure> {
    let direction = config.migration.direction;
    let settings = config.settings(Ipv4Addr::UNSPECIFIED, 80);
    let entries = state_folder::roster(&config.bench.state)?.entries;
    let goes_free =
        |phone: &PhoneView| settings.goes_back_free(entries.iter().find(|entry| entry.mac == phone.mac));
    let mut phones = status::phones(config)?;
    phones.retain(|phone| !goes_free(phone));
    let wanted = wanted(&phones, direction, &state_folder::catalog(config)?);
    let files = files(&wanted, direction);
    write(output, &files)?;
    print!("{}", report(&wanted, direction, output, &files));
    Ok(())
}

fn wanted(phones: &[PhoneView], direction: Direction, catalog: &Catalog) -> LicenseOrder {
    let mut wanted = LicenseOrder::default();
    for phone in phones.iter().filter(|phone| phone.license == License::Absent && phone.stage != Stage::Done)
    {
        if phone.hold.as_ref().is_some_and(|hold| hold.code == HoldCode::NotListed)
            || !eligible(phone, direction, catalog)
        {
            wanted.left_out += 1;
            continue;
        }
        match phone.model.as_deref().and_then(|model| license::product(direction, model)) {
            Some(product) => wanted.products.entry(product).or_default().push(phone.mac),
            None => wanted.unknown.push(phone.mac),
        }
    }
    wanted
}

/// Whether a license could help. A phone of unknown model may be eligible.
fn eligible(phone: &PhoneView, direction: Direction, catalog: &Catalog) -> bool {
    let Some(name) = &phone.model else {
        return true;
    };
    let vid = phone.vid.as_ref().and_then(|vid| vid.parse().ok());
    catalog.model(name).is_some_and(|model| {
        matches!(
            catalog.eligibility(model, vid, direction),
            Eligibility::Eligible | Eligibility::DependsOnVid { .. }
        )
    })
}

/// Present licenses are on no list.
fn files(wanted: &LicenseOrder, direction: Direction) -> ExportFiles {
    let list = |macs: &[Mac]| text(&macs.iter().map(Mac::to_string).collect::<Vec<_>>());
    let file = |product: &str| PathBuf::from(format!("{}.txt", product.trim_end_matches('=')));
    let mut files = Vec::new();
    let mut order = Vec::new();
    for product in ["7800", "8800"].into_iter().filter_map(|model| license::product(direction, model)) {
        let macs = wanted.products.get(&product).map(Vec::as_slice).unwrap_or_default();
        if !macs.is_empty() {
            order.push(format!("{product},{},one for each phone", macs.len()));
        }
        files.push((file(&product), list(macs)));
    }
    let mut all: Vec<Mac> = wanted.products.values().flatten().chain(&wanted.unknown).copied().collect();
    all.sort_unstable();
    let flex = license::flex_product(direction);
    if !all.is_empty() {
        order.push(format!("{flex},{},in place of the others where users have a Flex plan", all.len()));
    }
    files.push((file(&flex), list(&all)));
    let order = text(&order).map(|rows| format!("product,quantity,note\n{rows}"));
    files.push((PathBuf::from(format!("licenses-to-order-{direction}.csv")), order));
    files
}

fn report(wanted: &LicenseOrder, direction: Direction, output: &Path, files: &ExportFiles) -> String {
    let mut lines: Vec<String> =
        wanted.products.iter().map(|(product, macs)| format!("{product}  {} phones", macs.len())).collect();
    if !wanted.unknown.is_empty() {
        lines.push(format!(
            "{} phones of unknown model are in the Flex list only; write their models into the roster",
            wanted.unknown.len()
        ));
    }
    if lines.is_empty() {
        lines.push(format!("No {direction} license is missing."));
    }
    if wanted.left_out > 0 {
        lines.push(format!("{} phones that cannot or shall not be migrated are left out", wanted.left_out));
    }
    lines.extend(written(output, files));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::views::phone::HoldView;

    fn phone(mac: &str, model: Option<&str>, license: License, code: Option<HoldCode>) -> PhoneView {
        let hold = code.map(|code| HoldView {
            code,
            cause: "a".to_owned(),
            cure: "b".to_owned(),
            actions: Vec::new(),
        });
        let stage = if hold.is_some() { Stage::Held } else { Stage::Absent };
        let model = model.map(str::to_owned);
        PhoneView { model, stage, license, hold, ..super::super::tests::phone(mac, None, &[]) }
    }

    #[test]
    fn what_is_missing_is_listed_by_product_and_nothing_else_is() {
        let phones = [
            phone("001122334401", Some("7841"), License::Absent, Some(HoldCode::NoLicense)),
            phone("001122334402", Some("8851"), License::Absent, None),
            phone("001122334403", Some("CP-8865-W-K9="), License::Absent, Some(HoldCode::FirmwareMissing)),
            phone("001122334404", Some("8851"), License::Present, None),
            phone("001122334405", Some("8821"), License::Absent, None),
            phone("001122334406", None, License::Absent, None),
            phone("001122334407", Some("8851-BEKEM"), License::Absent, None),
        ];
        let wanted = wanted(&phones, Direction::E2m, &Catalog::current());
        assert_eq!((wanted.left_out, wanted.unknown.len()), (2, 1));
        let files: BTreeMap<String, Option<String>> = files(&wanted, Direction::E2m)
            .into_iter()
            .map(|(name, text)| (name.display().to_string(), text))
            .collect();
        let text = |name: &str| files[name].as_deref();
        assert_eq!(text("L-CP-E2M-78XX-CNV.txt"), Some("001122334401\n"));
        assert_eq!(text("L-CP-E2M-88XX-CNV.txt"), Some("001122334402\n001122334403\n"));
        assert_eq!(text("L-CP-E2M-FLEX-CNV.txt").unwrap().lines().count(), 4);
        let order = text("licenses-to-order-e2m.csv").unwrap();
        assert!(
            order.contains("L-CP-E2M-88XX-CNV=,2,") && order.contains("L-CP-E2M-FLEX-CNV=,4,"),
            "{order}"
        );
    }

    #[test]
    fn where_nothing_is_missing_nothing_is_written() {
        let phones = [phone("001122334401", Some("7841"), License::Present, None)];
        let wanted = wanted(&phones, Direction::M2e, &Catalog::current());
        assert!(files(&wanted, Direction::M2e).iter().all(|(_, text)| text.is_none()));
    }
}
