use super::*;

fn is_loads(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "loads")
}

fn all_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_listed_component_is_there_and_intact_and_boot_components_are_shared() {
    let folder = tempfile::tempdir().unwrap();
    for version in ["12-5-1SR1-4", "11-2-3MPP-398"] {
        firmware(folder.path(), &format!("sip88xx.{version}"), 20_000).unwrap();
    }
    let files = all_files(folder.path());
    let mut listed = std::collections::BTreeSet::new();
    for (name, bytes) in &files {
        if is_loads(name) {
            let (signature, start) = signature(bytes);
            assert_eq!(signature, Signature::LookAlike, "{name}");
            let text = std::str::from_utf8(&bytes[start..]).unwrap();
            assert!(text.starts_with("[PLATFORM_1]"), "{text}");
            assert_eq!(text.matches("[PLATFORM_").count(), platforms("sip88xx").len());
            listed.extend(
                text.lines()
                    .filter_map(|line| Some(line.split_once("file")?.1.split_once('=')?.1.to_owned())),
            );
        }
    }
    let components: Vec<_> = files.iter().filter(|(name, _)| !is_loads(name)).collect();
    assert_eq!(listed, components.iter().map(|(name, _)| name.clone()).collect());
    assert_eq!(components.len(), 2 * 7 + 7, "seven of each load's own, seven shared");
    for (name, bytes) in components {
        let mut verifier = Verifier::default();
        bytes.chunks(777).for_each(|chunk| verifier.feed(chunk));
        assert!(verifier.holds(), "{name}");
        let mut cut = Verifier::default();
        cut.feed(&bytes[..bytes.len() - 1]);
        assert!(!cut.holds(), "{name}");
    }
}

#[test]
fn the_same_name_is_the_same_bytes_in_every_package() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    firmware(one.path(), "sip8845_65.12-5-1SR1-4", 9_000).unwrap();
    firmware(two.path(), "sip8845_65.TLexE2M-11-2-3C-4", 9_000).unwrap();
    let first = all_files(one.path());
    let shared: Vec<_> = all_files(two.path())
        .into_iter()
        .filter(|(name, _)| first.iter().any(|(other, _)| other == name))
        .collect();
    assert_eq!(shared.len(), 3);
    assert!(shared.iter().all(|file| first.contains(file)));
}

#[test]
fn an_altered_listing_and_a_missing_header_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    firmware(folder.path(), "sip7832.12-5-1SR1-4", 4_000).unwrap();
    let mut file = fs::read(folder.path().join("sip7832.12-5-1SR1-4.loads")).unwrap();
    *file.last_mut().unwrap() ^= 1;
    assert_eq!(signature(&file).0, Signature::Broken);
    assert_eq!(signature(b"[PLATFORM_1]\nrootfs.sbn\n").0, Signature::Broken);
    assert_eq!(signature(&[]).0, Signature::Broken);
}

#[test]
fn a_license_names_its_phone_and_direction() {
    let mac = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xde]);
    assert_eq!(read_license(&license(Direction::M2e, mac)), Some((Direction::M2e, mac)));
    assert_eq!(read_license(b"anything else"), None);
}
