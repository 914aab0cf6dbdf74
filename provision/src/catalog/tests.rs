use super::*;
use crate::hold::{Hold, NotAdmitted};

use Direction::{E2m, M2e};

mod facts;
mod spellings;

fn vid(text: &str) -> Option<Vid> {
    let vid = text.parse().ok();
    assert!(vid.is_some(), "{text}");
    vid
}

fn eligibility(catalog: &Catalog, model: &str, vid: Option<Vid>, direction: Direction) -> Eligibility {
    catalog.eligibility(catalog.model(model).unwrap(), vid, direction)
}

fn fit(catalog: &Catalog, model: &str, vid: Option<Vid>, load: &str) -> bool {
    let hardware = Hardware { model: catalog.model(model).unwrap(), vid, born: None };
    matches!(catalog.fit(hardware, &load.parse().unwrap()), Fit::Runs)
}

#[test]
fn every_row_names_its_source_and_date() {
    for catalog in [Catalog::current(), Catalog::seed_2019()] {
        let rows = &catalog.rows;
        let sources = (rows.model.iter().map(|row| (&row.source, &row.date)))
            .chain(rows.hop.iter().map(|row| (&row.source, &row.date)))
            .chain(rows.floor.iter().map(|row| (&row.source, &row.date)))
            .chain(rows.eligibility.iter().map(|row| (&row.source, &row.date)))
            .chain(rows.warning.iter().map(|row| (&row.source, &row.date)));
        for (source, date) in sources {
            assert!(source.len() > 5 && source != "catalog.toml", "{source}");
            assert!(date.len() == 7 && date.as_str() <= "2099-12", "{source}: {date}");
        }
        let ids: Vec<u32> = rows.model.iter().filter_map(|model| model.id).collect();
        let unlike: std::collections::BTreeSet<&u32> = ids.iter().collect();
        assert_eq!(ids.len(), unlike.len(), "ids are unique");
        let names = rows.model.iter().map(|row| 1 + row.also.len()).sum::<usize>();
        assert_eq!(catalog.by_name.len(), names, "every name means one model");
    }
    assert_eq!(Catalog::seed_2019().date, "2019-04");
}

/// The twelve models of the procedure's `XMLDefault.cnf.xml`, with the parts of their names.
#[test]
fn the_models_of_the_procedure_have_its_numbers_and_families() {
    let catalog = Catalog::seed_2019();
    for (id, name, family) in [
        (36213, "7811", "sip78xx"),
        (621, "7821", "sip78xx"),
        (622, "7841", "sip78xx"),
        (623, "7861", "sip78xx"),
        (36247, "7832", "sip7832"),
        (36258, "8832", "sip8832"),
        (36217, "8811", "sip88xx"),
        (683, "8841", "sip88xx"),
        (684, "8851", "sip88xx"),
        (685, "8861", "sip88xx"),
        (36224, "8845", "sip8845_65"),
        (36225, "8865", "sip8845_65"),
    ] {
        let model = catalog.model_by_id(id).unwrap();
        assert_eq!((model.name.as_str(), model.family.as_deref()), (name, Some(family)));
        assert_eq!((&model.pn[0], &model.psn[0]), (&format!("CP-{name}-3PCC"), &format!("{name}-3PCC")));
        for direction in [E2m, M2e] {
            assert_eq!(eligibility(&catalog, name, vid("V10"), direction), Eligibility::Eligible);
            assert_eq!(eligibility(&Catalog::current(), name, vid("V10"), direction), Eligibility::Eligible);
        }
    }
}

#[test]
fn models_answer_to_every_spelling() {
    let catalog = Catalog::current();
    for name in [
        "8851NR",
        "cp-8851nr",
        "CP-8851NR-3PCC",
        "8851nr-3pcc",
        "CP-8851NR-K9=",
        "CP-8851NR-W-K9",
        " Cisco 8851NR ",
    ] {
        assert_eq!(catalog.model(name).and_then(|model| model.id), Some(36232), "{name}");
    }
    for name in ["", "8851X", "CP-", "88", "SPA504G"] {
        assert_eq!(catalog.model(name), None, "{name}");
    }
}

#[test]
fn the_two_lists_differ_where_cisco_changed_its_mind() {
    let (current, seed) = (Catalog::current(), Catalog::seed_2019());
    for model in ["8851NR", "8865NR"] {
        assert_eq!(eligibility(&current, model, None, E2m), Eligibility::Eligible);
        assert!(matches!(eligibility(&seed, model, None, E2m), Eligibility::Refused { .. }));
    }
    assert_eq!(eligibility(&seed, "7821", vid("V25"), E2m), Eligibility::Eligible);
    assert!(matches!(eligibility(&current, "7821", vid("V25"), E2m), Eligibility::Refused { .. }));
    assert!(fit(&seed, "8851", vid("V15"), "sip88xx.TLexE2M-11-2-3C-4"));
    assert!(!fit(&current, "8851", vid("V15"), "sip88xx.TLexE2M-11-2-3C-4"));
    assert_ne!(current.digest, seed.digest);
}

#[test]
fn the_vid_decides_where_it_must_and_only_there() {
    let catalog = Catalog::current();
    for (model, old, good) in [("7821", "V02", "V03"), ("7841", "V03", "V04"), ("7861", "V02", "V24")] {
        assert!(matches!(eligibility(&catalog, model, vid(old), E2m), Eligibility::Refused { .. }));
        assert_eq!(eligibility(&catalog, model, vid(good), E2m), Eligibility::Eligible);
        assert!(matches!(eligibility(&catalog, model, None, E2m), Eligibility::DependsOnVid { .. }));
        assert_eq!(eligibility(&catalog, model, None, M2e), Eligibility::Eligible, "it runs MPP already");
    }
    assert_eq!(eligibility(&catalog, "7811", None, E2m), Eligibility::Eligible);
}

#[test]
fn a_refusal_tells_the_technician_why_and_who_says_so() {
    let catalog = Catalog::current();
    for model in ["8821", "8821-EX", "8831", "7941", "8961", "ATA190", "ATA192", "6871", "9811", "8875"] {
        for direction in [E2m, M2e] {
            let Eligibility::Refused { cause, source, .. } = eligibility(&catalog, model, None, direction)
            else {
                panic!("{model}")
            };
            assert!(cause.contains(model) && !source.is_empty(), "{cause}");
        }
    }
    for unlisted in [eligibility(&catalog, "8811NS", None, E2m), Catalog::not_in_catalog("9841\0")] {
        let Eligibility::NotInCatalog { model } = unlisted else { panic!("{unlisted:?}") };
        let hold = Hold::from(NotAdmitted::NotInCatalog { model });
        assert!(hold.cure().contains("catalog.toml") && !hold.cause().contains('\0'), "{hold}");
    }
}

#[test]
fn hardware_refuses_loads_below_its_floor() {
    let catalog = Catalog::current();
    assert!(fit(&catalog, "8851", vid("V14"), "sip88xx.11-2-3MPP-398"));
    assert!(!fit(&catalog, "8851", vid("V15"), "sip88xx.11-2-3MPP-398"));
    assert!(fit(&catalog, "8851", vid("V15"), "sip88xx.11-3-3MPP0103-381"));
    assert!(fit(&catalog, "8865", vid("V15"), "sip8845_65.11-2-3MPP-398"), "video models have no such floor");
    assert!(!fit(&catalog, "8811", vid("V01"), "sip88xx.10-2-1-16"));
    assert!(!fit(&catalog, "8811", vid("V08"), "sip88xx.11-5-1-18"));
    assert!(fit(&catalog, "8811", vid("V07"), "sip88xx.11-5-1-18"));
    let model = catalog.model("8851").unwrap();
    let old = "sip88xx.11-2-3MPP-398".parse().unwrap();
    assert!(
        matches!(catalog.fit(Hardware { model, vid: None, born: None }, &old), Fit::DependsOnVid(floor) if floor.min.to_string() == "11.3(3)")
    );
}

#[test]
fn warnings_are_said_to_those_they_may_concern() {
    let catalog = Catalog::current();
    let about = |model: &str, vid| Concerned {
        model: catalog.model(model).unwrap(),
        vid,
        load: None,
        direction: E2m,
        cda: false,
    };
    let warned = |model: &str, vid| !catalog.warnings(&about(model, vid)).is_empty();
    assert!(warned("8851", vid("V14")) && warned("8851", None) && !warned("8851", vid("V15")));
    assert!(warned("8845", vid("V20")) && warned("8832", None) && !warned("7841", None));
}

#[test]
fn a_users_rows_add_and_override() {
    let catalog = Catalog::current();
    let user = catalog
        .with_user(
            "[[model]]\nname = \"8875\"\nid = 36336\nfamily = \"sip8875\"\n\
             [[eligibility]]\nmodels = [\"8875\"]\neligible = true\n\
             [[eligibility]]\nmodels = [\"8821\"]\neligible = false\ncause = \"ours stay\"\n\
             [[floor]]\nname = \"multiplatform-88xx-V15\"\nmodels = [\"8851\"]\nside = \"multiplatform\"\nmin = \"11.0\"\n\
             [[hop]]\nname = \"enterprise-to-transition\"\nfrom = \"Enterprise\"\nto = \"TLexE2M\"\nlicense = true\n",
        )
        .unwrap();
    assert_eq!(user.model("8875").unwrap().family.as_deref(), Some("sip8875"));
    assert_eq!(eligibility(&user, "8875", None, E2m), Eligibility::Eligible);
    let Eligibility::Refused { cause, source, .. } = eligibility(&user, "8821", None, E2m) else { panic!() };
    assert!(cause.contains("ours stay") && source == "catalog.toml");
    assert!(fit(&user, "8851", vid("V15"), "sip88xx.11-2-3MPP-398"));
    assert_eq!((user.hops.len(), user.models.len()), (catalog.hops.len(), catalog.models.len()));
    assert_ne!(user.digest, catalog.digest);
    assert_eq!(user.date, catalog.date);
}

#[test]
fn a_users_mistakes_are_named_with_their_line_and_a_cure() {
    let eligible = "[[eligibility]]\nmodels = [\"8851\"]\neligible = true\n";
    for (rows, line, cause, cure) in [
        ("[[modell]]\nname = 1", 1, "modell", "model"),
        ("[[eligibility]]\nmodels = [\"8851\"]\n", 1, "eligible", "add it"),
        ("\n[[eligibility]]\nmodels = [\"8851\", '8852']\neligible = true\n", 3, "8852", "add one"),
        (&format!("{eligible}vid = {{ min = \"V9\", max = \"V3\" }}"), 4, "V09", "exchange"),
        (&format!("{eligible}vid = {{ min = \"five\" }}"), 4, "five", "V05"),
        (&format!("{eligible}vid = {{ min = \"4; 5\" }}"), 4, "4; 5", "V05"),
        (&format!("{eligible}direction = [\"e2m\"]"), 4, "direction", "directions"),
        ("[[hop]]\nname = \"x\"\nfrom = \"Classic\"\nto = \"MPP\"\nlicense = true", 3, "Classic", "correct"),
        ("[[floor]]\nname = \"x\"\nmodels = []\nside = \"enterprise\"\nmin = \"new\"", 5, "new", "11.3(5)"),
        ("[[floor]]\nname = \"x\"\nmodels = []\nside = \"mpp\"\nmin = \"11.0\"", 4, "mpp", "multiplatform"),
        ("[[model]]\nname = \"8852\"\nid = 684\n", 3, "8851", "loadInformation"),
        ("[[floor]\n", 1, "unclosed", "]"),
    ] {
        let error = Catalog::current().with_user(rows).unwrap_err();
        assert_eq!(error.line, line, "{error}\n{rows}");
        assert!(error.cause.contains(cause) && error.cure.contains(cure), "{error}\n{rows}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[test]
fn vids_are_read_as_labels_have_them() {
    for text in ["V05", "v5", "05", " V5 "] {
        assert_eq!(text.parse(), Ok(Vid(5)), "{text}");
    }
    for text in ["", "V", "V-1", "V1000", "V999", "five", "V0x5"] {
        assert!(text.parse::<Vid>().is_err(), "{text}");
    }
    assert_eq!(Vid(5).to_string(), "V05");
}
