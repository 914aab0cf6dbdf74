//! Decides for each read file: new, the same, or different from the library's file of this name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::item::{ImportItem, ImportKind};
use super::{ImportLine, ImportVerdict};
use crate::state::library::{LibrarySnapshot, manifest};

/// A file, and the decision on it.
#[derive(Debug)]
pub(super) struct DecidedFile {
    pub item: ImportItem,
    pub line: ImportLine,
    /// The file to be replaced, if any.
    pub place: Option<PathBuf>,
}

/// Compares files with the library and with each other.
pub(super) fn compare(snapshot: &LibrarySnapshot, items: Vec<ImportItem>, replace: bool) -> Vec<DecidedFile> {
    let mut first: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut decided: Vec<DecidedFile> = Vec::new();
    for item in items {
        let (verdict, place, note) = match first.get(&item.key()) {
            Some((sha256, _)) if *sha256 == item.sha256 => (ImportVerdict::Same, None, String::new()),
            Some((_, source)) => {
                let note = format!("{source} holds another file of this name; import only the right one");
                (ImportVerdict::Conflict, None, note)
            }
            None => {
                first.insert(item.key(), (item.sha256.clone(), item.source.clone()));
                with_library(snapshot, &item, replace)
            }
        };
        let file = if item.source.ends_with(&item.name) { String::new() } else { item.name.clone() };
        let line = ImportLine { source: item.source.clone(), file, verdict, note };
        decided.push(DecidedFile { item, line, place });
    }
    hold_back_loads(&mut decided);
    decided
}

fn with_library(
    snapshot: &LibrarySnapshot,
    item: &ImportItem,
    replace: bool,
) -> (ImportVerdict, Option<PathBuf>, String) {
    let here = match &item.kind {
        ImportKind::License(direction, mac) => snapshot.license_path(*direction, *mac),
        ImportKind::Loads(_) | ImportKind::Component => snapshot.firmware_path(&item.name),
    };
    let Some(here) = here.map(Path::to_owned) else {
        return (ImportVerdict::New, None, String::new());
    };
    if manifest::digest(&here, |_| ()).is_ok_and(|sha256| sha256 == item.sha256) {
        return (ImportVerdict::Same, Some(here), String::new());
    }
    let known = snapshot.manifest.files.get(&item.key()).is_some_and(|known| known.sha256 == item.sha256);
    if known || snapshot.is_damaged(&item.key()) {
        return (ImportVerdict::Mended, Some(here), String::new());
    }
    if replace {
        return (ImportVerdict::Replaced, Some(here), String::new());
    }
    let note =
        format!("{} is another file and stays; import with --replace if this one is right", here.display());
    (ImportVerdict::Conflict, None, note)
}

/// A load is left out if one of its own components is.
fn hold_back_loads(decided: &mut [DecidedFile]) {
    let conflicts: Vec<String> = decided
        .iter()
        .filter(|decided| decided.line.verdict == ImportVerdict::Conflict)
        .map(|decided| decided.item.key())
        .collect();
    for DecidedFile { item, line, .. } in
        decided.iter_mut().filter(|decided| decided.line.verdict == ImportVerdict::New)
    {
        let ImportKind::Loads(components) = &item.kind else { continue };
        let clash = components.iter().find(|name| conflicts.contains(&manifest::firmware_key(name)));
        if let Some(name) = clash {
            line.verdict = ImportVerdict::Conflict;
            line.note = format!("it is left out because its component {name} is in conflict");
        }
    }
}
