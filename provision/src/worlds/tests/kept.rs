//! What is left of a phone whose facts are not at hand: a checkpoint, or an older record.

use super::*;
use crate::journey::{Journey, KnownBefore};

fn reread(json: &str) -> Option<Worlds> {
    serde_json::from_str::<StoredCheckpoint>(json).unwrap().worlds()
}

#[test]
fn a_checkpoint_goes_on_as_if_every_fact_were_at_hand() {
    let walk = |is_reread: bool| {
        let mut phone = Watched::running(OLD);
        phone.hear(Fact::LoadsGiven { load: load(FLOOR) });
        phone.asks_for(FLOOR);
        phone.fetches(FLOOR, 2);
        if is_reread {
            let json = serde_json::to_string(&Checkpoint::from(&phone.worlds)).unwrap();
            phone.worlds = reread(&json).unwrap();
        }
        phone.fetches(FLOOR, 3);
        phone.starts(ENTERPRISE_CLASS);
        phone.worlds
    };
    let worlds = walk(true);
    assert!(worlds.kept(MARGIN).any(|world| world.is(&load(FLOOR))));
    assert_eq!(worlds, walk(false));
}

#[test]
fn a_checkpoint_of_another_model_is_not_gone_by() {
    let phone = Watched::running(OLD);
    let json = serde_json::to_string(&Checkpoint::from(&phone.worlds)).unwrap();
    assert!(reread(&json).is_some());
    assert_eq!(reread(&json.replace("\"model\":1,", "\"model\":2,")), None);
    assert_eq!(reread("{\"model\":1,\"worlds\":{\"of\":\"other shape\"}}"), None);
}

/// A phone that only an older record tells of.
fn known_before(known: KnownBefore) -> Watched {
    let mut phone = Watched::new();
    phone.see(Fact::KnownBefore(known));
    phone
}

#[test]
fn one_that_fetched_after_it_named_its_load_may_run_either() {
    let record = KnownBefore {
        named: Some(load(OLD)),
        fetched: vec![load(FLOOR)],
        tried: vec![(load(FLOOR), 1)],
        ..KnownBefore::default()
    };
    let phone = known_before(record);
    assert_eq!(phone.told(), ["0 11-7-1-17, quiet", "0 12-5-1SR1-4, quiet"]);
    assert!(phone.worlds.all().iter().all(|world| world.will_not_try(&load(FLOOR), 1)));
    assert_eq!(phone.worlds.load(), None);
}

#[test]
fn one_that_came_straight_to_its_target_may_still_ask_for_its_license() {
    let record = |license_due| KnownBefore { named: Some(load(MPP)), license_due, ..KnownBefore::default() };
    assert!(!known_before(record(true)).worlds.done(Direction::E2m));
    assert!(known_before(record(false)).worlds.done(Direction::E2m));
}

#[test]
fn one_that_was_away_may_run_anything() {
    let record = KnownBefore { named: Some(load(FLOOR)), away: true, ..KnownBefore::default() };
    let phone = known_before(record);
    assert_eq!(phone.told(), ["0 12-5-1SR1-4, quiet", "1 some firmware, quiet"]);
}

#[test]
fn a_record_tells_what_it_knows() {
    let mut journey = Journey::new(MAC, Time(1000));
    let mut see = |at, fact| journey.observe(&Observation::new(Time(at), fact));
    let asks = |side| Fact::ConfigAsked { side, signed: false, model: None, user_agent: None };
    see(1000, asks(Side::Enterprise));
    see(2000, Fact::Probed(Page { load: Some(load(OLD)), ..Page::default() }));
    see(3000, Fact::LoadsGiven { load: load(DIRECT) });
    see(4000, Fact::LicenseGiven { direction: Direction::E2m });
    let known = journey.known_before();
    assert_eq!(known.named, Some(load(OLD)));
    assert_eq!(known.fetched, [load(DIRECT)]);
    assert_eq!(known.side, Some(Side::Enterprise));
    assert_eq!(known.licensed_at, Some(Time(4000)));
    assert!(known.license_due && !known.away);
}
