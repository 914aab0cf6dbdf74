//! Words that anybody could have said.

use super::*;

#[test]
fn a_start_that_anybody_can_tell_of_may_not_have_happened() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    phone.starts(ENTERPRISE_CLASS);
    let worlds = ["0 12-5-1SR1-4, starting", "1 11-7-1-17, fetches 12-5-1SR1-4", "1 11-7-1-17, starting"];
    assert_eq!(phone.told(), worlds);
}

#[test]
fn a_liar_who_repeats_himself_gains_nothing() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    for _ in 0..10 {
        phone.starts(ENTERPRISE_CLASS);
    }
    let told = phone.told();
    assert!(told.contains(&"1 11-7-1-17, fetches 12-5-1SR1-4".to_owned()), "{told:?}");
    assert!(phone.worlds.busy_until(&phone.settings).is_some());
}

#[test]
fn a_datagram_alone_moves_nothing_that_cannot_be_taken_back() {
    let mut phone = Watched::running(OLD);
    phone.hear(Fact::Registered { report: Report { active: Some(load(FLOOR)), ..Report::default() } });
    assert!(phone.told().contains(&"0 11-7-1-17, quiet".to_owned()), "{:?}", phone.told());
    assert!(!phone.allows(E2M));
}

#[test]
fn an_acknowledgment_shows_whose_a_datagram_was() {
    let mut phone = Watched::new();
    phone.asks(Side::Enterprise);
    phone.is_told(FLOOR, 1);
    phone.wait(1);
    let asked = phone.now;
    phone.hear(Fact::LoadsGiven { load: load(FLOOR) });
    assert_eq!(phone.told().len(), 3, "{:?}", phone.told());
    phone.see(Fact::Acknowledged { asked });
    assert_eq!(phone.told(), ["0 some Enterprise firmware other than 12-5-1SR1-4, fetches 12-5-1SR1-4"]);
}

#[test]
fn an_answer_to_a_datagram_is_worth_what_the_datagram_is() {
    let mut phone = Watched::running(DIRECT);
    phone.wait(60);
    phone.hear(Fact::ConfigAsked { side: Side::Multiplatform, signed: false, model: None, user_agent: None });
    let load = Some(UpgradeInstruction { load: load(MPP), when: None, attempt: 1 });
    phone
        .hear(Fact::Answered { side: Side::Multiplatform, answer: Answer::Document { load, license: None } });
    assert_eq!(phone.told(), ["0 12-0-7MPP0201-66, told 11-2-3MPP-398", "1 12-0-7MPP0201-66, quiet"]);
}

#[test]
fn where_somebody_lies_for_certain_a_broadcast_carries_nothing() {
    let mut phone = Watched::running(OLD);
    phone.renews(MPP_CLASS);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    phone.starts(ENTERPRISE_CLASS);
    let told = phone.told();
    assert!(told.contains(&"0 11-7-1-17, fetches 12-5-1SR1-4".to_owned()), "{told:?}");
    assert!(told.contains(&"0 12-5-1SR1-4, starting".to_owned()), "{told:?}");
}

#[test]
fn what_fits_no_world_makes_everything_possible() {
    let mut phone = Watched::running(OLD);
    phone.see(Fact::LoadsRefused { name: OLD.to_owned() });
    assert_eq!(phone.worlds.misfits(), 1);
    assert_eq!(phone.worlds.load(), None);
}

#[test]
fn there_is_always_a_world_and_never_more_than_can_be_kept() {
    let mut phone = Watched::new();
    phone.asks(Side::Enterprise);
    for number in 0..200 {
        phone.wait(1);
        phone.hear(Fact::LoadsRefused { name: format!("sip88xx.12-5-1-{number}") });
    }
    let excluded = |world: &World| match &world.runs {
        Runs::Band(band) => band.not.len(),
        Runs::Load(_) => 0,
    };
    assert!(phone.worlds.all().iter().all(|world| excluded(world) <= 16));
    assert!((1..=16).contains(&phone.worlds.all().len()));
    // What no load lists fits no world of one that fetches another load.
    phone.is_told(FLOOR, 1);
    phone.asks_for(FLOOR);
    let name = "rootfs88xx.10-3-1-12.sbn".to_owned();
    phone.see(Fact::Fetched { name, from: 0, to: SIZE, size: SIZE, asked: Some(phone.now) });
    assert!(!phone.worlds.all().is_empty());
    assert!(!phone.allows(E2M));
}
