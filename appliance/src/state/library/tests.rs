use std::fs;
use std::io::{Read, Seek};
use std::os::unix::fs::symlink;
use std::sync::Arc;

use tempfile::TempDir;
use transload_provision::library::Completeness;
use transload_provision::load::LoadName;

use super::*;

const LOAD: &str = "sip88xx.12-5-1SR1-4";
const MAC: &str = "001234AB45DE";

/// A state folder with a complete load.
fn state() -> TempDir {
    let state = tempfile::tempdir().unwrap();
    put(
        &state,
        "firmware/sip88xx.12-5-1SR1-4.loads",
        b"head\0\n[PLATFORM_1]\nrootfs.a.sbn\nkern.a.sbn\n[PLATFORM_2]\nrootfs2.a.sbn\n",
    );
    put(&state, "firmware/rootfs.a.sbn", b"root");
    put(&state, "firmware/kern.a.sbn", b"ker");
    put(&state, "firmware/rootfs2.a.sbn", b"rootfs2");
    state
}

fn put(state: &TempDir, path: &str, content: &[u8]) {
    let path = state.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn scan(state: &TempDir) -> LibrarySnapshot {
    LibrarySnapshot::scan(state.path(), Direction::E2m).unwrap()
}

fn load(snapshot: &LibrarySnapshot) -> &transload_provision::library::Load {
    &snapshot.index.loads[&LOAD.parse::<LoadName>().unwrap()]
}

fn content(file: Option<OpenFile>) -> String {
    let (file, mut text) = (file.unwrap().file, String::new());
    (&*file).rewind().unwrap();
    (&*file).read_to_string(&mut text).unwrap();
    text
}

fn causes(snapshot: &LibrarySnapshot) -> Vec<(String, &str)> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    snapshot.unusable.iter().map(|unusable| (name(&unusable.path), unusable.cause.as_str())).collect()
}

#[test]
fn a_file_that_is_kept_open_is_given_only_while_it_lies_where_it_was_found() {
    let state = tempfile::tempdir().unwrap();
    put(&state, "extra/ring.xml", b"one");
    let snapshot = scan(&state);
    let path = state.path().join("extra/ring.xml");
    let (first, again) = (snapshot.open("ring.xml").unwrap(), snapshot.open("ring.xml").unwrap());
    assert!(Arc::ptr_eq(&first.file, &again.file), "it is opened once");
    fs::rename(&path, state.path().join("aside")).unwrap();
    assert!(snapshot.open("ring.xml").is_none(), "it has another name");
    fs::rename(state.path().join("aside"), &path).unwrap();
    assert_eq!(content(snapshot.open("ring.xml")), "one");
    put(&state, "extra/beside.xml", b"two");
    fs::rename(state.path().join("extra/beside.xml"), &path).unwrap();
    assert!(snapshot.open("ring.xml").is_none(), "another file has its name");
    fs::remove_file(&path).unwrap();
    assert!(snapshot.open("ring.xml").is_none());
}

#[test]
fn a_load_with_all_its_components_is_complete() {
    let snapshot = scan(&state());
    assert_eq!(load(&snapshot).completeness(), Completeness::Complete);
    assert_eq!(load(&snapshot).bytes(), 7, "the larger of root + ker and rootfs2");
    assert_eq!((snapshot.conflicts.len(), snapshot.unusable.len()), (0, 0));
}

#[test]
fn an_empty_or_absent_folder_is_an_empty_library() {
    let snapshot = scan(&tempfile::tempdir().unwrap());
    assert!(snapshot.index.loads.is_empty() && snapshot.index.licenses.is_empty());
}

#[test]
fn letter_case_and_stray_folders_do_not_matter() {
    let state = state();
    let firmware = state.path().join("firmware");
    fs::create_dir_all(firmware.join("from cisco/88xx")).unwrap();
    fs::rename(firmware.join("kern.a.sbn"), firmware.join("from cisco/88xx/KERN.A.SBN")).unwrap();
    let snapshot = scan(&state);
    assert_eq!(load(&snapshot).completeness(), Completeness::Complete);
    assert_eq!(content(snapshot.open("Kern.a.sbn")), "ker");
    assert_eq!(snapshot.open("SIP88XX.12-5-1sr1-4.LOADS").unwrap().name, "sip88xx.12-5-1SR1-4.loads");
}

#[test]
fn missing_components_are_named() {
    let state = state();
    fs::remove_file(state.path().join("firmware/kern.a.sbn")).unwrap();
    let snapshot = scan(&state);
    assert_eq!(load(&snapshot).missing, ["kern.a.sbn"]);
    assert_eq!(load(&snapshot).completeness(), Completeness::Missing);
}

#[test]
fn what_cannot_be_right_is_damaged() {
    let component = |header: u32, payload: u32, size: usize| {
        let mut bytes = vec![0xCD, 0x34, 0x12, 0xAB];
        bytes.extend(header.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload.to_le_bytes());
        bytes.resize(size, 7);
        bytes
    };
    for (content, damaged) in [
        (vec![], true),
        (b"anything else".to_vec(), false),
        (component(0x154, 660, 1000), false),
        (component(0x154, 660, 999), true),
        (component(0x154, 660, 1001), true),
        (component(u32::MAX, u32::MAX, 1000), true),
        (vec![0xCD, 0x34, 0x12, 0xAB], false),
    ] {
        let state = state();
        put(&state, "firmware/kern.a.sbn", &content);
        let snapshot = scan(&state);
        let names: Vec<&str> = load(&snapshot).damaged.iter().map(|(name, _)| name.as_str()).collect();
        let expected: &[&str] = if damaged { &["kern.a.sbn"] } else { &[] };
        assert_eq!(names, expected, "{} bytes", content.len());
    }
    let state = state();
    put(&state, "firmware/sip88xx.12-5-1SR1-4.loads", b"<html>please log in</html>");
    assert_eq!(load(&scan(&state)).completeness(), Completeness::Damaged);
    put(&state, "firmware/notes.loads", b"[PLATFORM_1]\na.sbn\n");
    assert_eq!(causes(&scan(&state))[0].0, "notes.loads");
}

#[test]
fn licenses_count_for_the_direction_of_their_folder() {
    let state = tempfile::tempdir().unwrap();
    put(&state, &format!("licenses/e2m/{MAC}.lic"), b"out");
    put(&state, &format!("licenses/M2E/{MAC}.LIC"), b"back");
    put(&state, "licenses/00-11-22-33-44-55.lic", b"loose");
    put(&state, "licenses/MPP-2-ENT-licenses/001122334466.lic", b"as extracted");
    put(&state, "licenses/some/001122334477.lic", b"whose?");
    put(&state, "licenses/e2m/001122334488.lic", b"");
    put(&state, "licenses/e2m/E2312.lic", b"?");
    put(&state, "firmware/001122334499.lic", b"not here");
    let (e2m, m2e) = (Direction::E2m, Direction::M2e);
    let mac = |text: &str| text.parse::<Mac>().unwrap();
    let snapshot = scan(&state);
    let expected = [(e2m, mac(MAC)), (e2m, mac("001122334455")), (m2e, mac(MAC)), (m2e, mac("001122334466"))];
    assert_eq!(snapshot.index.licenses, expected.into());
    assert_eq!(content(snapshot.open_license(e2m, mac(MAC))), "out");
    assert_eq!(content(snapshot.open_license(m2e, mac(MAC))), "back");
    assert!(snapshot.open(&format!("{MAC}.lic")).is_none(), "a license is no file for everybody");
    let unusable: Vec<String> = causes(&snapshot).into_iter().map(|(name, _)| name).collect();
    assert_eq!(unusable, ["001122334488.lic", "E2312.lic", "001122334477.lic"]);

    let other = LibrarySnapshot::scan(state.path(), m2e).unwrap();
    assert!(other.index.licensed(m2e, mac("001122334455")), "loose ones follow the configured direction");
}

#[test]
fn of_two_files_with_one_name_the_first_is_served_and_the_other_is_told() {
    let state = state();
    put(&state, "firmware/b/tones.xml", b"second");
    put(&state, "firmware/a/Tones.xml", b"first!");
    put(&state, "extra/tones.xml", b"first!");
    let snapshot = scan(&state);
    assert_eq!(content(snapshot.open("tones.xml")), "first!");
    let [conflict] = snapshot.conflicts.as_slice() else {
        panic!("{:?}", snapshot.conflicts);
    };
    assert!(conflict.served.ends_with("firmware/a/Tones.xml"));
    assert!(conflict.ignored.ends_with("firmware/b/tones.xml"));
}

#[test]
fn folders_of_extra_count_and_those_that_phones_put_before_names_do_not() {
    let state = state();
    put(&state, "extra/English_United_States/be-sip.jar", b"hello");
    put(&state, "extra/French_France/be-sip.jar", b"salut");
    put(&state, "extra/Desktops/320x196x4/List.xml", b"list");
    put(&state, "extra/Ringlist.xml", b"rings");
    let snapshot = scan(&state);
    for (inner, expected) in [
        ("French_France/be-sip.jar", "salut"),
        ("french_france/BE-SIP.jar", "salut"),
        ("any/prefix/English_United_States/be-sip.jar", "hello"),
        ("desktops/320x196x4/list.xml", "list"),
        ("320x196x4/Ringlist.xml", "rings"),
        ("List.xml", "list"),
        ("be-sip.jar", "hello"),
        ("001234AB45DE/1/kern.a.sbn", "ker"),
    ] {
        assert_eq!(content(snapshot.open(inner)), expected, "{inner}");
    }
    for inner in ["German_Germany/be-sip.jar", "320x196x4/List.xml", "French_France", "French_France/"] {
        assert!(snapshot.open(inner).is_none(), "{inner}: another language, or a folder");
    }
    assert!(snapshot.conflicts.is_empty(), "{:?}", snapshot.conflicts);
}

#[test]
fn the_nearest_name_is_one_that_could_be_meant() {
    let state = state();
    put(&state, "extra/French_France/be-sip.jar", b"salut");
    let snapshot = scan(&state);
    for (asked, nearest) in [
        ("kern.b.sbn", Some("kern.a.sbn")),
        ("sip88xx.12-5-1SR1-5.loads", Some("sip88xx.12-5-1SR1-4.loads")),
        ("french-france/be-sip.jar", Some("French_France/be-sip.jar")),
        ("g3-tones.xml", None),
        ("", None),
    ] {
        assert_eq!(snapshot.nearest(asked).as_deref(), nearest, "{asked}");
    }
}

#[test]
fn links_never_lead_out() {
    let state = state();
    let firmware = state.path().join("firmware");
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    put(&state, "licenses/e2m/001234AB45DE.lic", b"license");
    symlink(outside.path().join("secret"), firmware.join("secret.sbn")).unwrap();
    symlink("../licenses/e2m/001234AB45DE.lic", firmware.join("license.sbn")).unwrap();
    symlink(outside.path(), firmware.join("folder")).unwrap();
    symlink("nowhere", firmware.join("dangling.sbn")).unwrap();
    symlink(".", firmware.join("loop")).unwrap();
    symlink("kern.a.sbn", firmware.join("alias.sbn")).unwrap();
    let snapshot = scan(&state);
    for name in
        ["secret.sbn", "license.sbn", "secret", "dangling.sbn", "../ledger.db", "/etc/passwd", "", "."]
    {
        assert!(snapshot.open(name).is_none(), "{name}");
    }
    let refused: Vec<String> = causes(&snapshot).into_iter().map(|(name, _)| name).collect();
    assert_eq!(refused, ["dangling.sbn", "folder", "license.sbn", "secret.sbn"]);
    assert_eq!(content(snapshot.open("alias.sbn")), "ker");

    fs::remove_file(firmware.join("kern.a.sbn")).unwrap();
    symlink(outside.path().join("secret"), firmware.join("kern.a.sbn")).unwrap();
    assert!(snapshot.open("kern.a.sbn").is_none(), "a link put in a file's place after the scan");
}

#[test]
fn the_folders_themselves_may_be_links() {
    let real = state();
    let state = tempfile::tempdir().unwrap();
    symlink(real.path().join("firmware"), state.path().join("firmware")).unwrap();
    assert_eq!(content(scan(&state).open("kern.a.sbn")), "ker");
}

#[test]
fn a_changed_file_is_given_only_after_it_was_looked_at_again() {
    let state = state();
    let snapshot = scan(&state);
    assert!(snapshot.rescan().unwrap().is_none());
    let before = snapshot.open("kern.a.sbn").unwrap();

    put(&state, "firmware/new", b"changed");
    fs::rename(state.path().join("firmware/new"), state.path().join("firmware/kern.a.sbn")).unwrap();
    assert!(snapshot.open("kern.a.sbn").is_none());
    let again = snapshot.rescan().unwrap().unwrap();
    let after = again.open("kern.a.sbn").unwrap();
    assert_ne!(before.etag, after.etag);
    assert_eq!(content(Some(before)), "ker", "a transfer under way keeps what it began with");
    assert_eq!(content(Some(after)), "changed");

    put(&state, "licenses/001122334455.lic", b"late");
    assert!(again.rescan().unwrap().unwrap().index.licenses.len() == 1);
}

#[test]
fn the_api_shows_it_all() {
    let state = state();
    fs::remove_file(state.path().join("firmware/kern.a.sbn")).unwrap();
    put(&state, "licenses/001122334455.lic", b"x");
    put(&state, "licenses/readme.txt", b"x");
    let view = serde_json::to_value(scan(&state).view()).unwrap();
    let load = serde_json::json!({"name": LOAD, "kind": "enterprise", "family": "sip88xx", "state": "missing",
        "bytes": 7, "missing": ["kern.a.sbn"], "damaged": [], "version": "12.5(1)SR1-4",
        "platforms": {"PLATFORM_1": ["rootfs.a.sbn", "kern.a.sbn"], "PLATFORM_2": ["rootfs2.a.sbn"]},
        "packages": {"kern.a.sbn": "cmterm-88xx-sip.12-5-1SR1-4.k3.cop.sgn or cmterm-88xx.12-5-1SR1-4.zip"}});
    assert_eq!(view["loads"], serde_json::json!([load]));
    assert_eq!(view["licenses"], serde_json::json!({"e2m": ["001122334455"], "m2e": []}));
    assert_eq!(view["unusable"][0]["file"], "licenses/readme.txt");
}
