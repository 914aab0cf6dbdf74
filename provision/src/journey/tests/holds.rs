//! Phones that are held, or do not get on.

use super::*;

#[test]
fn a_missing_component_stops_every_hop_of_the_route_and_is_named() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.library.loads.get_mut(&load(MPP)).unwrap().missing.push("rootfs88xx.11-2-3MPP-398.sbn".into());
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    let hold = bench.verdict().hold.unwrap();
    assert_eq!(hold.code, HoldCode::FirmwareMissing);
    assert!(format!("{} {}", hold.cause(), hold.cure()).contains("rootfs88xx.11-2-3MPP-398.sbn"), "{hold:?}");
}

#[test]
fn silence_after_an_offer_means_already_there_and_a_restart_is_asked_for() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.pass(60);
    assert_eq!(bench.verdict().load, None);
    bench.pass(61);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NeedsRestart)));
    bench.boot(ENTERPRISE_CLASS);
    // Its plug may have been pulled as soon as it was told, and it does not cross before that is out of the question.
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.pass(181);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NeedsRestart)));
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
}

#[test]
fn a_phone_that_was_silent_and_answered_after_that_was_there() {
    let told = || {
        let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
        bench.boot(ENTERPRISE_CLASS);
        bench.reads(Side::Enterprise);
        bench.pass(1800);
        bench
    };
    let mut answered = told();
    answered.see(Fact::Probed(crate::page::Page::default()));
    answered.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&answered.reads(Side::Enterprise)), Some(E2M));
    // Anybody can renew a lease in its name.
    let mut renewed = told();
    renewed.see(Fact::Dhcp { boot: false, vendor_class: None, request_list: Vec::new() });
    renewed.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&renewed.reads(Side::Enterprise)), Some(FLOOR));
}

#[test]
fn a_crossing_load_that_is_never_asked_for_is_not_taken_for_run() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    bench.reads(Side::Enterprise);
    bench.pass(200);
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)));
}

#[test]
fn too_many_failed_attempts_stop_it_until_the_operator_retries() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    for _ in 0..bench.settings.timing.attempts {
        bench.boot(ENTERPRISE_CLASS);
        assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
        bench.see(Fact::LoadsGiven { load: load(FLOOR) });
    }
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)));
    bench.see(Fact::Operator { act: Act::Retry });
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
}

#[test]
fn a_phone_that_asks_for_signed_files_only_holds_a_trust_list() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.see(Fact::ConfigAsked { side: Side::Enterprise, signed: true, model: None, user_agent: None });
    assert_eq!(bench.hold(), (Stage::Seen, None), "it may fall back yet");
    bench.pass(45);
    bench.see(Fact::ConfigAsked { side: Side::Enterprise, signed: true, model: None, user_agent: None });
    bench.pass(25);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::TrustList)), "it asks again every 45 s");
    bench.reads(Side::Enterprise);
    assert_eq!(bench.hold(), (Stage::Moving, None), "erased");
}

#[test]
fn a_lease_without_a_request_is_not_asking() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.pass(200);
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::NotAsking)));
    assert!(bench.verdict().hold.unwrap().cause().contains("Profile_Rule"));
}

#[test]
fn an_ineligible_model_stays_and_says_why() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot("Cisco Systems, Inc. IP Phone CP-8831");
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NotEligible)));
}

#[test]
fn an_unknown_vid_takes_the_safe_first_hop_and_waits_before_the_one_it_decides() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.catalog = Catalog::current();
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing);
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::UnknownVid)));
}

#[test]
fn a_roster_phone_never_seen_is_absent() {
    let bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    assert_eq!(bench.hold(), (Stage::Absent, None));
}

#[test]
fn a_license_of_another_phone_does_not_count() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    let other = Mac([0x00, 0x12, 0x34, 0xab, 0x45, 0xdf]);
    bench.library.licenses = std::collections::BTreeSet::from([(Direction::E2m, other)]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    assert_eq!(bench.hold().1, Some(HoldCode::NoLicense));
}

#[test]
fn a_phone_that_is_held_registers_unless_its_hold_cannot_be_lifted_here() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.library.licenses.clear();
    assert_eq!((bench.hold().1, bench.verdict().may_register()), (Some(HoldCode::NoLicense), true));
    bench.settings.admit = Admit::Listed;
    assert_eq!((bench.hold().1, bench.verdict().may_register()), (Some(HoldCode::NotListed), false));
}

#[test]
fn a_document_without_the_load_takes_back_that_it_was_named() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    let unsaid = |bench: &Bench| bench.verdict().unsays(bench.journey.as_ref().unwrap(), Side::Enterprise);
    assert_eq!(unsaid(&bench), [], "the next document names it again");
    bench.library.licenses.clear();
    assert_eq!(unsaid(&bench), [Fact::LoadUnsaid { side: Side::Enterprise }]);
}
