//! What a phone must be known to run before it crosses.

use super::*;

#[test]
fn a_phone_whose_plug_was_pulled_while_it_wrote_flash_is_told_the_same_load_again() {
    let mut bench = fetched_and_started();
    assert_eq!(bench.reads(Side::Enterprise), Next::Later, "its page may tell");
    assert!(!bench.permits(E2M));
    bench.pass(45);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    assert!(!bench.permits(E2M));
    // It was cut off: it asks for the load again, and so does not run it.
    bench.fetches(FLOOR);
    assert_ne!(bench.verdict().load, Some(load(FLOOR)));
}

#[test]
fn a_phone_without_a_page_shows_by_silence_or_registration_that_it_runs_the_load() {
    let mut silent = fetched_and_started();
    silent.reads(Side::Enterprise);
    silent.pass(45);
    silent.reads(Side::Enterprise);
    // Once may be a plug that was pulled as soon as it was told.
    for told in [FLOOR, E2M] {
        silent.pass(181);
        assert_eq!(silent.hold(), (Stage::Held, Some(HoldCode::NeedsRestart)));
        assert!(!silent.permits(E2M) || told == E2M);
        silent.boot(ENTERPRISE_CLASS);
        silent.reads(Side::Enterprise);
        silent.pass(45);
        assert_eq!(names(&silent.reads(Side::Enterprise)), Some(told));
    }

    let mut registers = fetched_and_started();
    registers.reads(Side::Enterprise);
    registers.pass(45);
    registers.reads(Side::Enterprise);
    registers.see(Fact::Registered { report: Report { active: Some(load(FLOOR)), ..Report::default() } });
    assert!(registers.verdict().restart.is_some(), "{:?}", registers.verdict());
    assert_eq!(names(&registers.reads(Side::Enterprise)), Some(E2M));
}

#[test]
fn a_newer_target_is_named_with_the_license_while_the_phone_may_still_be_in_the_transition_load() {
    let newer = "sip88xx.11-3-6MPP0001-273";
    let mut bench = fetched_and_started();
    bench.see(Fact::Registered { report: Report { active: Some(load(FLOOR)), ..Report::default() } });
    for (side, to) in [(Side::Enterprise, E2M), (Side::Multiplatform, MPP)] {
        assert_eq!(names(&bench.reads(side)), Some(to));
        bench.fetches(to);
        bench.boot(MPP_CLASS);
    }
    bench.library.loads.get_mut(&load(MPP)).unwrap().missing.push("rootfs88xx.11-2-3MPP-398.sbn".into());
    bench.library.loads.extend(library(&[newer]).loads);
    let next = bench.reads(Side::Multiplatform);
    assert!(matches!(&next, Next::Load { license: true, load: to, .. } if *to == load(newer)), "{next:?}");

    bench.see(Fact::Probed(Page { load: Some(load(MPP)), ..Page::default() }));
    let next = bench.reads(Side::Multiplatform);
    assert!(matches!(&next, Next::Load { license: false, load: to, .. } if *to == load(newer)), "{next:?}");
}

#[test]
fn a_phone_that_throws_a_load_away_again_and_again_is_stuck_until_the_operator_retries() {
    let mut bench = fetched_and_started();
    let mut told = 0;
    for _ in 0..20 {
        bench.reads(Side::Enterprise);
        bench.pass(45);
        if names(&bench.reads(Side::Enterprise)) != Some(FLOOR) {
            break;
        }
        told += 1;
        bench.fetches(FLOOR);
        bench.pass(120);
        bench.boot(ENTERPRISE_CLASS);
    }
    assert!((2..=6).contains(&told), "{told}");
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)));
    assert!(bench.verdict().hold.unwrap().cause().contains("fetched"));
    bench.see(Fact::Operator { act: Act::Retry });
    bench.reads(Side::Enterprise);
    bench.pass(45);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
}

#[test]
fn a_phone_that_comes_back_after_hours_may_have_been_loaded_elsewhere() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
    bench.pass(4 * 3600);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR), "{}", bench.verdict().evidence);
    bench.pass(bench.settings.timing.already_there.as_secs());
    assert_eq!(bench.verdict().load, Some(load(FLOOR)), "it was not");
}

#[test]
fn a_finished_phone_that_asks_for_nothing_here_stays_done_however_long_it_was_away() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.comes_back();
    assert_eq!(bench.verdict().stage, Stage::Done);
    bench.pass(4 * 3600);
    bench.boot(MPP_CLASS);
    bench.pass(600);
    assert_eq!(bench.verdict().stage, Stage::Done);
}

#[test]
fn a_phone_that_its_license_does_not_move_is_said_to_refuse_it() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    for _ in 0..12 {
        bench.reads(Side::Multiplatform);
        bench.see(Fact::LicenseGiven { direction: Direction::E2m });
        for _ in 0..36 {
            bench.pass(60);
            bench.reads(Side::Multiplatform);
        }
        if bench.verdict().hold.is_some() {
            break;
        }
    }
    let hold = bench.verdict().hold;
    assert!(
        hold.as_ref().is_some_and(|hold| hold.cure().contains("license"))
            || bench.verdict().stage == Stage::Done,
        "{hold:?}"
    );
}

#[test]
fn a_phone_that_may_still_be_in_the_transition_load_is_held_where_its_last_load_is_damaged_by_now() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LicenseGiven { direction: Direction::E2m });
    bench.fetches(MPP);
    bench.boot(MPP_CLASS);
    bench.library.loads.get_mut(&load(MPP)).unwrap().damaged.push(("rootfs".into(), "it ends early".into()));
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::FirmwareDamaged)));
    bench.library.loads.get_mut(&load(MPP)).unwrap().damaged.clear();
    bench.reads(Side::Multiplatform);
    bench.comes_back();
    assert_eq!(bench.hold(), (Stage::Done, None));
}

#[test]
fn a_fetch_that_its_page_denies_makes_no_silence_certain() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.see(Fact::Probed(Page { load: Some(load(OLD)), ..Page::default() }));
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    // Its plug may have been pulled as soon as it was told.
    bench.pass(bench.settings.timing.already_there.as_secs());
    assert!(!bench.permits(E2M), "{:?}", bench.verdict());
}

#[test]
fn a_phone_that_was_not_given_its_license_waits_for_it_and_does_not_run_what_it_was_told() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(MPP));
    bench.see(Fact::Missing { name: format!("{MAC}.lic") });
    bench.comes_back();
    assert_ne!(bench.verdict().load, Some(load(MPP)), "{}", bench.verdict().evidence);
    assert!(bench.permits(MPP));
}

#[test]
fn one_whose_license_is_not_here_does_not_wait_for_it_for_ever() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.library.licenses.clear();
    bench.boot(MPP_CLASS);
    bench.see(Fact::Probed(Page { load: Some(load("sip88xx.11-0-1MPP-150")), ..Page::default() }));
    assert_eq!(names(&bench.reads(Side::Multiplatform)), Some(MPP));
    bench.fetches(MPP);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::Missing { name: format!("{MAC}.lic") });
    bench.comes_back();
    bench.pass(180);
    bench.comes_back();
    assert_eq!(bench.hold(), (Stage::Done, None), "{:?}", bench.verdict());
}

#[test]
fn silence_that_nobody_could_hear_is_no_first_one() {
    let mut bench = fetched_and_started();
    bench.reads(Side::Enterprise);
    bench.pass(45);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.see(Fact::Unwatched { since: bench.now });
    bench.pass(181);
    for told in [FLOOR, FLOOR, E2M] {
        bench.boot(ENTERPRISE_CLASS);
        bench.reads(Side::Enterprise);
        bench.pass(45);
        assert_eq!(names(&bench.reads(Side::Enterprise)), Some(told));
        bench.pass(181);
    }
}

#[test]
fn a_start_without_a_model_does_not_take_the_variant_from_a_phone_that_named_it() {
    let mut bench = Bench::new(Direction::M2e, &[MPP, M2E, FLOOR]);
    let profile = Fact::ConfigAsked {
        side: Side::Multiplatform,
        signed: false,
        model: Some("8851".to_owned()),
        user_agent: None,
    };
    let starts = |vendor_class| Fact::Dhcp {
        boot: true,
        vendor_class,
        request_list: vec![1, 3, 6, 15, 35, 66, 150, 159, 160],
    };
    bench.see(starts(Some("Cisco Systems, Inc. IP Phone CP-8851NR".to_owned())));
    bench.see(profile.clone());
    let stays = (Stage::Held, Some(HoldCode::NotEligible));
    assert_eq!(bench.hold(), stays);
    // Anybody can send it.
    bench.see(starts(None));
    bench.see(profile);
    assert_eq!(bench.hold(), stays);
}
