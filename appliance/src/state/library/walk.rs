//! Walks the library's folders within bounds, and never leaves them.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use transload_provision::load::Direction;
use transload_provision::mac::Mac;
use transload_provision::text::is_hidden;

use super::stamp::FileStamp;
use super::{LibraryError, UnusableFile, manifest};
use crate::system::plain_file::{FileKind, UnfitFile};

/// The deepest nesting of folders.
const DEPTH: usize = 8;
/// The most files and folders in each root; Cisco's packages for all families have hundreds.
const ENTRIES: usize = 50_000;

/// The result of a walk in order of path. Equal walks mean that nothing changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) files: Vec<FoundFile>,
    pub(super) unusable: Vec<UnusableFile>,
    /// The manifest's stamp, because the manifest affects the meaning of files.
    manifest: Option<FileStamp>,
}

/// A found file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundFile {
    pub(super) place: FileRole,
    /// The file's name.
    pub(super) name: String,
    /// The path relative to its root folder, joined by `/`.
    pub(super) inner: String,
    /// The path without links; for a link, the path of its target.
    pub(super) path: PathBuf,
    pub(super) stamp: FileStamp,
}

/// The role of a file, by its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileRole {
    Firmware,
    /// A license for this direction; `None` directly in `licenses/`.
    License(Option<Direction>),
    /// A license in a folder without a direction.
    StrayLicense,
    Extra,
}

impl FoundFile {
    /// The phone that a license is for, by its name.
    pub(super) fn license_of(&self) -> Option<Mac> {
        let name = without_copy_mark(&self.name);
        let (stem, extension) = name.rsplit_once('.')?;
        extension.eq_ignore_ascii_case("lic").then(|| stem.parse().ok())?
    }
}

/// Walks the three root folders of a state folder.
pub(super) fn walk(state: &Path) -> Result<Walk, LibraryError> {
    let manifest = fs::metadata(state.join(manifest::NAME)).ok().map(|metadata| FileStamp::of(&metadata));
    let mut walk = Walk { manifest, ..Walk::default() };
    for (name, place) in
        [("firmware", FileRole::Firmware), ("licenses", FileRole::License(None)), ("extra", FileRole::Extra)]
    {
        let folder = state.join(name);
        match fs::canonicalize(&folder).and_then(|root| walk.folder(&root, place)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(LibraryError { path: folder, cause });
            }
            _ => {}
        }
    }
    Ok(walk)
}

impl Walk {
    /// Fails only if the root folder is unreadable.
    fn folder(&mut self, root: &Path, place: FileRole) -> io::Result<()> {
        let mut left = ENTRIES;
        // The stack is taken from its end, so entries are pushed in reverse.
        let mut waiting = entries(root)?;
        while let Some(entry) = waiting.pop() {
            let path = entry.path();
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if hidden {
                continue;
            }
            if left == 0 {
                self.refuse(
                    path,
                    format!("there are more than {ENTRIES} files and folders here; keep only what is needed"),
                );
                break;
            }
            left -= 1;
            let depth = path.strip_prefix(root).map_or(0, |inner| inner.components().count());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth > DEPTH => {
                    self.refuse(path, format!("it lies in more than {DEPTH} folders; move it further up"));
                }
                Ok(kind) if kind.is_dir() => match entries(&path) {
                    Ok(inner) => waiting.extend(inner),
                    Err(error) => self.refuse(path, format!("it cannot be read: {error}")),
                },
                Ok(kind) => self.file(root, place, path, kind.is_symlink()),
                Err(error) => self.refuse(path, format!("it cannot be read: {error}")),
            }
        }
        Ok(())
    }

    fn file(&mut self, root: &Path, place: FileRole, path: PathBuf, link: bool) {
        // The root has no links, and linked folders are not entered.
        let real = if link { fs::canonicalize(&path) } else { Ok(path.clone()) };
        let real = match real {
            Ok(real) => real,
            Err(error) => return self.refuse(path, format!("it cannot be read: {error}")),
        };
        if !real.starts_with(root) {
            return self
                .refuse(path, "it is a link that leads out of its folder; put the file itself there".into());
        }
        let metadata = match fs::metadata(&real) {
            // The walk finds the link's target by itself.
            Ok(metadata) if metadata.is_dir() => return,
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return self.refuse(path, "it is no file".into()),
            Err(error) => return self.refuse(path, format!("it cannot be read: {error}")),
        };
        let kind = match place {
            FileRole::License(_) | FileRole::StrayLicense => FileKind::License,
            FileRole::Firmware | FileRole::Extra => FileKind::Component,
        };
        if metadata.len() > kind.largest() {
            return self
                .refuse(path, UnfitFile::TooLarge(kind).to_string() + "; put the right file in its place");
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return self.refuse(path, "no phone can ask for such a name; rename it".into());
        };
        if name.chars().any(is_hidden) {
            return self.refuse(path, "its name has characters that are not shown; rename it".into());
        }
        let inner = path.strip_prefix(root).unwrap_or(&path);
        self.files.push(FoundFile {
            place: place.of(inner),
            name: name.to_owned(),
            inner: inner.to_string_lossy().into_owned(),
            path: real,
            stamp: FileStamp::of(&metadata),
        });
    }

    fn refuse(&mut self, path: PathBuf, cause: String) {
        self.unusable.push(UnusableFile { path, cause });
    }
}

impl FileRole {
    /// The folder tells a license's direction: ours, or the portal's extracted zip.
    fn of(self, inner: &Path) -> Self {
        let Self::License(_) = self else {
            return self;
        };
        let folders = inner.parent().unwrap_or(Path::new(""));
        if folders.as_os_str().is_empty() {
            return self;
        }
        direction_of(folders).map_or(Self::StrayLicense, |direction| Self::License(Some(direction)))
    }
}

/// The direction of a folder's licenses, from its name or those around it.
pub fn direction_of(folders: &Path) -> Option<Direction> {
    folders.components().rev().find_map(|folder| {
        let name = without_copy_mark(&folder.as_os_str().to_string_lossy()).to_ascii_lowercase();
        let named = |short: &str, from: [&str; 2], to: [&str; 2]| {
            // Names by the portal or a person: "Ent-2-Mpp-licenses (1)", "Enterprise to MPP", "E2M licenses".
            let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (from, to)));
            let mut ways = pairs.flat_map(|(from, to)| [format!("{from}2{to}"), format!("{from}to{to}")]);
            let word = name.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| word == short);
            word || ways.any(|way| plain.contains(&way))
        };
        let (enterprise, multiplatform) = (["ent", "enterprise"], ["mpp", "multiplatform"]);
        match (named("e2m", enterprise, multiplatform), named("m2e", multiplatform, enterprise)) {
            (true, false) => Some(Direction::E2m),
            (false, true) => Some(Direction::M2e),
            _ => None,
        }
    })
}

/// Removes a copy's mark of browsers and file managers: `x (1).lic`, `x - Copy.lic`, `Copy of x.lic`. No name that
/// phones ask for has one.
pub fn without_copy_mark(name: &str) -> String {
    let (mut stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 6 => (stem, Some(extension)),
        _ => (name, None),
    };
    while let Some(shorter) = unmarked(stem).filter(|shorter| !shorter.is_empty()) {
        stem = shorter;
    }
    match extension {
        // Some programs put the mark behind the extension.
        Some(extension) => {
            let extension = unmarked(extension).unwrap_or(extension);
            format!("{stem}.{extension}")
        }
        None => stem.to_owned(),
    }
}

/// Copy marks in several languages.
const COPY_WORDS: [&str; 6] = ["copy", "kopie", "copie", "copia", "cópia", "kopia"];
const COPY_OF: [&str; 4] = ["copy of ", "kopie von ", "copie de ", "copia de "];

fn unmarked(stem: &str) -> Option<&str> {
    let stem = stem.trim();
    for before in COPY_OF {
        if stem.get(..before.len()).is_some_and(|start| start.eq_ignore_ascii_case(before)) {
            return stem.get(before.len()..);
        }
    }
    for (open, close) in [('(', ')'), ('[', ']')] {
        let Some((before, inside)) = stem.strip_suffix(close).and_then(|rest| rest.rsplit_once(open)) else {
            continue;
        };
        let count = (1..=3).contains(&inside.len()) && inside.bytes().all(|byte| byte.is_ascii_digit());
        if count || COPY_WORDS.contains(&inside.to_lowercase().as_str()) {
            return Some(before.trim_end());
        }
    }
    let (before, word) = stem.rsplit_once([' ', '_', '-'])?;
    COPY_WORDS.contains(&word.to_lowercase().as_str()).then(|| before.trim_end_matches([' ', '_', '-']))
}

/// Sorted by name in reverse.
fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries: Vec<DirEntry> = fs::read_dir(folder)?.take(ENTRIES + 1).collect::<Result<_, _>>()?;
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.file_name()));
    Ok(entries)
}
