//! Formats the report for people.

use transload_provision::load::Direction;
use transload_provision::mac::Mac;

use super::CheckReport;
use super::environment::EnvironmentCheck;
use super::phones::{LoadCheck, ModelCheck, ModelState, PhoneCheck};
use crate::bench::views::alike::{general, grouped, particular};
use crate::terminal::table;

/// Text that fits the terminal's width.
struct ReportPage {
    text: String,
    width: Option<usize>,
}

impl ReportPage {
    fn line(&mut self, line: &str) {
        self.text.push_str(&table::wrapped(line, self.width));
    }

    fn section(&mut self, title: &str) {
        self.line("");
        self.line(title);
    }

    fn list(&mut self, title: &str, lines: &[String]) {
        if !lines.is_empty() {
            self.section(title);
            for line in lines {
                self.line(&format!("  {line}"));
            }
        }
    }
}

/// Formats the report, with what needs action first.
pub(super) fn report(report: &CheckReport, direction: Direction, width: Option<usize>) -> String {
    let mut page = ReportPage { text: String::new(), width };
    page.line(&report.heading);
    environment(&mut page, &report.environment);
    phones(&mut page, report, direction);
    models(&mut page, &report.models);
    loads(&mut page, &report.loads);
    page.list("Files to look into", &report.notes.files);
    page.list("The roster; nothing is held for this", &report.notes.roster);
    page.list("Warnings; nothing is held for them", &report.notes.warnings);
    page.list("Before you begin", &report.notes.before);
    page.text
}

fn environment(page: &mut ReportPage, checks: &[EnvironmentCheck]) {
    page.section("The box");
    let said = |check: &&EnvironmentCheck| check.cause.is_some();
    for check in checks.iter().filter(said) {
        let mark = if check.ok { "note" } else { "WRONG" };
        page.line(&format!("  {mark}: {}: {}", check.check, check.cause.as_deref().unwrap_or_default()));
        page.line(&format!("    cure: {}", check.cure.as_deref().unwrap_or_default()));
    }
    let fine: Vec<&str> = checks.iter().filter(|check| !said(check)).map(|check| check.check).collect();
    page.line(&format!("  fine: {}", fine.join(", ")));
}

fn phones(page: &mut ReportPage, report: &CheckReport, direction: Direction) {
    if report.phones.is_empty() {
        page.section(&format!(
            "No roster. Licenses at hand for phones that appear: {}, in licenses/{direction}/",
            report.licenses
        ));
        return;
    }
    page.section(&format!("Phones of the roster: {} ready, {} held", report.ready, report.held));
    // Phones with equal holds, apart from their address, share one group.
    let held = grouped(report.phones.iter().filter_map(|phone| {
        let hold = phone.hold.as_ref()?;
        let general = |text: &str| general(text, phone.mac);
        Some(((hold.code, general(&hold.cause), &hold.actions), (phone, hold)))
    }));
    for ((code, cause, _), phones) in held {
        let Some((first, hold)) = phones.first() else { continue };
        let cure = general(&hold.cure, first.mac);
        let phones: Vec<&PhoneCheck> = phones.iter().map(|(phone, _)| *phone).collect();
        let macs: Vec<Mac> = phones.iter().map(|phone| phone.mac).collect();
        page.line(&format!("  {} held, {code}: {}", phones.len(), particular(&cause, &macs)));
        page.line(&format!("    cure: {}", particular(&cure, &macs)));
        kinds(page, &phones);
    }
    let later = grouped(report.phones.iter().filter_map(|phone| {
        let hold = phone.later.as_ref()?;
        Some(((hold.code, &hold.cause, &hold.actions), (phone, &hold.cure)))
    }));
    for ((code, cause, _), phones) in later {
        let Some((_, cure)) = phones.first() else { continue };
        let phones: Vec<&PhoneCheck> = phones.iter().map(|(phone, _)| *phone).collect();
        page.line(&format!("  {} ready, and held before they cross, {code}: {cause}", phones.len()));
        page.line(&format!("    cure: {cure}"));
        kinds(page, &phones);
    }
    let ready = report.phones.iter().filter(|phone| phone.hold.is_none());
    for (way, phones) in grouped(ready.map(|phone| (way(&phone.route), phone))) {
        page.line(&format!("  {} ready: {way}", phones.len()));
        kinds(page, &phones);
    }
}

/// Groups phones by model and hardware version.
fn kinds(page: &mut ReportPage, phones: &[&PhoneCheck]) {
    let kind = |phone: &PhoneCheck| {
        let model = phone.model.as_deref().unwrap_or("model not known");
        let vid = phone.vid.as_deref().unwrap_or("VID not known");
        let wanted = if phone.vid_wanted { ", held later unless its page tells" } else { "" };
        format!("{model} {vid}{wanted}")
    };
    for (kind, phones) in grouped(phones.iter().map(|phone| (kind(phone), *phone))) {
        let macs: Vec<String> = phones.iter().map(|phone| phone.mac.to_string()).collect();
        page.line(&format!("    {kind}: {}", macs.join(" ")));
    }
}

/// A route in one line, with the family once.
fn way(route: &[String]) -> String {
    let Some((first, rest)) = route.split_first() else {
        return "the way is planned when the phone tells its model".to_owned();
    };
    if rest.is_empty() {
        return format!("{first}, which is its last load");
    }
    let family = first.split_once('.').map_or("", |(family, _)| family);
    let short = |load: &String| {
        load.strip_prefix(family).and_then(|rest| rest.strip_prefix('.')).unwrap_or(load).to_owned()
    };
    let loads: Vec<String> = std::iter::once(first.clone()).chain(rest.iter().map(short)).collect();
    loads.join(" > ")
}

/// Groups models with equal predictions.
fn models(page: &mut ReportPage, models: &[ModelCheck]) {
    page.section("Models, if a phone of unknown load and hardware version appears");
    let alike = models
        .iter()
        .map(|model| ((model.state, &model.route, &model.others, &model.note), model.name.as_str()));
    let groups = grouped(alike);
    for (state, label) in [
        (ModelState::Ready, "ready, with a license each"),
        (ModelState::NeedsVid, "ready once the hardware version (VID) is known"),
        (ModelState::Held, "held"),
        (ModelState::NoFirmware, "no firmware of their family in the library"),
        (ModelState::NotEligible, "never migrated"),
    ] {
        for ((_, route, others, note), names) in groups.iter().filter(|((of, ..), _)| *of == state) {
            page.line(&format!("  {}: {label}", names.join(", ")));
            if !route.is_empty() {
                page.line(&format!("    {}", way(route)));
            }
            for other in *others {
                page.line(&format!("    to be had by [migration.routes]: {}", way(other)));
            }
            if !note.is_empty() {
                page.line(&format!("    {note}"));
            }
        }
    }
}

fn loads(page: &mut ReportPage, loads: &[LoadCheck]) {
    if loads.is_empty() {
        page.section("No firmware: take Cisco's packages in with `transload import`.");
        return;
    }
    page.section("Firmware in the library");
    for (family, loads) in grouped(loads.iter().map(|load| (load.family.as_str(), load))) {
        let version =
            |load: &&&LoadCheck| load.name.split_once('.').map_or("", |(_, version)| version).to_owned();
        let complete: Vec<String> =
            loads.iter().filter(|load| load.state == "complete").map(|load| version(&load)).collect();
        if !complete.is_empty() {
            page.line(&format!("  {family}, complete: {}", complete.join(", ")));
        }
        for load in loads.iter().filter(|load| load.state != "complete") {
            page.line(&format!("  {}: {}", load.name, load.state.to_uppercase()));
            for (file, package) in load.missing.iter().zip(&load.packages) {
                page.line(&format!("    {file} is missing; it should be in {package}"));
            }
            for (file, cause) in &load.damaged {
                page.line(&format!("    {file} is damaged: {cause}"));
            }
        }
    }
}
