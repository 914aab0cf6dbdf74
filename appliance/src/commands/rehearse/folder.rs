//! The state folder of a rehearsal, with the configured firmware and licenses if there are any, else look-alikes. It
//! is a separate folder, so that a rehearsal leaves no trace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use transload_phone::listing;
use transload_phone::lookalike::{self, signature};
use transload_provision::load::{Direction, LoadName};
use transload_provision::mac::Mac;

use crate::state::library::manifest;
use crate::system::plain_file::{self, FileKind};

/// A folder that is removed with the rehearsal.
#[derive(Debug)]
pub struct RehearsalFolder {
    place: TempDir,
    /// The folder of the user's licenses; more may arrive.
    licenses: PathBuf,
    /// The firmware is the user's.
    pub own_firmware: bool,
    /// The licenses are the user's.
    pub own_licenses: bool,
}

/// The firmware of the folder.
#[derive(Debug, Default)]
pub struct Firmware {
    /// Hardware platforms of each complete load.
    pub loads: BTreeMap<LoadName, Vec<String>>,
}

impl RehearsalFolder {
    /// Makes the folder beside the firmware of `state`. Without firmware there, makes a temporary folder with
    /// look-alikes whose largest component has `rootfs` bytes.
    pub fn make(state: &Path, rootfs: u64) -> io::Result<Self> {
        let (firmware, licenses) = (state.join("firmware"), state.join("licenses"));
        let own_firmware = holds(&firmware, "loads");
        let own_licenses = holds(&licenses, "lic");
        let folder =
            match own_firmware.then(|| tempfile::Builder::new().prefix("rehearsal-").tempdir_in(state)) {
                Some(Ok(folder)) => folder,
                _ => tempfile::Builder::new().prefix("transload-rehearsal-").tempdir()?,
            };
        if own_firmware {
            link_tree(&firmware, &folder.path().join("firmware"))?;
        } else {
            let versions: Vec<&str> = lookalike::SEED_VERSIONS.into_iter().collect();
            lookalike::state(folder.path(), &versions, rootfs, &[])?;
        }
        if own_licenses {
            link_tree(&licenses, &folder.path().join("licenses"))?;
        }
        for (name, kind) in [("catalog.toml", FileKind::Catalog), (manifest::NAME, FileKind::Manifest)] {
            let path = state.join(name);
            match plain_file::read(&path, kind) {
                Ok(content) => fs::write(folder.path().join(name), content)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())));
                }
            }
        }
        Ok(Self { place: folder, licenses, own_firmware, own_licenses })
    }

    /// Links licenses of the user that arrived meanwhile.
    pub fn follow(&self) -> io::Result<()> {
        if self.own_licenses { link_tree(&self.licenses, &self.path().join("licenses")) } else { Ok(()) }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Reads the folder's firmware.
    pub fn firmware(&self) -> io::Result<Firmware> {
        let mut files = Vec::new();
        walk(&self.path().join("firmware"), &mut files)?;
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let names: BTreeSet<String> = files.iter().filter_map(name).map(|name| name.to_lowercase()).collect();
        let mut firmware = Firmware::default();
        for path in files.iter().filter(|path| path.extension().is_some_and(|end| end == "loads")) {
            let Some(Ok(load)) = name(path).map(|name| name.parse::<LoadName>()) else {
                continue;
            };
            let file = plain_file::read(path, FileKind::Loads)?;
            let platforms = listing(&file[signature(&file).1..]);
            let complete = !platforms.is_empty()
                && platforms
                    .iter()
                    .flat_map(|(_, parts)| parts)
                    .all(|part| names.contains(&part.to_lowercase()));
            if complete {
                firmware.loads.insert(load, platforms.into_iter().map(|(name, _)| name).collect());
            }
        }
        Ok(firmware)
    }

    /// Writes a look-alike license for each phone that has no other.
    pub fn license(&self, direction: Direction, macs: impl Iterator<Item = Mac>) -> io::Result<()> {
        let folder = self.licenses(direction);
        fs::create_dir_all(&folder)?;
        for mac in macs {
            fs::write(folder.join(format!("{mac}.lic")), lookalike::license(direction, mac))?;
        }
        Ok(())
    }

    /// Phones with a license; loose files count for every direction.
    pub fn licensed(&self, direction: Direction) -> io::Result<BTreeSet<Mac>> {
        let mut files = Vec::new();
        for folder in [self.licenses(direction), self.path().join("licenses")] {
            match fs::read_dir(&folder) {
                Ok(entries) => files.extend(entries.filter_map(|entry| Some(entry.ok()?.path()))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let mac = |path: &PathBuf| path.file_stem()?.to_string_lossy().parse().ok();
        Ok(files.iter().filter(|path| path.is_file()).filter_map(mac).collect())
    }

    fn licenses(&self, direction: Direction) -> PathBuf {
        self.path().join("licenses").join(direction.to_string())
    }
}

impl Firmware {
    /// The hardware platforms that all loads of a family share.
    pub fn platforms(&self, family: &str) -> Vec<String> {
        let mut loads =
            self.loads.iter().filter(|(load, _)| load.family() == family).map(|(_, platforms)| platforms);
        let first = loads.next().cloned().unwrap_or_default();
        loads.fold(first, |common, other| common.into_iter().filter(|name| other.contains(name)).collect())
    }
}

/// True if a file with this extension is in the folder or below.
fn holds(folder: &Path, extension: &str) -> bool {
    let mut files = Vec::new();
    let is_one = |path: &PathBuf| path.extension().is_some_and(|end| end.eq_ignore_ascii_case(extension));
    walk(folder, &mut files).is_ok() && files.iter().any(is_one)
}

/// Files below a folder; links are not followed.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        // For example the folder of an import under way.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Links files to another place, or copies them where the file system cannot link. Existing files stay.
fn link_tree(from: &Path, to: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    walk(from, &mut files)?;
    for file in files {
        let Ok(inner) = file.strip_prefix(from) else {
            continue;
        };
        let target = to.join(inner);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        if !target.exists() && fs::hard_link(&file, &target).is_err() {
            let whole =
                target.with_file_name(format!(".{}", inner.file_name().unwrap_or_default().display()));
            io::copy(&mut plain_file::open(&file)?, &mut File::create_new(&whole)?)?;
            fs::rename(&whole, &target)?;
        }
    }
    Ok(())
}
