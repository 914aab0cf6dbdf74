//! Routes that the operator pinned.

use super::*;

fn pinned(phone: RoutedPhone, pin: &[&str]) -> RoutedPhone {
    RoutedPhone { pin: Some(pin.iter().map(|name| load(name)).collect()), ..phone }
}

const PIN: &[&str] = &[SEED, E2M, MPP];
const ALL: &[&str] = &[OLD, SEED, NEW, E2M, M2E, MPP, NEW_MPP];

#[test]
fn a_pinned_route_is_walked_from_wherever_the_phone_is() {
    let phone = pinned(E2M_8851(), PIN);
    assert_eq!(phone.way_from(OLD, ALL), [SEED, E2M, MPP]);
    assert_eq!(phone.way_from(SEED, ALL), [E2M, MPP]);
    assert_eq!(
        phone.way_from("sip88xx.12-8-1-0101-482", ALL),
        [E2M, MPP],
        "not on it: the first load it may take"
    );
    assert_eq!(phone.way_from(E2M, ALL), [MPP]);
    assert!(phone.way_from(MPP, ALL).is_empty());
    assert_eq!(phone.way_from("sip88xx.11-0-1MPP-150", ALL), [MPP]);
    assert_eq!(phone.way(Present::Unknown(Side::Enterprise), ALL), [SEED, E2M, MPP]);
    assert_eq!(phone.way(Present::Unknown(Side::Multiplatform), ALL), [MPP]);
}

#[test]
fn a_pin_overrides_the_target() {
    assert_eq!(
        pinned(E2M_8851(), &[NEW, "sip88xx.11-3-6MPP0001-273"])
            .way_from(OLD, &[NEW, NEW_MPP, "sip88xx.11-3-6MPP0001-273"])
            .len(),
        2
    );
    assert_eq!(pinned(M2E_8851(), &[M2E, SEED]).way_from(NEW_MPP, ALL), [M2E, SEED]);
}

#[test]
fn a_pin_that_breaks_a_rule_is_refused_with_the_rule() {
    let skip = pinned(E2M_8851(), &[OLD, E2M, MPP]).refusal("sip88xx.10-3-1-12", ALL);
    assert_eq!(skip.code, HoldCode::NoRoute);
    assert!(skip.cause().contains("12.5(1)") && skip.cure().contains("[migration.routes]"), "{skip}");
    let down = pinned(E2M_8851(), PIN).refusal(NEW_MPP, ALL);
    assert_eq!(down.code, HoldCode::NoRoute, "{down}");
    let floor = pinned(RoutedPhone { vid: Some(Vid(15)), ..E2M_8851() }, PIN).refusal(SEED, ALL);
    assert!(floor.cause().contains("11.3(3)"), "{floor}");
}

#[test]
fn a_pin_that_leads_nowhere_is_refused() {
    for pin in [&[][..], &[SEED, E2M], &[E2M, "sip78xx.11-2-3MPP-398"]] {
        assert_eq!(pinned(E2M_8851(), pin).refusal(SEED, ALL).code, HoldCode::NoRoute, "{pin:?}");
    }
    let stranger = pinned(E2M_8851(), &["sip78xx.12-5-1SR1-4", MPP]).refusal(SEED, ALL);
    assert!(stranger.cause().contains("sip78xx.12-5-1SR1-4"), "{stranger}");
}

#[test]
fn pinned_loads_that_are_not_here_are_named() {
    let absent = pinned(E2M_8851(), PIN).refusal(OLD, &[SEED]);
    assert_eq!(absent.code, HoldCode::FirmwareMissing);
    let HoldReason::Firmware(lack) = &absent.reason else { panic!("{absent}") };
    assert_eq!(lack.files(), [format!("{E2M}.loads"), format!("{MPP}.loads")]);
    assert_eq!(pinned(E2M_8851(), PIN).way_from(E2M, &[MPP]), [MPP], "what is behind it need not be here");
}
