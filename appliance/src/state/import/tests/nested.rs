//! Archives within archives, and names of second copies.

use super::*;

#[test]
fn archives_within_archives_are_imported_beside_what_lies_next_to_them() {
    let cop = signed(&tape(&load_files()));
    let licenses = zip(&[("001234AB45DE.lic", b"license")]);
    let firmware = ("cmterm-88xx.11-2-3MPP-398.K4.COP.SHA512", cop.as_slice());
    for (name, content) in [
        ("all.zip", zip(&[firmware, ("Ent-2-Mpp-licenses/001234AB45DE.lic", b"license")])),
        ("all (1).ZIP", zip(&[("x/Ent-2-Mpp-licenses (2).zip", &licenses), firmware])),
        ("all.tgz", tape(&[firmware, ("ENT-2-MPP-LICENSES - Copy.zip", &licenses)])),
        ("all.zip.1", zip(&[("inner.zip", &zip(&[firmware, ("Ent-2-Mpp-licenses.zip", &licenses)]))])),
    ] {
        let here = Site::new();
        let dry = Options { dry_run: true, ..Options::default() };
        let path = here.deliver(name, &content);
        let looked = here.import_as(dry, std::slice::from_ref(&path));
        let report = here.import([path]);
        assert!(!report.trouble() && looked.lines == report.lines, "{name}: {report:?}");
        assert_eq!(here.completeness(), Some(Completeness::Complete), "{name}: {report:?}");
        assert!(here.shelf().index.licensed(Direction::E2m, MAC.parse().unwrap()), "{name}: {report:?}");
        assert_eq!(here.shelf().manifest.files["rootfs.a.sbn"].package.as_deref(), Some(firmware.0));
        assert_eq!(
            fs::read_dir(here.state().join("firmware")).unwrap().count(),
            3,
            "{name}: nothing is left"
        );
    }
}

#[test]
fn an_archive_within_that_cannot_be_read_concerns_nothing_beside_it() {
    let good = ("kern.a.sbn", &b"kern"[..]);
    let zeros = vec![0; 30 << 20];
    let bomb = zip(&[("rootfs.a.sbn", &zeros)]);
    let deep = (0..4).fold(zip(&[("deep.sbn", b"deep")]), |inner, _| zip(&[("inner.zip", &inner)]));
    let escape = zip(&[("before.sbn", b"x"), ("../up.sbn", b"x")]);
    for (inner, content, said) in [
        ("inner.zip", b"x".to_vec(), "neither"),
        ("b.k3.cop.sgn", b"<html>".to_vec(), "neither"),
        ("c.7z", b"7z\xbc\xaf".to_vec(), "unpack it"),
        ("bomb.zip", bomb, "made to fill disks"),
        ("deep.zip", deep, "more than 3 archives"),
        ("escape.zip", escape, "outside"),
    ] {
        let here = Site::new();
        let report = here.import([here.deliver("a.zip", &zip(&[good, (inner, &content)]))]);
        assert!(note(&report, Verdict::Refused).contains(said), "{inner}: {report:?}");
        assert!(report.lines.iter().any(|line| line.verdict == Verdict::New), "{inner}: {report:?}");
        assert!(here.state().join("firmware/kern.a.sbn").is_file(), "{inner}");
        assert_eq!(fs::read_dir(here.state().join("firmware")).unwrap().count(), 1, "{inner}");
    }
}

#[test]
fn the_marks_of_second_copies_are_no_part_of_a_name() {
    for (name, expected) in [
        ("001234AB45DE (1).lic", "001234AB45DE.lic"),
        ("001234AB45DE(12).LIC", "001234AB45DE.LIC"),
        ("001234AB45DE - Copy.lic", "001234AB45DE.lic"),
        ("001234AB45DE - Copy (2).lic", "001234AB45DE.lic"),
        ("001234AB45DE - Kopie.lic", "001234AB45DE.lic"),
        ("Copy of 001234AB45DE.lic", "001234AB45DE.lic"),
        ("001234AB45DE[1].lic", "001234AB45DE.lic"),
        ("001234AB45DE copy.lic", "001234AB45DE.lic"),
        ("001234AB45DE.lic (1)", "001234AB45DE.lic"),
        ("sip88xx.11-2-3MPP-398 (1).loads", "sip88xx.11-2-3MPP-398.loads"),
        ("kern2.78xx.12-5-1SR1-4.sbn", "kern2.78xx.12-5-1SR1-4.sbn"),
        ("(1).lic", "(1).lic"),
    ] {
        assert_eq!(crate::state::library::without_copy_mark(name), expected, "{name}");
    }
    let here = Site::new();
    here.deliver("Ent-2-Mpp-licenses (3)/001234AB45DE (1).lic", b"license");
    let [listing, root, kern, _] = load_files();
    here.deliver("sip88xx.11-2-3MPP-398 (1).loads", listing.1);
    here.deliver("rootfs.a - Copy.sbn", root.1);
    here.deliver("kern.a.sbn", kern.1);
    let report = here.import([here.folder.path().join("in")]);
    assert!(!report.trouble(), "{report:?}");
    assert!(here.shelf().index.licensed(Direction::E2m, MAC.parse().unwrap()));
    assert_eq!(here.completeness(), Some(Completeness::Complete), "{report:?}");
}
