use proptest::prelude::*;

use super::*;

fn load(name: &str) -> LoadName {
    name.parse().unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

/// Every name seen in the field, with family, kind and the release as technicians say it.
#[test]
fn names_tell_family_kind_and_version() {
    let e2m = Kind::Transition(Direction::E2m);
    let m2e = Kind::Transition(Direction::M2e);
    for (name, family, kind, release) in [
        ("sip78xx.10-3-1-12", "sip78xx", Kind::Enterprise, "10.3(1)-12"),
        ("sip78xx.11-5-1-18", "sip78xx", Kind::Enterprise, "11.5(1)-18"),
        ("sip78xx.11-7-1-17", "sip78xx", Kind::Enterprise, "11.7(1)-17"),
        ("sip88xx.12-0-1MN-113", "sip88xx", Kind::Enterprise, "12.0(1)MN113"),
        ("sip88xx.12-1-1SR1-4", "sip88xx", Kind::Enterprise, "12.1(1)SR1-4"),
        ("sip88xx.12-5-1SR1-4", "sip88xx", Kind::Enterprise, "12.5(1)SR1-4"),
        ("sip88xx.12-5-1SR2-2", "sip88xx", Kind::Enterprise, "12.5(1)SR2-2"),
        ("sip88xx.12-8-1-0101-482", "sip88xx", Kind::Enterprise, "12.8(1)-101-482"),
        ("sip88xx.14-0-1-0001-135", "sip88xx", Kind::Enterprise, "14.0(1)-1-135"),
        ("sip78xx.14-1-1MN-366", "sip78xx", Kind::Enterprise, "14.1(1)MN366"),
        ("sip88xx.14-2-1-0101-26", "sip88xx", Kind::Enterprise, "14.2(1)-101-26"),
        ("sip8845_65.14-3-1-0201-246", "sip8845_65", Kind::Enterprise, "14.3(1)-201-246"),
        ("sip88xx.14-4-1-0001-36", "sip88xx", Kind::Enterprise, "14.4(1)-1-36"),
        ("sip88xx.14-4-1-0301-6", "sip88xx", Kind::Enterprise, "14.4(1)-301-6"),
        ("sip78xx.TLexE2M-11-2-3C-4", "sip78xx", e2m, "11.2(3)C4"),
        ("sip7832.TLexE2M-11-2-3C-12", "sip7832", e2m, "11.2(3)C12"),
        ("sip8832.TLexM2E-11-2-3C-4", "sip8832", m2e, "11.2(3)C4"),
        ("sip88xx.11-0-0MPP-7dev", "sip88xx", Kind::Multiplatform, "11.0(0)MPP7DEV"),
        ("sip88xx.11-2-3MPP-398", "sip88xx", Kind::Multiplatform, "11.2(3)MPP398"),
        ("sip8832.11-2-3MPP-412", "sip8832", Kind::Multiplatform, "11.2(3)MPP412"),
        ("sip88xx.11-2-3MSR1-1", "sip88xx", Kind::Multiplatform, "11.2(3)MSR1-1"),
        ("sip88xx.11-3-1MSR3-3", "sip88xx", Kind::Multiplatform, "11.3(1)MSR3-3"),
        ("sip88xx.11-3-2MPP0001-609", "sip88xx", Kind::Multiplatform, "11.3(2)MPP1-609"),
        ("sip88xx.11-3-3MPP0103-381", "sip88xx", Kind::Multiplatform, "11.3(3)MPP103-381"),
        ("sip88xx.11-3-6MPP0001-273", "sip88xx", Kind::Multiplatform, "11.3(6)MPP1-273"),
        ("sip88xx.12-0-1MPP0001-245", "sip88xx", Kind::Multiplatform, "12.0(1)MPP1-245"),
        ("sip88xx.12-0-7MPP0201-66", "sip88xx", Kind::Multiplatform, "12.0(7)MPP201-66"),
        ("sip8845_65.12-0-7MPP0501-123", "sip8845_65", Kind::Multiplatform, "12.0(7)MPP501-123"),
    ] {
        let load = load(name);
        assert_eq!(
            (load.family(), load.kind(), load.version().to_string().as_str()),
            (family, kind, release),
            "{name}"
        );
        assert_eq!(format!("{name}.loads").parse(), Ok(load.clone()), "the file's name is the load's");
        assert_eq!(load.loads_file(), format!("{name}.loads"));
        assert_eq!(version(release), *load.version(), "a version reads back");
    }
}

#[test]
fn versions_compare_in_order_of_age() {
    let ages = [
        "sip88xx.11-0-0MPP-7dev",
        "sip88xx.11-2-3MPP-398",
        "sip88xx.11-2-3MSR1-1",
        "sip88xx.12-0-1MPP0001-245",
        "sip88xx.12-0-7MPP0201-66",
        "sip88xx.12-0-7MPP0501-123",
        "sip88xx.12-5-1-16",
        "sip88xx.12-5-1SR1-4",
        "sip88xx.12-5-1SR2-2",
        "sip88xx.12-5-1SR10-1",
        "sip88xx.14-4-1-0001-36",
        "sip88xx.14-4-1-0301-6",
    ]
    .map(|name| load(name).version().clone());
    assert!(ages.is_sorted_by(|older, newer| older < newer), "{ages:?}");
}

#[test]
fn floors_are_releases_without_a_build() {
    assert!(load("sip88xx.11-3-6MPP0001-273").version().at_least(&version("11.3(5)")));
    assert!(!load("sip88xx.11-3-3MPP0103-381").version().at_least(&version("11.3(5)")));
    assert!(load("sip78xx.14-1-1MN-366").version().at_least(&version("14.1")));
    assert!(!load("sip88xx.14-0-1-0001-135").version().at_least(&version("14.1")));
    assert!(load("sip88xx.12-5-1SR1-4").version().at_least(&version("12.5(1)")));
    assert!(!load("sip88xx.12-5-1SR1-4").version().at_least(&version("12.5(1)SR3")));
}

#[test]
fn what_is_no_load_is_refused() {
    for name in [
        "",
        ".",
        "sip88xx",
        "sip88xx.",
        "sip.12-5-1",
        "sip88xx.12",
        "sip88xx.12-5",
        "sip88xx.SR1-12-5-1",
        "term41.default.loads",
        "../sip88xx.12-5-1SR1-4",
        "sip88xx.12-5-1/../x",
        "sip88xx.12-5-1\0",
        "sip88xx.12-5-1SR1-4 x",
        "sip88xx.12-5-1é",
        "sip88xx.99999-5-1",
        "sip88xx.12-5-1SR99999999999",
        "rootfs88xx.12-5-1SR1-4",
        ".loads",
        "sip88xx.12.5(1)",
    ] {
        assert!(name.parse::<LoadName>().is_err(), "{name}");
    }
    assert!(format!("sip88xx.12-5-1{}", "-1".repeat(60)).parse::<LoadName>().is_err(), "length is bounded");
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused_and_what_is_taken_reads_back(text in "\\PC{0,100}") {
        if let Ok(load) = text.parse::<LoadName>() {
            prop_assert_eq!(load.as_str().parse(), Ok(load.clone()));
            prop_assert!(!load.as_str().contains(['/', '\\']));
        }
        let _ = text.parse::<Version>();
    }

    #[test]
    fn versions_read_back(text in "[0-9]{1,3}-[0-9]{1,2}-[0-9](SR|MPP|C|-)[0-9]{1,4}-[0-9]{1,3}(dev)?") {
        let parsed: Version = text.parse().unwrap();
        prop_assert_eq!(parsed.to_string().parse(), Ok(parsed));
    }
}
