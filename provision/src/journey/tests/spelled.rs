//! Models as rosters and phones spell them, and phones that go back without a license.

use super::*;
use crate::roster;

/// A bench whose roster has one line, with a model and a Transition Authorization Type.
fn listed(direction: Direction, model: &str, kind: &str) -> Bench {
    let mut bench = Bench::new(direction, &[FLOOR, E2M, MPP, M2E]);
    bench.catalog = Catalog::current();
    let table = format!("mac;vid;model;Transition Authorization Type\n{MAC};V05;{model};{kind}\n");
    bench.entry = roster::parse(table.as_bytes()).entries.pop();
    bench
}

fn asks() -> Fact {
    let (model, user_agent) = (Some("8851".to_owned()), None);
    Fact::ConfigAsked { side: Side::Multiplatform, signed: false, model, user_agent }
}

fn verdict(bench: &Bench) -> Assessment {
    assess(bench.journey.as_ref(), MAC, &bench.context())
}

#[test]
fn a_model_without_a_radio_is_held_on_the_way_back_however_it_is_spelled() {
    for spelling in
        ["CP-8851NR-K9", "8851NR", "CP-8851-NR-K9++=", "Cisco 8851NR", "8851 no radio", "CP-8851-3PCC-NR-K9="]
    {
        let mut bench = listed(Direction::M2e, spelling, "");
        bench.boot(MPP_CLASS);
        let verdict = verdict(&bench);
        assert_eq!(verdict.model.as_deref(), Some("8851NR"), "{spelling}");
        assert_eq!(verdict.hold.map(|hold| hold.code), Some(HoldCode::NotEligible), "{spelling}");
    }
    for spelling in ["8851-3PCC", "CP-8851-K9", "8851-K9=", "CP-8851-W-K9-RF", ""] {
        let mut bench = listed(Direction::M2e, spelling, "");
        bench.boot(MPP_CLASS);
        let verdict = verdict(&bench);
        assert_eq!((verdict.model.as_deref(), verdict.hold), (Some("8851"), None), "{spelling}");
    }
}

#[test]
fn what_the_roster_says_and_nobody_understands_is_asked_about() {
    for spelling in ["8851-ZZ", "CP-8851-BEKEM", "8851 or 8851NR", "8815"] {
        let mut bench = listed(Direction::M2e, spelling, "");
        bench.boot(MPP_CLASS);
        let hold = verdict(&bench).hold.unwrap();
        assert_eq!(hold.code, HoldCode::NotEligible, "{spelling}");
        assert!(hold.cause().contains(spelling) && hold.cure().contains("88"), "{spelling}: {hold:?}");
    }
    for nothing in ["reception", "?", "n/a", "Cisco IP Phone"] {
        let mut bench = listed(Direction::M2e, nothing, "");
        bench.boot(MPP_CLASS);
        assert_eq!(verdict(&bench).model.as_deref(), Some("8851"), "{nothing}");
    }
    let mut bench = listed(Direction::E2m, "CP-8851-K9=", "");
    bench.boot("Cisco Systems, Inc. IP Phone CP-8851-ZZ");
    assert_eq!(verdict(&bench).model.as_deref(), Some("8851"), "the roster answers");
    let mut bench = listed(Direction::E2m, "", "");
    bench.boot("Cisco Systems, Inc. IP Phone CP-8851-ZZ");
    let hold = verdict(&bench).hold.unwrap();
    assert!(hold.cause().contains("CP-8851-ZZ") && hold.cause().contains("8851"), "{hold:?}");
}

#[test]
fn a_phone_may_go_back_without_a_license_where_the_setting_says_so() {
    let held = |way_back, kind: &str| {
        let mut bench = listed(Direction::M2e, "8851", kind);
        bench.settings.way_back = way_back;
        bench.library.licenses.clear();
        bench.boot(MPP_CLASS);
        bench.see(asks());
        let verdict = verdict(&bench);
        let license = match verdict.next {
            Next::Load { license, .. } => Some(license),
            _ => None,
        };
        (verdict.hold.map(|hold| hold.code), license)
    };
    assert_eq!(held(WayBack::License, "WxC").0, Some(HoldCode::NoLicense));
    for free in ["WxC", "wxc "] {
        assert_eq!(held(WayBack::ByType, free), (None, Some(false)), "{free}");
    }
    for needs in ["", "none", "Classic"] {
        assert_eq!(held(WayBack::ByType, needs).0, Some(HoldCode::NoLicense), "{needs}");
    }
    assert_eq!(held(WayBack::Free, ""), (None, Some(false)));
    let mut forth = listed(Direction::E2m, "8851", "WxC");
    forth.settings.way_back = WayBack::Free;
    forth.library.licenses.clear();
    forth.boot(ENTERPRISE_CLASS);
    assert_eq!(verdict(&forth).hold.map(|hold| hold.code), Some(HoldCode::NoLicense), "only the way back");
    let mut licensed = listed(Direction::M2e, "8851", "WxC");
    licensed.settings.way_back = WayBack::Free;
    licensed.boot(MPP_CLASS);
    licensed.see(asks());
    assert!(matches!(verdict(&licensed).next, Next::Load { license: true, .. }), "what is here is given");
}
