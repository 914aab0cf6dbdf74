//! Restoring a backup: everything is unpacked beside the present state and verified before anything is changed.

use std::fs::{self, File, FileTimes};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use indicatif::ProgressBar;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::exchange::{KEEP_FIRMWARE, READY, finish, moved};
use super::{CONFIGURATION, Entry, FORMAT, HEADER, Header, INDEX, Index, LEDGER, STATE, TOKEN, failed};
use crate::atomic::{self, sync_folder};
use crate::cli::RestoreArgs;
use crate::config::{Config, PLACES};
use crate::error::{Exit, Failure};
use crate::ledger::{self, LedgerError};
use crate::library::manifest::{self, Manifest, hexadecimal};
use crate::{privilege, progress, state_lock};

/// More than a configuration or a token has.
const LARGEST_TEXT: u64 = 1 << 20;
/// More than the index of the largest state has.
const LARGEST_INDEX: u64 = 64 << 20;
/// Where a backup is unpacked.
const PART: &str = ".restore.part";

/// Puts the state and the configuration of a backup in the place of the present ones, which are kept. `named` is what
/// `--config` said.
///
/// # Errors
/// The backup is damaged or of a newer release, or a bench is running: nothing has changed then.
pub fn run(named: Option<&Path>, args: &RestoreArgs) -> Result<(), Failure> {
    let file = File::open(&args.file).map_err(|error| failed("read", &args.file, &error))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut archive = tar::Archive::new(file);
    let mut backup = Backup::open(&mut archive, &args.file)?;
    let place = place(named);
    let (config, texts) = match backup.configuration.take() {
        Some(text) if !args.without_configuration => {
            let config = Config::parse(&String::from_utf8_lossy(&text), &place).map_err(|mut failure| {
                for problem in &mut failure.problems {
                    problem.cause = format!("the configuration in the backup: {}", problem.cause);
                    problem.cure = format!("{}, or leave it out: --without-configuration", problem.cure);
                }
                failure
            })?;
            let token = config.admin.token_file.clone().zip(backup.token.take());
            (config, [Some((place, text)), token])
        }
        _ => (Config::load(named)?, [None, None]),
    };
    let state = &config.bench.state;
    let bar = progress::bytes("restore");
    bar.set_length(length);
    privilege::make_state(state)?;
    let kept = privilege::as_owner(state, || take_over(&mut backup, state, &bar))??;
    bar.finish_and_clear();
    println!("{} is restored; what was there is in {}", state.display(), kept.display());
    for (path, content) in texts.into_iter().flatten() {
        match exchange(&path, &content, state).map_err(|error| failed("write", &path, &error))? {
            Some(kept) => println!("{} is restored; what was there is {}", path.display(), kept.display()),
            None => println!("{} is as in the backup", path.display()),
        }
    }
    Ok(())
}

/// Where the configuration goes.
fn place(named: Option<&Path>) -> PathBuf {
    let places = PLACES.map(Path::new);
    let found = places.into_iter().find(|path| path.exists());
    let system = Path::new(PLACES[1]).parent().is_some_and(Path::exists);
    let first = Path::new(PLACES[usize::from(system)]);
    named.or(found).unwrap_or(first).to_owned()
}

/// Puts a file in the place of another of other content, which is kept beside it, and has its owner and rights. Where
/// none was, it is the owner's of the state folder, and nobody else's.
fn exchange(path: &Path, content: &[u8], state: &Path) -> io::Result<Option<PathBuf>> {
    let mut kept = None;
    let (like, mode) = match fs::read(path) {
        Ok(before) if before == content => return Ok(None),
        Ok(_) => {
            let mut beside = path.as_os_str().to_owned();
            beside.push(Timestamp::now().strftime(".replaced-%Y-%m-%dT%H-%M-%SZ").to_string());
            fs::copy(path, &beside)?;
            kept = Some(beside.into());
            let metadata = fs::metadata(path)?;
            let mode = metadata.permissions();
            (metadata, mode)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (fs::metadata(state)?, fs::Permissions::from_mode(0o600))
        }
        Err(error) => return Err(error),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(content)?;
    fchown(&file, Some(like.uid()), Some(like.gid()))?;
    file.as_file().set_permissions(mode)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)?;
    Ok(kept)
}

/// An archive whose beginning has been read.
struct Backup<'a, R: Read> {
    path: &'a Path,
    header: Header,
    configuration: Option<Vec<u8>>,
    token: Option<Vec<u8>>,
    /// What was read of it so far.
    seen: Index,
    entries: std::iter::Peekable<tar::Entries<'a, R>>,
}

impl<'a, R: Read> Backup<'a, R> {
    fn open(archive: &'a mut tar::Archive<R>, path: &'a Path) -> Result<Self, Failure> {
        let foreign = || {
            let cause = format!("{} is no backup of transload, or is damaged", path.display());
            Failure::new(Exit::Usage, cause, "name a file that `transload backup` wrote")
        };
        let mut entries = archive.entries().map_err(|_| foreign())?.peekable();
        let mut first = entries.next().and_then(Result::ok).ok_or_else(foreign)?;
        if first.path_bytes() != HEADER.as_bytes() {
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
        let mut backup = Self { path, header, configuration, token, seen, entries };
        while backup.next_is("configuration/") {
            let mut entry = backup.entries.next().and_then(Result::ok).ok_or_else(foreign)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let content = small(&mut entry, LARGEST_TEXT).map_err(|_| foreign())?;
            let sha256 = hexadecimal(&Sha256::digest(&content));
            let found = Entry { sha256, size: content.len() as u64, modified: 0 };
            match name.as_str() {
                CONFIGURATION => backup.configuration = Some(content),
                TOKEN => backup.token = Some(content),
                _ => return Err(foreign()),
            }
            backup.seen.files.insert(name, found);
        }
        Ok(backup)
    }

    fn next_is(&mut self, prefix: &str) -> bool {
        self.entries
            .peek()
            .and_then(|entry| entry.as_ref().ok())
            .is_some_and(|entry| entry.path_bytes().starts_with(prefix.as_bytes()))
    }

    fn damaged(&self, what: &str) -> Failure {
        let cause = format!("the backup {} is damaged: {what}; nothing has changed", self.path.display());
        Failure::new(Exit::Act, cause, "take another copy of it")
    }

    /// Unpacks what is left into a folder, and verifies all of it.
    fn unpack(&mut self, folder: &Path, bar: &ProgressBar) -> Result<(), Failure> {
        let index = loop {
            let Some(entry) = self.entries.next() else {
                return Err(self.damaged("its end is missing"));
            };
            let mut entry = entry.map_err(|error| self.damaged(&error.to_string()))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if name == INDEX {
                let text =
                    small(&mut entry, LARGEST_INDEX).map_err(|error| self.damaged(&error.to_string()))?;
                let index: Result<Index, _> = serde_json::from_slice(&text);
                break index.map_err(|error| self.damaged(&format!("its index: {error}")))?;
            }
            let Some(inner) = inside(&name).filter(|_| entry.header().entry_type().is_file()) else {
                return Err(self.damaged(&format!("there is no place for {name:?}")));
            };
            let path = folder.join(inner);
            let found = write(&mut entry, &path, bar).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => self.damaged(&format!("{name} is cut short")),
                _ => failed("write", &path, &error),
            })?;
            self.seen.files.insert(name, found);
        };
        for (name, entry) in &index.files {
            let same = self.seen.files.remove(name).is_some_and(|found| {
                (found.sha256.as_str(), found.size) == (entry.sha256.as_str(), entry.size)
            });
            if !same {
                return Err(self.damaged(&format!("{name} is not what was backed up")));
            }
            if let Some(inner) = inside(name) {
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
}

/// Unpacks beside the present state, verifies, and exchanges the two; returns where the old one is.
fn take_over<R: Read>(
    backup: &mut Backup<'_, R>,
    state: &Path,
    bar: &ProgressBar,
) -> Result<PathBuf, Failure> {
    let _lock = state_lock::lock(state)?;
    let _import = state_lock::import_lock(state)?;
    let writing = |error: io::Error| failed("write into", state, &error);
    finish(state).map_err(writing)?;
    for name in moved(state, !backup.header.firmware).map_err(writing)? {
        on_same_disk(state, &name)?;
    }
    let part = state.join(PART);
    if part.exists() {
        fs::remove_dir_all(&part).map_err(writing)?;
    }
    let new = part.join("new");
    fs::create_dir_all(&new).map_err(writing)?;
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
    backup.unpack(new, bar)?;
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

/// What is a disk of its own cannot be moved aside.
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

/// The path within the state folder of a name in the archive, if it stays within.
fn inside(name: &str) -> Option<&Path> {
    let inner = Path::new(name).strip_prefix(STATE).ok()?;
    let stays = inner.components().all(|part| matches!(part, Component::Normal(_)));
    (stays && !inner.as_os_str().is_empty()).then_some(inner)
}

fn small(entry: &mut impl Read, largest: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    entry.take(largest + 1).read_to_end(&mut content)?;
    if content.len() as u64 > largest {
        return Err(io::Error::other("it is larger than it can be"));
    }
    Ok(content)
}

fn write<R: Read>(entry: &mut tar::Entry<'_, R>, path: &Path, bar: &ProgressBar) -> io::Result<Entry> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create_new(path)?;
    atomic::readable(&file)?;
    let mut hash = Sha256::new();
    let (mut block, mut size) = (vec![0; 256 * 1024], 0);
    loop {
        let length = entry.read(&mut block).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        if length == 0 {
            break;
        }
        file.write_all(&block[..length])?;
        hash.update(&block[..length]);
        size += length as u64;
        bar.inc(length as u64);
    }
    if size != entry.header().size()? {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Entry { sha256: hexadecimal(&hash.finalize()), size, modified: 0 })
}
