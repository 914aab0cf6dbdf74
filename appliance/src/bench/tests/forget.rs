//! Tests what remains of a forgotten phone, and when forgetting is refused.

use transload_provision::feed::FeedMessage;
use transload_provision::roster;

use super::*;
use crate::bench::selection::Selection;

/// A has a lease and asked for its profile; it is in the roster if `listed`.
async fn met(listed: bool) -> TestBench {
    let lab = TestBench::new(true);
    if listed {
        let roster = roster::parse(format!("MAC,model\n{A},8851\n{B},8851\n").as_bytes());
        lab.bench.set_roster(roster.entries);
    }
    lab.lease(A, AT_A);
    assert!(lab.text(AT_A, "8851-3PCC.xml", None).await.contains(MPP));
    lab.bench.pending_restarts().await;
    lab
}

/// Selects these phones only.
fn named(macs: &[Mac]) -> Selection {
    Selection { mac: macs.to_vec(), ..Selection::default() }
}

#[tokio::test]
async fn of_a_forgotten_phone_stay_its_lease_and_the_record_also_after_a_power_cut() {
    let lab = met(false).await;
    assert_eq!(lab.bench.forget(A).await, Ok(None));
    let gone = |lab: &TestBench| {
        assert!(lab.bench.phone(A).is_none());
        assert_eq!(lab.bench.state().addresses.leased_to(A), Some(AT_A));
        let report = lab.bench.report();
        assert!(report.phones.is_empty(), "{report:?}");
        assert_eq!(report.forgotten.iter().map(|phone| phone.mac).collect::<Vec<_>>(), [A]);
        let told = lab.bench.explain(A).timeline;
        assert!(told.len() == 1 && told[0].what.starts_with("operator: forget"), "{told:?}");
    };
    gone(&lab);
    lab.bench.housekeeping().await.unwrap();
    let lab = lab.power_cut(true);
    lab.lease(A, AT_A);
    gone(&lab);

    // The phone may come back as a new one.
    assert!(lab.text(AT_A, "8851-3PCC.xml", None).await.contains(&format!("/{A}/1/{MPP}.loads")));
    let timeline = lab.bench.explain(A).timeline;
    assert_eq!(timeline[1].what, "first heard of", "{timeline:?}");
    let lab = lab.power_cut(true);
    assert!(lab.bench.phone(A).is_some());
}

#[tokio::test]
async fn a_listed_phone_is_absent_again_and_the_answer_says_how_to_be_rid_of_it() {
    let lab = met(true).await;
    let note = lab.bench.forget(A).await.unwrap().unwrap();
    assert!(note.contains("remove its line from the roster"), "{note}");
    assert_eq!(lab.bench.phone(A).unwrap().phone.stage, Stage::Absent);
    let refused = lab.bench.forget(A).await.unwrap_err();
    assert!(
        matches!(&refused, OrderRefusal::Conflict(why) if why.cause.contains("only the roster lists it")),
        "{refused:?}"
    );
    let stranger = Mac([0; 6]);
    assert!(matches!(lab.bench.forget(stranger).await, Err(OrderRefusal::Unknown(_))));
}

#[tokio::test]
async fn a_phone_that_may_be_writing_flash_is_not_forgotten() {
    let lab = met(false).await;
    let refused = async || {
        let refusal = lab.bench.forget(A).await.unwrap_err();
        matches!(&refusal, OrderRefusal::Conflict(why) if why.to_string().contains("may be writing flash; wait"))
    };
    let (_, listing) = lab.fetch(AT_A, &format!("/{A}/1/{MPP}.loads"), None).await;
    listing.finish();
    assert!(refused().await, "its listing was given: it goes on to fetch the load by itself");
    let (_, component) = lab.fetch(AT_A, &format!("/{A}/1/rootfs88xx.11-2-3MPP-398.sbn"), None).await;
    component.advance(0, ROOTFS);
    component.finish();
    assert!(refused().await, "it has a component");
    assert!(lab.bench.phone(A).unwrap().phone.writing);
    // Long after its last byte, the phone no longer writes flash.
    lab.bench.state().rules.settings.timing = Timing {
        flash: std::time::Duration::ZERO,
        transfer_idle: std::time::Duration::ZERO,
        ..Timing::default()
    };
    assert_eq!(lab.bench.forget(A).await, Ok(None));
}

#[tokio::test]
async fn what_began_before_a_phone_was_forgotten_does_not_bring_it_back() {
    let lab = met(false).await;
    lab.bench.state().rules.stage_hook = vec!["/hook".to_owned()];
    let (_, transfer) = lab.fetch(AT_A, &format!("{A}.lic"), None).await;
    let (_, broken) = lab.fetch(AT_A, "rootfs88xx.11-2-3MPP-398.sbn", None).await;
    let visit = visits(&lab, &mut PageSchedule::default()).await.remove(0);
    lab.bench.forget(A).await.unwrap();
    transfer.advance(0, 7);
    transfer.finish();
    broken.advance(0, 1);
    drop(broken);
    lab.bench.restart_done(A, "200 OK".into(), false);
    lab.bench.hook_ran(A, Stage::Seen, Ok(String::new()));
    lab.bench.page_read(&visit, Page { mac: Some(A), ..Page::default() });
    lab.bench.note_absence(Time(0), None);
    lab.bench.pending_restarts().await;
    lab.bench.housekeeping().await.unwrap();
    assert!(lab.bench.phone(A).is_none());
    assert!(lab.power_cut(true).bench.phone(A).is_none());
}

#[tokio::test]
async fn no_table_holds_a_forgotten_phone_and_other_servers_are_told() {
    let lab = met(false).await;
    let mut feed = lab.bench.open_feed();
    lab.bench.state().rules.stage_hook = vec!["/hook".to_owned()];
    lab.bench.operate(A, transload_provision::journey::Act::Hold).await.unwrap();
    let mut schedule = PageSchedule::default();
    visits(&lab, &mut schedule).await;
    let before = *feed.borrow_and_update();
    {
        let mut state = lab.bench.state();
        let order = transload_provision::journey::Order {
            how: transload_provision::journey::Restart::Reset,
            by: transload_provision::journey::Means::Hook,
        };
        state.pending_restarts.push(PendingRestart { mac: A, order, address: None });
        assert!(state.agenda.contains_key(&A) && state.changes.iter().any(|change| change.mac == A));
        // The phone has only asked for an address.
        let fact = Fact::Dhcp { boot: true, vendor_class: None, request_list: Vec::new() };
        assert!(take_in(&mut state, B, &Observation::new(Time(1), fact)).is_none());
    }
    lab.bench.forget(A).await.unwrap();
    lab.bench.forget(B).await.unwrap();
    let words = lab.bench.messages_since(before).unwrap().0;
    assert!(matches!(words.as_slice(), [FeedMessage::Forget { mac, .. }] if *mac == A), "{words:?}");
    assert!(lab.bench.next_change(|_| true).is_none());
    assert!(lab.bench.pending_restarts().await.is_empty());
    {
        let state = lab.bench.state();
        assert!(state.phones.is_empty() && state.agenda.is_empty() && state.newcomers.is_empty());
    }
    // The page schedule drops the phone too: a phone that comes back is visited as a new one.
    assert!(visits(&lab, &mut schedule).await.is_empty());
    lab.text(AT_A, &format!("SEP{A}.cnf.xml"), None).await;
    assert_eq!(visits(&lab, &mut schedule).await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_put_on_record_is_not_forgotten() {
    let lab = met(false).await;
    let before = lab.bench.explain(A).timeline;
    lab.bench.ledger.close().unwrap();
    assert!(matches!(lab.bench.forget(A).await, Err(OrderRefusal::NotWritten(_))));
    assert_eq!(lab.bench.explain(A).timeline, before);
    assert!(lab.bench.report().forgotten.is_empty());
}

#[tokio::test]
async fn phones_are_forgotten_by_filter_and_absent_ones_only_if_named() {
    let lab = met(true).await;
    let all = Selection { all: true, ..Selection::default() };
    let outcomes = lab.bench.forget_all(&all, true).await;
    assert_eq!(outcomes.iter().map(|outcome| (outcome.mac, outcome.done)).collect::<Vec<_>>(), [(A, false)]);
    assert!(lab.bench.phone(A).unwrap().phone.first_seen.is_some(), "only asked for");
    let outcomes = lab.bench.forget_all(&all, false).await;
    assert_eq!((outcomes.len(), outcomes[0].done, outcomes[0].note.is_some()), (1, true, true));
    let stranger = Mac([0; 6]);
    let outcomes = lab.bench.forget_all(&named(&[A, B, stranger]), false).await;
    assert!(outcomes.len() == 3 && outcomes.iter().all(|outcome| !outcome.done && outcome.problem.is_some()));
}

#[tokio::test]
async fn whoever_watches_sees_a_listed_phone_absent_again_also_after_a_start_of_the_bench() {
    let lab = met(true).await;
    lab.bench.operate(B, transload_provision::journey::Act::Hold).await.unwrap();
    let lab = lab.power_cut(true);
    let entries = roster::parse(format!("MAC,model\n{B},8851\n").as_bytes()).entries;
    lab.bench.set_roster(entries);
    let mut seen = SurveyCursor::default();
    let stage = |seen: &mut SurveyCursor| {
        let survey = lab.bench.survey(seen);
        survey.phones.into_iter().find(|phone| phone.mac == B).map(|phone| phone.stage)
    };
    assert_eq!((stage(&mut seen), stage(&mut seen)), (Some(Stage::Held), None));
    lab.bench.forget(B).await.unwrap();
    assert_eq!(stage(&mut seen), Some(Stage::Absent));
}
