//! Exchanges the present state for the restored one. After a power cut, one of the two is whole, or the next start
//! completes the exchange.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::contents::{StateEntry, item};
use super::{FIRMWARE, REPLACED};
use crate::system::atomic::sync_folder;

/// The verified state waits in `new/` of this folder.
pub(super) const READY: &str = ".restore";
/// Marks a restore without firmware: present firmware stays.
pub(super) const KEEP_FIRMWARE: &str = "keep-firmware";
/// Marks that the old state is out of the way.
const CLEARED: &str = "cleared";

/// Completes a restore, also after a power cut. Returns the old state's folder; `None` if nothing is to be completed.
/// The caller holds the state folder's lock.
pub fn finish(state: &Path) -> io::Result<Option<PathBuf>> {
    let ready = state.join(READY);
    // A link would lead elsewhere.
    if !fs::symlink_metadata(&ready).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(None);
    }
    let (new, old, cleared) = (ready.join("new"), ready.join("old"), ready.join(CLEARED));
    if !cleared.exists() {
        fs::create_dir_all(&old)?;
        for name in moved(state, ready.join(KEEP_FIRMWARE).exists())? {
            fs::rename(state.join(&name), old.join(&name))?;
        }
        sync_folder(&old)?;
        sync_folder(state)?;
        File::create(&cleared)?.sync_all()?;
        sync_folder(&ready)?;
    }
    if new.exists() {
        for entry in fs::read_dir(&new)? {
            let entry = entry?;
            fs::rename(entry.path(), state.join(entry.file_name()))?;
        }
        sync_folder(state)?;
        fs::remove_dir(&new)?;
    }
    let kept = aside(&state.join(REPLACED));
    if old.exists() {
        fs::rename(&old, &kept)?;
    }
    sync_folder(state)?;
    fs::remove_dir_all(&ready)?;
    Ok(Some(kept))
}

/// An unused path: `start`, the moment, and a number if needed.
pub(super) fn aside(start: &Path) -> PathBuf {
    // FAT file systems forbid colons in names.
    let moment = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let named = |number: u32| {
        let mut path = start.as_os_str().to_owned();
        path.push(&moment);
        if number > 1 {
            path.push(format!("-{number}"));
        }
        PathBuf::from(path)
    };
    let free = |path: &PathBuf| fs::symlink_metadata(path).is_err();
    (1..1000).map(named).find(free).unwrap_or_else(|| named(1))
}

/// The names that must be moved away. The ledger's log and its copies from upgrades belong to it.
pub(super) fn moved(state: &Path, keep_firmware: bool) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(state)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        let is_state = item(&text) == StateEntry::Kept || text.starts_with(super::LEDGER);
        let kept = keep_firmware && text == FIRMWARE;
        if is_state && !kept {
            names.push(name);
        }
    }
    Ok(names)
}
