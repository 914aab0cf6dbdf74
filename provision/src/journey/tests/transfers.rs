//! Fetches that break, resume, repeat or are refused.

use super::*;

fn rootfs(load: &str) -> String {
    format!("rootfs88xx.{}.sbn", load.split_once('.').unwrap().1)
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
    bench.page_names(FLOOR);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
}

#[test]
fn a_phone_that_loses_power_while_it_fetches_the_crossing_load_goes_on_from_where_it_was() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
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
    bench.page_names(FLOOR);
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
    bench.comes_back();
    assert_eq!(bench.verdict().stage, Stage::Done, "{:?}", bench.verdict());
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
    bench.page_names(FLOOR);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
}

#[test]
fn a_phone_whose_start_nobody_saw_is_told_again_and_done_when_it_does_not_ask() {
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
    bench.comes_back();
    assert_eq!(bench.hold(), (Stage::Done, None));
}

#[test]
fn a_crossing_that_fails_again_and_again_is_told_again_and_again() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    for attempt in 1..4 {
        bench.boot(ENTERPRISE_CLASS);
        bench.page_names(FLOOR);
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
