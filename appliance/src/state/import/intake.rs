//! Reads sources: finds out what each is, takes what phones need into the staging folder, and hashes it.

mod nested;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use sha2::{Digest, Sha256};
use transload_provision::load::{Direction, LoadName};
use transload_provision::mac::Mac;
use transload_provision::{loads_file, package, text};

use super::archive::{self, Allowance, Form, Stop, broken, is_archive};
use super::commit::Staging;
use super::item::{Item, Kind};
use super::sources::Source;
use super::{Line, Verdict};
use crate::state::inventory;
use crate::state::library::{self, direction_of, manifest};
use crate::system::error::Failure;
use crate::system::plain_file;
use nested::Package;

/// Files taken in one import.
const MOST: usize = 100_000;
const BLOCK: usize = 256 * 1024;

/// A file that may be a roster, and where it came from.
#[derive(Debug)]
pub(super) struct Roster {
    /// The path it came in, or that of its package.
    pub source: String,
    /// Which file of the package; empty where it came in none.
    pub name: String,
    pub file: Vec<u8>,
    /// Its name says that it is one, so it is refused if it lists no phone.
    pub sure: bool,
}

/// What all sources held.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub items: Vec<Item>,
    pub rosters: Vec<Roster>,
    pub lines: Vec<Line>,
}

/// Takes from one source after another.
pub(super) struct Intake<'a> {
    pub(super) staging: Option<&'a Staging>,
    direction: Option<Direction>,
    pub(super) bar: &'a ProgressBar,
    pub(super) taken: Taken,
    pub(super) block: Vec<u8>,
    /// Archives that lie around what is being read.
    pub(super) depth: usize,
}

impl<'a> Intake<'a> {
    pub(super) fn new(
        staging: Option<&'a Staging>,
        direction: Option<Direction>,
        bar: &'a ProgressBar,
    ) -> Self {
        Self { staging, direction, bar, taken: Taken::default(), block: vec![0; BLOCK], depth: 0 }
    }

    pub(super) fn taken(self) -> Taken {
        self.taken
    }

    /// Refuses files, all together, that there is no room for. How much of an archive will be taken is not known yet.
    pub(super) fn has_room(&self, sources: &[Source]) -> Result<(), Failure> {
        let Some(staging) = self.staging else { return Ok(()) };
        let of = |wanted: &[&str]| -> u64 {
            let wanted =
                |source: &&Source| wanted.contains(&extension(&source.path.to_string_lossy()).as_str());
            sources.iter().filter(wanted).map(|source| source.size).fold(0, u64::saturating_add)
        };
        staging.room(&Kind::Component, of(&["loads", "sbn", "sebn"]))
    }

    /// Takes what a source holds; all of it or, if there is something wrong with it, nothing.
    pub(super) fn source(&mut self, source: &Source) -> Result<(), Failure> {
        let before = (self.taken.items.len(), self.taken.lines.len());
        self.bar.set_message(source.shown.clone());
        match self.open(source) {
            Ok(()) => Ok(()),
            Err(Stop::Failed(failure)) => Err(failure),
            Err(Stop::Refused(note)) => {
                self.take_back(before);
                self.depth = 0;
                self.say(&source.shown, "", Verdict::Refused, &note);
                Ok(())
            }
        }
    }

    fn open(&mut self, source: &Source) -> Result<(), Stop> {
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
                let mut content = Counted { inner: file, bar };
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
        if let Some(form) = Form::of(&head, &name) {
            let bar = self.bar.clone();
            let read = move |bytes| bar.inc(bytes);
            let allowance = Allowance::of(&file).map_err(|error| broken(&error))?;
            let package = Package { name, around: Vec::new(), allowance: &allowance };
            let mut visit =
                |path: &[String], content: &mut dyn Read| self.entry(source, &package, path, content);
            return archive::read(file, form, &allowance, &read, &mut visit);
        }
        if source.named && !is_archive(&name) && inventory::may_be_text(&head) {
            return self.roster(source, &file, true);
        }
        self.bar.inc(source.size);
        match is_archive(&name) {
            true if head.trim_ascii_start().starts_with(b"<") => Err(Stop::Refused(
                "it is a web page, not an archive; log in to Cisco's site and download it again".into(),
            )),
            true => Err(Stop::Refused("it is neither a zip archive nor a COP file; download it again".into())),
            false if source.named => Err(Stop::Refused(
                "it is nothing that phones need; import zip and COP files, .loads, .sbn, .lic or a roster as .csv, .xlsx or .ods"
                    .into(),
            )),
            false => {
                self.say(&source.shown, "", Verdict::Skipped, "phones do not need it");
                Ok(())
            }
        }
    }

    fn entry(
        &mut self,
        source: &Source,
        package: &Package<'_>,
        path: &[String],
        content: &mut dyn Read,
    ) -> Result<(), Stop> {
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
                self.say(&source.shown, name, Verdict::Skipped, "phones do not need it");
                Ok(())
            }
        }
    }

    /// Takes one file. What is wrong with it alone is said and does not concern the others.
    fn file(
        &mut self,
        source: &Source,
        package: Option<&str>,
        folders: &[String],
        name: &str,
        content: &mut dyn Read,
    ) -> Result<(), Stop> {
        let name = &library::without_copy_mark(name);
        if self.taken.items.len() >= MOST {
            return Err(Stop::Refused(format!("these are more than {MOST} files; import fewer at a time")));
        }
        let kind = match self.kind(package, folders, name) {
            Ok(kind) => kind,
            Err(note) => {
                self.say(&source.shown, name, Verdict::Refused, &note);
                return Ok(());
            }
        };
        let largest = match kind {
            Kind::Component => plain_file::Kind::Component.largest(),
            Kind::Loads(_) => plain_file::Kind::Loads.largest(),
            Kind::License(..) => plain_file::Kind::License.largest(),
        };
        let staged = self.staging.map(|staging| staging.next(&kind)).transpose().map_err(Stop::Failed)?;
        let room =
            |bytes| self.staging.map_or(Ok(()), |staging| staging.room(&kind, bytes)).map_err(Stop::Failed);
        let mut copy = Copied { staged, hash: Sha256::new(), size: 0, head: Vec::new() };
        let keep = if matches!(kind, Kind::Loads(_)) { loads_file::MAX_FILE + 1 } else { library::HEAD };
        loop {
            let length = next_block(content, &mut self.block)?;
            if length == 0 {
                break;
            }
            room(length as u64)?;
            copy.add(&self.block[..length], keep).map_err(|error| self.full(&kind, &error))?;
            if copy.size > largest {
                return Err(Stop::Refused(format!("it holds {name}, which is larger than any such file")));
            }
        }
        let staged = copy.staged.take().map(|(_, path)| path);
        let kind = match sound(kind, name, &copy) {
            Ok(kind) => kind,
            Err(note) => {
                let _ = staged.map(std::fs::remove_file);
                self.say(&source.shown, name, Verdict::Refused, &note);
                return Ok(());
            }
        };
        self.taken.items.push(Item {
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

    fn kind(&self, package: Option<&str>, folders: &[String], name: &str) -> Result<Kind, String> {
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
                    (Some(direction), _) | (None, Some(direction)) => Ok(Kind::License(direction, mac)),
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
            "loads" => {
                name.parse::<LoadName>().map(|_| Kind::Loads(Vec::new())).map_err(|error| error.to_string())
            }
            _ => Ok(Kind::Component),
        }
    }

    fn full(&self, kind: &Kind, error: &io::Error) -> Stop {
        let place = self.staging.map(|staging| staging.place(kind).display().to_string()).unwrap_or_default();
        Stop::Failed(super::commit::unwritable(&place, error))
    }

    pub(super) fn say(&mut self, source: &str, file: &str, verdict: Verdict, note: &str) {
        let file = if source.ends_with(file) { "" } else { file };
        let (source, file, note) = (text::line(source), text::line(file), text::line(note));
        self.taken.lines.push(Line { source, file, verdict, note });
    }
}

/// Reads on; 0 at the end.
pub(super) fn next_block(content: &mut dyn Read, block: &mut [u8]) -> Result<usize, Stop> {
    loop {
        match content.read(block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map_err(|error| broken(&error)),
        }
    }
}

/// A file on its way into the staging folder; only its hash where nothing is to change.
struct Copied {
    staged: Option<(File, PathBuf)>,
    hash: Sha256,
    size: u64,
    head: Vec<u8>,
}

impl Copied {
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

/// Whether the content can be what the name says; the components that a `.loads` file lists.
fn sound(kind: Kind, name: &str, copy: &Copied) -> Result<Kind, String> {
    match kind {
        Kind::Loads(_) => {
            let platforms = loads_file::parse(&copy.head).map_err(|error| error.to_string())?;
            Ok(Kind::Loads(platforms.into_iter().flat_map(|platform| platform.components).collect()))
        }
        Kind::Component => library::plausible(&copy.head, copy.size).map(|()| kind),
        Kind::License(..) if copy.size == 0 => {
            Err(format!("{name} is empty; take it from the portal's zip again"))
        }
        Kind::License(..) => Ok(kind),
    }
}

/// Reads, and moves the bar.
struct Counted {
    inner: File,
    bar: ProgressBar,
}

impl Read for Counted {
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

pub(super) fn unreadable(error: &io::Error) -> Stop {
    Stop::Refused(format!("it cannot be read: {error}"))
}
