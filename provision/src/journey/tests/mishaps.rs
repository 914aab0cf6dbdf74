//! Phones whose walk goes wrong somewhere.

use super::*;

const NEW_MPP: &str = "sip88xx.12-0-7MPP0201-66";
const NEW_ENTERPRISE: &str = "sip88xx.14-4-1-0301-6";

fn rootfs(load: &str) -> String {
    format!("rootfs88xx.{}.sbn", load.split_once('.').unwrap().1)
}

fn profile_asked(agent: &str) -> Fact {
    Fact::ConfigAsked {
        side: Side::Multiplatform,
        signed: false,
        model: None,
        user_agent: Some(agent.to_owned()),
    }
}

#[test]
fn every_broken_attempt_gets_a_url_of_its_own_until_they_are_used_up() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    for expected in 1..=bench.settings.timing.attempts {
        assert!(
            matches!(bench.reads(Side::Multiplatform), Next::Load { attempt, .. } if attempt == expected),
            "{expected}: {:?}",
            bench.verdict().next
        );
        bench.see(Fact::LoadsGiven { load: load(MPP) });
        bench.see(Fact::Fetched { name: rootfs(MPP), from: 0, to: 400, size: 1000, asked: None });
        assert!(
            matches!(bench.reads(Side::Multiplatform), Next::Load { attempt, .. } if attempt == expected),
            "a resync during the download changes nothing"
        );
        bench.see(Fact::Broken { name: rootfs(MPP), cause: "reset".into() });
    }
    assert_eq!(bench.reads(Side::Multiplatform), Next::Nothing);
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)));
}

#[test]
fn a_load_that_was_asked_for_and_refused_is_not_taken_for_run() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(Fact::Operator { act: Act::Hold });
    bench.see(Fact::LoadsRefused { name: FLOOR.into() });
    bench.pass(130);
    bench.see(Fact::Operator { act: Act::Release });
    assert_eq!(bench.verdict().load, None, "{}", bench.verdict().evidence);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
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
fn a_refused_upgrade_is_offered_again_under_another_url() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::Operator { act: Act::Hold });
    bench.see(Fact::LoadsRefused { name: MPP.into() });
    assert_eq!(bench.reads(Side::Multiplatform), Next::Nothing);
    bench.see(Fact::Operator { act: Act::Release });
    assert!(matches!(bench.reads(Side::Multiplatform), Next::Load { attempt: 2, .. }));
}

#[test]
fn a_license_that_is_asked_for_again_and_again_is_shown() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
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
    assert!(bench.verdict().hold.unwrap().cause.contains("license"));
}

#[test]
fn a_license_asked_for_again_and_again_after_a_direct_crossing_is_shown() {
    let mut bench = Bench::new(Direction::E2m, &[NEW_ENTERPRISE, NEW_MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(NEW_ENTERPRISE);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(NEW_MPP);
    bench.boot(MPP_CLASS);
    for _ in 0..40 {
        bench.reads(Side::Multiplatform);
        bench.see(Fact::LicenseGiven { direction: Direction::E2m });
        bench.pass(60);
    }
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)));
    bench.pass(36 * 60);
    assert_eq!(bench.hold(), (Stage::Done, None), "accepted in the end");
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
    assert_eq!(bench.verdict().load, Some(load(NEW_MPP)));
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
fn a_license_and_a_ring_list_are_no_part_of_a_load() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LoadsGiven { load: load(MPP) });
    bench.see(Fact::Fetched { name: "Ringlist.xml".into(), from: 0, to: 500, size: 500, asked: None });
    assert!(!bench.verdict().writing);
    assert!(bench.verdict().progress.part == 0);
    bench.see(Fact::Broken { name: "001234AB45DE.lic".into(), cause: "reset".into() });
    assert_eq!(bench.verdict().attempt, 1);
}

#[test]
fn the_gate_is_shut_for_a_load_with_a_missing_component_that_a_condition_names() {
    let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.fetches(M2E);
    bench.boot(MPP_CLASS);
    bench.library.loads.get_mut(&load(M2E)).unwrap().missing.push(rootfs(M2E));
    bench.reads(Side::Multiplatform);
    assert!(bench.permits(FLOOR), "it needs that no more");
    assert!(!bench.permits(M2E), "but should it not run it, it may not have it");
}

#[test]
fn a_resumed_fetch_is_whole_though_the_bench_lost_sight_of_its_middle() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(Fact::LoadsGiven { load: load(FLOOR) });
    bench.see(Fact::Fetched { name: rootfs(FLOOR), from: 0, to: 400, size: 1000, asked: None });
    bench.see(Fact::Broken { name: rootfs(FLOOR), cause: "reset".into() });
    bench.see(Fact::Fetched { name: rootfs(FLOOR), from: 450, to: 1000, size: 1000, asked: None });
    bench.see(Fact::Fetched {
        name: "sb288xx.BE-01-020.sbn".into(),
        from: 0,
        to: 1000,
        size: 1000,
        asked: None,
    });
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
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
fn a_phone_that_loses_power_while_it_fetches_the_crossing_load_goes_on_from_where_it_was() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(Fact::LoadsGiven { load: load(E2M) });
    bench.see(Fact::Fetched { name: rootfs(E2M), from: 0, to: 999, size: 1000, asked: None });
    bench.see(Fact::Broken { name: rootfs(E2M), cause: "gone".into() });
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
    assert!(matches!(bench.reads(Side::Enterprise), Next::Load { attempt: 2, .. }));
}

#[test]
fn a_phone_that_kept_components_at_the_last_hop_is_done_two_minutes_later() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.see(Fact::LoadsGiven { load: load(MPP) });
    bench.see(Fact::Fetched {
        name: "rootfs88xx.11-2-3MPP-398.sbn".into(),
        from: 0,
        to: 1000,
        size: 1000,
        asked: None,
    });
    bench.boot(MPP_CLASS);
    assert!(
        matches!(bench.reads(Side::Multiplatform), Next::Load { attempt: 2, .. }),
        "it may have been cut off"
    );
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.pass(121);
    assert_eq!(bench.verdict().stage, Stage::Done, "{:?}", bench.verdict());
}

#[test]
fn a_load_is_not_taken_for_run_because_an_earlier_one_was_seen_on_its_side() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
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
fn a_phone_that_only_lost_its_link_goes_on_and_is_marked_while_it_writes() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(Fact::LoadsGiven { load: load(FLOOR) });
    bench.see(Fact::Fetched { name: rootfs(FLOOR), from: 0, to: 500, size: 1000, asked: None });
    bench.boot(ENTERPRISE_CLASS);
    bench.see(Fact::Fetched { name: rootfs(FLOOR), from: 0, to: 1000, size: 1000, asked: None });
    bench.see(Fact::Fetched {
        name: "sb288xx.BE-01-020.sbn".into(),
        from: 0,
        to: 1000,
        size: 1000,
        asked: None,
    });
    bench.pass(300);
    assert!(bench.verdict().writing, "do not unplug");
    assert_eq!(bench.hold(), (Stage::Moving, None));
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
}

#[test]
fn a_phone_whose_start_nobody_saw_is_told_again_and_done_when_it_does_not_ask() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.fetches(MPP);
    // It starts while the bench is down, and keeps its lease.
    for _ in 0..20 {
        bench.pass(60);
        bench.reads(Side::Multiplatform);
    }
    assert_eq!(bench.hold(), (Stage::Done, None), "{:?}", bench.verdict());
}

#[test]
fn without_dhcp_a_profile_asked_for_while_flash_is_written_is_no_start() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.see(Fact::ConfigAsked {
        side: Side::Multiplatform,
        signed: false,
        model: Some("8851".into()),
        user_agent: None,
    });
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.fetches(MPP);
    bench.pass(60);
    bench.reads(Side::Multiplatform);
    assert!(bench.verdict().writing, "do not unplug");
    bench.pass(120);
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.hold(), (Stage::Done, None));
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
fn a_crossing_that_fails_again_and_again_is_told_again_and_again() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    for attempt in 1..4 {
        bench.boot(ENTERPRISE_CLASS);
        assert!(
            matches!(bench.reads(Side::Enterprise), Next::Load { load: to, attempt: this, .. } if to == load(E2M) && this == attempt),
            "{:?}",
            bench.verdict()
        );
        if attempt == 1 {
            bench.fetches(E2M);
        } else {
            bench.see(Fact::LoadsGiven { load: load(E2M) });
        }
    }
}

#[test]
fn a_phone_that_somebody_took_back_is_not_taken_for_what_it_was_before() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.fetches(MPP);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
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
