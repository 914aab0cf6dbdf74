//! Finds the files to read: named ones, and those in named folders.

use std::fs;
use std::path::{Path, PathBuf};

use transload_provision::text;

use super::{ImportLine, ImportVerdict};
use crate::system::error::{Exit, Failure};

/// The deepest nesting of folders.
const DEPTH: usize = 8;
/// The most files and folders in all.
const ENTRIES: usize = 50_000;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceFile {
    pub path: PathBuf,
    /// The path as the user named it, or within the named folder.
    pub shown: String,
    pub size: u64,
    /// The user named the file itself, so it is always reported.
    pub named: bool,
}

/// Files to read, and report lines of the others.
#[derive(Debug, Default)]
pub(super) struct FoundSources {
    pub sources: Vec<SourceFile>,
    pub lines: Vec<ImportLine>,
}

/// Searches the paths in order, and folders by name.
pub(super) fn sources(paths: &[PathBuf]) -> Result<FoundSources, Failure> {
    let mut found = FoundSources::default();
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
            // Links are not followed below, so that nobody can add one meanwhile.
            let real = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            found.folder(&real, path, 0, &mut left);
        } else if metadata.is_file() {
            found.sources.push(SourceFile {
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

impl FoundSources {
    /// Searches a folder; `shown` is its name for the user.
    fn folder(&mut self, folder: &Path, shown: &Path, depth: usize, left: &mut usize) {
        let mut entries: Vec<_> = match fs::read_dir(folder) {
            Ok(entries) => entries.flatten().take(*left + 1).collect(),
            Err(error) => return self.refuse(shown, &format!("it cannot be read: {error}")),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, shown) = (entry.path(), shown.join(entry.file_name()));
            // Leftovers of file managers: .DS_Store, ._name.
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
                self.sources.push(SourceFile { path, shown, size: metadata.len(), named: false });
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
        self.say(path, ImportVerdict::Refused, note);
    }

    fn skip(&mut self, path: &Path, note: &str) {
        self.say(path, ImportVerdict::Skipped, note);
    }

    fn say(&mut self, path: &Path, verdict: ImportVerdict, note: &str) {
        let source = text::line(&path.display().to_string());
        self.lines.push(ImportLine { source, file: String::new(), verdict, note: note.to_owned() });
    }
}
