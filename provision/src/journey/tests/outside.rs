//! Phones that a call manager or CDA steers: told nothing here, tracked by what they fetch, and held where somebody
//! outside has to act.

use super::*;
use crate::page::Page;
use crate::roster;

pub(super) fn with_call_manager(loads: &[&str]) -> Bench {
    let mut bench = Bench::new(Direction::E2m, loads);
    bench.settings.call_managers = Some(vec![Ipv4Addr::new(192, 0, 2, 10)]);
    bench
}

pub(super) fn with_cda(direction: Direction, loads: &[&str]) -> Bench {
    let mut bench = Bench::new(direction, loads);
    bench.settings.cda = true;
    bench
}

pub(super) fn listed(line: &str) -> Option<Entry> {
    roster::parse(format!("mac,model,vid,load,cda\n{MAC},{line}\n").as_bytes()).entries.pop()
}

pub(super) fn waiting(bench: &Bench) -> Hold {
    let verdict = bench.verdict();
    let hold = verdict.hold.unwrap_or_else(|| panic!("not held: {:?}", verdict.stage));
    assert_eq!((verdict.stage, hold.code), (Stage::Held, HoldCode::WaitingOutside), "{}", hold.cause());
    hold
}

#[test]
fn a_call_managers_phone_is_tracked_by_what_it_fetches() {
    let mut bench = with_call_manager(&[FLOOR, E2M, MPP]);
    bench.entry = listed("8851,V05,,");
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.hold(), (Stage::Seen, None));
    bench.pass(200);
    let hold = waiting(&bench);
    assert!(hold.cause().contains(FLOOR) && hold.cause().contains("10.23.45.67"), "{}", hold.cause());
    assert!(hold.cure().contains("export call-manager") && hold.cure().contains("roster"), "{}", hold.cure());
    for (name, class) in [(FLOOR, ENTERPRISE_CLASS), (E2M, ENTERPRISE_CLASS)] {
        bench.boot(class);
        assert_eq!(bench.verdict().hold, None);
        bench.fetches(name);
        assert!(matches!(bench.verdict().stage, Stage::Moving | Stage::Crossing));
        bench.pass(60);
        bench.boot(if name == E2M { MPP_CLASS } else { ENTERPRISE_CLASS });
        if name == FLOOR {
            bench.page_names(FLOOR);
            assert_eq!(bench.verdict().load, Some(load(name)), "its page tells");
        }
    }
    // Behind the crossing it is steered here again.
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(MPP));
    assert_eq!(bench.verdict().load, Some(load(E2M)));
}

#[test]
fn a_call_manager_cannot_send_a_phone_where_its_journey_forbids() {
    let mut bench = with_call_manager(&[FLOOR, E2M, MPP]);
    bench.entry = listed("8851,V05,,");
    bench.boot(ENTERPRISE_CLASS);
    assert!(!bench.permits(E2M) && !bench.permits(MPP) && bench.permits(FLOOR));
    bench.see(Fact::LoadsRefused { name: E2M.into() });
    let hold = waiting(&bench);
    assert!(hold.cause().contains(E2M) && hold.cause().contains(FLOOR), "{}", hold.cause());
    // Its load becomes known: what it was refused is its next step now, and it has to be told once more.
    bench.entry = listed(&format!("8851,V05,{FLOOR},"));
    assert!(bench.permits(E2M) && !bench.permits(FLOOR));
    assert!(waiting(&bench).cure().contains("reset it in the call manager"));
    bench.boot(ENTERPRISE_CLASS);
    bench.fetches(E2M);
    assert_eq!(bench.hold(), (Stage::Crossing, None));
}

#[test]
fn the_roster_may_be_older_than_what_a_call_manager_has_told_its_phone_and_the_cure_says_so() {
    let mut bench = with_call_manager(&[OLD, FLOOR, E2M, MPP]);
    bench.entry = listed(&format!("8851,V05,{OLD},"));
    bench.boot(ENTERPRISE_CLASS);
    bench.pass(200);
    let hold = waiting(&bench);
    assert!(hold.cause().contains(FLOOR) && hold.cure().contains("roster's load column"), "{hold:?}");
    bench.entry = listed(&format!("8851,V05,{FLOOR},"));
    bench.see(Fact::Operator { act: Act::Retry });
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
}

#[test]
fn a_load_that_comes_and_comes_again_is_given_so_often_and_then_not() {
    let mut bench = with_call_manager(&[FLOOR, E2M, MPP]);
    bench.entry = listed("8851,V05,,");
    for _ in 0..bench.settings.timing.attempts {
        bench.boot(ENTERPRISE_CLASS);
        assert!(bench.permits(FLOOR));
        bench.see(Fact::LoadsGiven { load: load(FLOOR) });
        bench.pass(30);
    }
    bench.boot(ENTERPRISE_CLASS);
    assert!(!bench.permits(FLOOR));
    bench.see(Fact::LoadsRefused { name: FLOOR.into() });
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)));
    bench.see(Fact::Operator { act: Act::Retry });
    assert!(bench.permits(FLOOR));
}

#[test]
fn a_phone_that_asks_here_although_a_call_manager_steers_is_told_here() {
    let mut bench = with_call_manager(&[FLOOR, E2M, MPP]);
    bench.entry = listed("8851,V05,,");
    bench.see(Fact::Dhcp { boot: true, vendor_class: None, request_list: Vec::new() });
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.pass(200);
    assert!(waiting(&bench).cause().contains(E2M));
}

#[test]
fn its_page_tells_what_a_phone_runs_that_asks_nothing() {
    let mut bench = with_call_manager(&[FLOOR, E2M, MPP]);
    bench.entry = listed("8851,V05,,");
    bench.boot(ENTERPRISE_CLASS);
    let due = |bench: &Bench| {
        let context = Context {
            catalog: &bench.catalog,
            library: &bench.library,
            settings: &bench.settings,
            entry: bench.entry.as_ref(),
            now: bench.now,
        };
        page_due(bench.journey.as_ref().unwrap(), &context)
    };
    assert!(due(&bench).is_some());
    bench.settings.call_managers = None;
    assert!(due(&bench).is_none());
}

#[test]
fn nobody_crosses_before_somebody_says_that_cda_is_ready() {
    let mut bench = with_cda(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.entry = listed("8851,V05,,");
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    assert!(!bench.permits(E2M));
    let hold = waiting(&bench);
    assert!(hold.cure().contains("cda column") && hold.cure().contains("export cda"), "{}", hold.cure());
    bench.entry = listed("8851,V05,,yes");
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
    bench.fetches(E2M);
    // CDA takes over: it sends the phone for its license and its load.
    bench.boot(MPP_CLASS);
    bench.pass(100);
    assert_eq!(bench.verdict().hold, None);
    assert!(bench.verdict().writing, "a broadcast alone does not end it");
    bench.flash_is_over();
    assert!(waiting(&bench).cause().contains("CDA has not sent it here"));
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    assert_eq!(bench.verdict().hold, None);
    bench.fetches(MPP);
    bench.boot(MPP_CLASS);
    assert_eq!(bench.verdict().stage, Stage::Moving, "it may have been cut off while it wrote");
    bench.flash_is_over();
    assert!(
        waiting(&bench).cause().starts_with("not confirmed"),
        "no more than broadcasts says that it started"
    );
    bench.see(Fact::Probed(Page::default()));
    let verdict = bench.verdict();
    assert_eq!((verdict.stage, verdict.license), (Stage::Done, LicenseState::Accepted));
}

/// In the transition load, and sent for its license by CDA; its page is off.
fn in_transition_behind_cda(kept: bool) -> Bench {
    let mut bench = with_cda(Direction::E2m, &[OLD, FLOOR, E2M, MPP]);
    bench.entry = listed(&format!("8851,V05,{FLOOR},yes"));
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    if kept {
        only_its_own(&mut bench, E2M);
    } else {
        bench.fetches(E2M);
    }
    bench.pass(60);
    bench.boot(MPP_CLASS);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench
}

/// A fetch of one that has the boot component already, or was cut off before it.
pub(super) fn only_its_own(bench: &mut Bench, name: &str) {
    bench.see(Fact::LoadsGiven { load: load(name) });
    let name = format!("rootfs88xx.{}.sbn", name.split_once('.').unwrap().1);
    bench.see(Fact::Fetched { name, from: 0, to: 1000, size: 1000, asked: None });
}

#[test]
fn one_whose_plug_was_pulled_in_its_last_write_behind_cda_may_have_that_load_again() {
    for kept in [false, true] {
        let mut bench = in_transition_behind_cda(kept);
        if kept {
            only_its_own(&mut bench, MPP);
        } else {
            bench.fetches(MPP);
        }
        // It never got to the end of writing.
        bench.pass(60);
        bench.boot(MPP_CLASS);
        assert_ne!(bench.verdict().stage, Stage::Done, "{:?}", bench.verdict());
        // CDA's profile names one URL for good, and a load that was not found there is not tried again.
        bench.pass(40);
        bench.fetches(MPP);
        assert_eq!(bench.verdict().load, Some(load(E2M)));
        bench.pass(60);
        bench.boot(MPP_CLASS);
        bench.flash_is_over();
        bench.see(Fact::Probed(Page::default()));
        assert_eq!(bench.verdict().stage, Stage::Done);
        // And should it have been cut off twice, before it could ask.
        bench.fetches(MPP);
        assert_eq!(bench.verdict().load, Some(load(E2M)));
    }
}

#[test]
fn one_cut_off_while_it_fetched_its_last_load_is_not_taken_to_have_come_over_with_it() {
    let mut bench = in_transition_behind_cda(true);
    bench.see(Fact::LoadsGiven { load: load(MPP) });
    bench.pass(5);
    bench.boot(MPP_CLASS);
    let verdict = bench.verdict();
    assert_eq!((verdict.load, verdict.stage), (Some(load(E2M)), Stage::Moving), "{}", verdict.evidence);
}

#[test]
fn one_that_was_told_here_of_its_last_load_is_led_here_until_it_is_certain_to_run_it() {
    let mut bench = in_transition_behind_cda(false);
    assert_eq!(bench.verdict().steered_as, Persona::Transition);
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(MPP));
    bench.fetches(MPP);
    bench.pass(60);
    bench.boot(MPP_CLASS);
    assert_eq!(bench.verdict().steered_as, Persona::Unknown, "CDA may have nothing for it");
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(MPP));
    bench.see(Fact::Probed(Page { load: Some(load(MPP)), ..Page::default() }));
    let verdict = bench.verdict();
    assert_eq!((verdict.stage, verdict.steered_as), (Stage::Done, Persona::Multiplatform));
}

#[test]
fn behind_a_direct_crossing_cda_has_to_send_it_for_its_license() {
    const NEW: &str = "sip88xx.14-4-1-0301-6";
    const TARGET: &str = "sip88xx.12-0-7MPP0201-66";
    let mut bench = with_cda(Direction::E2m, &[NEW, TARGET]);
    bench.catalog = Catalog::current();
    bench.entry = listed(&format!("8851,V05,{NEW},yes"));
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(TARGET);
    bench.boot(MPP_CLASS);
    bench.flash_is_over();
    assert!(waiting(&bench).cause().contains("license"));
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    assert_eq!(bench.verdict().hold, None);
    bench.pass(35 * 60);
    assert!(waiting(&bench).cause().starts_with("not confirmed"), "its plug may be out");
    bench.see(Fact::Probed(Page::default()));
    assert_eq!(bench.verdict().stage, Stage::Done);
    bench.records_done();
    // Without power and with it again, it stays what it was.
    bench.boot(MPP_CLASS);
    assert_eq!(bench.verdict().stage, Stage::Done);
}
