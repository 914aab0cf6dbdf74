//! What each file that was read is, beside what the library has: new, the same, or another of the same name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::item::{Item, Kind};
use super::{Line, Verdict};
use crate::state::library::{Shelf, manifest};

/// A file, and what becomes of it.
#[derive(Debug)]
pub(super) struct Decided {
    pub item: Item,
    pub line: Line,
    /// The file that it takes the place of; none if it is new.
    pub place: Option<PathBuf>,
}

/// Compares files with the library and with each other.
pub(super) fn compare(shelf: &Shelf, items: Vec<Item>, replace: bool) -> Vec<Decided> {
    let mut first: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut decided: Vec<Decided> = Vec::new();
    for item in items {
        let (verdict, place, note) = match first.get(&item.key()) {
            Some((sha256, _)) if *sha256 == item.sha256 => (Verdict::Same, None, String::new()),
            Some((_, source)) => {
                let note = format!("{source} holds another file of this name; import only the right one");
                (Verdict::Conflict, None, note)
            }
            None => {
                first.insert(item.key(), (item.sha256.clone(), item.source.clone()));
                with_library(shelf, &item, replace)
            }
        };
        let file = if item.source.ends_with(&item.name) { String::new() } else { item.name.clone() };
        let line = Line { source: item.source.clone(), file, verdict, note };
        decided.push(Decided { item, line, place });
    }
    hold_back_loads(&mut decided);
    decided
}

fn with_library(shelf: &Shelf, item: &Item, replace: bool) -> (Verdict, Option<PathBuf>, String) {
    let here = match &item.kind {
        Kind::License(direction, mac) => shelf.license_path(*direction, *mac),
        Kind::Loads(_) | Kind::Component => shelf.firmware_path(&item.name),
    };
    let Some(here) = here.map(Path::to_owned) else {
        return (Verdict::New, None, String::new());
    };
    if manifest::digest(&here, |_| ()).is_ok_and(|sha256| sha256 == item.sha256) {
        return (Verdict::Same, Some(here), String::new());
    }
    let known = shelf.manifest.files.get(&item.key()).is_some_and(|known| known.sha256 == item.sha256);
    if known || shelf.is_damaged(&item.key()) {
        return (Verdict::Mended, Some(here), String::new());
    }
    if replace {
        return (Verdict::Replaced, Some(here), String::new());
    }
    let note =
        format!("{} is another file and stays; import with --replace if this one is right", here.display());
    (Verdict::Conflict, None, note)
}

/// A load is not taken without the very components that it came with.
fn hold_back_loads(decided: &mut [Decided]) {
    let conflicts: Vec<String> = decided
        .iter()
        .filter(|decided| decided.line.verdict == Verdict::Conflict)
        .map(|decided| decided.item.key())
        .collect();
    for Decided { item, line, .. } in
        decided.iter_mut().filter(|decided| decided.line.verdict == Verdict::New)
    {
        let Kind::Loads(components) = &item.kind else { continue };
        let clash = components.iter().find(|name| conflicts.contains(&manifest::firmware_key(name)));
        if let Some(name) = clash {
            line.verdict = Verdict::Conflict;
            line.note = format!("it is left out because its component {name} is in conflict");
        }
    }
}
