//! Defines the contents of a state folder. Any other content means that the folder is the wrong one.

use std::fs;
use std::io;
use std::path::{Component, Path};

use super::{FIRMWARE, LEDGER, REPLACED};
use crate::state::library::manifest;
use crate::state::state_folder::ROSTER;

const FOLDERS: [&str; 3] = [FIRMWARE, "licenses", "extra"];
const FILES: [&str; 4] = [LEDGER, ROSTER, "catalog.toml", manifest::NAME];
/// Temporary names of the running program, whole or as prefixes.
const PASSING: [&str; 7] =
    ["lock", "import.lock", "feed.sock", "lost+found", ".restore", ".restore.part", ".uploads"];
const PASSING_BEGINNINGS: [&str; 5] = [REPLACED, LEDGER, ".backup-", ".new-", "rehearsal-"];
/// Names that are listed; the others are counted.
const TOLD: usize = 5;

/// The meaning of a name at the top of a state folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateEntry {
    /// Part of a backup.
    Kept,
    /// Locks, sockets, unfinished files and earlier states.
    Passing,
    /// No part of a state.
    Foreign,
}

pub(super) fn item(name: &str) -> StateEntry {
    if FOLDERS.contains(&name) || FILES.contains(&name) {
        StateEntry::Kept
    } else if PASSING.contains(&name) || PASSING_BEGINNINGS.iter().any(|start| name.starts_with(start)) {
        StateEntry::Passing
    } else {
        StateEntry::Foreign
    }
}

/// Lists foreign names in a folder; `None` if there are none.
pub(super) fn foreign(state: &Path) -> io::Result<Option<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(state)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if item(&name) == StateEntry::Foreign {
            names.push(format!("{name:?}"));
        }
    }
    names.sort();
    let more = names.len().saturating_sub(TOLD);
    names.truncate(TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Ok((!names.is_empty()).then(|| names.join(", ") + &more))
}

/// The place of a file from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestoreTarget<'n> {
    /// This path in the state folder.
    State(&'n Path),
    /// No place: an older release backed up a file that is no part of a state.
    LeftOut,
    /// An invalid name: hidden, outside of the state, or a folder in place of a file.
    Refused,
}

/// The place of a file; `inner` is its path within the state folder.
pub(super) fn destination(inner: &Path) -> RestoreTarget<'_> {
    let mut names = Vec::new();
    for part in inner.components() {
        match part {
            Component::Normal(name) => names.extend(name.to_str()),
            _ => return RestoreTarget::Refused,
        }
    }
    let (Some(first), false) = (names.first(), names.iter().any(|name| name.starts_with('.'))) else {
        return RestoreTarget::Refused;
    };
    match item(first) {
        StateEntry::Kept if FOLDERS.contains(first) == (names.len() > 1) => RestoreTarget::State(inner),
        StateEntry::Kept | StateEntry::Passing => RestoreTarget::Refused,
        StateEntry::Foreign => RestoreTarget::LeftOut,
    }
}
