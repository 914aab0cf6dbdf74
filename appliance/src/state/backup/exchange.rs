//! Putting a restored state in the place of the present one, so that a power cut at any moment leaves one of the two
//! whole, or something that the next start completes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::contents::{Item, item};
use super::{FIRMWARE, REPLACED};
use crate::system::atomic::sync_folder;

/// What has been verified lies here, in `new/`, until it is in its place.
pub(super) const READY: &str = ".restore";
/// In it, says that firmware was not restored: what is there stays.
pub(super) const KEEP_FIRMWARE: &str = "keep-firmware";
/// In it, says that nothing of the old state is left where the new one goes.
const CLEARED: &str = "cleared";

/// Completes a restore, begun now or before a power cut; returns where the old state lies. `None` where there is nothing
/// to complete. The caller holds the state folder's lock.
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

/// A path that is not taken: `start` and the moment, and a number where there is one of this moment.
pub(super) fn aside(start: &Path) -> PathBuf {
    // Names of files on cards for PCs have no colons.
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

/// The names in the state folder that make way. The ledger's log belongs to it, as does what an upgrade kept of it.
pub(super) fn moved(state: &Path, keep_firmware: bool) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(state)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        let is_state = item(&text) == Item::Kept || text.starts_with(super::LEDGER);
        let kept = keep_firmware && text == FIRMWARE;
        if is_state && !kept {
            names.push(name);
        }
    }
    Ok(names)
}
