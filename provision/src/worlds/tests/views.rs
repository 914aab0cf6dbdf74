//! What all worlds have in common.

use super::*;

#[test]
fn a_hop_is_allowed_where_every_world_bears_it() {
    let mut phone = Watched::running(OLD);
    phone.library.loads.retain(|name, _| [FLOOR, E2M, MPP].contains(&name.as_str()));
    assert!(!phone.allows(E2M));
    phone.is_told(FLOOR, 1);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    assert!(!phone.allows(E2M), "it may run the load before, from which the crossing strands it");
    assert!(phone.allows(FLOOR), "the same load once more is safe in every world");
    phone.shows(FLOOR);
    assert!(phone.allows(E2M));
}

#[test]
fn what_it_is_taken_to_run_comes_with_its_rival() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    phone.starts(ENTERPRISE_CLASS);
    phone.asks(Side::Enterprise);
    let believed = phone.worlds.believed().unwrap();
    assert_eq!((believed.load, believed.rival), (Some(&load(FLOOR)), Some(1)));
    assert_eq!(phone.worlds.side(), Some(Side::Enterprise));
    let told: Vec<String> = phone.worlds.explain().iter().map(ToString::to_string).collect();
    let expected = [
        "It runs sip88xx.12-5-1SR1-4, because it fetched that load whole and started again. It rests, and reads its \
         configuration when it starts.",
        "It would run sip88xx.11-7-1-17, because its own page says so, only if its plug was pulled while it wrote, or it \
         threw the load away. It was told to load sip88xx.12-5-1SR1-4, and has to ask for it.",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_phone_that_may_be_writing_is_left_alone() {
    let mut phone = Watched::running(OLD);
    phone.asks_for(FLOOR);
    phone.fetches(FLOOR, 3);
    let until = phone.worlds.busy_until(&phone.settings);
    assert_eq!(until, Some(phone.now + phone.settings.timing.flash));
    phone.passes(15 * 60);
    assert_eq!(phone.worlds.busy_until(&phone.settings), None);
}

#[test]
fn an_enterprise_phone_at_rest_waits_for_a_start() {
    let mut phone = Watched::running(OLD);
    phone.passes(200);
    assert_eq!(phone.worlds.waits_for(phone.now, &phone.settings), Some(WaitsFor::Start));
}

#[test]
fn a_phone_with_a_trust_list_waits_for_unsigned_configuration() {
    let mut phone = Watched::running(OLD);
    phone.see(Fact::ConfigAsked { side: Side::Enterprise, signed: true, model: None, user_agent: None });
    phone.passes(60);
    let waits = phone.worlds.waits_for(phone.now, &phone.settings);
    assert_eq!(waits, Some(WaitsFor::UnsignedConfiguration));
}

#[test]
fn a_phone_that_others_steer_waits_for_them() {
    let mut phone = Watched::running(OLD);
    phone.settings.call_managers = Some(vec![Ipv4Addr::new(192, 0, 2, 10)]);
    phone.starts(ENTERPRISE_CLASS);
    phone.is_given(Persona::Enterprise);
    phone.see(Fact::Probed(Page::default()));
    phone.passes(200);
    let waits = phone.worlds.waits_for(phone.now, &phone.settings);
    assert_eq!(waits, None, "that it started stands on broadcasts alone");
}

#[test]
fn a_phone_that_has_started_and_is_silent_waits_for_anything() {
    let mut phone = Watched::running(MPP);
    phone.passes(200);
    let waits = phone.worlds.waits_for(phone.now, &phone.settings);
    assert_eq!(waits, Some(WaitsFor::Anything));
}
