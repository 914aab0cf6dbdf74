//! Phones that do the same over and over, or something else than they are told: what is said of each tells them apart.

use super::contract::breaks_off;
use super::*;
use crate::hold::ActionKind;

fn stuck(bench: &Bench) -> Hold {
    let verdict = bench.verdict();
    let hold = verdict.hold.unwrap_or_else(|| panic!("not held: {:?}", verdict.stage));
    assert_eq!((verdict.stage, hold.code), (Stage::Stuck, HoldCode::Failed), "{hold:?}");
    hold
}

fn seed() -> Bench {
    Bench::new(Direction::E2m, &[FLOOR, E2M, MPP])
}

/// It is told, and loses power before it asks for the load.
fn starts_when_told(bench: &mut Bench) {
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.pass(20);
}

#[test]
fn one_that_starts_over_whenever_it_is_told_is_shown_and_goes_on_once_it_stays_up() {
    let mut bench = seed();
    for time in 1..=bench.settings.timing.attempts {
        starts_when_told(&mut bench);
        assert_eq!(bench.hold(), (Stage::Moving, None), "time {time}");
    }
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR), "it is still told");
    let hold = stuck(&bench);
    assert!(
        hold.cause().contains("5 times") && hold.cause().contains("started again before it asked"),
        "{hold:?}"
    );
    assert!(hold.cure().contains("power"), "{hold:?}");
    bench.fetches(FLOOR);
    assert_eq!(bench.hold(), (Stage::Moving, None), "it stays up now");

    let mut retried = seed();
    (0..6).for_each(|_| starts_when_told(&mut retried));
    stuck(&retried);
    retried.see(Fact::Operator { act: Act::Retry });
    assert_eq!(retried.hold(), (Stage::Moving, None));
}

#[test]
fn a_phone_that_is_there_already_is_no_loop_however_often_it_is_restarted() {
    let mut bench = seed();
    for _ in 0..8 {
        bench.boot(ENTERPRISE_CLASS);
        bench.reads(Side::Enterprise);
        bench.pass(130);
    }
    assert_ne!(bench.hold().1, Some(HoldCode::Failed), "{:?}", bench.verdict().hold);
    assert_ne!(bench.verdict().load, None);
}

#[test]
fn one_that_asks_for_a_load_over_and_over_without_starting_it_is_shown() {
    let mut bench = seed();
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    for round in 1..12 {
        bench.fetches(FLOOR);
        bench.pass(60);
        assert_eq!(bench.hold(), (Stage::Moving, None), "round {round}");
    }
    bench.fetches(FLOOR);
    let hold = stuck(&bench);
    assert!(hold.cause().contains(FLOOR) && hold.cause().contains("12 times"), "{hold:?}");
    bench.see(Fact::Operator { act: Act::Retry });
    assert_eq!(bench.hold(), (Stage::Moving, None), "counted anew");
    for _ in 0..12 {
        bench.fetches(FLOOR);
    }
    stuck(&bench);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.reads(Side::Enterprise);
    assert_eq!(bench.verdict().hold, None, "it has started after all");
}

#[test]
fn a_multiplatform_phone_that_is_told_anew_is_counted_anew() {
    let mut bench = seed();
    bench.boot(MPP_CLASS);
    for expected in 1..bench.settings.timing.attempts {
        assert!(
            matches!(bench.reads(Side::Multiplatform), Next::Load { attempt, .. } if attempt == expected)
        );
        for _ in 0..4 {
            bench.see(Fact::LoadsGiven { load: load(MPP) });
        }
        bench.see(Fact::Broken { name: "rootfs88xx.11-2-3MPP-398.sbn".into(), cause: "reset".into() });
        assert_eq!(bench.hold(), (Stage::Moving, None), "attempt {expected}");
    }
}

#[test]
fn one_that_wants_another_load_is_told_from_one_that_wants_none() {
    let told = || {
        let mut bench = seed();
        let report = Report { active: Some(load(OLD)), ..Report::default() };
        bench.boot(ENTERPRISE_CLASS);
        bench.see(Fact::Registered { report });
        bench.see(Fact::Unregistered);
        bench.reads(Side::Enterprise);
        bench
    };
    let mut silent = told();
    silent.pass(200);
    let hold = stuck(&silent);
    assert!(hold.cause().contains("does not ask for it"), "{hold:?}");

    // One that reads the same short list again, every 45 s, does not take what it is given.
    let mut deaf = told();
    for _ in 0..3 {
        deaf.pass(45);
        assert_eq!(deaf.verdict().hold, None);
        deaf.reads(Side::Enterprise);
    }
    deaf.pass(45);
    let hold = stuck(&deaf);
    assert!(
        hold.cause().contains("over and over and does not take it") && hold.cause().contains(FLOOR),
        "{hold:?}"
    );
    deaf.boot(ENTERPRISE_CLASS);
    deaf.reads(Side::Enterprise);
    deaf.fetches(FLOOR);
    assert_eq!(deaf.hold(), (Stage::Moving, None));

    let mut elsewhere = told();
    assert!(!elsewhere.permits("sip88xx.14-4-1-0301-6"));
    elsewhere.see(Fact::LoadsRefused { name: "sip88xx.14-4-1-0301-6".into() });
    assert_eq!(elsewhere.verdict().hold, None, "it may come to what it was told yet");
    elsewhere.pass(200);
    let hold = stuck(&elsewhere);
    assert!(
        hold.cause().contains(FLOOR) && hold.cause().contains("asks for sip88xx.14-4-1-0301-6"),
        "{hold:?}"
    );
    assert!(hold.asks_for(&ActionKind::FactoryReset), "{hold:?}");
    elsewhere.boot(ENTERPRISE_CLASS);
    elsewhere.reads(Side::Enterprise);
    elsewhere.fetches(FLOOR);
    assert_eq!(elsewhere.hold(), (Stage::Moving, None));
}

#[test]
fn a_multiplatform_phone_that_wants_another_load_is_told_once_more_under_another_url() {
    let mut bench = seed();
    bench.boot(MPP_CLASS);
    assert!(matches!(bench.reads(Side::Multiplatform), Next::Load { attempt: 1, .. }));
    bench.see(Fact::LoadsRefused { name: MPP.into() });
    assert!(matches!(bench.reads(Side::Multiplatform), Next::Load { attempt: 2, .. }));
}

#[test]
fn a_fetch_that_broke_is_told_from_one_that_stands_still_and_from_one_that_lacks_a_file() {
    let cause = |happens: fn(&mut Bench)| {
        let mut bench = seed();
        bench.boot(ENTERPRISE_CLASS);
        bench.reads(Side::Enterprise);
        bench.see(Fact::LoadsGiven { load: load(FLOOR) });
        happens(&mut bench);
        bench.pass(130);
        stuck(&bench).cause()
    };
    let still = cause(|_| {});
    assert!(still.contains("nothing has moved since"), "{still}");
    let lacks = cause(|bench| bench.see(Fact::Missing { name: "kern88xx.12-5-1SR1-4.sbn".into() }));
    assert!(lacks.contains("asked for kern88xx.12-5-1SR1-4.sbn, which is not here"), "{lacks}");
    let other = cause(|bench| bench.see(Fact::Missing { name: "Ringlist.xml".into() }));
    assert_eq!(other, still, "a ring list is no part of a load");
    let mut broken = seed();
    breaks_off(&mut broken);
    broken.pass(130);
    let broken = stuck(&broken).cause();
    assert!(broken.contains("rootfs88xx") && broken.contains("the cable was pulled"), "{broken}");
}

#[test]
fn attempts_are_counted_for_each_load_and_only_where_a_load_was_asked_for() {
    let mut bench = seed();
    for failed in 1..=3 {
        breaks_off(&mut bench);
        bench.boot(ENTERPRISE_CLASS);
        assert_eq!(bench.verdict().attempt, failed + 1, "the next one");
        bench.reads(Side::Enterprise);
        bench.boot(ENTERPRISE_CLASS);
        assert_eq!(bench.verdict().attempt, failed + 1, "told, and never tried");
    }
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    assert_eq!(bench.verdict().attempt, 1, "of the next hop");
}

#[test]
fn restarts_before_the_operators_hand_stay_on_record_and_do_not_count() {
    let mut bench = seed();
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    let report = Report { active: Some(load(FLOOR)), ..Report::default() };
    bench.see(Fact::Registered { report });
    let first = bench.verdict().restart.unwrap();
    for _ in 0..bench.settings.timing.restarts {
        let order = bench.verdict().restart.unwrap();
        bench.see(Fact::RestartTold { how: order.how, by: order.by, operator: false });
        bench.see(Fact::RestartAnswered { answer: "the port is dead".into(), refused: true });
        bench.pass(300);
    }
    assert_eq!(bench.hold().1, Some(HoldCode::NeedsRestart));
    bench.see(Fact::Operator { act: Act::Retry });
    assert_eq!(bench.verdict().restart, Some(first), "from the beginning");
    let told = &bench.journey.as_ref().unwrap().restarts;
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|told| told.answer.as_deref() == Some("the port is dead")));
}

#[test]
fn the_last_of_too_many_attempts_is_told_as_it_was() {
    let used_up = |fails: fn(&mut Bench)| {
        let mut bench = seed();
        bench.settings.timing.attempts = 2;
        bench.boot(MPP_CLASS);
        for expected in 1..=2 {
            let next = bench.reads(Side::Multiplatform);
            assert!(matches!(next, Next::Load { attempt, .. } if attempt == expected), "{next:?}");
            bench.see(Fact::LoadsGiven { load: load(MPP) });
            fails(&mut bench);
        }
        bench.reads(Side::Multiplatform);
        stuck(&bench).cause()
    };
    let still = used_up(|bench| bench.pass(120));
    assert!(still.contains("2 attempts") && still.ends_with("its fetch stood still"), "{still}");
    let broken = used_up(|bench| {
        let name = "rootfs88xx.11-2-3MPP-398.sbn".to_owned();
        bench.see(Fact::Broken { name, cause: "reset by peer".into() });
    });
    assert!(broken.ends_with("reset by peer"), "{broken}");
    let started = used_up(|bench| bench.boot(MPP_CLASS));
    assert!(started.ends_with("it started again without the load"), "{started}");
}
