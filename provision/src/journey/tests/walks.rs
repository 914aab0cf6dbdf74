//! Phones that get on.

use super::*;
use crate::journey::fold::{KEPT, NAMES_KEPT};

#[test]
fn an_enterprise_phone_of_unknown_load_walks_the_seeds_path() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.verdict().stage, Stage::Seen);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    assert!(!bench.permits(E2M), "the gate stays closed for a hop too far");
    bench.fetches(FLOOR);
    let moving = bench.verdict();
    assert_eq!((moving.stage, moving.writing, moving.progress.value()), (Stage::Moving, true, 1.0));

    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
    let crossing = bench.verdict();
    assert_eq!((crossing.stage, crossing.hop, crossing.hops), (Stage::Crossing, 1, 2));
    assert_eq!(crossing.route, [FLOOR, E2M, MPP].map(load));
    bench.fetches(E2M);

    bench.boot(MPP_CLASS);
    assert_eq!(bench.verdict().steered_as, Persona::Transition);
    assert!(matches!(bench.reads(Side::Multiplatform), Next::Load { license: true, when: None, .. }));
    assert_eq!(bench.verdict().persona, Persona::Transition);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.fetches(MPP);

    bench.boot(MPP_CLASS);
    // Before it is told where its new home is, it must be sure to have left the transition load.
    assert!(matches!(bench.reads(Side::Multiplatform), Next::Load { attempt: 2, .. }));
    assert_eq!(bench.verdict().stage, Stage::Crossing);
    bench.comes_back();
    assert_eq!(bench.reads(Side::Multiplatform), Next::Final);
    let done = bench.verdict();
    assert_eq!((done.stage, done.license, done.hold), (Stage::Done, LicenseState::Accepted, None));
    assert_eq!((done.hop, done.hops, done.load), (2, 2, Some(load(MPP))));
}

#[test]
fn a_multiplatform_phone_is_led_by_the_conditional_rule() {
    let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
    bench.boot(MPP_CLASS);
    let next = bench.reads(Side::Multiplatform);
    assert!(
        matches!(&next, Next::Load { load: to, when: Some(when), license: true, .. } if *to == load(FLOOR) && *when == load(M2E)),
        "{next:?}"
    );
    bench.fetches(M2E);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().persona, Persona::Transition);
    bench.see(Fact::LicenseGiven { direction: Direction::M2e });
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    assert_eq!(bench.reads(Side::Enterprise), Next::Final);
    assert_eq!((bench.verdict().stage, bench.verdict().license), (Stage::Done, LicenseState::Accepted));
}

#[test]
fn a_phone_already_in_the_transition_load_says_so_by_what_its_rule_chooses() {
    let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.fetches(FLOOR);
    assert_eq!(bench.verdict().load, Some(load(M2E)));
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.reads(Side::Enterprise);
    assert_eq!(bench.verdict().stage, Stage::Done);
}

#[test]
fn without_a_license_it_stays_where_it_is_and_goes_on_once_it_has_one() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.library.licenses.clear();
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NoLicense)));
    bench.library.licenses.insert((Direction::E2m, MAC));
    bench.pass(45);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    assert_eq!(bench.hold(), (Stage::Moving, None));
}

#[test]
fn after_a_whole_crossing_load_the_phone_is_on_the_far_side_whatever_dhcp_says() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.verdict().steered_as, Persona::Unknown, "options that are valid on both sides");
    // It asks for an Enterprise boot file: the flash failed, and it is where it was.
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
    let verdict = bench.verdict();
    assert_eq!((verdict.load, verdict.attempt), (Some(load(FLOOR)), 2));
}

#[test]
fn a_component_the_phone_has_already_need_not_be_fetched_again() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.library.loads.get_mut(&load(FLOOR)).unwrap().platforms[0].components.reverse();
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(Fact::LoadsGiven { load: load(FLOOR) });
    let name = String::from("rootfs88xx.12-5-1SR1-4.sbn");
    bench.see(Fact::Fetched { name: name.clone(), from: 0, to: 400, size: 1000, asked: None });
    bench.see(Fact::Fetched { name, from: 400, to: 1000, size: 1000, asked: None });
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
}

#[test]
fn a_broken_fetch_on_the_multiplatform_side_starts_the_next_attempt_by_itself() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().attempt, 1);
    bench.see(Fact::LoadsGiven { load: load(MPP) });
    bench.see(Fact::Broken { name: "rootfs88xx.11-2-3MPP-398.sbn".into(), cause: "reset".into() });
    assert!(matches!(bench.reads(Side::Multiplatform), Next::Load { attempt: 2, .. }));
    bench.fetches(MPP);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().load, Some(load(MPP)));
}

#[test]
fn on_the_target_at_first_sight_is_done_and_unwitnessed() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(MPP));
    bench.comes_back();
    let verdict = bench.verdict();
    assert_eq!(
        (verdict.stage, verdict.license, verdict.next),
        (Stage::Done, LicenseState::Unwitnessed, Next::Final)
    );
}

#[test]
fn a_phone_in_the_transition_load_that_waits_for_its_license_is_not_done() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.pass(600);
    assert_ne!(bench.verdict().stage, Stage::Done);
}

#[test]
fn a_direct_crossing_is_done_when_its_license_is_no_longer_asked_for() {
    let (from, to) = ("sip88xx.14-4-1-0301-6", "sip88xx.12-0-7MPP0201-66");
    let mut bench = Bench::new(Direction::E2m, &[from, to]);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(from));
    bench.fetches(from);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names("sip88xx.14-4-1-0301-6");
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(to));
    bench.fetches(to);
    bench.boot(MPP_CLASS);
    assert_eq!(bench.reads(Side::Multiplatform), Next::License);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    let accepted = bench.now + bench.settings.timing.license;
    while bench.now < accepted {
        assert_eq!(
            (bench.verdict().stage, bench.verdict().license),
            (Stage::Crossing, LicenseState::Fetched)
        );
        bench.pass(60);
        bench.reads(Side::Multiplatform);
    }
    // From here on it came back once more.
    bench.reads(Side::Multiplatform);
    assert_eq!((bench.verdict().stage, bench.verdict().license), (Stage::Done, LicenseState::Accepted));
}

#[test]
fn a_journey_survives_being_written_down() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    let journey = bench.journey.clone().unwrap();
    let text = serde_json::to_string(&journey).unwrap();
    assert_eq!(serde_json::from_str::<Journey>(&text).unwrap(), journey);
}

#[test]
fn a_looping_phone_does_not_grow_without_bound() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    for round in 0..1000 {
        bench.boot(ENTERPRISE_CLASS);
        bench.see(Fact::Missing { name: format!("nonsense-{round}") });
        bench.see(Fact::Contradiction { what: format!("nonsense-{round}") });
        bench.see(Fact::LoadsGiven { load: load(OLD) });
        bench.see(Fact::Fetched { name: format!("{round}.sbn"), from: 0, to: 1, size: 1, asked: None });
    }
    let journey = bench.journey.unwrap();
    assert!(
        journey.rounds.len() <= KEPT
            && journey.missing.len() <= NAMES_KEPT
            && journey.contradictions.len() <= NAMES_KEPT
    );
}

#[test]
fn an_enterprise_name_with_a_multiplatform_request_list_gets_what_both_sides_understand() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    let request_list = vec![1, 3, 6, 66, 150, 159, 160];
    bench.see(Fact::Dhcp { boot: true, vendor_class: Some(ENTERPRISE_CLASS.into()), request_list });
    assert_eq!(bench.verdict().steered_as, Persona::Unknown);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
}

#[test]
fn a_user_agent_tells_the_release_where_no_transition_load_has_it() {
    let (target, newer) = ("sip88xx.14-4-1-0301-6", "Cisco-CP-8851-3PCC/12.0.7 (001234ab45de)");
    let mut bench = Bench::new(Direction::M2e, &[target]);
    bench.boot(MPP_CLASS);
    bench.see(Fact::ConfigAsked {
        side: Side::Multiplatform,
        signed: false,
        model: None,
        user_agent: Some(newer.into()),
    });
    assert_eq!(names(&bench.verdict().next), Some(target), "{:?}", bench.verdict());
    assert!(bench.verdict().evidence.contains("12.0"), "{}", bench.verdict().evidence);
}

#[test]
fn a_phone_on_the_target_that_fetches_its_license_all_the_same_is_done_in_the_end() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    for _ in 0..36 {
        assert_ne!(bench.verdict().stage, Stage::Stuck);
        bench.pass(60);
        bench.reads(Side::Multiplatform);
    }
    assert_eq!(bench.verdict().stage, Stage::Done);
}

#[test]
fn a_fetch_that_stands_still_starts_the_next_attempt_when_the_phone_comes_back() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.see(Fact::LoadsGiven { load: load(MPP) });
    bench.see(Fact::Fetched {
        name: "rootfs88xx.11-2-3MPP-398.sbn".into(),
        from: 0,
        to: 10,
        size: 1000,
        asked: None,
    });
    bench.pass(60);
    assert!(matches!(bench.reads(Side::Multiplatform), Next::Load { attempt: 1, .. }));
    bench.pass(60);
    assert!(!bench.verdict().writing);
    assert!(matches!(bench.reads(Side::Multiplatform), Next::Load { attempt: 2, .. }));
    assert_eq!(bench.hold(), (Stage::Moving, None));
    bench.fetches(MPP);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().load, Some(load(MPP)));
}

#[test]
fn a_fetch_cut_off_before_its_last_component_is_named_again() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(Fact::LoadsGiven { load: load(FLOOR) });
    bench.see(Fact::Fetched {
        name: "rootfs88xx.12-5-1SR1-4.sbn".into(),
        from: 0,
        to: 1000,
        size: 1000,
        asked: None,
    });
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.verdict().load, None, "it may be on its old load still");
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.pass(121);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)), "it does not ask again: it runs it");
}
