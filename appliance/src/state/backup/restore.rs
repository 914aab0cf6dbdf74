//! Restores a backup. Everything is unpacked beside the present state and verified before any change.

use std::fs::{self, File, FileTimes};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use indicatif::ProgressBar;
use sha2::{Digest, Sha256};
use transload_provision::text;

use super::archive::{BackupFiles, small};
use super::contents::{RestoreTarget, destination, foreign};
use super::exchange::{KEEP_FIRMWARE, READY, finish, moved};
use super::settings::{OwnPaths, exchange, exchangeable};
use super::{
    CONFIGURATION, FIRMWARE, FORMAT, HEADER, Header, INDEX, Index, IndexedFile, LEDGER, STATE, TOKEN, failed,
};
use crate::state::ledger::{self, LedgerError};
use crate::state::library::manifest::{self, Manifest, hexadecimal};
use crate::state::state_lock;
use crate::system::atomic::{self, sync_folder};
use crate::system::error::{Exit, Failure};
use crate::system::plain_file::{self, FileKind};
use crate::system::privilege;
use crate::system::space::DiskSpace;
use crate::terminal::progress;

/// Larger than any configuration or token.
const LARGEST_TEXT: u64 = 1 << 20;
/// Larger than the index of the largest state.
const LARGEST_INDEX: u64 = 64 << 20;
/// The folder in which a backup is unpacked.
const PART: &str = ".restore.part";

/// What is to be restored, and where.
#[derive(Debug)]
pub struct RestoreRequest<'a> {
    /// What `--config` said.
    pub named: Option<&'a Path>,
    /// The state folder, in place of the present configuration's.
    pub state: Option<&'a Path>,
    /// Restore the configuration and the token, too.
    pub configuration: bool,
}

/// Puts the state and the configuration of a backup in the place of the present ones, which are kept. What
/// has been done is told step by step. Paths are this box's own: none in the backup is written to.
///
/// # Errors
/// The backup is damaged or of a newer release, the state folder holds something else, or a bench is running: nothing
/// has changed then.
pub fn restore(
    file: &Path,
    wanted: &RestoreRequest<'_>,
    mut tell: impl FnMut(String),
) -> Result<(), Failure> {
    let opened = plain_file::open(file).map_err(|error| failed("read", file, &error))?;
    let length = opened.metadata().map_or(0, |metadata| metadata.len());
    let mut archive = tar::Archive::new(opened);
    let mut backup = Backup::open(&mut archive, file)?;
    let settings = OwnPaths::find(wanted.named, wanted.state)?;
    let texts = if wanted.configuration { backup.texts(&settings)? } else { Vec::new() };
    for (path, _, _) in &texts {
        exchangeable(path)?;
    }
    let state = &settings.state;
    let bar = progress::bytes("restore");
    bar.set_length(length);
    privilege::make_state(state)?;
    let kept = privilege::as_owner(state, || take_over(&mut backup, state, &bar))??;
    bar.finish_and_clear();
    tell(format!("{} is restored; what was there is in {}", state.display(), kept.display()));
    for (path, content, kind) in texts {
        let done = match exchange(&path, &content, kind, state)? {
            Some(kept) => format!("restored; what was there is {}", kept.display()),
            None => "as in the backup".to_owned(),
        };
        tell(format!("{} is {done}", path.display()));
    }
    for note in &backup.notes {
        tell(text::line(note));
    }
    Ok(())
}

/// A backup whose header has been read.
struct Backup<'a, R: Read> {
    path: &'a Path,
    header: Header,
    configuration: Option<Vec<u8>>,
    token: Option<Vec<u8>>,
    /// The files read so far.
    seen: Index,
    files: BackupFiles<'a, R>,
    /// Notes to print after the restore.
    notes: Vec<String>,
}

impl<'a, R: Read> Backup<'a, R> {
    fn open(archive: &'a mut tar::Archive<R>, path: &'a Path) -> Result<Self, Failure> {
        let foreign = || {
            let cause = format!("{} is no backup of transload, or is damaged", path.display());
            Failure::new(Exit::Usage, cause, "name a file that `transload backup` wrote")
        };
        let mut files = BackupFiles::of(archive).map_err(|_| foreign())?;
        let (name, mut first) = files.next().ok().flatten().ok_or_else(foreign)?;
        if name != HEADER {
            return Err(foreign());
        }
        let text = small(&mut first, LARGEST_TEXT).map_err(|_| foreign())?;
        let newer = |what: String| {
            let cause = format!("{} was written by a newer release of transload ({what})", path.display());
            Failure::new(Exit::Act, cause, "install that release, or a newer one, and restore with it")
        };
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(|_| foreign())?;
        if value["format"].as_u64().is_some_and(|format| format > FORMAT.into()) {
            return Err(newer(value["transload"].as_str().unwrap_or("of unknown version").to_owned()));
        }
        let header: Header = serde_json::from_value(value).map_err(|_| foreign())?;
        if header.ledger > ledger::VERSION {
            let (found, known) = (header.ledger, ledger::VERSION);
            let what = format!("{}: ledger version {found}, this one knows {known}", header.transload);
            return Err(newer(what));
        }
        let (configuration, token, seen) = (None, None, Index::default());
        let mut backup = Self { path, header, configuration, token, seen, files, notes: Vec::new() };
        while backup.files.next_is("configuration/") {
            let (name, mut entry) = backup.files.next().ok().flatten().ok_or_else(foreign)?;
            let content = small(&mut entry, LARGEST_TEXT).map_err(|_| foreign())?;
            let sha256 = hexadecimal(&Sha256::digest(&content));
            let found = IndexedFile { sha256, size: content.len() as u64, modified: 0 };
            match name.as_str() {
                CONFIGURATION => backup.configuration = Some(content),
                TOKEN => backup.token = Some(content),
                _ => return Err(foreign()),
            }
            backup.seen.files.insert(name, found);
        }
        Ok(backup)
    }

    /// Configuration and token, with their paths on this box.
    fn texts(&mut self, settings: &OwnPaths) -> Result<Vec<(PathBuf, Vec<u8>, FileKind)>, Failure> {
        let Some(text) = self.configuration.take() else { return Ok(Vec::new()) };
        let (text, config) = settings.adapted(&text)?;
        let mut texts = vec![(settings.place.clone(), text.into_bytes(), FileKind::Configuration)];
        match (settings.token_file(), self.token.take()) {
            (Some(path), Some(token)) => texts.push((path.to_owned(), token, FileKind::Token)),
            (None, Some(_)) => {
                self.notes
                    .push("the token is left out: the present configuration names no token-file".into());
            }
            (_, None) => {}
        }
        for command in
            [&config.hooks.restart, &config.hooks.stage].into_iter().filter(|hook| !hook.is_empty())
        {
            self.notes
                .push(format!("the restored configuration runs a program on events: {}", command.join(" ")));
        }
        Ok(texts)
    }

    fn damaged(&self, what: &str) -> Failure {
        let cause = format!("the backup {} is damaged: {what}; nothing has changed", self.path.display());
        Failure::new(Exit::Act, cause, "take another copy of it")
    }

    /// Unpacks the remaining entries into a folder, and verifies everything.
    fn unpack(&mut self, folder: &Path, room: &DiskSpace, bar: &ProgressBar) -> Result<(), Failure> {
        let index = loop {
            let next = self.files.next().map_err(|what| self.damaged(&what))?;
            let Some((name, mut entry)) = next else {
                return Err(self.damaged("its end is missing"));
            };
            if name == INDEX {
                let text =
                    small(&mut entry, LARGEST_INDEX).map_err(|error| self.damaged(&error.to_string()))?;
                let index: Result<Index, _> = serde_json::from_slice(&text);
                break index.map_err(|error| self.damaged(&format!("its index: {error}")))?;
            }
            let path = match self.destination(&name) {
                RestoreTarget::State(inner) => Some(folder.join(inner)),
                RestoreTarget::LeftOut => None,
                RestoreTarget::Refused => {
                    return Err(self.damaged(&format!("there is no place for {name:?}")));
                }
            };
            let found =
                write(&mut entry, path.as_deref(), room, bar).map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => self.damaged(&format!("{name} is cut short")),
                    io::ErrorKind::AlreadyExists => self.damaged(&format!("{name} is in it twice")),
                    _ => failed("write", path.as_deref().unwrap_or(folder), &error),
                })?;
            if path.is_none() {
                self.notes.push(format!("{name:?} in the backup is no part of a state and is left out"));
            }
            self.seen.files.insert(name, found);
        };
        for (name, entry) in &index.files {
            let same = self.seen.files.remove(name).is_some_and(|found| {
                (found.sha256.as_str(), found.size) == (entry.sha256.as_str(), entry.size)
            });
            if !same {
                return Err(self.damaged(&format!("{name} is not what was backed up")));
            }
            if let RestoreTarget::State(inner) = self.destination(name) {
                let path = folder.join(inner);
                let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_nanos(entry.modified));
                let dated = File::options().write(true).open(&path).and_then(|file| {
                    file.set_times(times)?;
                    file.sync_all()
                });
                dated.map_err(|error| failed("write", &path, &error))?;
            }
        }
        match self.seen.files.keys().next() {
            Some(name) => Err(self.damaged(&format!("{name} is not in its index"))),
            None => Ok(()),
        }
    }

    fn destination<'n>(&self, name: &'n str) -> RestoreTarget<'n> {
        let inner = Path::new(name).strip_prefix(STATE);
        match inner.map_or(RestoreTarget::Refused, destination) {
            RestoreTarget::State(inner) if inner.starts_with(FIRMWARE) && !self.header.firmware => {
                RestoreTarget::Refused
            }
            other => other,
        }
    }
}

/// Unpacks and verifies the backup, then exchanges the states. Returns the old state's folder.
fn take_over<R: Read>(
    backup: &mut Backup<'_, R>,
    state: &Path,
    bar: &ProgressBar,
) -> Result<PathBuf, Failure> {
    let _lock = state_lock::lock(state)?;
    let _import = state_lock::import_lock(state)?;
    let writing = |error: io::Error| failed("write into", state, &error);
    finish(state).map_err(writing)?;
    if let Some(names) = foreign(state).map_err(writing)? {
        let cause = format!(
            "{} holds other things than a state of transload: {names}; nothing has changed",
            state.display()
        );
        let cure = "see that this is the right folder; move those away, or name another with --state DIR";
        return Err(Failure::new(Exit::Usage, cause, cure));
    }
    for name in moved(state, !backup.header.firmware).map_err(writing)? {
        on_same_disk(state, &name)?;
    }
    let part = state.join(PART);
    if fs::symlink_metadata(&part).is_ok() {
        fs::remove_dir_all(&part).map_err(writing)?;
    }
    let new = part.join("new");
    fs::create_dir(&part).and_then(|()| fs::create_dir(&new)).map_err(writing)?;
    let prepared = prepare(backup, state, &part, &new, bar);
    let committed = prepared.and_then(|()| {
        fs::rename(&part, state.join(READY)).and_then(|()| sync_folder(state)).map_err(writing)
    });
    if let Err(failure) = committed {
        let _ = fs::remove_dir_all(&part);
        return Err(failure);
    }
    finish(state).map(Option::unwrap_or_default).map_err(|error| {
        Failure::new(
            Exit::Act,
            format!("the restored state is not yet in its place in {}: {error}", state.display()),
            "see that the disk is well; the next `transload serve` puts it there",
        )
    })
}

fn prepare<R: Read>(
    backup: &mut Backup<'_, R>,
    state: &Path,
    part: &Path,
    new: &Path,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    backup.unpack(new, &DiskSpace::of(state, state), bar)?;
    match ledger::examine(&new.join(LEDGER)) {
        Err(LedgerError::Absent(_)) if backup.header.ledger == 0 => {}
        examined => _ = examined?,
    }
    if !backup.header.firmware {
        let manifest = |folder: &Path| {
            Manifest::read(folder).map_err(|error| failed("read the manifest in", folder, &error))
        };
        let mut merged = manifest(new)?;
        let here = manifest(state)?.files.into_iter().filter(|(key, _)| !manifest::is_license(key));
        merged.files.extend(here);
        let written = merged.write(new).and_then(|()| File::create(part.join(KEEP_FIRMWARE))?.sync_all());
        written.map_err(|error| failed("write into", part, &error))?;
    }
    sync_folder(new).and_then(|()| sync_folder(part)).map_err(|error| failed("write into", part, &error))
}

/// A mount point cannot be moved aside.
fn on_same_disk(state: &Path, name: &std::ffi::OsStr) -> Result<(), Failure> {
    let device = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.dev());
    let path = state.join(name);
    match (device(state), device(&path)) {
        (Ok(of_state), Ok(of_it)) if of_state == of_it => Ok(()),
        (Err(error), _) | (_, Err(error)) => Err(failed("read", &path, &error)),
        _ => Err(Failure::new(
            Exit::Act,
            format!("{} is a disk of its own and cannot be kept aside; nothing has changed", path.display()),
            "unmount it first, or restore a backup that was made with --without-firmware",
        )),
    }
}

/// Writes an entry and returns its hash and size; only reads it without a path.
fn write<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    path: Option<&Path>,
    room: &DiskSpace,
    bar: &ProgressBar,
) -> io::Result<IndexedFile> {
    if let Some(folder) = path.and_then(Path::parent) {
        fs::create_dir_all(folder)?;
    }
    let mut file = path.map(File::create_new).transpose()?;
    file.as_ref().map_or(Ok(()), atomic::readable)?;
    let mut hash = Sha256::new();
    let (mut block, mut size) = (vec![0; 256 * 1024], 0);
    loop {
        let length = entry.read(&mut block).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        if length == 0 {
            break;
        }
        if let Some(file) = &mut file {
            room.check(length as u64)?;
            file.write_all(&block[..length])?;
        }
        hash.update(&block[..length]);
        size += length as u64;
        bar.inc(length as u64);
    }
    if size != entry.header().size()? {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(IndexedFile { sha256: hexadecimal(&hash.finalize()), size, modified: 0 })
}
