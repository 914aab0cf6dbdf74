//! Loads that are named: by the phone's page, its registration, and the roster.

use super::*;

#[test]
fn its_page_names_what_it_runs() {
    let mut phone = Watched::new();
    phone.asks(Side::Enterprise);
    phone.shows(FLOOR);
    assert_eq!(phone.told(), ["0 12-5-1SR1-4, quiet"]);
}

#[test]
fn a_page_settles_what_was_doubtful() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    phone.shows(FLOOR);
    assert_eq!(phone.told(), ["0 12-5-1SR1-4, quiet"]);
}

#[test]
fn a_page_that_names_what_no_world_runs_may_be_wrong() {
    let mut phone = Watched::running(OLD);
    phone.shows(NEW);
    assert_eq!(phone.told(), ["0 14-4-1-0301-6, quiet", "1 11-7-1-17, quiet"]);
    assert_eq!(phone.accidents(NEW), [Accident::LoadedElsewhere]);
    assert_eq!(phone.accidents(OLD), [Accident::FalsePage]);
}

#[test]
fn one_that_names_what_it_fetched_has_started() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    phone.registers(FLOOR);
    assert_eq!(phone.told()[0], "0 12-5-1SR1-4, starting");
    assert_eq!(phone.accidents(FLOOR), [Accident::StartedUnseen]);
}

#[test]
fn the_roster_says_what_it_runs_or_is_wrong() {
    let mut phone = Watched::new();
    phone.see(Fact::Listed { load: Some(load(FLOOR)) });
    assert_eq!(phone.told(), ["0 12-5-1SR1-4, quiet", "2 some firmware other than 12-5-1SR1-4, quiet"]);
}

#[test]
fn a_word_that_the_roster_takes_back_counts_no_more() {
    let mut phone = Watched::new();
    phone.see(Fact::Listed { load: Some(load(FLOOR)) });
    phone.see(Fact::Listed { load: None });
    assert_eq!(phone.told(), ["0 12-5-1SR1-4, quiet", "0 some firmware other than 12-5-1SR1-4, quiet"]);
}

#[test]
fn whoever_retries_a_phone_stands_by_the_roster() {
    let mut phone = Watched::new();
    phone.see(Fact::Listed { load: Some(load(FLOOR)) });
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    phone.wait(7200);
    phone.asks(Side::Enterprise);
    assert!(phone.told().contains(&"1 some Enterprise firmware, quiet".to_owned()), "{:?}", phone.told());
    phone.see(Fact::Operator { act: crate::journey::Act::Retry });
    assert!(!phone.told().contains(&"1 some Enterprise firmware, quiet".to_owned()), "{:?}", phone.told());
}
