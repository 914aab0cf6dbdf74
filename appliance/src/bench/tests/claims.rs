//! Tests false identities, phones on other segments, and holds of all phones.

use transload_provision::journey::{Means, Restart};
use transload_provision::sip::{PhoneDescription, RegistrarEvent, SenderProof};

use super::*;
use crate::listeners::sip::Exchange;

const OURS: Ipv4Addr = Ipv4Addr::new(10, 23, 45, 67);

#[tokio::test]
async fn of_two_that_say_they_are_one_phone_the_one_with_its_lease_is_served_and_both_are_on_record() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    let own = lab.text(AT_A, "8851-3PCC.xml", None).await;
    assert!(own.contains(MPP), "{own}");
    let before = lab.bench.phone(A).unwrap().phone;
    for path in [
        format!("SEP{A}.cnf.xml"),
        format!("{A}.lic"),
        format!("/{A}/1/{MPP}.loads"),
        format!("{FLOOR}.loads"),
    ] {
        assert_eq!(lab.text(AT_B, &path, Some(agent(A))).await, "", "{path}");
    }
    let after = lab.bench.phone(A).unwrap().phone;
    assert_eq!((after.stage, after.hold, after.address), (before.stage, before.hold, Some(AT_A)));
    let told = lab.bench.explain(A).contradictions;
    assert!(told.iter().any(|doubt| doubt.what.contains(&AT_B.to_string())), "{told:?}");
    assert_eq!(lab.text(AT_A, &format!("/{A}/1/{MPP}.loads"), None).await, "a file", "and goes on");
}

#[tokio::test]
async fn behind_the_crossing_a_phone_is_known_at_its_new_address_and_nobody_is_it_at_the_old_one() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    assert!(lab.text(AT_A, "8851-3PCC.xml", None).await.contains(MPP));
    // The phone changes its client identifier and gets another address.
    lab.lease(A, AT_B);
    let profile = lab.text(AT_B, "8851-3PCC.xml", Some(agent(A))).await;
    assert!(profile.contains(&format!("/{A}/")), "{profile}");
    assert_eq!(lab.text(AT_A, "8851-3PCC.xml", None).await, "");
    assert_eq!(lab.text(AT_A, &format!("{A}.lic"), None).await, "");
    assert_eq!(lab.text(AT_B, &format!("{A}.lic"), None).await, "a file");
}

#[tokio::test]
async fn a_foreign_dhcp_server_is_said_with_its_cure_to_whom_it_concerns_alone() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    lab.lease(B, AT_B);
    lab.text(AT_A, "8851-3PCC.xml", None).await;
    lab.text(AT_B, "8851-3PCC.xml", None).await;
    {
        // B already runs the target.
        let mut state = lab.bench.state();
        let page = Page { load: MPP.parse().ok(), ..Page::default() };
        lab.bench.observe(&mut state, B, Fact::Probed(page));
    }
    let shown = |mac| lab.bench.phone(mac).unwrap().phone;
    let (before, done) = (shown(A), shown(B));
    assert_eq!(done.stage, Stage::Done, "{done:?}");
    lab.bench.set_foreign_dhcp(OURS, Some("192.0.2.1".into()));
    let hold = shown(A).hold.unwrap();
    assert_eq!((shown(A).stage, hold.code), (Stage::Held, HoldCode::ForeignDhcp));
    assert!(hold.cause.contains("192.0.2.1") && hold.cure.contains("take it off the segment"), "{hold:?}");
    assert_eq!((shown(B).stage, shown(B).hold), (Stage::Done, None), "who is done needs no lease of ours");
    // The foreign server is gone, and the phone's stage is as before.
    lab.bench.set_foreign_dhcp(OURS, None);
    assert_eq!((shown(A).stage, shown(A).hold), (before.stage, before.hold));
}

#[tokio::test]
async fn what_became_of_a_restart_is_on_the_phones_own_page() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    lab.text(AT_A, &format!("SEP{A}.cnf.xml"), None).await;
    {
        let mut state = lab.bench.state();
        let told = Fact::RestartTold { how: Restart::Reset, by: Means::Hook, operator: false };
        lab.bench.observe(&mut state, A, told);
    }
    lab.bench.restart_done(A, "/usr/bin/cycle-port ended with exit status: 3: no such port".into(), true);
    let timeline = lab.bench.explain(A).timeline;
    let found = timeline.iter().any(|moment| {
        moment.what
            == "told to reset by hooks.restart: /usr/bin/cycle-port ended with exit status: 3: no such port"
    });
    assert!(found, "{timeline:?}");
}

#[tokio::test]
async fn a_registration_by_datagram_counts_once_the_phone_has_answered() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    assert!(lab.text(AT_A, "8851-3PCC.xml", None).await.contains(MPP));
    let said =
        PhoneDescription { active: Some(FLOOR.into()), model: Some(683), ..PhoneDescription::default() };
    let told = |lab: &TestBench| {
        let journey = &lab.bench.state().phones[&A].journey;
        (journey.reports.len(), journey.is_registered(), journey.contradictions.len())
    };
    let before = told(&lab);
    lab.bench.heard(RegistrarEvent::Registered(A, said.clone(), SenderProof::OneWay));
    assert_eq!(told(&lab), before, "it may be anybody's word");
    lab.bench.heard(RegistrarEvent::Registered(A, said, SenderProof::TwoWay));
    assert_eq!(told(&lab).0, 1);
    assert!(told(&lab).1, "it is registered");
}
