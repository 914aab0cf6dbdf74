//! What a phone may have done while nobody watched, and what had to be seen and was not.

use super::*;

#[test]
fn one_that_was_told_may_have_asked_unseen() {
    let mut phone = Watched::running(DIRECT);
    phone.is_told(MPP, 1);
    phone.is_unwatched(60);
    assert_eq!(phone.told(), ["0 12-0-7MPP0201-66, quiet", "1 11-2-3MPP-398, quiet"]);
    assert!(phone.worlds.all()[0].failed.iter().any(|url| url.load == load(MPP) && !url.certain));
}

#[test]
fn one_that_fetched_may_still_do_so_or_have_failed_or_run_the_load() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 1);
    phone.is_unwatched(60);
    assert_eq!(
        phone.told(),
        ["0 11-7-1-17, fetches 12-5-1SR1-4", "0 11-7-1-17, quiet", "1 12-5-1SR1-4, quiet"]
    );
    assert_eq!(phone.accidents(FLOOR), [Accident::FetchedUnseen]);
}

#[test]
fn a_gap_comes_before_a_deadline_within_it() {
    let mut phone = Watched::running(OLD);
    phone.is_told(FLOOR, 1);
    phone.wait(60);
    phone.is_unwatched(600);
    assert_eq!(phone.accidents(OLD), []);
}

#[test]
fn one_that_has_all_of_a_load_has_started_with_it_in_time() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    assert_eq!(phone.told(), ["0 11-7-1-17, fetches 12-5-1SR1-4"]);
    phone.passes(15 * 60);
    assert_eq!(phone.told(), ["0 12-5-1SR1-4, quiet", "1 11-7-1-17, quiet"]);
}

#[test]
fn a_fetch_that_stands_still_has_failed() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 1);
    phone.passes(15 * 60);
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet"]);
}

#[test]
fn one_that_must_be_off_and_is_heard_did_not_ask_though_it_was_there() {
    let mut phone = Watched::running(OLD);
    phone.is_told(FLOOR, 1);
    phone.passes(120);
    phone.see(Fact::Probed(Page::default()));
    assert_eq!(phone.accidents(OLD), [Accident::SwitchedOff, Accident::DidNotAsk]);
}

#[test]
fn one_that_was_away_may_have_been_loaded_elsewhere() {
    let mut phone = Watched::running(OLD);
    phone.wait(2 * 3600);
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet", "1 some Enterprise firmware, quiet"]);
}

#[test]
fn one_whose_registration_stands_is_not_away() {
    let mut phone = Watched::running(OLD);
    phone.registers(OLD);
    phone.wait(2 * 3600);
    phone.renews(ENTERPRISE_CLASS);
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet"]);
}
