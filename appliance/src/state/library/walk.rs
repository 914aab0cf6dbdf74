//! Which files lie in the state folder: a bounded walk that never leaves it.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use transload_provision::load::Direction;
use transload_provision::mac::Mac;
use transload_provision::text::is_hidden;

use super::stamp::Stamp;
use super::{LibraryError, Unusable, manifest};
use crate::system::plain_file::{Kind, Unfit};

/// Folders within folders that are looked into.
const DEPTH: usize = 8;
/// Files and folders looked at in each of the three; Cisco's packages for all families have some hundreds.
const ENTRIES: usize = 50_000;

/// What a walk found, in the order of paths. Two walks are equal if nothing has changed between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) files: Vec<Found>,
    pub(super) unusable: Vec<Unusable>,
    /// Of the manifest: what is known of the files is part of what they are taken for.
    manifest: Option<Stamp>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) place: Place,
    /// The name under which it was found.
    pub(super) name: String,
    /// That with the folders it lies in below the one of its place, joined by `/`.
    pub(super) inner: String,
    /// Without links; where the name is a link, what it leads to.
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// What a file is for, by where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Firmware,
    /// Of this direction; `None` straight under `licenses/`.
    License(Option<Direction>),
    /// In a folder that tells no direction.
    StrayLicense,
    Extra,
}

impl Found {
    /// The phone that a license is for, by its name.
    pub(super) fn license_of(&self) -> Option<Mac> {
        let name = without_copy_mark(&self.name);
        let (stem, extension) = name.rsplit_once('.')?;
        extension.eq_ignore_ascii_case("lic").then(|| stem.parse().ok())?
    }
}

/// Walks through the three folders of a state folder.
pub(super) fn walk(state: &Path) -> Result<Walk, LibraryError> {
    let manifest = fs::metadata(state.join(manifest::NAME)).ok().map(|metadata| Stamp::of(&metadata));
    let mut walk = Walk { manifest, ..Walk::default() };
    for (name, place) in
        [("firmware", Place::Firmware), ("licenses", Place::License(None)), ("extra", Place::Extra)]
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
    /// Fails only where the folder itself cannot be read.
    fn folder(&mut self, root: &Path, place: Place) -> io::Result<()> {
        let mut left = ENTRIES;
        // The last is looked at next, so entries go in backwards.
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

    fn file(&mut self, root: &Path, place: Place, path: PathBuf, link: bool) {
        // The root is without links, and folders that are links are not entered.
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
            // What a link within the folder leads to is come upon by itself.
            Ok(metadata) if metadata.is_dir() => return,
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return self.refuse(path, "it is no file".into()),
            Err(error) => return self.refuse(path, format!("it cannot be read: {error}")),
        };
        let kind = match place {
            Place::License(_) | Place::StrayLicense => Kind::License,
            Place::Firmware | Place::Extra => Kind::Component,
        };
        if metadata.len() > kind.largest() {
            return self
                .refuse(path, Unfit::TooLarge(kind).to_string() + "; put the right file in its place");
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return self.refuse(path, "no phone can ask for such a name; rename it".into());
        };
        if name.chars().any(is_hidden) {
            return self.refuse(path, "its name has characters that are not shown; rename it".into());
        }
        let inner = path.strip_prefix(root).unwrap_or(&path);
        self.files.push(Found {
            place: place.of(inner),
            name: name.to_owned(),
            inner: inner.to_string_lossy().into_owned(),
            path: real,
            stamp: Stamp::of(&metadata),
        });
    }

    fn refuse(&mut self, path: PathBuf, cause: String) {
        self.unusable.push(Unusable { path, cause });
    }
}

impl Place {
    /// A license's direction is told by its folder: ours, or the portal's zip extracted as it is.
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

/// The direction of the licenses in a folder, by its name or those of the folders around it.
pub fn direction_of(folders: &Path) -> Option<Direction> {
    folders.components().rev().find_map(|folder| {
        let name = without_copy_mark(&folder.as_os_str().to_string_lossy()).to_ascii_lowercase();
        let named = |short: &str, from: [&str; 2], to: [&str; 2]| {
            // The portal's name or a person's: "Ent-2-Mpp-licenses (1)", "Enterprise to MPP", "E2M licenses".
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

/// A name without what browsers and file managers add to that of a second copy: `x (1).lic`, `x - Copy.lic`, `Copy of
/// x.lic`. No name that phones ask for ends so.
pub fn without_copy_mark(name: &str) -> String {
    let (mut stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 6 => (stem, Some(extension)),
        _ => (name, None),
    };
    while let Some(shorter) = unmarked(stem).filter(|shorter| !shorter.is_empty()) {
        stem = shorter;
    }
    match extension {
        // Some put the mark behind the ending.
        Some(extension) => {
            let extension = unmarked(extension).unwrap_or(extension);
            format!("{stem}.{extension}")
        }
        None => stem.to_owned(),
    }
}

/// The marks of copies, by the file managers of several languages.
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

/// Sorted by name, the first one last.
fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries: Vec<DirEntry> = fs::read_dir(folder)?.take(ENTRIES + 1).collect::<Result<_, _>>()?;
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.file_name()));
    Ok(entries)
}
