//! Reads sources: detects each file's kind, stages what phones need, and hashes it.

mod nested;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use sha2::{Digest, Sha256};
use transload_provision::load::{Direction, LoadName};
use transload_provision::mac::Mac;
use transload_provision::{loads_file, package, text};

use super::archive::{self, ArchiveForm, ImportStop, UnpackAllowance, broken, is_archive};
use super::commit::Staging;
use super::item::{ImportItem, ImportKind};
use super::sources::SourceFile;
use super::{ImportLine, ImportVerdict};
use crate::state::inventory;
use crate::state::library::{self, direction_of, manifest};
use crate::system::error::Failure;
use crate::system::plain_file;
use nested::OpenPackage;

/// The most files of one import.
const MOST: usize = 100_000;
const BLOCK: usize = 256 * 1024;

/// A file that may be a roster, and where it came from.
#[derive(Debug)]
pub(super) struct RosterCandidate {
    /// The path of the file or its package.
    pub source: String,
    /// The name in the package; empty without a package.
    pub name: String,
    pub file: Vec<u8>,
    /// The name is a roster's, so a file without phones is refused.
    pub sure: bool,
}

/// The contents of all sources.
#[derive(Debug, Default)]
pub(super) struct TakenFiles {
    pub items: Vec<ImportItem>,
    pub rosters: Vec<RosterCandidate>,
    pub lines: Vec<ImportLine>,
}

/// Reads one source after another.
pub(super) struct Intake<'a> {
    pub(super) staging: Option<&'a Staging>,
    direction: Option<Direction>,
    pub(super) bar: &'a ProgressBar,
    pub(super) taken: TakenFiles,
    pub(super) block: Vec<u8>,
    /// The depth of nested archives.
    pub(super) depth: usize,
}

impl<'a> Intake<'a> {
    pub(super) fn new(
        staging: Option<&'a Staging>,
        direction: Option<Direction>,
        bar: &'a ProgressBar,
    ) -> Self {
        Self { staging, direction, bar, taken: TakenFiles::default(), block: vec![0; BLOCK], depth: 0 }
    }

    pub(super) fn taken(self) -> TakenFiles {
        self.taken
    }

    /// Refuses files that together exceed the free space. The yield of an archive is unknown yet.
    pub(super) fn has_room(&self, sources: &[SourceFile]) -> Result<(), Failure> {
        let Some(staging) = self.staging else { return Ok(()) };
        let of = |wanted: &[&str]| -> u64 {
            let wanted =
                |source: &&SourceFile| wanted.contains(&extension(&source.path.to_string_lossy()).as_str());
            sources.iter().filter(wanted).map(|source| source.size).fold(0, u64::saturating_add)
        };
        staging.room(&ImportKind::Component, of(&["loads", "sbn", "sebn"]))
    }

    /// Takes a source whole, or nothing if it is faulty.
    pub(super) fn source(&mut self, source: &SourceFile) -> Result<(), Failure> {
        let before = (self.taken.items.len(), self.taken.lines.len());
        self.bar.set_message(source.shown.clone());
        match self.open(source) {
            Ok(()) => Ok(()),
            Err(ImportStop::Failed(failure)) => Err(failure),
            Err(ImportStop::Refused(note)) => {
                self.take_back(before);
                self.depth = 0;
                self.say(&source.shown, "", ImportVerdict::Refused, &note);
                Ok(())
            }
        }
    }

    fn open(&mut self, source: &SourceFile) -> Result<(), ImportStop> {
        let name = source.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let opened = if source.named {
            plain_file::open(&source.path)
        } else {
            plain_file::open_without_links(&source.path)
        };
        let file = opened.map_err(|error| unreadable(&error))?;
        match extension(&name).as_str() {
            "loads" | "sbn" | "sebn" | "lic" => {
                let folders = source.path.parent().map(folders).unwrap_or_default();
                let bar = self.bar.clone();
                let mut content = CountedFile { inner: file, bar };
                return self.file(source, None, &folders, &name, &mut content);
            }
            _ => {}
        }
        let mut head = Vec::new();
        (&file)
            .take(package::MAX_HEADER as u64)
            .read_to_end(&mut head)
            .map_err(|error| unreadable(&error))?;
        if inventory::is_table(&name) && !head.starts_with(b"PK") || inventory::workbook_kind(&file).is_some()
        {
            return self.roster(source, &file, source.named || inventory::is_sure(&name));
        }
        if let Some(form) = ArchiveForm::of(&head, &name) {
            let bar = self.bar.clone();
            let read = move |bytes| bar.inc(bytes);
            let allowance = UnpackAllowance::of(&file).map_err(|error| broken(&error))?;
            let package = OpenPackage { name, around: Vec::new(), allowance: &allowance };
            let mut visit =
                |path: &[String], content: &mut dyn Read| self.entry(source, &package, path, content);
            return archive::read(file, form, &allowance, &read, &mut visit);
        }
        if source.named && !is_archive(&name) && inventory::may_be_text(&head) {
            return self.roster(source, &file, true);
        }
        self.bar.inc(source.size);
        match is_archive(&name) {
            true if head.trim_ascii_start().starts_with(b"<") => Err(ImportStop::Refused(
                "it is a web page, not an archive; log in to Cisco's site and download it again".into(),
            )),
            true => Err(ImportStop::Refused("it is neither a zip archive nor a COP file; download it again".into())),
            false if source.named => Err(ImportStop::Refused(
                "it is nothing that phones need; import zip and COP files, .loads, .sbn, .lic or a roster as .csv, .xlsx or .ods"
                    .into(),
            )),
            false => {
                self.say(&source.shown, "", ImportVerdict::Skipped, "phones do not need it");
                Ok(())
            }
        }
    }

    fn entry(
        &mut self,
        source: &SourceFile,
        package: &OpenPackage<'_>,
        path: &[String],
        content: &mut dyn Read,
    ) -> Result<(), ImportStop> {
        let Some((name, folders)) = path.split_last() else {
            return Ok(());
        };
        if path.iter().any(|part| part.starts_with('.') || part == "__MACOSX") {
            return Ok(());
        }
        match extension(name).as_str() {
            "loads" | "sbn" | "sebn" | "lic" => {
                let folders = [package.around.as_slice(), folders].concat();
                self.file(source, Some(&package.name), &folders, name, content)
            }
            _ if inventory::is_sure(name) => self.table(source, name, content),
            _ if is_archive(name) => self.nested(source, package, folders, name, content),
            _ => {
                self.say(&source.shown, name, ImportVerdict::Skipped, "phones do not need it");
                Ok(())
            }
        }
    }

    /// Takes one file. A fault of this file is reported and does not affect the others.
    fn file(
        &mut self,
        source: &SourceFile,
        package: Option<&str>,
        folders: &[String],
        name: &str,
        content: &mut dyn Read,
    ) -> Result<(), ImportStop> {
        let name = &library::without_copy_mark(name);
        if self.taken.items.len() >= MOST {
            return Err(ImportStop::Refused(format!(
                "these are more than {MOST} files; import fewer at a time"
            )));
        }
        let kind = match self.kind(package, folders, name) {
            Ok(kind) => kind,
            Err(note) => {
                self.say(&source.shown, name, ImportVerdict::Refused, &note);
                return Ok(());
            }
        };
        let largest = match kind {
            ImportKind::Component => plain_file::FileKind::Component.largest(),
            ImportKind::Loads(_) => plain_file::FileKind::Loads.largest(),
            ImportKind::License(..) => plain_file::FileKind::License.largest(),
        };
        let staged =
            self.staging.map(|staging| staging.next(&kind)).transpose().map_err(ImportStop::Failed)?;
        let room = |bytes| {
            self.staging.map_or(Ok(()), |staging| staging.room(&kind, bytes)).map_err(ImportStop::Failed)
        };
        let mut copy = StagedCopy { staged, hash: Sha256::new(), size: 0, head: Vec::new() };
        let keep =
            if matches!(kind, ImportKind::Loads(_)) { loads_file::MAX_FILE + 1 } else { library::HEAD };
        loop {
            let length = next_block(content, &mut self.block)?;
            if length == 0 {
                break;
            }
            room(length as u64)?;
            copy.add(&self.block[..length], keep).map_err(|error| self.full(&kind, &error))?;
            if copy.size > largest {
                return Err(ImportStop::Refused(format!(
                    "it holds {name}, which is larger than any such file"
                )));
            }
        }
        let staged = copy.staged.take().map(|(_, path)| path);
        let kind = match sound(kind, name, &copy) {
            Ok(kind) => kind,
            Err(note) => {
                let _ = staged.map(std::fs::remove_file);
                self.say(&source.shown, name, ImportVerdict::Refused, &note);
                return Ok(());
            }
        };
        self.taken.items.push(ImportItem {
            kind,
            source: source.shown.clone(),
            package: package.map(str::to_owned),
            name: name.to_owned(),
            size: copy.size,
            sha256: manifest::hexadecimal(&copy.hash.finalize()),
            staged,
        });
        Ok(())
    }

    fn kind(&self, package: Option<&str>, folders: &[String], name: &str) -> Result<ImportKind, String> {
        match extension(name).as_str() {
            "lic" => {
                let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
                let mac: Mac = stem.parse().map_err(|_| {
                    "a license is named by its phone's MAC address, as in 001234AB45DE.lic".to_owned()
                })?;
                let package = package.map(|name| name.rsplit_once('.').map_or(name, |(stem, _)| stem));
                let mut told = folders.iter().map(String::as_str).chain(package).rev();
                let told = told.find_map(|folder| direction_of(Path::new(folder)));
                match (told, self.direction) {
                    (Some(told), Some(asked)) if told != asked => {
                        Err(format!("its folder says {told}, and --direction {asked}; take one of them away"))
                    }
                    (Some(direction), _) | (None, Some(direction)) => Ok(ImportKind::License(direction, mac)),
                    (None, None) => {
                        Err("nothing tells its direction; import it again with --direction e2m or m2e"
                            .to_owned())
                    }
                }
            }
            _ if !loads_file::is_plain_name(name) => {
                Err("no phone asks for such a name; give it the name that it has in Cisco's package"
                    .to_owned())
            }
            "loads" => name
                .parse::<LoadName>()
                .map(|_| ImportKind::Loads(Vec::new()))
                .map_err(|error| error.to_string()),
            _ => Ok(ImportKind::Component),
        }
    }

    fn full(&self, kind: &ImportKind, error: &io::Error) -> ImportStop {
        let place = self.staging.map(|staging| staging.place(kind).display().to_string()).unwrap_or_default();
        ImportStop::Failed(super::commit::unwritable(&place, error))
    }

    pub(super) fn say(&mut self, source: &str, file: &str, verdict: ImportVerdict, note: &str) {
        let file = if source.ends_with(file) { "" } else { file };
        let (source, file, note) = (text::line(source), text::line(file), text::line(note));
        self.taken.lines.push(ImportLine { source, file, verdict, note });
    }
}

/// Reads the next block; 0 at the end.
pub(super) fn next_block(content: &mut dyn Read, block: &mut [u8]) -> Result<usize, ImportStop> {
    loop {
        match content.read(block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map_err(|error| broken(&error)),
        }
    }
}

/// A file being staged. A dry run only hashes it.
struct StagedCopy {
    staged: Option<(File, PathBuf)>,
    hash: Sha256,
    size: u64,
    head: Vec<u8>,
}

impl StagedCopy {
    fn add(&mut self, bytes: &[u8], keep: usize) -> io::Result<()> {
        let room = keep.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        match &mut self.staged {
            Some((file, _)) => file.write_all(bytes),
            None => Ok(()),
        }
    }
}

/// Checks that the content fits the name. Returns the kind with a `.loads` file's components.
fn sound(kind: ImportKind, name: &str, copy: &StagedCopy) -> Result<ImportKind, String> {
    match kind {
        ImportKind::Loads(_) => {
            let platforms = loads_file::parse(&copy.head).map_err(|error| error.to_string())?;
            Ok(ImportKind::Loads(platforms.into_iter().flat_map(|platform| platform.components).collect()))
        }
        ImportKind::Component => library::plausible(&copy.head, copy.size).map(|()| kind),
        ImportKind::License(..) if copy.size == 0 => {
            Err(format!("{name} is empty; take it from the portal's zip again"))
        }
        ImportKind::License(..) => Ok(kind),
    }
}

/// A reader that moves the progress bar.
struct CountedFile {
    inner: File,
    bar: ProgressBar,
}

impl Read for CountedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.bar.inc(length as u64);
        Ok(length)
    }
}

fn extension(name: &str) -> String {
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

fn folders(path: &Path) -> Vec<String> {
    path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
}

pub(super) fn unreadable(error: &io::Error) -> ImportStop {
    ImportStop::Refused(format!("it cannot be read: {error}"))
}
