//! Phones that stop somewhere on the way: after how long that is said, and what they were last seen doing.

use super::contract::signed;
use super::*;
use crate::roster;

/// One place to stop at.
struct Stop {
    what: &'static str,
    at: fn() -> Bench,
    /// Which patience is at an end then; it counts from the phone's last sign of life.
    patience: fn(&Timing) -> Duration,
    says: &'static [&'static str],
}

const NEW: &str = "sip88xx.14-4-1-0301-6";
const NEW_MPP: &str = "sip88xx.12-0-7MPP0201-66";

const STOPS: &[Stop] = &[
    Stop {
        what: "an address, and no request",
        at: || {
            let mut bench = seed();
            bench.boot(ENTERPRISE_CLASS);
            bench.now = bench.journey.as_ref().unwrap().booted.unwrap();
            bench
        },
        patience: |timing| timing.not_asking,
        says: &["asks for no file"],
    },
    Stop {
        what: "half a component",
        at: || {
            let mut bench = told();
            bench.see(Fact::LoadsGiven { load: load(FLOOR) });
            let name = "rootfs88xx.12-5-1SR1-4.sbn".to_owned();
            bench.see(Fact::Fetched { name, from: 0, to: 10, size: 1000, asked: None });
            back(&mut bench)
        },
        patience: |timing| timing.transfer_idle,
        says: &["fetch of sip88xx.12-5-1SR1-4 stopped"],
    },
    Stop {
        what: "the whole load",
        at: || {
            let mut bench = told();
            bench.fetches(FLOOR);
            back(&mut bench)
        },
        patience: |timing| timing.flash,
        says: &["fetched sip88xx.12-5-1SR1-4 whole", "has not started again"],
    },
    Stop {
        what: "the whole load that crosses",
        at: || {
            let mut bench = crossing();
            back(&mut bench)
        },
        patience: |timing| timing.flash,
        says: &["fetched sip88xx.TLexE2M-11-2-3C-4 whole"],
    },
    Stop {
        what: "half a component on the Multiplatform side, which comes back by itself",
        at: || {
            let mut bench = seed();
            bench.boot(MPP_CLASS);
            bench.reads(Side::Multiplatform);
            bench.see(Fact::LicenseGiven { direction: Direction::E2m });
            bench.see(Fact::LoadsGiven { load: load(MPP) });
            let name = "rootfs88xx.11-2-3MPP-398.sbn".to_owned();
            bench.see(Fact::Fetched { name, from: 0, to: 10, size: 1000, asked: None });
            back(&mut bench)
        },
        patience: |timing| timing.transfer_idle + timing.not_asking,
        says: &["fetch of sip88xx.11-2-3MPP-398 stopped"],
    },
    Stop {
        what: "the transition load, and its license not fetched",
        at: || {
            let mut bench = crossing();
            bench.boot(MPP_CLASS);
            bench.reads(Side::Multiplatform);
            back(&mut bench)
        },
        patience: |timing| timing.license,
        says: &["told to load sip88xx.11-2-3MPP-398", "does not ask for it"],
    },
    Stop {
        what: "the target by a direct crossing, and its license not fetched",
        at: || {
            let mut bench = Bench::new(Direction::E2m, &[NEW, NEW_MPP]);
            bench.boot(ENTERPRISE_CLASS);
            bench.reads(Side::Enterprise);
            bench.fetches(NEW);
            bench.boot(ENTERPRISE_CLASS);
            bench.page_names("sip88xx.14-4-1-0301-6");
            bench.reads(Side::Enterprise);
            bench.fetches(NEW_MPP);
            bench.boot(MPP_CLASS);
            bench.now = bench.journey.as_ref().unwrap().booted.unwrap();
            bench
        },
        patience: |timing| timing.license,
        says: &["it runs sip88xx.12-0-7MPP0201-66", "has not fetched its license"],
    },
    Stop {
        what: "signed files only",
        at: || {
            let mut bench = seed();
            bench.boot(ENTERPRISE_CLASS);
            bench.see(signed());
            back(&mut bench)
        },
        patience: |timing| timing.not_asking / 3,
        says: &["trust list"],
    },
];

fn seed() -> Bench {
    Bench::new(Direction::E2m, &[FLOOR, E2M, MPP])
}

/// `see` lets a second pass after each fact.
fn back(bench: &mut Bench) -> Bench {
    bench.now = Time(bench.now.0 - 1000);
    std::mem::replace(bench, seed())
}

fn told() -> Bench {
    let mut bench = seed();
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench
}

fn crossing() -> Bench {
    let mut bench = told();
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    bench
}

#[test]
fn each_stop_is_said_after_a_time_of_its_own_and_not_a_moment_before() {
    for stop in STOPS {
        let mut bench = (stop.at)();
        let due = bench.now + (stop.patience)(&bench.settings.timing);
        assert_eq!(bench.verdict().hold, None, "{}", stop.what);
        bench.now = Time(due.0 - 1);
        assert_eq!(bench.verdict().hold, None, "{}, a moment before", stop.what);
        assert_eq!(bench.verdict().deadline, Some(due), "{}: when to look again", stop.what);
        bench.now = due;
        let hold = bench.verdict().hold.unwrap_or_else(|| panic!("{}: nothing is said", stop.what));
        for words in stop.says {
            assert!(hold.cause().contains(words), "{}: {words:?} is not in {:?}", stop.what, hold.cause());
        }
    }
}

#[test]
fn one_that_cannot_be_led_before_it_says_what_it_runs_is_made_to_ask_first() {
    let mut bench = Bench::new(Direction::E2m, &[NEW_MPP]);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NoRoute)));
    bench.pass(bench.settings.timing.not_asking.as_secs());
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::NotAsking)));
    assert!(bench.verdict().hold.unwrap().cure().contains("Cancel"));
    assert_eq!(bench.reads(Side::Enterprise), Next::Introduction);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NoRoute)));
}

#[test]
fn one_that_may_have_thrown_away_what_leads_nowhere_is_started_once_more_to_tell() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP, NEW_MPP]);
    bench.catalog = Catalog::current();
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    // Too new for the transition load.
    bench.entry = roster::parse(format!("mac,vid\n{MAC},V15\n").as_bytes()).entries.pop();
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NoRoute)));
    bench.pass(bench.settings.timing.not_asking.as_secs());
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NeedsRestart)));
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Introduction);
    bench.pass(bench.settings.timing.not_asking.as_secs());
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NoRoute)), "it had its say");
}
