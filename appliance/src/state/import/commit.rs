//! Stages imported files, and makes them visible at one moment.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use super::ImportVerdict;
use super::compare::DecidedFile;
use super::item::{ImportItem, ImportKind};
use crate::state::library::manifest::{Manifest, ManifestEntry};
use crate::state::library::verify;
use crate::state::state_folder::ROSTER;
use crate::system::atomic;
use crate::system::clock::nanoseconds;
use crate::system::error::{Exit, Failure};
use crate::system::space::DiskSpace;

/// The staging folder's name in `firmware/` and `licenses/`, which may be on different disks. Scans skip hidden
/// folders.
const STAGING: &str = ".import";

/// Holds files until all sources are read. Leftover files are removed on drop.
#[derive(Debug)]
pub(super) struct Staging {
    firmware: PathBuf,
    licenses: PathBuf,
    rooms: [DiskSpace; 2],
    files: Cell<u64>,
}

/// Creates the folders of the state folder.
pub(super) fn prepare(state: &Path) -> Result<(), Failure> {
    for folder in ["firmware", "licenses/e2m", "licenses/m2e"] {
        let path = state.join(folder);
        fs::create_dir_all(&path).map_err(|error| unwritable(&path.display().to_string(), &error))?;
    }
    Ok(())
}

pub(super) fn unwritable(path: &str, error: &io::Error) -> Failure {
    let cure = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room, and import again",
        io::ErrorKind::PermissionDenied => "run the command as a user that may write there, or with sudo",
        _ => "see that the disk is well, and import again",
    };
    Failure::new(Exit::Act, format!("cannot write to {path}: {error}; nothing was imported"), cure)
}

impl Staging {
    /// Empties the folders, because an interrupted import may have left files. The caller holds the import lock.
    pub(super) fn new(state: &Path) -> Result<Self, Failure> {
        let [firmware, licenses] = ["firmware", "licenses"].map(|folder| state.join(folder).join(STAGING));
        for folder in [&firmware, &licenses] {
            let fresh = match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => fs::create_dir(folder),
            };
            fresh.map_err(|error| unwritable(&folder.display().to_string(), &error))?;
        }
        let rooms = [&firmware, &licenses].map(|folder| DiskSpace::of(folder, state));
        Ok(Self { firmware, licenses, rooms, files: Cell::new(0) })
    }

    /// Refuses bytes beyond the free space.
    pub(super) fn room(&self, kind: &ImportKind, bytes: u64) -> Result<(), Failure> {
        let [firmware, licenses] = &self.rooms;
        let room = if matches!(kind, ImportKind::License(..)) { licenses } else { firmware };
        room.check(bytes).map_err(|error| unwritable(&self.place(kind).display().to_string(), &error))
    }

    /// The staging folder for a kind of file.
    pub(super) fn place(&self, kind: &ImportKind) -> &Path {
        if matches!(kind, ImportKind::License(..)) { &self.licenses } else { &self.firmware }
    }

    /// Creates a file for the next content.
    pub(super) fn next(&self, kind: &ImportKind) -> Result<(File, PathBuf), Failure> {
        let folder = self.place(kind);
        self.files.set(self.files.get() + 1);
        let path = folder.join(self.files.get().to_string());
        let open = || {
            let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            atomic::readable(&file).map(|()| file)
        };
        let file = open().map_err(|error| unwritable(&folder.display().to_string(), &error))?;
        Ok((file, path))
    }

    /// Creates an unnamed file for content that is only inspected.
    pub(super) fn scratch(&self) -> Result<File, Failure> {
        scratch(&self.firmware).map_err(|error| unwritable(&self.firmware.display().to_string(), &error))
    }
}

/// Creates a file and unlinks it, so that it disappears by itself.
pub(super) fn scratch(folder: &Path) -> io::Result<File> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!(".transload-{}-{count}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path).map(|()| file)
}

impl Drop for Staging {
    fn drop(&mut self) {
        for folder in [&self.firmware, &self.licenses] {
            // The next import removes what remains.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Moves everything into place: components and licenses, then `.loads` files, then the roster. The manifest is never
/// wrong: entries of files to be replaced are removed first.
pub(super) fn commit(
    state: &Path,
    manifest: &Manifest,
    decided: &[DecidedFile],
    roster: Option<&[u8]>,
) -> Result<(), Failure> {
    let mut manifest = manifest.clone();
    let moves = |decided: &DecidedFile| {
        matches!(decided.line.verdict, ImportVerdict::New | ImportVerdict::Mended | ImportVerdict::Replaced)
    };
    let replaced: Vec<String> = decided
        .iter()
        .filter(|decided| moves(decided) && decided.place.is_some())
        .map(|decided| decided.item.key())
        .filter(|key| manifest.files.contains_key(key))
        .collect();
    if !replaced.is_empty() {
        manifest.files.retain(|key, _| !replaced.contains(key));
        verify::keep(&manifest, state)?;
    }
    let is_loads = |decided: &DecidedFile| matches!(decided.item.kind, ImportKind::Loads(_));
    let mut folders = BTreeSet::new();
    for loads in [false, true] {
        for decided in decided.iter().filter(|decided| moves(decided) && is_loads(decided) == loads) {
            let target = decided.place.clone().unwrap_or_else(|| target(state, &decided.item));
            if let Some(staged) = &decided.item.staged {
                let on_disk = File::open(staged).and_then(|file| file.sync_all());
                on_disk
                    .and_then(|()| fs::rename(staged, &target))
                    .map_err(|error| unwritable(&target.display().to_string(), &error))?;
            }
            folders.extend(target.parent().map(Path::to_owned));
        }
        for folder in std::mem::take(&mut folders) {
            atomic::sync_folder(&folder)
                .map_err(|error| unwritable(&folder.display().to_string(), &error))?;
        }
    }
    if let Some(text) = roster {
        write_roster(state, text)?;
    }
    let since = Timestamp::now();
    for DecidedFile { item, line, place } in decided {
        if !matches!(
            line.verdict,
            ImportVerdict::New | ImportVerdict::Same | ImportVerdict::Mended | ImportVerdict::Replaced
        ) {
            continue;
        }
        let target = place.clone().unwrap_or_else(|| target(state, item));
        let Ok(metadata) = fs::metadata(&target) else { continue };
        let earlier = manifest.files.get(&item.key()).filter(|known| known.sha256 == item.sha256);
        let known = ManifestEntry {
            sha256: item.sha256.clone(),
            size: item.size,
            modified: metadata.modified().map_or(0, nanoseconds),
            package: item.package.clone().or_else(|| earlier?.package.clone()),
            since: earlier.map_or(since, |known| known.since),
            spoiled: None,
        };
        manifest.files.insert(item.key(), known);
    }
    verify::keep(&manifest, state)
}

/// Replaces the state folder's roster.
pub(super) fn write_roster(state: &Path, text: &[u8]) -> Result<(), Failure> {
    let path = state.join(ROSTER);
    DiskSpace::of(state, state)
        .check(text.len() as u64)
        .and_then(|()| atomic::write(&path, text))
        .map_err(|error| unwritable(&path.display().to_string(), &error))
}

/// The path of a new file.
fn target(state: &Path, item: &ImportItem) -> PathBuf {
    match &item.kind {
        ImportKind::License(direction, mac) => {
            state.join("licenses").join(direction.to_string()).join(format!("{mac}.lic"))
        }
        ImportKind::Loads(_) | ImportKind::Component => state.join("firmware").join(&item.name),
    }
}
