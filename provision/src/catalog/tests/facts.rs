//! Facts that Cisco published after the procedure of 2019.

use super::*;
use crate::hold::{HoldReason, NotAdmitted};

fn hardware<'a>(catalog: &'a Catalog, model: &str, vid: u8, born: Option<Side>) -> Hardware<'a> {
    Hardware { model: catalog.model(model).unwrap(), vid: Some(Vid(vid)), born }
}

#[test]
fn an_8832_from_v08_takes_no_multiplatform_load_below_12_0_2() {
    let catalog = Catalog::current();
    for model in ["8832", "8832NR"] {
        for (vid, load, runs) in [
            ("V07", "sip8832.11-3-6MPP0001-273", true),
            ("V08", "sip8832.11-3-6MPP0001-273", false),
            ("V08", "sip8832.TLexE2M-11-2-3C-4", false),
            ("V09", "sip8832.12-0-1MPP0001-245", false),
            ("V08", "sip8832.12-0-2MPP0001-1", true),
            ("V08", "sip8832.12-5-1SR1-4", true),
        ] {
            assert_eq!(fit(&catalog, model, super::vid(vid), load), runs, "{model} {vid} {load}");
        }
    }
}

#[test]
fn a_floor_may_name_what_a_phone_was_bought_as() {
    let catalog = Catalog::current();
    let goes = |model: &str, vid, born, release: &str| {
        let phone = hardware(&catalog, model, vid, born);
        catalog.lets_go(phone, Side::Multiplatform, &release.parse().unwrap()) == Fit::Runs
    };
    for model in ["7821", "7841", "7861"] {
        assert!(goes(model, 19, Some(Side::Enterprise), "11.3(5)"));
        assert!(!goes(model, 20, Some(Side::Enterprise), "11.3(7)"));
        assert!(!goes(model, 20, None, "11.3(6)"), "what is not known may be so");
        assert!(goes(model, 20, Some(Side::Multiplatform), "11.3(5)"));
        assert!(goes(model, 20, Some(Side::Enterprise), "11-3-7MPP0101-284"), "which is 11.3(7)SR1");
        assert!(!goes(model, 20, Some(Side::Enterprise), "11-3-7MPP0001-272"));
    }
    assert!(goes("7811", 25, Some(Side::Enterprise), "11.3(5)"));
    for (text, born) in [
        ("CP-7821-K9=", Some(Side::Enterprise)),
        ("CP-7821-3PCC-K9=", Some(Side::Multiplatform)),
        ("CP-8832-3PC-EU-K9", Some(Side::Multiplatform)),
        ("7821-3PCC", None),
        ("Cisco 7821", None),
        ("", None),
    ] {
        assert_eq!(Catalog::born(text), born, "{text}");
    }
}

#[test]
fn cda_at_its_old_address_is_warned_of_where_cda_steers() {
    let catalog = Catalog::current();
    let said = |load: Option<&str>, cda| {
        let load = load.map(|load| load.parse::<LoadName>().unwrap());
        let about = Concerned {
            model: catalog.model("8851").unwrap(),
            vid: None,
            load: load.as_ref(),
            direction: Direction::M2e,
            cda,
        };
        catalog.warnings(&about).iter().any(|warning| warning.text.contains("FN72222"))
    };
    assert!(said(None, true) && said(Some("sip88xx.11-1-2MPP-351"), true));
    assert!(said(Some("sip88xx.11-1-1MSR1-1"), true));
    assert!(!said(Some("sip88xx.11-2-1MPP-630"), true) && !said(Some("sip88xx.12-5-1SR1-4"), true));
    assert!(!said(None, false), "nobody asks CDA");
}

#[test]
fn each_model_that_cannot_be_migrated_is_refused_by_name_with_its_reason() {
    let catalog = Catalog::current();
    for (name, reason) in [
        ("6821", "Multiplatform firmware only"),
        ("CP-6861-3PW-K9", "Multiplatform firmware only"),
        ("6871", "Multiplatform firmware only"),
        ("DP-9811", "PhoneOS"),
        ("9851", "PhoneOS"),
        ("9871NR", "PhoneOS"),
        ("8875", "PhoneOS"),
        ("CP-8875NR-K9++=", "PhoneOS"),
        ("8821-EX", "wireless"),
        ("CP-8831-3PCC-K9=", "sold with Enterprise or with Multiplatform"),
        ("ATA192-3PW-K9", "adapter"),
        ("Cisco ATA 186", "adapter"),
        ("CP-7975G", "7800 and 8800"),
        ("7941G-GE", "7800 and 8800"),
        ("6961", "7800 and 8800"),
        ("9971", "7800 and 8800"),
        ("Cisco 3951", "7800 and 8800"),
    ] {
        for direction in [Direction::E2m, Direction::M2e] {
            let refused = eligibility(&catalog, name, None, direction);
            let Eligibility::Refused { cause, date, .. } = refused else { panic!("{name}: {refused:?}") };
            assert!(cause.contains(reason) && date.len() == 7, "{name}: {cause}");
        }
    }
    let listed = |model: &&Model| catalog.rows.eligibility.iter().any(|row| row.models.contains(&model.name));
    let silent: Vec<&str> =
        catalog.models.iter().filter(|model| !listed(model)).map(|model| model.name.as_str()).collect();
    assert_eq!(silent, ["8811NS", "8841NS", "8851NS"], "nothing is known of these but their numbers");
}

#[test]
fn what_is_not_known_is_asked_about_with_the_nearest_name() {
    let catalog = Catalog::current();
    for (text, word) in [
        ("8815", "8811"),
        ("8851-ZZ", "8851"),
        ("CP-8852-K9", "8832"),
        ("8851-BEKEM", "8851"),
        ("CP-7812", "7811"),
        ("8856NR", "8851NR"),
    ] {
        let reason = HoldReason::from(NotAdmitted::UnclearModel(catalog.question(text)));
        let (cause, cure) = (reason.cause(), reason.cure());
        assert!(cure.contains(word) || cause.contains(word), "{text}: {cause}; {cure}");
    }
    let unknown = HoldReason::from(NotAdmitted::UnclearModel(catalog.question("SPA504G")));
    assert!(unknown.cure().contains("leave it out"));
    assert!(catalog.question("\u{202e}12345678").cause().starts_with("model 12345678"), "nothing hidden");
}
