//! Writes a backup, also of a running bench: the ledger is copied at one moment, and imports wait.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::contents::{StateEntry, foreign, item};
use super::{
    CONFIGURATION, FIRMWARE, FORMAT, HEADER, Header, INDEX, Index, IndexedFile, LEDGER, STATE, TOKEN, failed,
};
use crate::config::Config;
use crate::state::ledger;
use crate::state::library::manifest::{self, Manifest, hexadecimal};
use crate::state::state_lock::import_lock;
use crate::system::atomic;
use crate::system::clock::nanoseconds;
use crate::system::error::{Exit, Failure};
use crate::system::plain_file::{self, FileKind};
use crate::system::privilege;
use crate::system::space::DiskSpace;
use crate::terminal::progress;

/// Writes the whole state into a file that is not there yet. Gives the number of files in it, and their bytes.
///
/// # Errors
/// Something cannot be read, or the file cannot be written; there is none then.
pub fn backup(config: &Config, target: &Path, firmware: bool) -> Result<(usize, u64), Failure> {
    let state = &config.bench.state;
    if target.exists() {
        let cause = format!("{} is there already", target.display());
        return Err(Failure::new(Exit::Usage, cause, "name another file, or move it away"));
    }
    if !state.is_dir() {
        let cause = format!("there is no state folder {}", state.display());
        return Err(Failure::new(Exit::Usage, cause, "name the bench's configuration with --config"));
    }
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let writing = |error: &io::Error| failed("write", target, error);
    // Only the owner may read the backup: it holds the token and a customer's licenses.
    let mut file =
        tempfile::Builder::new().prefix(".backup-").tempfile_in(folder).map_err(|error| writing(&error))?;
    let mut configuration = Vec::new();
    let texts = [
        (CONFIGURATION, &config.file, FileKind::Configuration),
        (TOKEN, &config.admin.token_file, FileKind::Token),
    ];
    for (name, path, kind) in texts {
        if let Some(path) = path {
            configuration.push((
                name,
                plain_file::read(path, kind).map_err(|error| failed("read", path, &error))?,
                path.clone(),
            ));
        }
    }
    let bar = progress::bytes("backup");
    let index = privilege::as_owner(state, || {
        let room = DiskSpace::of(folder, state);
        write(file.as_file_mut(), state, &configuration, firmware, Some(&room), &bar)
    })??;
    bar.finish_and_clear();
    let lasting = file.as_file().sync_all().and_then(|()| {
        file.persist_noclobber(target).map_err(|error| error.error)?;
        atomic::sync_folder(folder)
    });
    lasting.map_err(|error| writing(&error))?;
    Ok((index.files.len(), index.files.values().map(|entry| entry.size).sum()))
}

/// Writes the archive, and returns its index.
pub(super) fn write(
    out: &mut File,
    state: &Path,
    configuration: &[(&str, Vec<u8>, PathBuf)],
    firmware: bool,
    room: Option<&DiskSpace>,
    bar: &ProgressBar,
) -> Result<Index, Failure> {
    let _lock = import_lock(state)?;
    let copy = tempfile::Builder::new()
        .prefix(".backup-")
        .tempdir_in(state)
        .map_err(|error| failed("write into", state, &error))?;
    let copied = copy.path().join(LEDGER);
    let ledger = match ledger::copy(&state.join(LEDGER), &copied) {
        Ok(version) => version,
        Err(ledger::LedgerError::Absent(_)) => 0,
        Err(error) => return Err(error.into()),
    };
    let (format, transload) = (FORMAT, env!("CARGO_PKG_VERSION").to_owned());
    let header = Header { format, transload, ledger, made: Timestamp::now(), firmware };

    let mut archive = Archive { tar: tar::Builder::new(out), index: Index::default(), room, bar };
    archive.json(HEADER, &header)?;
    for (name, content, path) in configuration {
        archive.add(name, &mut content.as_slice(), content.len() as u64, modified(path), path)?;
    }
    if ledger > 0 {
        archive.file(&format!("{STATE}/{LEDGER}"), &copied)?;
    }
    if !firmware {
        let manifest =
            Manifest::read(state).map_err(|error| failed("read the manifest in", state, &error))?;
        let known = manifest.files.into_iter().filter(|(key, _)| manifest::is_license(key));
        let kept = Manifest { files: known.collect() };
        let (name, path) = (format!("{STATE}/{}", manifest::NAME), state.join(manifest::NAME));
        let text = serde_json::to_vec_pretty(&kept).map_err(|error| failed("write", &path, &error.into()))?;
        archive.add(&name, &mut text.as_slice(), text.len() as u64, modified(&path), &path)?;
    }
    let left_out = |name: &str| {
        item(name) != StateEntry::Kept
            || name == LEDGER
            || (!firmware && (name == FIRMWARE || name == manifest::NAME))
    };
    if let Some(names) = foreign(state).map_err(|error| failed("read", state, &error))? {
        eprintln!(
            "warning: {} holds other things than the state, which are left out: {names}",
            state.display()
        );
    }
    archive.folder(STATE, state, true, &left_out)?;
    let index = std::mem::take(&mut archive.index);
    archive.json(INDEX, &index)?;
    archive.tar.finish().map_err(|error| failed("write", Path::new("the backup"), &error))?;
    Ok(index)
}

struct Archive<'a> {
    tar: tar::Builder<&'a mut File>,
    index: Index,
    room: Option<&'a DiskSpace>,
    bar: &'a ProgressBar,
}

impl Archive<'_> {
    /// Adds a folder's visible contents, ordered by name. `left_out` filters the names at its top.
    fn folder(
        &mut self,
        name: &str,
        folder: &Path,
        top: bool,
        left_out: &dyn Fn(&str) -> bool,
    ) -> Result<(), Failure> {
        let reading = |error: io::Error| failed("read", folder, &error);
        let entries =
            fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(reading)?;
        let mut names = Vec::new();
        for entry in entries {
            // No phone can ask for a name that is not Unicode.
            names.extend(entry.file_name().into_string().ok().filter(|name| !left_out(name)));
        }
        names.sort();
        for inner in names {
            let (path, name) = (folder.join(&inner), format!("{name}/{inner}"));
            // A link at the top is followed, because the folder may be on another disk. A deeper link could lead
            // anywhere.
            let metadata = if top { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
            match metadata {
                Ok(metadata) if metadata.is_dir() => {
                    self.folder(&name, &path, false, &|name| name.starts_with('.'))?;
                }
                Ok(metadata) if metadata.is_file() => self.file(&name, &path)?,
                Ok(_) => {}
                Err(error) => return Err(failed("read", &path, &error)),
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &str, path: &Path) -> Result<(), Failure> {
        let mut file = plain_file::open(path).map_err(|error| failed("read", path, &error))?;
        let size = file.metadata().map_err(|error| failed("read", path, &error))?.len();
        self.add(name, &mut file, size, modified(path), path)
    }

    fn json(&mut self, name: &str, value: &impl serde::Serialize) -> Result<(), Failure> {
        let path = Path::new("the backup");
        let text = serde_json::to_vec_pretty(value).map_err(|error| failed("write", path, &error.into()))?;
        let mut header = header(text.len() as u64, 0);
        let added = self.tar.append_data(&mut header, name, text.as_slice());
        added.map_err(|error| failed("write", path, &error))
    }

    fn add(
        &mut self,
        name: &str,
        content: &mut impl Read,
        size: u64,
        modified: u64,
        path: &Path,
    ) -> Result<(), Failure> {
        self.room.map_or(Ok(()), |room| room.check(size)).map_err(|error| failed("back up", path, &error))?;
        let mut hashed =
            HashingReader { content: content.take(size), hash: Sha256::new(), read: 0, bar: self.bar };
        let added = self.tar.append_data(&mut header(size, modified / 1_000_000_000), name, &mut hashed);
        added.map_err(|error| failed("back up", path, &error))?;
        if hashed.read != size {
            let cause = format!("{} became shorter while it was read", path.display());
            return Err(Failure::new(Exit::Act, cause, "leave the state folder alone, and try again"));
        }
        let entry = IndexedFile { sha256: hexadecimal(&hashed.hash.finalize()), size, modified };
        self.index.files.insert(name.to_owned(), entry);
        Ok(())
    }
}

fn header(size: u64, seconds: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mtime(seconds);
    header.set_mode(0o600);
    header
}

fn modified(path: &Path) -> u64 {
    fs::metadata(path).and_then(|metadata| metadata.modified()).map_or(0, nanoseconds)
}

struct HashingReader<'a, R> {
    content: io::Take<&'a mut R>,
    hash: Sha256,
    read: u64,
    bar: &'a ProgressBar,
}

impl<R: Read> Read for HashingReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(buffer)?;
        self.hash.update(&buffer[..length]);
        self.read += length as u64;
        self.bar.inc(length as u64);
        Ok(length)
    }
}
