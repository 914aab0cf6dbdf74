//! Which files are to be read: those named, and those in folders that are named.

use std::fs;
use std::path::{Path, PathBuf};

use transload_provision::text;

use super::{Line, Verdict};
use crate::system::error::{Exit, Failure};

/// Folders within folders that are looked into.
const DEPTH: usize = 8;
/// Files and folders looked at in all.
const ENTRIES: usize = 50_000;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub path: PathBuf,
    /// As people know it: as it was named, or within the folder that was named.
    pub shown: String,
    pub size: u64,
    /// Named itself, and not come upon in a folder: of use or not, something is said of it.
    pub named: bool,
}

/// Files to read, and what is said of those that are not.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub sources: Vec<Source>,
    pub lines: Vec<Line>,
}

/// Looks through the paths, in their order; folders by name.
pub(super) fn sources(paths: &[PathBuf]) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut left = ENTRIES;
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("cannot read {}: {error}", path.display()),
                "name files or folders that are there",
            )
        })?;
        if metadata.is_dir() {
            // From here on no link is followed, so that nobody can put one in the way meanwhile.
            let real = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            found.folder(&real, path, 0, &mut left);
        } else if metadata.is_file() {
            found.sources.push(Source {
                path: path.clone(),
                shown: text::line(&path.display().to_string()),
                size: metadata.len(),
                named: true,
            });
        } else {
            found.refuse(path, "it is neither a file nor a folder; name files or folders");
        }
    }
    Ok(found)
}

impl Found {
    /// `shown` is the folder as it was named.
    fn folder(&mut self, folder: &Path, shown: &Path, depth: usize, left: &mut usize) {
        let mut entries: Vec<_> = match fs::read_dir(folder) {
            Ok(entries) => entries.flatten().take(*left + 1).collect(),
            Err(error) => return self.refuse(shown, &format!("it cannot be read: {error}")),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, shown) = (entry.path(), shown.join(entry.file_name()));
            // What file managers leave: .DS_Store, ._name.
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".") || path.ends_with("__MACOSX");
            if hidden {
                continue;
            }
            if *left == 0 {
                return self.refuse(&shown, "there are too many files; import fewer at a time");
            }
            *left -= 1;
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            if metadata.is_dir() && depth < DEPTH {
                self.folder(&path, &shown, depth + 1, left);
            } else if metadata.is_dir() {
                self.refuse(&shown, "it lies in too many folders; move it further up");
            } else if metadata.is_file() {
                let shown = text::line(&shown.display().to_string());
                self.sources.push(Source { path, shown, size: metadata.len(), named: false });
            } else {
                let note = if metadata.is_symlink() {
                    "a link is not followed; name what it leads to"
                } else {
                    "it is no plain file"
                };
                self.skip(&shown, note);
            }
        }
    }

    fn refuse(&mut self, path: &Path, note: &str) {
        self.say(path, Verdict::Refused, note);
    }

    fn skip(&mut self, path: &Path, note: &str) {
        self.say(path, Verdict::Skipped, note);
    }

    fn say(&mut self, path: &Path, verdict: Verdict, note: &str) {
        let source = text::line(&path.display().to_string());
        self.lines.push(Line { source, file: String::new(), verdict, note: note.to_owned() });
    }
}
