//! The routes of the guides, and the reasons if there is none.

use super::*;

const SEEDS_LOADS: &[&str] = &[SEED, E2M, M2E, MPP];
const EVERYTHING: &[&str] = &[OLD, SEED, NEW, E2M, M2E, MPP, NEW_MPP];

#[test]
fn the_procedure_of_2019_both_ways() {
    assert_eq!(E2M_8851().way_from(OLD, SEEDS_LOADS), [SEED, E2M, MPP]);
    assert_eq!(E2M_8851().way_from(SEED, SEEDS_LOADS), [E2M, MPP]);
    assert_eq!(E2M_8851().way_from(E2M, SEEDS_LOADS), [MPP]);
    assert_eq!(M2E_8851().way_from(MPP, SEEDS_LOADS), [M2E, SEED]);
    assert_eq!(M2E_8851().way_from(M2E, SEEDS_LOADS), [SEED]);
}

#[test]
fn direct_crossings_are_shorter_and_lead_to_the_newest_load() {
    assert_eq!(E2M_8851().way_from(OLD, EVERYTHING), [NEW, NEW_MPP]);
    assert_eq!(E2M_8851().way_from(NEW, EVERYTHING), [NEW_MPP]);
    assert_eq!(M2E_8851().way_from(NEW_MPP, EVERYTHING), [NEW]);
    assert_eq!(M2E_8851().way_from(MPP, EVERYTHING), [NEW_MPP, NEW], "by MPP, not by a transition load");
}

#[test]
fn other_loads_that_can_be_reached_are_offered_for_a_pin() {
    let ways = |phone: &RoutedPhone, from| -> Vec<Vec<String>> {
        let others = phone.others(Present::Load(&load(from)), &library(EVERYTHING));
        others.iter().map(|route| route.hops.iter().map(|hop| hop.to.to_string()).collect()).collect()
    };
    assert_eq!(ways(&E2M_8851(), OLD), [[SEED, E2M, MPP]]);
    assert_eq!(
        ways(&RoutedPhone { vid: Some(Vid(15)), ..E2M_8851() }, OLD),
        Vec::<Vec<String>>::new(),
        "below its floor"
    );
    assert_eq!(ways(&M2E_8851(), NEW_MPP), [[SEED], [OLD]]);
    assert_eq!(ways(&RoutedPhone { model: "8821", ..E2M_8851() }, OLD).len(), 0);
}

#[test]
fn who_is_there_has_no_hop_left() {
    assert!(E2M_8851().way_from(MPP, SEEDS_LOADS).is_empty());
    assert!(
        E2M_8851().way_from("SIP88XX.11-2-3mpp-398", SEEDS_LOADS).is_empty(),
        "letter case does not matter"
    );
    assert_eq!(E2M_8851().way_from(MPP, EVERYTHING), [NEW_MPP]);
    let newer = E2M_8851().ask(Present::Load(&load(NEW_MPP)), &library(SEEDS_LOADS)).unwrap();
    assert_eq!((newer.hops.len(), newer.target), (0, load(NEW_MPP)), "newer than all at hand");
}

#[test]
fn a_phone_of_unknown_load_takes_a_hop_that_any_load_may_take() {
    let enterprise = Present::Unknown(Side::Enterprise);
    let multiplatform = Present::Unknown(Side::Multiplatform);
    assert_eq!(E2M_8851().way(enterprise, SEEDS_LOADS), [SEED, E2M, MPP]);
    assert_eq!(E2M_8851().way(enterprise, EVERYTHING), [NEW, NEW_MPP]);
    assert_eq!(M2E_8851().way(multiplatform, SEEDS_LOADS), [M2E, SEED]);
    // The phone may already run the transition load, from which no rule leads back to an upgrade.
    assert_eq!(M2E_8851().way(multiplatform, EVERYTHING), [M2E, NEW]);
    assert!(M2E_8851().ask(multiplatform, &library(&[NEW_MPP, NEW])).is_err());
    // The phone already shows the far side, which may be the transition load.
    let e2m = E2M_8851().ask(multiplatform, &library(SEEDS_LOADS)).unwrap();
    assert_eq!((e2m.hops.len(), e2m.hops[0].license, e2m.hops[0].crosses), (1, true, false));
    let m2e = M2E_8851().ask(enterprise, &library(SEEDS_LOADS)).unwrap();
    assert_eq!((m2e.hops.len(), m2e.hops[0].license, m2e.hops[0].crosses), (1, false, false));
}

#[test]
fn hops_tell_where_the_phone_crosses_and_where_it_needs_its_license() {
    let route = E2M_8851().ask(Present::Load(&load(OLD)), &library(SEEDS_LOADS)).unwrap();
    let marks: Vec<_> =
        route.hops.iter().map(|hop| (hop.crosses, hop.license, hop.safe_for_every_vid)).collect();
    assert_eq!(marks, [(false, false, true), (true, true, true), (false, true, true)]);
    let from: Vec<_> = route.hops.iter().map(|hop| hop.from.clone().unwrap()).collect();
    assert_eq!(from, [load(OLD), load(SEED), load(E2M)]);
    let route = M2E_8851().ask(Present::Load(&load(MPP)), &library(SEEDS_LOADS)).unwrap();
    let marks: Vec<_> = route.hops.iter().map(|hop| (hop.crosses, hop.license)).collect();
    assert_eq!(marks, [(false, true), (true, true)]);
    let upgrade = E2M_8851().ask(Present::Load(&load(MPP)), &library(EVERYTHING)).unwrap();
    assert!(!upgrade.hops[0].license, "on the far side an upgrade is only an upgrade");
}

#[test]
fn newer_hardware_takes_the_way_that_suits_it_or_the_floor_is_named() {
    let v15 = || RoutedPhone { vid: Some(Vid(15)), ..E2M_8851() };
    assert_eq!(v15().way_from(SEED, EVERYTHING), [NEW, NEW_MPP]);
    let refused = v15().refusal(SEED, SEEDS_LOADS);
    assert_eq!(refused.code, HoldCode::NoRoute);
    for word in ["8851 V15", "11.3(3)", "guide-c07-742786"] {
        assert!(refused.cause().contains(word), "{word} in {}", refused.cause());
    }
    let back = RoutedPhone { direction: Direction::M2e, ..v15() };
    assert_eq!(back.way_from("sip88xx.11-3-3MPP0103-381", EVERYTHING), [NEW_MPP, NEW], "never below 11.3(3)");
    let seed = RoutedPhone { catalog: Catalog::seed_2019(), ..v15() };
    assert_eq!(seed.way_from(SEED, SEEDS_LOADS), [E2M, MPP]);
}

#[test]
fn an_unknown_vid_prefers_the_way_that_suits_all() {
    let unknown = || RoutedPhone { vid: None, ..E2M_8851() };
    let bridge = "sip88xx.11-3-6MPP0001-273";
    let names = [SEED, NEW, E2M, bridge];
    assert_eq!(unknown().way_from(SEED, &names), [NEW, bridge]);
    assert_eq!(unknown().way_from(E2M, &names), [bridge]);
    let route = unknown().ask(Present::Load(&load(SEED)), &library(SEEDS_LOADS)).unwrap();
    assert!(route.hops.iter().all(|hop| !hop.safe_for_every_vid), "{route:?}");
    let first = unknown().ask(Present::Load(&load(OLD)), &library(SEEDS_LOADS)).unwrap();
    assert!(first.hops[0].safe_for_every_vid, "the upgrade on its own side suits all");
}

#[test]
fn a_longer_way_that_suits_all_is_worth_it_unless_told_to_proceed() {
    let user = "[[hop]]\nname = \"enterprise-to-multiplatform\"\nfrom = \"Enterprise\"\nfrom-min = \"11.6\"\n\
                from-below = \"12.0\"\nto = \"Multiplatform\"\nlicense = true\n\
                [[floor]]\nname = \"ours\"\nmodels = [\"8851\"]\nvid = { min = \"V10\" }\nside = \"enterprise\"\nmin = \"12.0\"\n";
    let catalog = Catalog::current().with_user(user).unwrap();
    let (late, mpp) = ("sip88xx.TLexE2M-11-3-4C-1", "sip88xx.11-3-6MPP0001-273");
    for (proceeds, way) in [(true, vec![OLD, mpp]), (false, vec![SEED, late, mpp])] {
        let phone =
            RoutedPhone { catalog: catalog.clone(), vid: None, unknown_vid_proceeds: proceeds, ..E2M_8851() };
        assert_eq!(phone.way_from("sip88xx.10-3-1-12", &[OLD, SEED, late, mpp]), way);
    }
}

#[test]
fn of_two_equally_short_ways_the_one_that_suits_all_wins_even_if_larger() {
    let (late, mpp) = ("sip88xx.TLexE2M-11-3-4C-1", "sip88xx.11-3-6MPP0001-273");
    let mut library = library(&[E2M, late, mpp]);
    library.loads.insert(load(late), complete(late, 1_000_000));
    let phone = RoutedPhone { vid: None, unknown_vid_proceeds: true, ..E2M_8851() };
    let route = phone.ask(Present::Load(&load(SEED)), &library).unwrap();
    assert_eq!(route.hops[0].to, load(late));
}

#[test]
fn where_the_vid_decides_about_crossing_the_crossing_is_marked() {
    let catalog = Catalog::current();
    let (seed, e2m, mpp) = ("sip78xx.12-5-1SR1-4", "sip78xx.TLexE2M-11-2-3C-4", "sip78xx.11-2-3MPP-398");
    let phone = |vid| RoutedPhone { catalog: catalog.clone(), model: "7821", vid, ..E2M_8851() };
    let names = library(&[seed, e2m, mpp]);
    let route = phone(None).ask(Present::Unknown(Side::Enterprise), &names).unwrap();
    assert_eq!(route.hops.iter().map(|hop| hop.safe_for_every_vid).collect::<Vec<_>>(), [true, false, true]);
    let old = phone(Some(Vid(2))).ask(Present::Unknown(Side::Enterprise), &names).unwrap_err();
    assert_eq!(old.code, HoldCode::NotEligible);
    assert!(old.cause().contains("V02") && old.cause().contains("V03"), "{}", old.cause());
}

#[test]
fn phones_that_may_not_migrate_are_refused_by_name() {
    for model in ["8821", "8831", "8875"] {
        let refused = RoutedPhone { model, ..E2M_8851() }.refusal(SEED, SEEDS_LOADS);
        assert_eq!(refused.code, HoldCode::NotEligible);
        assert!(refused.cause().contains(model), "{}", refused.cause());
    }
}

#[test]
fn loads_of_other_families_are_never_used() {
    let others = ["sip78xx.12-5-1SR1-4", "sip78xx.TLexE2M-11-2-3C-4", "sip78xx.11-2-3MPP-398"];
    let refused = E2M_8851().refusal(OLD, &others);
    assert_eq!(refused.code, HoldCode::FirmwareMissing);
    assert!(refused.cause().contains("sip88xx") && refused.cure().contains("sip88xx"), "{refused}");
}

#[test]
fn a_missing_or_damaged_file_is_named() {
    let mut library = library(SEEDS_LOADS);
    let component = "kern88xx.11-2-3C-4.sbn";
    library.loads.get_mut(&load(E2M)).unwrap().missing.push(component.into());
    let missing = E2M_8851().ask(Present::Load(&load(SEED)), &library).unwrap_err();
    assert_eq!(missing.code, HoldCode::FirmwareMissing);
    let HoldReason::Firmware(lack) = &missing.reason else { panic!("{missing}") };
    assert_eq!(lack.files(), [component]);
    assert!(missing.cause().contains(component) && missing.cure().contains(E2M), "{missing}");
    library.loads.get_mut(&load(E2M)).unwrap().damaged.push((component.into(), "it ends early".into()));
    let damaged = E2M_8851().ask(Present::Load(&load(SEED)), &library).unwrap_err();
    assert_eq!(damaged.code, HoldCode::FirmwareDamaged);
    assert!(damaged.cause().contains("it ends early"), "{damaged}");
    assert!(E2M_8851().ask(Present::Load(&load(E2M)), &library).is_ok(), "who is past it does not need it");
}

#[test]
fn what_to_add_is_said() {
    let cure = |phone: RoutedPhone, present: &str, names: &[&str]| phone.refusal(present, names).cure();
    assert!(cure(E2M_8851(), SEED, &[MPP]).contains("TLexE2M load"), "the transition load is what lacks");
    assert!(cure(E2M_8851(), SEED, &[NEW_MPP]).contains("14.1 or later"), "or a direct crossing");
    let pair = cure(E2M_8851(), OLD, &[MPP]);
    assert!(pair.contains("12.5(1) or later, below 14.1") && pair.contains("and a TLexE2M load"), "{pair}");
    let back = cure(M2E_8851(), MPP, &[SEED]);
    assert!(
        back.contains("TLexM2E load") && back.contains("Multiplatform load of 11.3(5) or later"),
        "{back}"
    );
    let late = E2M_8851().refusal(NEW, SEEDS_LOADS);
    assert!(
        late.cause().contains(NEW) && late.cure().contains("Multiplatform load of 11.3(5) or later"),
        "{late}"
    );
}
