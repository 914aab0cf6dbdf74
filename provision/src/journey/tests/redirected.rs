//! Phones that CDA steers, of which nothing is heard but what they fetch.

use super::*;
use crate::roster;

fn in_transition(direction: Direction, loads: &[&str], runs: &str) -> Bench {
    let mut bench = Bench::new(direction, loads);
    bench.settings.cda = true;
    let line = format!("mac,model,vid,load,cda\n{MAC},8851,V05,{runs},yes\n");
    bench.entry = roster::parse(line.as_bytes()).entries.pop();
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
    bench.pass(bench.settings.timing.not_asking.as_secs());
}

#[test]
fn one_that_asked_before_had_failed_and_is_silent_whatever_it_runs() {
    let mut bench = in_transition(Direction::E2m, &[FLOOR, E2M, MPP], E2M);
    fetches_and_rests(&mut bench, MPP);
    assert_eq!(bench.verdict().stage, Stage::Done, "{:?}", bench.verdict());
    let before: [fn(&mut Bench); 2] = [
        |bench| bench.see(Fact::LoadsGiven { load: load(MPP) }),
        |bench| bench.see(Fact::LoadsRefused { name: MPP.into() }),
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
fn one_that_is_to_come_back_on_the_enterprise_side_asks_here_if_it_does() {
    let mut bench = in_transition(Direction::M2e, &[M2E, FLOOR], M2E);
    fetches_and_rests(&mut bench, FLOOR);
    assert_ne!(bench.verdict().stage, Stage::Done);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    assert_eq!(bench.verdict().stage, Stage::Done);
}

#[test]
fn what_a_phone_called_itself_before_it_crossed_it_still_is() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    for class in [None, Some("dslforum.org".to_owned())] {
        bench.see(Fact::Dhcp { boot: true, vendor_class: class, request_list: vec![1, 66, 150, 159, 160] });
        assert_eq!(bench.verdict().model.as_deref(), Some("8851"));
    }
}

#[test]
fn the_rosters_word_said_again_does_not_take_a_phone_back_over_its_crossing() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    let line = format!("mac,model,vid,load\n{MAC},8851,V05,{OLD}\n");
    bench.entry = roster::parse(line.as_bytes()).entries.pop();
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::Operator { act: Act::Retry });
    assert_eq!(bench.verdict().load, None);
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(MPP));
}

#[test]
fn one_that_was_not_done_before_it_was_away_may_run_anything_after_it() {
    let newer = "sip88xx.11-3-6MPP0001-273";
    for (loads, done) in [(vec![FLOOR, E2M, MPP], true), (vec![FLOOR, E2M, newer], false)] {
        let mut bench = in_transition(Direction::E2m, &loads, MPP);
        bench.pass(3 * 3600);
        starts(&mut bench);
        assert_eq!(bench.verdict().load.is_some(), done, "{:?}", bench.verdict());
    }
}
