//! Nothing irreversible on one-way words: what such words alone never bring about.

use super::outside::listed;
use super::*;

/// Everything of the last hop, as far as the phone's start with Multiplatform firmware, heard in one way.
fn came_to_the_target(heard: Heard) -> Bench {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    let (vendor_class, request_list) = (Some(MPP_CLASS.to_owned()), vec![1, 66, 150]);
    let start = Fact::Dhcp { boot: true, vendor_class, request_list };
    let asked = Fact::ConfigAsked { side: Side::Multiplatform, signed: false, model: None, user_agent: None };
    let components = bench.library.loads[&load(MPP)].platforms[0].components.clone();
    let fetched =
        components.into_iter().map(|name| Fact::Fetched { name, from: 0, to: 1000, size: 1000, asked: None });
    let license = Fact::LicenseGiven { direction: Direction::E2m };
    let mut story = vec![start.clone(), asked.clone(), license, Fact::LoadsGiven { load: load(MPP) }];
    story.extend(fetched);
    for fact in story {
        bench.hears(heard, fact);
    }
    bench.flash_is_over();
    bench.hears(heard, start);
    bench.hears(heard, Fact::Probed(Page { load: Some(load(MPP)), ..Page::default() }));
    for _ in 0..4 {
        bench.hears(heard, asked.clone());
        bench.pass(60);
    }
    bench
}

#[test]
fn a_record_that_does_not_say_how_it_was_heard_makes_nobody_done() {
    let met = came_to_the_target(Heard::TwoWay).verdict();
    assert_eq!((met.stage, &met.next), (Stage::Done, &Next::Final), "{met:?}");
    assert!(matches!(met.license, LicenseState::Accepted | LicenseState::Fetched), "{:?}", met.license);
    let unmet = came_to_the_target(Heard::Unrecorded).verdict();
    assert_eq!((unmet.stage, &unmet.next), (Stage::Held, &Next::Introduction), "{unmet:?}");
    assert_eq!(unmet.hold.map(|hold| hold.code), Some(HoldCode::WaitingOutside));
    assert_eq!(unmet.license, LicenseState::Present);
}

#[test]
fn broadcasts_alone_send_no_phone_over_the_crossing() {
    let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
    bench.starts_as(Some(MPP_CLASS));
    assert_eq!(bench.verdict().next, Next::Introduction, "{:?}", bench.verdict());
    assert!(!bench.verdict().permits(&load(M2E), &bench.library));
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(FLOOR), "met, it is told");
}

#[test]
fn a_phone_that_the_roster_puts_at_the_target_is_not_done_before_it_was_met() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.entry = listed(&format!("8851,V05,{MPP},"));
    bench.starts_as(Some(MPP_CLASS));
    assert_eq!(bench.verdict().next, Next::Introduction, "{:?}", bench.verdict());
    assert_ne!(bench.verdict().stage, Stage::Done);
}

#[test]
fn a_start_that_only_broadcasts_told_of_makes_nobody_done() {
    let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.fetches(M2E);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.fetches(FLOOR);
    bench.flash_is_over();
    bench.starts_as(Some(ENTERPRISE_CLASS));
    let verdict = bench.verdict();
    assert_ne!(verdict.stage, Stage::Done, "{verdict:?}");
    assert_ne!(verdict.next, Next::Final);
}

#[test]
fn one_way_words_that_wait_are_bounded() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    for number in 0..500u32 {
        bench.starts_as(Some(if number % 2 == 0 { MPP_CLASS } else { ENTERPRISE_CLASS }));
        let side = if number % 2 == 0 { Side::Multiplatform } else { Side::Enterprise };
        bench.hears(Heard::OneWay, Fact::ConfigAsked { side, signed: false, model: None, user_agent: None });
    }
    let proof = serde_json::to_value(bench.journey.as_ref().unwrap()).unwrap()["proof"].take();
    for kept in ["starts", "requests"] {
        let count = proof[kept].as_array().map_or(0, Vec::len);
        assert!((1..=16).contains(&count), "{count} {kept} are kept");
    }
}
