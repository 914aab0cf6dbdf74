//! The report, for people.

use std::collections::BTreeSet;

use transload_provision::journey::Context;
use transload_provision::load::Direction;
use transload_provision::roster::Entry;

use super::Report;
use super::phones::{LoadCheck, ModelCheck, ModelState, PhoneCheck, Verdict};
use crate::library::Shelf;
use crate::table;

/// Lines for a terminal of some width.
struct Page {
    text: String,
    width: Option<usize>,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(&table::wrapped(line, self.width));
    }

    fn table(&mut self, heading: &[&str], rows: &[Vec<String>]) {
        self.text.push_str(&table::render(heading, rows, self.width));
    }
}

/// What needs somebody first, then everything else.
pub(super) fn report(report: &Report, direction: Direction, width: Option<usize>) -> String {
    let mut page = Page { text: String::new(), width };
    for wrong in report.environment.iter().filter(|check| !check.ok) {
        page.line(&format!("{}: {}", wrong.check, wrong.cause.as_deref().unwrap_or_default()));
        page.line(&format!("  cure: {}", wrong.cure.as_deref().unwrap_or_default()));
    }
    let fine = report.environment.iter().filter(|check| check.ok).map(|check| check.check);
    page.line(&format!("fine: {}", fine.collect::<Vec<_>>().join(", ")));
    phones(&mut page, report, direction);
    models(&mut page, &report.models);
    loads(&mut page, &report.loads);
    page.line("");
    page.line("To know before you begin");
    for note in &report.notes {
        page.line(&format!("  {note}"));
    }
    page.text
}

fn phones(page: &mut Page, report: &Report, direction: Direction) {
    if report.phones.is_empty() {
        page.line("");
        page.line(&format!(
            "No roster.csv in the state folder. Licenses at hand for phones that appear: {}, in licenses/{direction}/",
            report.licenses
        ));
        return;
    }
    page.line("");
    page.line(&format!("Phones of the roster: {} ready, {} held", report.ready, report.held));
    for phone in &report.phones {
        let Some(hold) = &phone.hold else { continue };
        let model = phone.model.as_deref().unwrap_or("?");
        page.line(&format!("  {} {model}  {}: {}", phone.mac, hold.code, hold.cause));
        page.line(&format!("    cure: {}", hold.cure));
    }
    let row = |phone: &PhoneCheck| {
        let dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        vec![phone.mac.to_string(), dash(&phone.model), dash(&phone.vid), phone.route.join(" > ")]
    };
    let ready: Vec<_> = report.phones.iter().filter(|phone| phone.state == Verdict::Ready).map(row).collect();
    if !ready.is_empty() {
        page.table(&["READY", "MODEL", "VID", "ROUTE"], &ready);
    }
}

/// Models that fare alike stand together.
fn models(page: &mut Page, models: &[ModelCheck]) {
    let mut groups: Vec<(&ModelCheck, Vec<&str>)> = Vec::new();
    for model in models {
        let alike = |other: &ModelCheck| {
            (other.state, &other.route, &other.note) == (model.state, &model.route, &model.note)
        };
        match groups.iter_mut().find(|(first, _)| alike(first)) {
            Some((_, names)) => names.push(&model.name),
            None => groups.push((model, vec![&model.name])),
        }
    }
    page.line("");
    for (state, label) in [
        (ModelState::Ready, "Models that can be migrated, with a license each"),
        (ModelState::NeedsVid, "The same, if the roster tells their hardware version (VID)"),
        (ModelState::Held, "Models that would be held"),
        (ModelState::NoFirmware, "Models without firmware of their family in the library"),
        (ModelState::NotEligible, "Models that cannot be migrated"),
    ] {
        for (model, names) in groups.iter().filter(|(model, _)| model.state == state) {
            page.line(&format!("{label}: {}", names.join(", ")));
            for line in [model.route.join(" > "), model.note.clone()].iter().filter(|line| !line.is_empty()) {
                page.line(&format!("  {line}"));
            }
        }
    }
}

fn loads(page: &mut Page, loads: &[LoadCheck]) {
    page.line("");
    if loads.is_empty() {
        page.line("No firmware: take Cisco's packages in with `transload import`.");
        return;
    }
    let row = |load: &LoadCheck| vec![load.name.clone(), load.kind.to_owned(), load.state.to_owned()];
    page.table(&["LOAD", "KIND", "STATE"], &loads.iter().map(row).collect::<Vec<_>>());
    for load in loads {
        for (file, package) in load.missing.iter().zip(&load.packages) {
            page.line(&format!("  {} needs {file}, which is missing; it should be in {package}", load.name));
        }
        for (file, cause) in &load.damaged {
            page.line(&format!("  {} needs {file}, which is damaged: {cause}", load.name));
        }
    }
}

/// Files that are of no use, and what the catalog warns of.
pub(super) fn notes(shelf: &Shelf, entries: &[Entry], context: &Context<'_>) -> Vec<String> {
    let mut notes: Vec<String> = shelf
        .unusable
        .iter()
        .map(|file| format!("{} is not used: {}", file.path.display(), file.cause))
        .collect();
    notes.extend(shelf.conflicts.iter().map(|conflict| {
        let (served, ignored) = (conflict.served.display(), conflict.ignored.display());
        format!("{ignored} is not used: {served} has the same name and other content; delete the wrong one")
    }));
    notes.extend(shelf.unverified.iter().map(|path| {
        format!(
            "{} was written to since it was imported; `transload check --verify` looks into it",
            path.display()
        )
    }));
    let direction = context.settings.direction;
    let named = |entry: &Entry| Some((context.catalog.model(entry.model.as_deref()?)?, entry.vid));
    let warnings: BTreeSet<String> = entries
        .iter()
        .filter_map(named)
        .flat_map(|(model, vid)| context.catalog.warnings(model, vid, direction))
        .map(|warning| format!("{} ({}, {})", warning.text, warning.source, warning.date))
        .collect();
    notes.extend(warnings);
    notes.push("a phone that changes sides loses its call history and local contacts".to_owned());
    notes
}
