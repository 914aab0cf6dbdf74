//! Putting a restored state in the place of the present one, so that a power cut at any moment leaves one of the two
//! whole, or something that the next start completes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{FIRMWARE, REPLACED, is_passing};
use crate::atomic::sync_folder;

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
    if !ready.exists() {
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
    // Names of files on cards for PCs have no colons.
    let moment = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ");
    let kept = state.join(format!("{REPLACED}{moment}"));
    if old.exists() {
        fs::rename(&old, &kept)?;
    }
    sync_folder(state)?;
    fs::remove_dir_all(&ready)?;
    Ok(Some(kept))
}

/// The names in the state folder that make way. The ledger's log belongs to it, as does what an upgrade kept of it.
pub(super) fn moved(state: &Path, keep_firmware: bool) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(state)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        let passing = is_passing(&text) && !text.starts_with(super::LEDGER);
        let kept = keep_firmware && text == FIRMWARE;
        if !(passing || kept) {
            names.push(name);
        }
    }
    Ok(names)
}
