//! Phones that CDA steers: little is heard of them but what they fetch.

use super::outside::{listed, only_its_own, waiting, with_cda};
use super::*;
use crate::hold::ActionKind;
use crate::page::Page;

fn in_transition(direction: Direction, loads: &[&str], runs: &str) -> Bench {
    let mut bench = with_cda(direction, loads);
    bench.entry = listed(&format!("8851,V05,{runs},yes"));
    starts(&mut bench);
    bench.see(Fact::LicenseGiven { direction });
    bench
}

/// Without a vendor class, as transition loads may (cisco-phones §1.1).
fn starts(bench: &mut Bench) {
    bench.see(Fact::Dhcp { boot: true, vendor_class: None, request_list: vec![1, 66, 150, 159, 160] });
    bench.see(Fact::Leased { address: Ipv4Addr::new(10, 23, 45, 101) });
}

/// One load fetched on another's word, and as long a silence after the start as tells anything.
fn fetches_and_rests(bench: &mut Bench, name: &str) {
    bench.fetches(name);
    bench.pass(60);
    starts(bench);
    bench.flash_is_over();
    bench.see(Fact::Probed(Page::default()));
}

#[test]
fn one_that_asked_before_had_failed_and_is_silent_whatever_it_runs() {
    let mut bench = in_transition(Direction::E2m, &[FLOOR, E2M, MPP], E2M);
    fetches_and_rests(&mut bench, MPP);
    assert_eq!(bench.verdict().stage, Stage::Done, "{:?}", bench.verdict());
    let before: [fn(&mut Bench); 3] = [
        |bench| bench.see(Fact::LoadsGiven { load: load(MPP) }),
        |bench| bench.see(Fact::LoadsRefused { name: MPP.into() }),
        |bench| {
            bench.see(Fact::LoadsRefused { name: MPP.into() });
            bench.pass(60);
            starts(bench);
        },
    ];
    for asks in before {
        let mut bench = in_transition(Direction::E2m, &[FLOOR, E2M, MPP], E2M);
        asks(&mut bench);
        bench.pass(600);
        fetches_and_rests(&mut bench, MPP);
        assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::WaitingOutside)));
    }
}

#[test]
fn what_it_was_refused_before_it_crossed_it_does_not_remember() {
    let mut bench = with_cda(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.entry = listed(&format!("8851,V05,{FLOOR},yes"));
    bench.boot(ENTERPRISE_CLASS);
    bench.see(Fact::LoadsRefused { name: MPP.into() });
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    bench.pass(60);
    starts(&mut bench);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    fetches_and_rests(&mut bench, MPP);
    assert_eq!(bench.verdict().stage, Stage::Done, "{:?}", bench.verdict());
}

#[test]
fn one_that_asks_for_a_license_which_is_not_here_and_for_nothing_else_is_not_waited_for_in_silence() {
    let mut bench = in_transition(Direction::E2m, &[FLOOR, E2M, MPP], E2M);
    bench.see(Fact::LoadsRefused { name: MPP.into() });
    bench.fetches(MPP);
    bench.pass(60);
    starts(&mut bench);
    bench.library.licenses.clear();
    for _ in 0..60 {
        bench.see(Fact::Missing { name: format!("{MAC}.lic") });
        bench.pass(60);
    }
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::WaitingOutside)), "{:?}", bench.verdict());
}

#[test]
fn one_that_is_to_come_back_on_the_enterprise_side_asks_here_if_it_does() {
    let mut bench = in_transition(Direction::M2e, &[M2E, FLOOR], M2E);
    fetches_and_rests(&mut bench, FLOOR);
    assert_ne!(bench.verdict().stage, Stage::Done);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    assert_eq!(bench.verdict().stage, Stage::Done);
}

#[test]
fn one_that_was_not_done_before_it_was_away_may_run_anything_after_it() {
    let newer = "sip88xx.11-3-6MPP0001-273";
    for (loads, done) in [(vec![FLOOR, E2M, MPP], true), (vec![FLOOR, E2M, newer], false)] {
        let mut bench = in_transition(Direction::E2m, &loads, MPP);
        bench.records_done();
        bench.pass(3 * 3600);
        starts(&mut bench);
        bench.see(Fact::Probed(Page::default()));
        assert_eq!(bench.verdict().load.is_some(), done, "{:?}", bench.verdict());
    }
}

#[test]
fn a_phone_that_cda_sends_walks_to_enterprise_firmware() {
    let mut bench = with_cda(Direction::M2e, &[FLOOR, M2E]);
    bench.entry = listed("8851,V05,,");
    bench.boot(MPP_CLASS);
    bench.pass(200);
    assert!(waiting(&bench).asks_for(&ActionKind::FactoryReset));
    bench.see(Fact::LicenseGiven { direction: Direction::M2e });
    bench.fetches(M2E);
    bench.boot(MPP_CLASS);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    assert_eq!(bench.verdict().stage, Stage::Done);
}

#[test]
fn a_phone_that_is_further_than_is_known_is_seen_to_cross() {
    let mut bench = with_cda(Direction::M2e, &[FLOOR, M2E]);
    bench.entry = listed("8851,V05,,");
    bench.boot(MPP_CLASS);
    bench.see(Fact::LicenseGiven { direction: Direction::M2e });
    bench.fetches(FLOOR);
    let verdict = bench.verdict();
    assert_eq!((verdict.stage, verdict.writing), (Stage::Crossing, true));
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    assert_eq!(bench.verdict().stage, Stage::Done);
}

#[test]
fn cda_cannot_send_a_phone_past_the_transition_load() {
    let mut bench = with_cda(Direction::M2e, &[FLOOR, M2E]);
    bench.entry = listed("8851,V05,,");
    bench.boot(MPP_CLASS);
    // Nothing tells what it runs, but the exported rule lets only the transition load ask for this.
    assert!(bench.permits(FLOOR) && bench.permits(M2E));
    bench.see(Fact::Probed(Page { load: Some(load(MPP)), ..Page::default() }));
    assert!(!bench.permits(FLOOR) && bench.permits(M2E));
    bench.see(Fact::LoadsRefused { name: FLOOR.into() });
    assert!(waiting(&bench).cause().contains(FLOOR));
}

#[test]
fn one_that_kept_what_it_fetched_of_the_transition_load_before_may_go_on_from_there() {
    let mut bench = with_cda(Direction::M2e, &[FLOOR, M2E]);
    bench.entry = listed("8851,V05,,");
    bench.boot(MPP_CLASS);
    bench.see(Fact::Probed(Page { load: Some(load(MPP)), ..Page::default() }));
    bench.see(Fact::LicenseGiven { direction: Direction::M2e });
    only_its_own(&mut bench, M2E);
    bench.boot(MPP_CLASS);
    // This time it fetches the rest.
    bench.see(Fact::LoadsGiven { load: load(M2E) });
    let name = "sb288xx.BE-01-020.sbn".to_owned();
    bench.see(Fact::Fetched { name, from: 0, to: 1000, size: 1000, asked: None });
    bench.boot(MPP_CLASS);
    assert!(
        bench.permits(FLOOR),
        "the exported rule lets only the transition load ask for it: {:?}",
        bench.verdict()
    );
}
