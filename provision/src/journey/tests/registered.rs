//! Phones that register, and what is known and done by that.

use super::*;

fn report(active: &str) -> Fact {
    Fact::Registered { report: Report { active: Some(load(active)), ..Report::default() } }
}

impl Bench {
    fn told(&mut self, order: Order) {
        self.see(Fact::RestartTold { how: order.how, by: order.by, operator: false });
    }
}

const NOTIFY: Option<Order> = Some(Order { how: Restart::Restart, by: Means::Registration });
const RESET: Option<Order> = Some(Order { how: Restart::Reset, by: Means::Registration });

#[test]
fn one_already_on_the_first_load_is_known_at_once_and_told_to_restart() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.see(report(FLOOR));
    let verdict = bench.verdict();
    assert_eq!((verdict.load.clone(), verdict.restart), (Some(load(FLOOR)), NOTIFY));
    assert_eq!((verdict.hold, verdict.route), (None, [FLOOR, E2M, MPP].map(load).to_vec()));
    assert!(verdict.evidence.contains("ActiveLoad"), "{}", verdict.evidence);

    bench.told(NOTIFY.unwrap());
    assert_eq!((bench.verdict().restart, bench.hold().1), (None, None), "it is given time");
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
    bench.fetches(E2M);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().persona, Persona::Transition);
}

#[test]
fn one_that_never_registers_needs_a_hand_as_before() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.pass(125);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NeedsRestart)));
    bench.settings.restart_hook = true;
    let order = Some(Order { how: Restart::Restart, by: Means::Hook });
    assert_eq!((bench.verdict().restart, bench.hold().1), (order, None));
}

#[test]
fn a_license_that_arrives_restarts_the_phone_that_waits_for_it() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.library.licenses.clear();
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    assert!(bench.verdict().may_register());
    bench.see(report(OLD));
    assert_eq!((bench.hold().1, bench.verdict().restart), (Some(HoldCode::NoLicense), None));
    bench.library.licenses.insert((Direction::E2m, MAC));
    assert_eq!((bench.hold().1, bench.verdict().restart), (None, NOTIFY));
    bench.see(Fact::Operator { act: Act::Hold });
    assert_eq!(bench.verdict().restart, None);
    bench.see(Fact::Operator { act: Act::Release });
    assert_eq!(bench.verdict().restart, NOTIFY);
}

#[test]
fn restarts_are_bounded_and_further_apart_each_time() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(report(FLOOR));
    for (order, patience) in [(NOTIFY, 60), (RESET, 120)] {
        assert_eq!(bench.verdict().restart, order);
        bench.told(order.unwrap());
        bench.see(Fact::RestartAnswered { answer: "400 Bad Request".into(), refused: true });
        bench.pass(patience - 5);
        assert_eq!((bench.verdict().restart, bench.hold().1), (None, None));
        bench.pass(5);
    }
    assert_eq!(bench.verdict().restart, RESET);
    bench.told(RESET.unwrap());
    bench.pass(235);
    assert_eq!(bench.hold().1, None, "it may be about to obey the last");
    bench.see(Fact::RestartAnswered { answer: "400 Bad Request".into(), refused: true });
    let verdict = bench.verdict();
    assert_eq!(verdict.restart, None);
    let hold = verdict.hold.unwrap();
    assert!(
        hold.code == HoldCode::NeedsRestart && hold.cause().contains("3 times: 400 Bad Request"),
        "{hold:?}"
    );
    bench.see(Fact::Operator { act: Act::Retry });
    assert_eq!(bench.verdict().restart, NOTIFY);
}

#[test]
fn a_phone_that_refuses_is_restarted_by_the_hook_at_once() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.settings.restart_hook = true;
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(report(FLOOR));
    bench.told(NOTIFY.unwrap());
    bench.see(Fact::RestartAnswered { answer: "400 Bad Request".into(), refused: true });
    assert_eq!(bench.verdict().restart, Some(Order { how: Restart::Reset, by: Means::Hook }));
}

#[test]
fn never_while_it_may_be_writing_flash() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(report(OLD));
    bench.fetches(FLOOR);
    for _ in 0..20 {
        let verdict = bench.verdict();
        assert_eq!((verdict.restart, verdict.writing, verdict.hold), (None, true, None));
        bench.pass(40);
    }
}

#[test]
fn what_it_says_itself_overrules_every_conclusion_and_both_are_shown() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.pass(125);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)), "it did not ask for it");
    bench.see(report(OLD));
    let verdict = bench.verdict();
    assert_eq!(verdict.load, Some(load(OLD)));
    assert!(verdict.evidence.contains(&format!("taken for {FLOOR}")), "{}", verdict.evidence);
    assert_eq!(verdict.route[0], load(OLD));
    bench.pass(600);
    assert_eq!(bench.verdict().load, Some(load(OLD)), "silence does not weigh more later");
}

#[test]
fn a_load_that_was_fetched_whole_and_did_not_start_is_told_from_one_that_did() {
    for (says, hop) in [(FLOOR, E2M), (OLD, FLOOR)] {
        let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
        bench.boot(ENTERPRISE_CLASS);
        bench.reads(Side::Enterprise);
        bench.see(report(OLD));
        bench.fetches(FLOOR);
        bench.boot(ENTERPRISE_CLASS);
        bench.page_names(FLOOR);
        bench.see(report(says));
        assert_eq!(bench.verdict().load, Some(load(says)));
        assert_eq!(names(&bench.reads(Side::Enterprise)), Some(hop));
        let passed: Vec<_> = bench.verdict().route;
        assert_eq!(passed[0], load(OLD), "{passed:?}");
    }
}

#[test]
fn told_and_not_fetching_it_is_told_again_once_the_wait_is_over() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(report(OLD));
    assert_eq!(bench.verdict().restart, None, "it may fetch while it is registered");
    bench.pass(125);
    assert_eq!((bench.verdict().restart, bench.hold().1), (NOTIFY, None));
}

#[test]
fn one_that_stays_registered_is_not_away_however_long_nothing_else_is_heard_of_it() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.see(Fact::Operator { act: Act::Hold });
    bench.reads(Side::Enterprise);
    bench.see(report(FLOOR));
    bench.pass(14 * 60 * 60);
    bench.see(Fact::Operator { act: Act::Release });
    bench.told(bench.verdict().restart.unwrap());
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M), "{}", bench.verdict().evidence);
}

#[test]
fn what_it_says_when_it_registers_after_it_was_away_is_news_though_it_says_the_same() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(report(FLOOR));
    bench.see(Fact::Unregistered);
    bench.pass(14 * 60 * 60);
    bench.see(report(FLOOR));
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M), "{}", bench.verdict().evidence);

    bench.see(Fact::Unregistered);
    bench.pass(14 * 60 * 60);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR), "{}", bench.verdict().evidence);
    bench.see(report(FLOOR));
    assert_eq!(bench.verdict().load, Some(load(FLOOR)), "{}", bench.verdict().evidence);
}

#[test]
fn one_that_rested_registered_before_this_bench_was_there_is_told_to_restart() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.see(Fact::Registered {
        report: Report { active: Some(load(FLOOR)), model: Some("8851".into()), ..Report::default() },
    });
    assert_eq!(bench.verdict().restart, NOTIFY, "{:?}", bench.verdict());

    let mut hand = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    hand.see(Fact::Probed(Page { load: Some(load(FLOOR)), model: Some("8851".into()), ..Page::default() }));
    hand.see(Fact::Leased { address: Ipv4Addr::new(10, 23, 45, 101) });
    assert_eq!(hand.hold().1, None, "it may write what somebody else gave it");
    hand.pass(hand.settings.timing.flash.as_secs());
    assert_eq!(hand.hold(), (Stage::Held, Some(HoldCode::NeedsRestart)), "{:?}", hand.verdict());
}

#[test]
fn its_number_tells_the_model_better_than_its_vendor_class() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot("Cisco Systems, Inc. IP Phone CP-7841");
    let report = Report { model: Some("8851".into()), ..Report::default() };
    bench.see(Fact::Registered { report });
    assert_eq!(bench.verdict().model.as_deref(), Some("8851"));
}

#[test]
fn an_operators_restart_takes_the_way_that_the_phone_has() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    let by = |bench: &Bench, side, hook| {
        by_operator(bench.journey.as_ref().unwrap(), Some(side), Restart::Reset, hook).map(|order| order.by)
    };
    assert_eq!(by(&bench, Side::Enterprise, false), None, "nothing but a hand can do it");
    assert_eq!(by(&bench, Side::Enterprise, true), Some(Means::Hook));
    assert_eq!(by(&bench, Side::Multiplatform, false), Some(Means::Resync));
    bench.see(report(FLOOR));
    assert_eq!(by(&bench, Side::Enterprise, true), Some(Means::Registration));
}
