//! The report, for people.

use std::collections::BTreeSet;
use std::fmt::Write;

use transload_provision::journey::Context;
use transload_provision::load::Direction;
use transload_provision::roster::Entry;

use super::Report;
use super::phones::{LoadCheck, PhoneCheck, Verdict};
use crate::library::Shelf;
use crate::table;

/// What needs somebody first, then everything else.
pub(super) fn report(report: &Report, direction: Direction, width: Option<usize>) -> String {
    let mut text = String::new();
    let wrong: Vec<_> = report.environment.iter().filter(|check| !check.ok).collect();
    for check in &wrong {
        let cure = check.cure.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "{}: {}\n  cure: {cure}",
            check.check,
            check.cause.as_deref().unwrap_or_default()
        );
    }
    let fine: Vec<_> = report
        .environment
        .iter()
        .filter(|check| check.ok)
        .map(|check| check.check)
        .collect();
    let _ = writeln!(text, "fine: {}", fine.join(", "));
    phones(&mut text, report, direction, width);
    models(&mut text, report, width);
    loads(&mut text, &report.loads, width);
    if !report.notes.is_empty() {
        text.push_str("\nTo know before you begin\n");
        for note in &report.notes {
            let _ = writeln!(text, "  {note}");
        }
    }
    text
}

fn phones(text: &mut String, report: &Report, direction: Direction, width: Option<usize>) {
    if report.phones.is_empty() {
        let _ = writeln!(
            text,
            "\nNo roster.csv in the state folder: every phone needs its license at licenses/{direction}/<MAC>.lic."
        );
        return;
    }
    let _ = writeln!(
        text,
        "\nPhones of the roster: {} ready, {} held",
        report.ready, report.held
    );
    for phone in &report.phones {
        let Some(hold) = &phone.hold else { continue };
        let model = phone.model.as_deref().unwrap_or("?");
        let _ = writeln!(
            text,
            "  {} {model}  {}: {}\n    cure: {}",
            phone.mac, hold.code, hold.cause, hold.cure
        );
    }
    let row = |phone: &PhoneCheck| {
        let dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            phone.mac.to_string(),
            dash(&phone.model),
            dash(&phone.vid),
            phone.route.join(" > "),
        ]
    };
    let ready: Vec<_> = report
        .phones
        .iter()
        .filter(|phone| phone.state == Verdict::Ready)
        .map(row)
        .collect();
    if !ready.is_empty() {
        text.push_str(&table::render(&["READY", "MODEL", "VID", "ROUTE"], &ready, width));
    }
}

fn models(text: &mut String, report: &Report, width: Option<usize>) {
    let rows: Vec<Vec<String>> = report
        .models
        .iter()
        .map(|model| {
            let state = match model.state {
                Verdict::Ready => "ready",
                Verdict::Held => "held",
                Verdict::Outside => "no",
            };
            let route = model.route.join(" > ");
            let parts: Vec<&str> = [route.as_str(), &model.note]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect();
            vec![model.name.clone(), state.to_owned(), parts.join("; ")]
        })
        .collect();
    text.push('\n');
    text.push_str(&table::render(
        &["MODEL", "STATE", "ROUTE OF A LICENSED PHONE"],
        &rows,
        width,
    ));
}

fn loads(text: &mut String, loads: &[LoadCheck], width: Option<usize>) {
    if loads.is_empty() {
        text.push_str("\nNo firmware: put Cisco's packages, unpacked, into firmware/ in the state folder.\n");
        return;
    }
    let row = |load: &LoadCheck| vec![load.name.clone(), load.kind.to_owned(), load.state.to_owned()];
    text.push('\n');
    text.push_str(&table::render(
        &["LOAD", "KIND", "STATE"],
        &loads.iter().map(row).collect::<Vec<_>>(),
        width,
    ));
    for load in loads {
        for file in &load.missing {
            let _ = writeln!(text, "  {} needs {file}, which is missing", load.name);
        }
        for (file, cause) in &load.damaged {
            let _ = writeln!(text, "  {} needs {file}, which is damaged: {cause}", load.name);
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
