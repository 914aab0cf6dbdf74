//! Loads and licenses that are asked for, and bytes that move.

use super::*;

#[test]
fn one_that_asks_for_a_load_does_not_run_it() {
    let mut phone = Watched::new();
    phone.asks(Side::Enterprise);
    phone.is_told(FLOOR, 1);
    phone.asks_for(FLOOR);
    assert_eq!(phone.told(), ["0 some Enterprise firmware other than 12-5-1SR1-4, fetches 12-5-1SR1-4"]);
}

#[test]
fn one_that_is_refused_a_load_rests() {
    let mut phone = Watched::running(OLD);
    phone.is_told(FLOOR, 1);
    phone.wait(1);
    phone.see(Fact::LoadsRefused { name: FLOOR.to_owned() });
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet"]);
}

#[test]
fn nobody_asks_for_a_load_that_nobody_told_it_of() {
    let mut phone = Watched::new();
    phone.settings.call_managers = Some(vec![Ipv4Addr::new(192, 0, 2, 10)]);
    phone.asks_for(FLOOR);
    assert_eq!(phone.told(), ["0 some Enterprise firmware other than 12-5-1SR1-4, fetches 12-5-1SR1-4"]);
}

#[test]
fn bytes_of_another_load_show_that_it_does_not_fetch_this_one() {
    let mut phone = Watched::new();
    phone.asks(Side::Enterprise);
    phone.is_told(FLOOR, 1);
    phone.asks_for(FLOOR);
    phone.wait(5);
    phone.hear(Fact::LoadsGiven { load: load(NEW) });
    phone.fetches(FLOOR, 1);
    assert_eq!(phone.told(), ["0 some Enterprise firmware other than 12-5-1SR1-4, fetches 12-5-1SR1-4"]);
}

#[test]
fn one_that_goes_on_with_a_fetch_asked_for_it_unseen() {
    let mut phone = Watched::running(OLD);
    phone.fetches(FLOOR, 1);
    assert_eq!(phone.told(), ["0 11-7-1-17, fetches 12-5-1SR1-4"]);
    assert_eq!(phone.accidents(OLD), [Accident::AskedUnseen]);
}

#[test]
fn bytes_that_arrived_before_it_started_are_seen_late() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 1);
    let asked = Some(phone.now);
    phone.wait(20);
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet"]);
    let name = "rootfs88xx.12-5-1SR1-4.sbn".to_owned();
    phone.see(Fact::Fetched { name, from: 0, to: SIZE, size: SIZE, asked });
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet", "0 12-5-1SR1-4, quiet"]);
}

#[test]
fn a_profile_is_not_read_while_a_load_is_fetched() {
    let mut phone = Watched::running(DIRECT);
    phone.is_told(MPP, 1);
    phone.asks_for(MPP);
    phone.fetches(MPP, 1);
    phone.asks(Side::Multiplatform);
    assert_eq!(phone.told(), ["0 12-0-7MPP0201-66, quiet"]);
    assert!(phone.worlds.all()[0].failed.iter().any(|url| url.load == load(MPP) && url.certain));
}

#[test]
fn a_license_is_accepted_or_asked_for_again() {
    let mut phone = Watched::running(NEW);
    phone.asks_for(DIRECT);
    phone.fetches(DIRECT, 3);
    phone.starts(MPP_CLASS);
    phone.asks(Side::Multiplatform);
    let answer = Answer::Document { load: None, license: Some(1) };
    phone.see(Fact::Answered { side: Side::Multiplatform, answer });
    phone.see(Fact::LicenseGiven { direction: Direction::E2m });
    assert_eq!(phone.worlds.license_settled(), (false, true));
    for _ in 0..40 {
        phone.wait(50);
        phone.asks(Side::Multiplatform);
    }
    assert!(phone.worlds.done(Direction::E2m), "no phone waits so long before it asks again");
}

#[test]
fn a_license_is_asked_for_on_the_multiplatform_side_alone() {
    let mut phone = Watched::running(NEW);
    phone.asks_for(DIRECT);
    phone.fetches(DIRECT, 3);
    phone.wait(200);
    phone.see(Fact::Missing { name: format!("{MAC}.lic") });
    assert_eq!(phone.told(), ["0 12-0-7MPP0201-66, starting"]);
}

#[test]
fn one_that_needs_its_license_first_may_be_silent() {
    let mut phone = Watched::running(E2M);
    phone.is_told(MPP, 1);
    for _ in 0..10 {
        phone.wait(50);
        phone.asks(Side::Multiplatform);
    }
    assert_eq!(phone.accidents(E2M), []);
    phone.asks_for(MPP);
    assert_eq!(phone.accidents(E2M), [Accident::LicensedElsewhere]);
}

#[test]
fn a_component_of_a_load_that_is_not_here_tells_nothing() {
    let mut phone = Watched::running(OLD);
    let name = "rootfs88xx.10-3-1-12.sbn".to_owned();
    phone.see(Fact::Fetched { name, from: 0, to: SIZE, size: SIZE, asked: Some(phone.now) });
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet"]);
}
