//! Decides which paths a restore writes. They come from this box's configuration or command line, never from the
//! backup: root must not write where a backup says.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use toml::de::DeTable;

use super::exchange::aside;
use crate::config::{self, ChosenFile, Config, PLACES};
use crate::system::atomic::sync_folder;
use crate::system::error::{Exit, Failure};
use crate::system::plain_file::{self, FileKind};
use crate::system::privilege;

/// The paths of this box.
#[derive(Debug)]
pub(super) struct OwnPaths {
    /// The path for the configuration.
    pub place: PathBuf,
    /// The present configuration, if it is readable.
    pub present: Option<Config>,
    /// The path for the state.
    pub state: PathBuf,
}

impl OwnPaths {
    /// Finds the paths. `named` is the value of `--config`, `state` that of `--state`.
    pub(super) fn find(named: Option<&Path>, state: Option<&Path>) -> Result<Self, Failure> {
        let ChosenFile { path, note } = config::choose(named);
        let there = path.filter(|path| path.symlink_metadata().is_ok());
        let place = there.clone().or_else(|| named.map(Path::to_owned)).unwrap_or_else(default_place);
        let present = match there {
            Some(path) => match (Config::reload(Some(&path)), state) {
                (Ok(config), _) => Some(config),
                // The unreadable configuration is replaced anyway, and the command line names the state folder.
                (Err(_), Some(_)) => None,
                (Err(mut failure), None) => {
                    for problem in &mut failure.problems {
                        problem.cure = format!("{}, or name the state folder with --state DIR", problem.cure);
                    }
                    return Err(failure);
                }
            },
            None => None,
        };
        for warning in note.iter().chain(present.iter().flat_map(|config| &config.warnings)) {
            eprintln!("warning: {warning}");
        }
        let state = state.map(Path::to_owned).or_else(|| Some(present.as_ref()?.bench.state.clone()));
        let Some(state) = state else {
            let cause =
                format!("there is no {}, so nothing says which state folder is this box's", place.display());
            let cure =
                "write one with `transload init` and set state in it, or name the folder with --state DIR";
            return Err(Failure::new(Exit::Usage, cause, cure));
        };
        Ok(Self { place, present, state })
    }

    pub(super) fn token_file(&self) -> Option<&Path> {
        self.present.as_ref()?.admin.token_file.as_deref()
    }

    /// The backup's configuration with this box's paths.
    pub(super) fn adapted(&self, text: &[u8]) -> Result<(String, Config), Failure> {
        let text = String::from_utf8_lossy(text).into_owned();
        let theirs = Config::parse(&text, &self.place).map_err(|mut failure| {
            for problem in &mut failure.problems {
                problem.cause = format!("the configuration in the backup: {}", problem.cause);
                problem.cure = format!("{}, or leave it out: --without-configuration", problem.cure);
            }
            failure
        })?;
        let mut wanted = theirs.clone();
        wanted.bench.state.clone_from(&self.state);
        if self.present.is_some() {
            wanted.admin.token_file = self.token_file().map(Path::to_owned);
        }
        if wanted == theirs {
            return Ok((text, theirs));
        }
        let mut own = text;
        if wanted.bench.state != theirs.bench.state {
            own = with_path(&own, "bench", "state", Some(&wanted.bench.state));
        }
        if wanted.admin.token_file != theirs.admin.token_file {
            own = with_path(&own, "admin", "token-file", wanted.admin.token_file.as_deref());
        }
        match Config::parse(&own, &self.place) {
            Ok(config) if config == wanted => Ok((own, config)),
            _ => Err(self.refused(&theirs)),
        }
    }

    fn refused(&self, theirs: &Config) -> Failure {
        let shown = |path: Option<&Path>| path.map_or("none".to_owned(), |path| path.display().to_string());
        let cause = format!(
            "the configuration in the backup has other paths than this box: state {} and not {}, token-file {} and not {}; nothing has changed",
            theirs.bench.state.display(),
            self.state.display(),
            shown(theirs.admin.token_file.as_deref()),
            shown(self.token_file()),
        );
        let cure = format!(
            "set these paths in {} as you want them, or leave the backup's configuration out: --without-configuration",
            self.place.display()
        );
        Failure::new(Exit::Usage, cause, cure)
    }
}

/// The path for a new configuration: the system's folder, if it exists.
fn default_place() -> PathBuf {
    let system = Path::new(PLACES[1]).parent().is_some_and(Path::exists);
    PathBuf::from(PLACES[usize::from(system)])
}

/// Replaces or removes a path in the text of a configuration. The caller checks the result.
fn with_path(text: &str, table: &str, key: &str, path: Option<&Path>) -> String {
    let line = path.map(|path| format!("{key} = {}", toml::Value::String(path.display().to_string())));
    let line = line.unwrap_or_default();
    if let Some(span) = key_and_value(text, table, key) {
        return [&text[..span.start], &line, &text[span.end..]].concat();
    }
    let header = format!("[{table}]");
    let mut after = text.split_inclusive('\n').scan(0, |at, line| {
        *at += line.len();
        Some((*at, line))
    });
    match after.find(|(_, line)| line.trim_start().starts_with(&header)) {
        Some((at, _)) => [&text[..at], &line, "\n", &text[at..]].concat(),
        None => [text, "\n", &header, "\n", &line, "\n"].concat(),
    }
}

fn key_and_value(text: &str, table: &str, key: &str) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?.into_inner();
    let (_, section) = root.iter().find(|(name, _)| name.get_ref() == table)?;
    let (name, value) = section.get_ref().as_table()?.iter().find(|(name, _)| name.get_ref() == key)?;
    Some(name.span().start..value.span().end)
}

/// Refuses what [`exchange`] would refuse, before any change.
pub(super) fn exchangeable(path: &Path) -> Result<(), Failure> {
    let unfit = match plain_file::open_unlinked(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => error,
        _ => return Ok(()),
    };
    let cure = plain_file::cure(&unfit, "run it with sudo, or leave it out: --without-configuration");
    Err(Failure::new(
        Exit::Act,
        format!("cannot replace {}: {unfit}; nothing has changed", path.display()),
        cure,
    ))
}

/// Replaces a file if its content differs, and keeps the old one with its owner and rights. A new file belongs to the
/// state folder's owner alone. Links are not followed.
pub(super) fn exchange(
    path: &Path,
    content: &[u8],
    kind: FileKind,
    state: &Path,
) -> Result<Option<PathBuf>, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owner = fs::metadata(state);
    privilege::as_owner_of(folder, || exchange_in(folder, path, content, kind, owner))?.map_err(|error| {
        let cure =
            plain_file::cure(&error, "see that its folder is there and can be written to, and restore again");
        Failure::new(
            Exit::Act,
            format!("the state is restored, but {} is not: {error}", path.display()),
            cure,
        )
    })
}

fn exchange_in(
    folder: &Path,
    path: &Path,
    content: &[u8],
    kind: FileKind,
    owner: io::Result<fs::Metadata>,
) -> io::Result<Option<PathBuf>> {
    let mut kept = None;
    let like = match plain_file::open_unlinked(path) {
        Ok(file) => {
            let before = plain_file::content(&file, kind)?;
            if before == content {
                return Ok(None);
            }
            let mut beside = path.as_os_str().to_owned();
            beside.push(".replaced-");
            let beside = aside(Path::new(&beside));
            let like = file.metadata()?;
            // Avoids a link that another user created meanwhile.
            let mut copy = File::create_new(&beside)?;
            let as_before = |copy: &File| {
                copy.set_permissions(fs::Permissions::from_mode(0o600))?;
                fchown(copy, Some(like.uid()), Some(like.gid()))?;
                copy.set_permissions(like.permissions())
            };
            as_before(&copy)?;
            copy.write_all(&before)?;
            copy.sync_all()?;
            kept = Some(beside);
            (like.uid(), like.gid(), like.permissions())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Only root can give a file to another user.
            let owner = if geteuid().is_root() { owner? } else { fs::metadata(folder)? };
            (owner.uid(), owner.gid(), fs::Permissions::from_mode(0o600))
        }
        Err(error) => return Err(error),
    };
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(content)?;
    let (user, group, permissions) = like;
    fchown(&file, Some(user), Some(group))?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)?;
    Ok(kept)
}
