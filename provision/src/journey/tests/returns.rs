//! Phones that are not where they were, or not where everybody begins: reset, loaded elsewhere, half way, there already.

use super::contract::signed;
use super::*;
use crate::page::Page;
use crate::roster;

fn seed() -> Bench {
    Bench::new(Direction::E2m, &[FLOOR, E2M, MPP])
}

fn back() -> Bench {
    Bench::new(Direction::M2e, &[M2E, FLOOR])
}

fn listed(load: &str) -> Option<Entry> {
    roster::parse(format!("mac,model,vid,load\n{MAC},8851,V05,{load}\n").as_bytes()).entries.pop()
}

fn page(name: &str) -> Fact {
    Fact::Probed(Page { load: Some(load(name)), ..Page::default() })
}

fn report(name: &str) -> Fact {
    Fact::Registered { report: Report { active: Some(load(name)), ..Report::default() } }
}

/// On the first hop, fetched here and said by the phone.
fn on_the_floor() -> Bench {
    let mut bench = seed();
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.see(report(FLOOR));
    bench
}

fn in_transition() -> Bench {
    let mut bench = on_the_floor();
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
    bench.fetches(E2M);
    bench.boot(MPP_CLASS);
    bench
}

fn done() -> Bench {
    let mut bench = in_transition();
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.fetches(MPP);
    bench.boot(MPP_CLASS);
    bench.see(page(MPP));
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().stage, Stage::Done);
    bench
}

#[test]
fn one_that_comes_back_with_an_older_load_is_not_sent_over_the_crossing() {
    for says in [report as fn(&str) -> Fact, page] {
        let mut bench = on_the_floor();
        assert_eq!(names(&bench.verdict().next), Some(E2M));
        bench.pass(600);
        bench.boot(ENTERPRISE_CLASS);
        bench.see(Fact::ConfigAsked { side: Side::Enterprise, signed: false, model: None, user_agent: None });
        bench.see(says(OLD));
        assert_eq!(names(&bench.verdict().next), Some(FLOOR), "{}", bench.verdict().evidence);
        assert!(!bench.permits(E2M));
    }
}

#[test]
fn one_that_was_done_and_comes_back_with_an_older_load_is_not_done() {
    let mut bench = done();
    bench.boot(MPP_CLASS);
    bench.see(page("sip88xx.11-0-0MPP-7"));
    let verdict = bench.verdict();
    assert_eq!((verdict.stage, names(&verdict.next)), (Stage::Moving, Some(MPP)), "{}", verdict.evidence);
}

#[test]
fn a_factory_reset_costs_no_phone_its_place() {
    let mut enterprise = on_the_floor();
    enterprise.pass(30);
    enterprise.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&enterprise.reads(Side::Enterprise)), Some(E2M));
    assert_eq!(enterprise.verdict().route, [FLOOR, E2M, MPP].map(load));

    // It forgets its license and its profile, and is told of both once more.
    let mut transition = in_transition();
    for _ in 0..3 {
        let next = transition.reads(Side::Multiplatform);
        assert!(matches!(&next, Next::Load { license: true, load: to, .. } if *to == load(MPP)), "{next:?}");
        transition.see(Fact::LicenseGiven { direction: Direction::E2m });
        transition.boot(MPP_CLASS);
        assert_eq!(transition.hold().1, None);
    }
    transition.reads(Side::Multiplatform);
    transition.fetches(MPP);
    transition.boot(MPP_CLASS);
    transition.see(page(MPP));
    assert_eq!(
        (transition.verdict().stage, transition.verdict().license),
        (Stage::Done, LicenseState::Accepted)
    );

    let mut finished = done();
    finished.boot(MPP_CLASS);
    assert_eq!(finished.verdict().stage, Stage::Done);
    assert_ne!(finished.reads(Side::Multiplatform), Next::Nothing, "it is told its home again");
    assert_eq!(finished.verdict().stage, Stage::Done);
}

#[test]
fn another_address_and_vendor_class_behind_the_crossing_are_the_same_phone() {
    let mut bench = in_transition();
    bench.see(Fact::Leased { address: Ipv4Addr::new(10, 23, 45, 222) });
    assert_eq!(bench.journey.as_ref().unwrap().address, Some(Ipv4Addr::new(10, 23, 45, 222)));
    assert!(matches!(bench.reads(Side::Multiplatform), Next::Load { license: true, .. }));
    let verdict = bench.verdict();
    assert_eq!((verdict.load, verdict.persona), (Some(load(E2M)), Persona::Transition));
}

#[test]
fn one_on_the_target_is_done_as_soon_as_anything_says_so() {
    type Says = fn(&mut Bench);
    let by_page: Says = |bench| bench.see(page(MPP));
    let by_roster: Says = |bench| bench.entry = listed(MPP);
    for says in [by_page, by_roster] {
        let mut bench = seed();
        bench.boot(MPP_CLASS);
        says(&mut bench);
        assert_eq!(bench.reads(Side::Multiplatform), Next::Final);
        let verdict = bench.verdict();
        assert_eq!((verdict.stage, verdict.license), (Stage::Done, LicenseState::Unwitnessed));
        assert!(!bench.permits(MPP) && !bench.permits(E2M));
    }
    let by_report: Says = |bench| bench.see(report(FLOOR));
    let by_page: Says = |bench| bench.see(page(FLOOR));
    let by_roster: Says = |bench| bench.entry = listed(FLOOR);
    for says in [by_report, by_page, by_roster] {
        let mut bench = back();
        bench.boot(ENTERPRISE_CLASS);
        says(&mut bench);
        assert_eq!(bench.reads(Side::Enterprise), Next::Final);
        assert_eq!((bench.verdict().stage, bench.verdict().hold), (Stage::Done, None));
    }
}

#[test]
fn one_half_way_starts_half_way() {
    let starts = |mut bench: Bench, class: &str, says: Option<Fact>, entry: Option<Entry>| {
        bench.boot(class);
        bench.entry = entry;
        if let Some(fact) = says {
            bench.see(fact);
        }
        let side = if class == MPP_CLASS { Side::Multiplatform } else { Side::Enterprise };
        bench.see(Fact::ConfigAsked { side, signed: false, model: None, user_agent: None });
        let verdict = bench.verdict();
        (names(&verdict.next).map(str::to_owned), verdict.route, verdict.hops)
    };
    let is = |to: &str, route: &[&str]| {
        let loads: Vec<LoadName> = route.iter().map(|name| load(name)).collect();
        (Some(to.to_owned()), loads, route.len() - 1)
    };
    for (says, entry) in [(Some(report(FLOOR)), None), (Some(page(FLOOR)), None), (None, listed(FLOOR))] {
        assert_eq!(starts(seed(), ENTERPRISE_CLASS, says, entry), is(E2M, &[FLOOR, E2M, MPP]));
    }
    for (says, entry) in [(Some(page(E2M)), None), (None, listed(E2M))] {
        assert_eq!(starts(seed(), MPP_CLASS, says, entry), is(MPP, &[E2M, MPP]));
    }
    for (says, entry) in [(Some(page(M2E)), None), (None, listed(M2E))] {
        assert_eq!(starts(back(), MPP_CLASS, says, entry), is(FLOOR, &[M2E, FLOOR]));
    }
}

#[test]
fn one_that_asks_for_signed_files_and_then_takes_plain_ones_holds_no_trust_list_that_matters() {
    let mut bench = seed();
    for _ in 0..3 {
        bench.boot(ENTERPRISE_CLASS);
        bench.see(signed());
        bench.pass(20);
        assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
        bench.pass(80);
        assert_ne!(bench.hold().1, Some(HoldCode::TrustList));
    }
    // Later it asks for signed ones alone.
    bench.boot(ENTERPRISE_CLASS);
    bench.see(signed());
    bench.pass(65);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::TrustList)));
}

#[test]
fn what_a_phone_called_itself_before_it_crossed_it_still_is() {
    let mut bench = seed();
    bench.boot(ENTERPRISE_CLASS);
    for class in [None, Some("dslforum.org".to_owned())] {
        bench.see(Fact::Dhcp { boot: true, vendor_class: class, request_list: vec![1, 66, 150, 159, 160] });
        assert_eq!(bench.verdict().model.as_deref(), Some("8851"));
    }
}

#[test]
fn the_rosters_word_said_again_does_not_take_a_phone_back_over_its_crossing() {
    let mut bench = seed();
    bench.entry = listed(OLD);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::Operator { act: Act::Retry });
    assert_eq!(bench.verdict().load, None);
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(MPP));
}

/// Done and on record, so that only what ends it makes a difference.
fn recorded() -> Bench {
    let mut bench = done();
    bench.records_done();
    assert_eq!(bench.hold(), (Stage::Done, None));
    bench
}

#[test]
fn done_is_for_one_direction_and_one_pinned_route() {
    let mut bench = recorded();
    bench.settings.direction = Direction::M2e;
    assert_ne!(bench.verdict().stage, Stage::Done, "another direction");
    bench.settings.direction = Direction::E2m;
    assert_eq!(bench.verdict().stage, Stage::Done);
    let evidence = bench.verdict().evidence;
    bench.settings.routes.insert("sip88xx".to_owned(), vec![load(FLOOR), load(E2M), load(MPP)]);
    assert!(
        bench.journey.as_ref().unwrap().finishes(&bench.verdict(), &bench.context()).is_some(),
        "{evidence}"
    );
}

#[test]
fn an_operator_can_hold_a_phone_that_is_done() {
    let mut bench = recorded();
    bench.see(Fact::Operator { act: Act::Hold });
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::Operator)));
    bench.see(Fact::Operator { act: Act::Release });
    assert_eq!(bench.hold(), (Stage::Done, None));
}

#[test]
fn done_ends_with_what_only_a_phone_on_another_load_shows() {
    let asks = Fact::ConfigAsked { side: Side::Enterprise, signed: false, model: None, user_agent: None };
    let denials = [
        page(FLOOR),
        report(FLOOR),
        asks,
        Fact::LoadsGiven { load: load(MPP) },
        Fact::LoadsRefused { name: MPP.to_owned() },
        Fact::Operator { act: Act::Retry },
    ];
    for fact in denials {
        let mut bench = recorded();
        bench.see(fact.clone());
        assert_eq!(bench.journey.as_ref().unwrap().proven().finish, None, "{fact:?}");
    }
    let mut bench = recorded();
    bench.see(page(MPP));
    assert_ne!(bench.journey.as_ref().unwrap().proven().finish, None, "its page says the same");
}
