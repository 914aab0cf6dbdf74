//! Configurations that are read, and their answers.

use super::*;

#[test]
fn enterprise_firmware_that_reads_its_configuration_has_started() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    phone.wait(200);
    phone.asks(Side::Enterprise);
    assert_eq!(phone.told(), ["0 12-5-1SR1-4, quiet", "1 11-7-1-17, told 12-5-1SR1-4"]);
    assert!(phone.accidents(FLOOR).contains(&Accident::StartedUnseen));
}

#[test]
fn a_start_that_cannot_be_seen_is_no_accident() {
    let mut phone = Watched::new();
    phone.asks(Side::Enterprise);
    phone.shows(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    phone.wait(200);
    phone.asks(Side::Enterprise);
    assert_eq!(phone.told(), ["0 12-5-1SR1-4, quiet", "1 11-7-1-17, told 12-5-1SR1-4"]);
    assert_eq!(phone.accidents(FLOOR), []);
}

#[test]
fn one_that_reads_the_other_sides_configuration_has_crossed() {
    let mut phone = Watched::running(FLOOR);
    phone.asks_for(E2M);
    phone.fetches(E2M, 3);
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Multiplatform);
    assert_eq!(phone.told(), ["0 TLexE2M-11-2-3C-4, quiet"]);
}

#[test]
fn one_that_is_told_another_load_asks_for_it_or_was_cut_off() {
    let mut phone = Watched::running(OLD);
    phone.is_told(FLOOR, 1);
    assert_eq!(phone.told(), ["0 11-7-1-17, told 12-5-1SR1-4"]);
    phone.passes(120);
    assert_eq!(phone.told(), ["0 11-7-1-17, off"]);
    assert_eq!(phone.accidents(OLD), [Accident::SwitchedOff]);
}

#[test]
fn one_that_is_told_the_load_it_runs_rests() {
    let mut phone = Watched::running(FLOOR);
    phone.is_told(FLOOR, 1);
    assert_eq!(phone.told(), ["0 12-5-1SR1-4, quiet"]);
}

#[test]
fn silence_tells_what_an_unknown_phone_runs() {
    let mut phone = Watched::new();
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    phone.is_told(FLOOR, 1);
    let worlds =
        ["0 12-5-1SR1-4, quiet", "0 some Enterprise firmware other than 12-5-1SR1-4, told 12-5-1SR1-4"];
    assert_eq!(phone.told(), worlds);
    phone.passes(120);
    phone.renews(ENTERPRISE_CLASS);
    assert_eq!(phone.worlds.load(), None, "one renewal may be somebody else's");
    phone.wait(10);
    phone.see(Fact::Probed(Page::default()));
    assert_eq!(phone.worlds.load(), Some(&load(FLOOR)), "it was there and did not ask");
}

#[test]
fn enterprise_firmware_that_has_its_document_does_not_ask_again() {
    let mut phone = Watched::running(OLD);
    phone.is_told(OLD, 1);
    phone.asks(Side::Enterprise);
    assert!(phone.accidents(OLD).contains(&Accident::DocumentLost));
    let by = crate::journey::Means::Registration;
    phone.see(Fact::RestartTold { how: crate::journey::Restart::Restart, by, operator: false });
    phone.asks(Side::Enterprise);
    assert_eq!(phone.accidents(OLD).len(), 1, "told to restart, it reads it again");
}

#[test]
fn a_restart_by_its_power_makes_silence_free() {
    let mut phone = Watched::running(OLD);
    phone.is_told(FLOOR, 1);
    let by = crate::journey::Means::Hook;
    phone.see(Fact::RestartTold { how: crate::journey::Restart::Reset, by, operator: false });
    phone.passes(600);
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet"]);
}

#[test]
fn a_phone_that_comes_back_for_its_profile_did_not_get_the_one_before() {
    let mut phone = Watched::running(DIRECT);
    phone.is_told(MPP, 1);
    phone.wait(50);
    phone.asks(Side::Multiplatform);
    assert_eq!(phone.told(), ["0 12-0-7MPP0201-66, told 11-2-3MPP-398"]);
    assert_eq!(phone.accidents(DIRECT), [Accident::DocumentLost]);
}

#[test]
fn a_url_that_failed_is_not_tried_again() {
    let mut phone = Watched::running(DIRECT);
    phone.is_told(MPP, 1);
    phone.wait(1);
    phone.see(Fact::LoadsRefused { name: MPP.to_owned() });
    phone.asks(Side::Multiplatform);
    assert_eq!(phone.told(), ["0 12-0-7MPP0201-66, quiet"]);
    phone.is_told(MPP, 2);
    assert_eq!(phone.told(), ["0 12-0-7MPP0201-66, told 11-2-3MPP-398"]);
}

#[test]
fn what_could_not_be_answered_makes_silence_free() {
    let mut phone = Watched::running(DIRECT);
    phone.is_told(MPP, 1);
    phone.see(Fact::Answered { side: Side::Multiplatform, answer: Answer::Nothing });
    phone.wait(60);
    phone.asks(Side::Multiplatform);
    assert_eq!(phone.accidents(DIRECT), []);
}

#[test]
fn a_condition_tells_each_phone_what_it_needs() {
    let mut phone = Watched::running(MPP);
    let document = UpgradeInstruction { load: load(FLOOR), when: Some(load(M2E)), attempt: 1 };
    let answer = Answer::Document { load: Some(document.clone()), license: Some(1) };
    phone.see(Fact::Answered { side: Side::Multiplatform, answer: answer.clone() });
    assert_eq!(phone.told(), ["0 11-2-3MPP-398, told TLexM2E-11-2-3C-4"]);
    phone.asks_for(M2E);
    phone.fetches(M2E, 3);
    phone.wait(200);
    phone.starts(MPP_CLASS);
    phone.asks(Side::Multiplatform);
    assert_eq!(
        phone.told(),
        ["0 TLexM2E-11-2-3C-4, told 12-5-1SR1-4", "1 11-2-3MPP-398, told TLexM2E-11-2-3C-4"]
    );
    phone.asks_for(FLOOR);
    assert_eq!(phone.worlds.load(), Some(&load(M2E)), "only that load chooses the other branch");
}

#[test]
fn a_user_agent_names_the_release() {
    let mut phone = Watched::new();
    let agent = |version: &str| Some(format!("Cisco-CP-8851-3PCC/{version} (001234ab45de)"));
    let asks =
        |user_agent| Fact::ConfigAsked { side: Side::Multiplatform, signed: false, model: None, user_agent };
    phone.see(asks(agent("12.0.7")));
    assert_eq!(phone.told(), ["0 some Multiplatform firmware of release 12.0.7, quiet"]);
    phone.shows(DIRECT);
    phone.wait(60);
    phone.see(asks(agent("11.3.3")));
    assert_eq!(phone.accidents(DIRECT), [Accident::AgentConfigured]);
}
