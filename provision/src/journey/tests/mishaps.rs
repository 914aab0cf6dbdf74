//! Phones whose walk goes wrong somewhere.

use super::*;

const NEW_MPP: &str = "sip88xx.12-0-7MPP0201-66";
const NEW_ENTERPRISE: &str = "sip88xx.14-4-1-0301-6";

fn profile_asked(agent: &str) -> Fact {
    Fact::ConfigAsked {
        side: Side::Multiplatform,
        signed: false,
        model: None,
        user_agent: Some(agent.to_owned()),
    }
}

#[test]
fn a_phone_that_was_silent_and_asks_after_all_does_not_run_the_load() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.pass(130);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
    bench.see(Fact::LoadsRefused { name: FLOOR.into() });
    assert_eq!(bench.verdict().load, None);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR), "not the transition load");
}

#[test]
fn a_license_that_is_asked_for_again_and_again_is_shown() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    bench.boot(MPP_CLASS);
    for _ in 0..30 {
        bench.reads(Side::Multiplatform);
        bench.see(Fact::LicenseGiven { direction: Direction::E2m });
        assert_eq!(bench.hold(), (Stage::Moving, None));
        bench.pass(60);
    }
    for _ in 0..10 {
        bench.reads(Side::Multiplatform);
        bench.see(Fact::LicenseGiven { direction: Direction::E2m });
        bench.pass(60);
    }
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)));
    assert!(bench.verdict().hold.unwrap().cause().contains("license"));
}

fn crossed_directly() -> Bench {
    let mut bench = Bench::new(Direction::E2m, &[NEW_ENTERPRISE, NEW_MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(NEW_ENTERPRISE);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names("sip88xx.14-4-1-0301-6");
    bench.reads(Side::Enterprise);
    bench.fetches(NEW_MPP);
    bench.boot(MPP_CLASS);
    bench
}

#[test]
fn a_license_asked_for_again_and_again_after_a_direct_crossing_is_shown() {
    let mut bench = crossed_directly();
    for _ in 0..40 {
        bench.reads(Side::Multiplatform);
        bench.see(Fact::LicenseGiven { direction: Direction::E2m });
        bench.pass(60);
    }
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)));
    for _ in 0..36 {
        bench.reads(Side::Multiplatform);
        bench.pass(60);
    }
    assert_eq!(bench.hold(), (Stage::Done, None), "accepted in the end");
}

#[test]
fn silence_about_the_license_of_a_phone_that_does_not_come_back_tells_nothing() {
    let mut bench = crossed_directly();
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    // Its plug is pulled; meanwhile the bench is stopped and started.
    bench.pass(40 * 60);
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::NotAsking)));
    let since = bench.now;
    bench.pass(60);
    bench.see(Fact::Unwatched { since });
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::NotAsking)));
    assert_eq!(
        bench.reads(Side::Multiplatform),
        Next::License,
        "it is given it until it is known to have it"
    );
}

#[test]
fn a_user_agent_of_another_release_says_that_the_flash_failed() {
    let (old, new) = ("Cisco-CP-8851-3PCC/11.3.1 (001234ab45de)", "Cisco-CP-8851-3PCC/12.0.7 (001234ab45de)");
    let mut bench = Bench::new(Direction::M2e, &[NEW_MPP, NEW_ENTERPRISE]);
    bench.boot(MPP_CLASS);
    bench.see(profile_asked(old));
    bench.reads(Side::Multiplatform);
    bench.fetches(NEW_MPP);
    bench.boot(MPP_CLASS);
    bench.see(profile_asked(old));
    let verdict = bench.verdict();
    assert_eq!(names(&verdict.next), Some(NEW_MPP), "not the direct crossing: {}", verdict.evidence);
    bench.reads(Side::Multiplatform);
    bench.fetches(NEW_MPP);
    bench.boot(MPP_CLASS);
    bench.see(profile_asked(new));
    assert_eq!(names(&bench.verdict().next), Some(NEW_ENTERPRISE));
}

#[test]
fn a_multiplatform_phone_that_goes_away_is_not_told_to_read_its_configuration() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.library.licenses.clear();
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.pass(200);
    bench.library.licenses.insert((Direction::E2m, MAC));
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::NotAsking)));
}

#[test]
fn when_a_hold_is_due_is_known_beforehand() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.see(Fact::ConfigAsked { side: Side::Enterprise, signed: true, model: None, user_agent: None });
    let due = bench.verdict().deadline.unwrap();
    bench.now = Time(due.0 - 1);
    assert_eq!(bench.hold(), (Stage::Seen, None));
    bench.now = due;
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::TrustList)));
}

#[test]
fn a_load_is_not_taken_for_run_because_an_earlier_one_was_seen_on_its_side() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.reads(Side::Enterprise);
    bench.see(Fact::LoadsGiven { load: load(E2M) });
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().load, Some(load(E2M)), "it had the transition load in its second partition");
    bench.see(Fact::LoadsGiven { load: load(MPP) });
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().load, Some(load(E2M)), "it has not started again yet");
}

#[test]
fn a_phone_that_does_not_name_its_model_by_dhcp_is_waited_for() {
    let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
    bench.boot("dslforum.org");
    assert_eq!(bench.hold(), (Stage::Seen, None), "its profile's name may tell");
    bench.now = bench.verdict().deadline.unwrap();
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NoRoute)));
}

#[test]
fn a_phone_that_somebody_took_back_is_not_taken_for_what_it_was_before() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.fetches(MPP);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.comes_back();
    assert_eq!(bench.verdict().stage, Stage::Done);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    assert_eq!(bench.verdict().load, None);
}

#[test]
fn a_user_agent_somebody_configured_holds_a_phone_up_but_not_for_good() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    let says = |bench: &mut Bench| {
        bench.see(Fact::ConfigAsked {
            side: Side::Multiplatform,
            signed: false,
            model: None,
            user_agent: Some("Cisco-CP-8851-3PCC/12.0.1 (001234ab45de)".into()),
        });
        bench.reads(Side::Multiplatform)
    };
    bench.boot(MPP_CLASS);
    says(&mut bench);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.fetches(MPP);
    bench.boot(MPP_CLASS);
    for _ in 0..4 {
        says(&mut bench);
        bench.pass(60);
    }
    says(&mut bench);
    assert_eq!(bench.verdict().stage, Stage::Done, "{:?}", bench.verdict());
}

#[test]
fn one_that_may_have_crossed_while_the_ledger_could_not_be_written_is_not_told_what_would_strand_it() {
    let newer = "sip88xx.12-0-7MPP0201-66";
    let mut bench = Bench::new(Direction::M2e, &[newer, M2E, FLOOR, NEW_ENTERPRISE]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LoadsGiven { load: load(M2E) });
    bench.see(Fact::Probed(Page { load: Some(load(MPP)), ..Page::default() }));
    assert_eq!(names(&bench.verdict().next), Some(newer), "{:?}", bench.verdict());
    // What it fetched after that is on no record, and nor is that the bench heard it.
    let since = bench.now;
    bench.pass(600);
    bench.see(Fact::Unwatched { since });
    bench.boot(MPP_CLASS);
    let next = bench.reads(Side::Multiplatform);
    assert!(matches!(&next, Next::Load { when: Some(when), .. } if *when == load(M2E)), "{next:?}");
    bench.see(Fact::Probed(Page { load: Some(load(MPP)), ..Page::default() }));
    assert_eq!(names(&bench.verdict().next), Some(newer), "its page tells");
}

#[test]
fn one_that_started_unseen_with_what_it_fetched_is_not_said_to_be_writing_it() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.fetches(MPP);
    assert!(bench.verdict().writing);
    let mut told = Bench {
        journey: bench.journey.clone(),
        now: bench.now,
        ..Bench::new(Direction::E2m, &[FLOOR, E2M, MPP])
    };
    told.entry = crate::roster::parse(format!("mac,model,load\n{MAC},8851,{MPP}\n").as_bytes()).entries.pop();
    assert!(told.verdict().writing, "the roster may be ahead of it");
    told.see(Fact::Operator { act: Act::Retry });
    let name = "rootfs88xx.11-2-3MPP-398.sbn".to_owned();
    told.see(Fact::Fetched { name, from: 0, to: 1000, size: 1000, asked: None });
    assert!(told.verdict().writing, "and so may who says once more that the roster is right");
    bench.pass(60);
    // Its start was lost with a bench that was killed.
    bench.see(Fact::Probed(Page { load: Some(load(MPP)), ..Page::default() }));
    let verdict = bench.verdict();
    assert_eq!((verdict.stage, verdict.writing), (Stage::Done, false), "{verdict:?}");
}

#[test]
fn one_that_writes_what_is_no_longer_its_next_load_is_under_way_all_the_same() {
    let newer = "sip88xx.11-3-6MPP0001-273";
    let mut bench = Bench::new(Direction::E2m, &[MPP, newer]);
    bench.boot(MPP_CLASS);
    bench.see(Fact::Probed(Page { load: Some(load(MPP)), ..Page::default() }));
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(newer));
    bench.fetches(newer);
    bench.library.loads.remove(&load(newer));
    assert_eq!(bench.verdict().next, Next::Final);
    bench.pass(5 * 60);
    assert_eq!((bench.verdict().stage, bench.verdict().writing), (Stage::Moving, true));
    bench.now = bench.verdict().deadline.unwrap();
    assert_eq!((bench.verdict().stage, bench.verdict().writing), (Stage::Done, false));
}

#[test]
fn silence_while_no_bench_was_there_to_hear_it_tells_nothing() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    let since = bench.now;
    bench.pass(3600);
    bench.see(Fact::Unwatched { since });
    assert_eq!(bench.verdict().load, None, "{}", bench.verdict().evidence);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NeedsRestart)));
    // It reads its configuration again without having asked for an address: from here on silence counts.
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.pass(bench.settings.timing.already_there.as_secs());
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
}

#[test]
fn silence_that_had_told_all_before_the_bench_was_stopped_still_counts() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.pass(bench.settings.timing.already_there.as_secs());
    let since = bench.now;
    bench.see(Fact::Unwatched { since });
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
}

#[test]
fn a_multiplatform_phone_that_may_have_tried_unseen_is_given_another_url_and_no_blame() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    for expected in 1..=bench.settings.timing.attempts + 2 {
        let next = bench.reads(Side::Multiplatform);
        assert!(matches!(next, Next::Load { attempt, .. } if attempt == expected), "{expected}: {next:?}");
        let since = bench.now;
        bench.see(Fact::Unwatched { since });
        assert_eq!(bench.verdict().load, None);
    }
}

#[test]
fn a_fetch_that_may_have_failed_unseen_is_not_waited_for_under_its_old_url() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.see(Fact::LoadsGiven { load: load(MPP) });
    // All that only this load has; its last component was under way.
    let name = "rootfs88xx.11-2-3MPP-398.sbn".to_owned();
    bench.see(Fact::Fetched { name, from: 0, to: 1000, size: 1000, asked: None });
    assert!(bench.journey.as_ref().unwrap().awaits_answer());
    let since = bench.now;
    bench.see(Fact::Unwatched { since });
    assert!(matches!(bench.reads(Side::Multiplatform), Next::Load { attempt: 2, .. }));
}
