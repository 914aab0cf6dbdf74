//! What a state folder holds. Anything else in a folder means that the folder is another one than was meant.

use std::fs;
use std::io;
use std::path::{Component, Path};

use super::{FIRMWARE, LEDGER, REPLACED};
use crate::state::library::manifest;
use crate::state::state_folder::ROSTER;

const FOLDERS: [&str; 3] = [FIRMWARE, "licenses", "extra"];
const FILES: [&str; 4] = [LEDGER, ROSTER, "catalog.toml", manifest::NAME];
/// What the running program makes for itself, by name and by the beginning of the name.
const PASSING: [&str; 7] =
    ["lock", "import.lock", "feed.sock", "lost+found", ".restore", ".restore.part", ".uploads"];
const PASSING_BEGINNINGS: [&str; 5] = [REPLACED, LEDGER, ".backup-", ".new-", "rehearsal-"];
/// Names that are told; the others are counted.
const TOLD: usize = 5;

/// What a name at the top of a state folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// A backup holds it.
    Kept,
    /// Locks, sockets, things half done, and earlier states.
    Passing,
    /// It is no part of a state.
    Foreign,
}

pub(super) fn item(name: &str) -> Item {
    if FOLDERS.contains(&name) || FILES.contains(&name) {
        Item::Kept
    } else if PASSING.contains(&name) || PASSING_BEGINNINGS.iter().any(|start| name.starts_with(start)) {
        Item::Passing
    } else {
        Item::Foreign
    }
}

/// What lies in a folder and is no part of a state, in words; `None` where there is nothing of the kind.
pub(super) fn foreign(state: &Path) -> io::Result<Option<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(state)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if item(&name) == Item::Foreign {
            names.push(format!("{name:?}"));
        }
    }
    names.sort();
    let more = names.len().saturating_sub(TOLD);
    names.truncate(TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Ok((!names.is_empty()).then(|| names.join(", ") + &more))
}

/// Where a file of a backup goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination<'n> {
    /// To this path within the state folder.
    State(&'n Path),
    /// Nowhere: an older release backed it up although it is no part of a state.
    LeftOut,
    /// No backup holds such a name: it is hidden, leads elsewhere, or is a folder where a file belongs.
    Refused,
}

/// `inner` is the path within the state folder.
pub(super) fn destination(inner: &Path) -> Destination<'_> {
    let mut names = Vec::new();
    for part in inner.components() {
        match part {
            Component::Normal(name) => names.extend(name.to_str()),
            _ => return Destination::Refused,
        }
    }
    let (Some(first), false) = (names.first(), names.iter().any(|name| name.starts_with('.'))) else {
        return Destination::Refused;
    };
    match item(first) {
        Item::Kept if FOLDERS.contains(first) == (names.len() > 1) => Destination::State(inner),
        Item::Kept | Item::Passing => Destination::Refused,
        Item::Foreign => Destination::LeftOut,
    }
}
