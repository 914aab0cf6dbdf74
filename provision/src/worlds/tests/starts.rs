//! Starts, the side that a phone names, and whom it asks.

use super::*;

#[test]
fn one_that_has_fetched_nothing_starts_as_what_it_was() {
    let mut phone = Watched::running(OLD);
    phone.starts(ENTERPRISE_CLASS);
    assert_eq!(phone.told(), ["0 11-7-1-17, starting", "1 11-7-1-17, quiet"]);
}

#[test]
fn a_load_fetched_whole_runs_unless_the_plug_was_pulled_while_it_was_written() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    let worlds = ["0 12-5-1SR1-4, quiet", "1 11-7-1-17, told 12-5-1SR1-4"];
    assert_eq!(phone.told(), worlds);
    assert!(phone.accidents(OLD).contains(&Accident::CutWhileWriting));
}

#[test]
fn a_load_fetched_in_part_does_not_run() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 1);
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet"]);
}

#[test]
fn one_that_lacks_only_what_other_loads_have_too_may_run_it_or_have_been_cut_off() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 2);
    let broken = Fact::Broken { name: SHARED.to_owned(), cause: "closed".to_owned() };
    phone.see(broken);
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet", "0 12-5-1SR1-4, quiet"]);
}

#[test]
fn one_that_kept_what_other_loads_have_too_runs_it() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 2);
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    assert_eq!(phone.told(), ["0 12-5-1SR1-4, quiet", "1 11-7-1-17, told 12-5-1SR1-4"]);
}

#[test]
fn a_load_in_its_other_partition_starts_without_a_download() {
    let mut phone = Watched::running(DIRECT);
    phone.is_told(MPP, 1);
    phone.starts(MPP_CLASS);
    phone.asks(Side::Multiplatform);
    assert_eq!(phone.told(), ["0 12-0-7MPP0201-66, told 11-2-3MPP-398", "1 11-2-3MPP-398, quiet"]);
    assert_eq!(phone.accidents(MPP), [Accident::LoadInReserve]);
}

#[test]
fn a_crossing_makes_a_license_due_and_forgets_failures() {
    let mut phone = Watched::running(NEW);
    phone.asks_for(DIRECT);
    phone.fetches(DIRECT, 3);
    phone.starts(MPP_CLASS);
    phone.asks(Side::Multiplatform);
    assert_eq!(phone.told(), ["0 12-0-7MPP0201-66, quiet"]);
    assert!(!phone.worlds.done(Direction::E2m));
}

#[test]
fn a_class_names_the_side_of_a_phone_of_which_nothing_is_known() {
    let mut phone = Watched::new();
    phone.starts(MPP_CLASS);
    assert_eq!(phone.told(), ["0 some Multiplatform firmware, starting", "1 some firmware, quiet"]);
}

#[test]
fn an_enterprise_class_may_be_that_of_a_transition_load() {
    let mut phone = Watched::new();
    phone.starts(ENTERPRISE_CLASS);
    let worlds = [
        "0 some Enterprise firmware, starting",
        "1 some Multiplatform firmware, starting",
        "1 some firmware, quiet",
    ];
    assert_eq!(phone.told(), worlds);
}

#[test]
fn a_class_of_the_other_side_was_configured_or_sent_by_somebody_else() {
    let mut phone = Watched::running(OLD);
    phone.renews(MPP_CLASS);
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet"]);
    assert_eq!(phone.accidents(OLD), [Accident::SomebodyLies]);
}

#[test]
fn options_of_its_lease_lead_it_to_a_call_manager() {
    let mut phone = Watched::running(OLD);
    phone.settings.call_managers = Some(vec![Ipv4Addr::new(192, 0, 2, 10)]);
    phone.starts(ENTERPRISE_CLASS);
    phone.is_given(Persona::Enterprise);
    assert!(phone.worlds.all()[0].outside);
    phone.asks(Side::Enterprise);
    assert!(!phone.worlds.all()[0].outside, "it asks here all the same");
}

#[test]
fn whoever_told_it_before_tells_it_again() {
    let mut phone = Watched::running(OLD);
    phone.settings.call_managers = Some(vec![Ipv4Addr::new(192, 0, 2, 10)]);
    phone.starts(ENTERPRISE_CLASS);
    phone.is_given(Persona::Enterprise);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    phone.starts(ENTERPRISE_CLASS);
    phone.is_given(Persona::Enterprise);
    let told = phone.told();
    assert!(told.contains(&"0 12-5-1SR1-4, starting".to_owned()), "{told:?}");
    assert!(told.contains(&"1 11-7-1-17, told 12-5-1SR1-4".to_owned()), "{told:?}");
    phone.passes(200);
    phone.renews(ENTERPRISE_CLASS);
    assert!(!phone.told().contains(&"1 11-7-1-17, quiet".to_owned()), "it was there and did not ask");
}
