mod rosters;

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use transload_provision::library::{Completeness, Load};
use transload_provision::load::LoadName;
use zip::write::SimpleFileOptions;

use super::*;
use crate::system::error::Exit;

mod nested;

const LOAD: &str = "sip88xx.11-2-3MPP-398";
const MAC: &str = "001234AB45DE";
const LISTING: &[u8] = b"head\0[PLATFORM_1]\nrootfs.a.sbn\nkern.a.sbn\n";

/// A state folder, and a folder of files to import.
struct ImportSite {
    folder: TempDir,
}

impl ImportSite {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        Self { folder }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn deliver(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn import_as(&self, options: ImportOptions, paths: &[PathBuf]) -> ImportReport {
        import(&self.state(), Direction::E2m, options, paths, &ProgressBar::hidden()).unwrap()
    }

    fn import(&self, paths: impl IntoIterator<Item = PathBuf>) -> ImportReport {
        self.import_as(ImportOptions::default(), &paths.into_iter().collect::<Vec<_>>())
    }

    fn snapshot(&self) -> LibrarySnapshot {
        LibrarySnapshot::scan(&self.state(), Direction::E2m).unwrap()
    }

    fn completeness(&self) -> Option<Completeness> {
        self.snapshot().index.loads.get(&LOAD.parse::<LoadName>().unwrap()).map(Load::completeness)
    }

    /// Every file outside of the deliveries, with its content.
    fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn walk(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    walk(&entry.path(), files);
                } else {
                    files.push((entry.path(), fs::read(entry.path()).unwrap()));
                }
            }
        }
        let mut files = Vec::new();
        walk(self.folder.path(), &mut files);
        files.retain(|(path, _)| !path.starts_with(self.folder.path().join("in")));
        files.sort();
        files
    }
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tape(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // The crate refuses names that lead elsewhere.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// A header with version, length and signer.
fn signed(payload: &[u8]) -> Vec<u8> {
    [&[1, 0, 2, 1, 0, 2, 0, 2, 0, 18, 3, 0, 4, 0x1F, 0x8B, 8, 0, 13][..], payload].concat()
}

fn load_files() -> [(&'static str, &'static [u8]); 4] {
    [
        ("sip88xx.11-2-3MPP-398.loads", LISTING),
        ("rootfs.a.sbn", b"root"),
        ("kern.a.sbn", b"kern"),
        ("ReadMe.html", b"x"),
    ]
}

fn verdicts(report: &ImportReport) -> Vec<ImportVerdict> {
    report.lines.iter().map(|line| line.verdict).collect()
}

fn note(report: &ImportReport, verdict: ImportVerdict) -> &str {
    let said = report.lines.iter().find(|line| line.verdict == verdict);
    said.map_or_else(|| panic!("no {verdict:?} in {report:?}"), |line| line.note.as_str())
}

#[test]
fn every_form_of_a_package_makes_the_load_complete() {
    let archive = tape(&load_files());
    for (name, content) in [
        ("cmterm-88xx.11-2-3MPP-398_REL.zip", zip(&load_files())),
        ("cmterm-88xx.11-2-3MPP-398.k4.cop.sha512", signed(&archive)),
        ("cmterm-88xx.11-2-3MPP-398.k3.cop.sgn", [&[0x55; 428][..], &archive].concat()),
        ("cmterm-88xx.11-2-3MPP-398.k4", archive.clone()),
        ("cmterm-88xx.11-2-3MPP-398.tar.gz", archive.clone()),
    ] {
        let here = ImportSite::new();
        let path = here.deliver(name, &content);
        let report = here.import([path.clone()]);
        assert_eq!(
            verdicts(&report),
            [ImportVerdict::Skipped, ImportVerdict::New, ImportVerdict::New, ImportVerdict::New],
            "{name}: {report:?}"
        );
        assert!(!report.trouble());
        assert_eq!(here.completeness(), Some(Completeness::Complete), "{name}");
        let manifest = here.snapshot().manifest;
        assert_eq!(manifest.files["rootfs.a.sbn"].package.as_deref(), Some(name));
        let again = here.import([path]);
        assert_eq!(verdicts(&again)[1..], [ImportVerdict::Same; 3], "{name}");
    }
}

#[test]
fn folders_of_loose_files_are_taken_as_they_are() {
    let here = ImportSite::new();
    for (name, content) in load_files() {
        here.deliver(&format!("from cisco/88xx/{name}"), content);
    }
    here.deliver(".DS_Store", b"x");
    here.deliver("Ent-2-Mpp-licenses/001234ab45de.LIC", b"license");
    here.deliver("list.csv", "\u{feff}model;MAC\r\n8851;00:12:34:ab:45:de\r\n".as_bytes());
    let report = here.import([here.folder.path().join("in")]);
    assert!(!report.trouble(), "{report:?}");
    assert_eq!(here.completeness(), Some(Completeness::Complete));
    assert!(here.snapshot().index.licensed(Direction::E2m, MAC.parse().unwrap()));
    let roster = fs::read_to_string(here.state().join("roster.csv")).unwrap();
    assert_eq!(roster, "\u{feff}model;MAC\r\n8851;00:12:34:ab:45:de\r\n");
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let here = ImportSite::new();
    let path = here.deliver("a.zip", &zip(&load_files()));
    let dry = here
        .import_as(ImportOptions { dry_run: true, ..ImportOptions::default() }, std::slice::from_ref(&path));
    assert_eq!(here.everything(), []);
    assert_eq!(dry.lines, here.import([path]).lines);
}

#[test]
fn another_file_of_the_same_name_stays_unless_told() {
    let here = ImportSite::new();
    here.import([here.deliver("a.zip", &zip(&load_files()))]);
    let other =
        here.deliver("b.zip", &zip(&[("KERN.a.sbn", b"else"), ("sip88xx.12-0-1MPP-1.loads", LISTING)]));
    let report = here.import([other.clone()]);
    assert!(report.trouble());
    assert_eq!(
        verdicts(&report),
        [ImportVerdict::Conflict; 2],
        "the load that needs it is left out too: {report:?}"
    );
    let kernel = here.state().join("firmware/kern.a.sbn");
    assert_eq!(fs::read(&kernel).unwrap(), b"kern");
    let report = here.import_as(ImportOptions { replace: true, ..ImportOptions::default() }, &[other]);
    assert_eq!(verdicts(&report), [ImportVerdict::Replaced, ImportVerdict::New]);
    assert_eq!(fs::read(&kernel).unwrap(), b"else");
    assert_eq!(here.completeness(), Some(Completeness::Complete));
}

#[test]
fn two_different_files_of_one_name_in_one_import_are_a_conflict() {
    let here = ImportSite::new();
    let one = here.deliver("a.zip", &zip(&[("kern.a.sbn", b"one")]));
    let two = here.deliver("b.zip", &zip(&[("kern.a.sbn", b"two")]));
    let report = here.import_as(ImportOptions { replace: true, ..ImportOptions::default() }, &[one, two]);
    assert_eq!(verdicts(&report), [ImportVerdict::New, ImportVerdict::Conflict]);
}

#[test]
fn damage_is_found_and_mended_by_importing_again() {
    let here = ImportSite::new();
    let package = here.deliver("a.zip", &zip(&load_files()));
    here.import([package.clone()]);
    let kernel = here.state().join("firmware/kern.a.sbn");

    fs::write(&kernel, b"cut").unwrap();
    assert_eq!(here.completeness(), Some(Completeness::Damaged), "its size is another");
    let report = here.import([package.clone()]);
    assert_eq!(note(&report, ImportVerdict::Mended), "");
    assert_eq!(here.completeness(), Some(Completeness::Complete));

    // Simulates a failing disk: other bytes, same size and time.
    let time = fs::metadata(&kernel).unwrap().modified().unwrap();
    fs::write(&kernel, b"ROTT").unwrap();
    fs::File::options().write(true).open(&kernel).unwrap().set_modified(time).unwrap();
    assert_eq!(here.completeness(), Some(Completeness::Complete), "not looked into by itself");
    let verified =
        crate::state::library::verify::verify(&here.state(), Direction::E2m, |_| (), |_| ()).unwrap();
    assert_eq!((verified.intact, verified.damaged), (2, vec![fs::canonicalize(&kernel).unwrap()]));
    assert_eq!(here.completeness(), Some(Completeness::Damaged));
    assert!(here.import([package]).lines.iter().any(|line| line.verdict == ImportVerdict::Mended));
    assert_eq!(
        (here.completeness(), fs::read(&kernel).unwrap()),
        (Some(Completeness::Complete), b"kern".to_vec())
    );
}

#[test]
fn a_licenses_direction_comes_from_its_folder_or_is_asked_for() {
    let license = |path: &str| zip(&[(path, b"license")]);
    let e2m = Some(Direction::E2m);
    for (package, path, asked, expected) in [
        ("a.zip", "Ent-2-Mpp-licenses/001234AB45DE.lic", None, Some(Direction::E2m)),
        ("a.zip", "x\\MPP-2-ENT-licenses\\001234AB45DE.lic", None, Some(Direction::M2e)),
        ("MPP-2-ENT-licenses.zip", "001234AB45DE.lic", None, Some(Direction::M2e)),
        ("E2M licenses.zip", "SEP001234AB45DE.lic", None, Some(Direction::E2m)),
        ("Enterprise to MPP.zip", "001234AB45DE.lic", None, Some(Direction::E2m)),
        ("Customer_M2E_2024.zip", "001234AB45DE.lic", None, Some(Direction::M2e)),
        ("multiplatform-to-enterprise.zip", "001234AB45DE.lic", None, Some(Direction::M2e)),
        ("E2M and M2E.zip", "001234AB45DE.lic", None, None),
        ("a.zip", "001234AB45DE.lic", e2m, Some(Direction::E2m)),
        ("a.zip", "001234AB45DE.lic", None, None),
        ("a.zip", "m2e/001234AB45DE.lic", e2m, None),
        ("a.zip", "e2m/nobody.lic", None, None),
    ] {
        let here = ImportSite::new();
        let path = here.deliver(package, &license(path));
        let report = here.import_as(ImportOptions { direction: asked, ..ImportOptions::default() }, &[path]);
        let licenses: Vec<_> = here.snapshot().index.licenses.into_iter().collect();
        assert_eq!(
            licenses,
            expected.map(|direction| (direction, MAC.parse().unwrap())).into_iter().collect::<Vec<_>>()
        );
        assert_eq!(report.trouble(), expected.is_none(), "{report:?}");
    }
}

#[test]
fn rosters_are_merged_and_each_line_is_told_of() {
    let here = ImportSite::new();
    here.import([here.deliver("a.csv", b"MAC,model,port\n001234AB45DE,8851,1\n")]);
    let new = b"vid;mac\nV05;00:12:34:ab:45:de\n;nonsense\nV06;001234AB45DF\n";
    let report = here.import([here.deliver("b.csv", new)]);
    assert_eq!(verdicts(&report), [ImportVerdict::Changed, ImportVerdict::New, ImportVerdict::Refused]);
    assert_eq!(note(&report, ImportVerdict::Changed), "vid is now V05");
    let roster = fs::read_to_string(here.state().join("roster.csv")).unwrap();
    assert_eq!(roster, "MAC,model,port,vid\n001234AB45DE,8851,1,V05\n001234AB45DF,,,V06\n");
}

#[test]
fn what_is_wrong_with_a_package_is_said_and_nothing_of_it_is_taken() {
    let good = ("kern.a.sbn", &b"kern"[..]);
    let zeros = vec![0; 24 << 20];
    let mut cut = tape(&[good, ("rootfs.a.sbn", &[7; 5000])]);
    cut.truncate(cut.len() - 30);
    let mut broken = zip(&[("kern.a.sbn", b"kern kern kern kern kern kern kern kern")]);
    broken[45] ^= 0xff;
    for (name, content, said) in [
        ("a.zip", zip(&[good, ("../up.sbn", b"x")]), "outside"),
        ("a.zip", zip(&[good, ("/etc/x.sbn", b"x")]), "outside"),
        ("a.cop.sgn", signed(&tape(&[good, ("../../up.sbn", b"x")])), "outside"),
        ("a.zip", zip(&[good, ("rootfs.a.sbn", &zeros)]), "made to fill disks"),
        ("a.k4", tape(&[good, ("readme", &zeros)]), "made to fill disks"),
        ("a.k4", cut, "download it again"),
        ("a.zip", broken, "download it again"),
        ("a.zip", zip(&load_files())[..200].to_vec(), "download it again"),
        ("a.zip", b"<!DOCTYPE html><html>".to_vec(), "web page"),
        ("a.cop.sha512", b"no archive".to_vec(), "neither"),
        ("a.pdf", b"%PDF".to_vec(), "nothing that phones need"),
    ] {
        let here = ImportSite::new();
        let report = here.import([here.deliver(name, &content)]);
        assert!(note(&report, ImportVerdict::Refused).contains(said), "{name}: {report:?}");
        let firmware = here.state().join("firmware");
        assert_eq!(fs::read_dir(firmware).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn what_is_wrong_with_one_file_does_not_concern_the_others() {
    let here = ImportSite::new();
    let mut component = vec![0xCD, 0x34, 0x12, 0xAB];
    component.resize(100, 1);
    let package = zip(&[
        ("kern.a.sbn", b"kern"),
        ("root fs.sbn", b"x"),
        ("cut.sbn", &component),
        ("sip88xx.1-2-3.loads", b"<html>"),
        ("load.loads", LISTING),
        ("e2m/001234AB45DE.lic", b""),
    ]);
    let report = here.import([here.deliver("a.zip", &package)]);
    assert_eq!(
        verdicts(&report),
        [[ImportVerdict::Refused; 5].as_slice(), &[ImportVerdict::New]].concat(),
        "{report:?}"
    );
}

#[test]
fn what_an_interrupted_import_left_is_invisible_and_goes_away() {
    let here = ImportSite::new();
    let left = here.state().join("firmware/.import");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("1"), b"half").unwrap();
    assert!(here.snapshot().unusable.is_empty());
    here.import([here.deliver("a.zip", &zip(&load_files()))]);
    assert!(!left.exists());
}

#[test]
fn a_path_that_is_not_there_ends_the_import_before_it_begins() {
    let here = ImportSite::new();
    let there = here.deliver("a.zip", &zip(&load_files()));
    let paths = [there, here.folder.path().join("nowhere.zip")];
    let failure =
        import(&here.state(), Direction::E2m, ImportOptions::default(), &paths, &ProgressBar::hidden())
            .unwrap_err();
    assert_eq!((failure.exit, here.everything()), (Exit::Usage, vec![]));
}
