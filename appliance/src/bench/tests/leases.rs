//! Tests that a lease identifies the requester, and that nobody else gets anything.

use super::*;

#[tokio::test]
async fn who_is_not_known_learns_no_load_and_gets_no_license() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    for path in
        ["XMLDefault.cnf.xml", "/", "8851-3PCC.xml", &format!("{FLOOR}.loads"), &format!("{MPP}.loads")]
    {
        assert_eq!(lab.text(AT_B, path, None).await, "", "{path}");
        assert_eq!(lab.text(AT_B, path, Some(agent(A))).await, "", "{path}: A has a lease elsewhere");
    }
    for path in [format!("SEP{A}.cnf.xml"), format!("{A}.lic"), format!("/{A}/1/{MPP}.loads")] {
        assert_eq!(lab.text(AT_B, &path, None).await, "", "{path}");
    }
    assert_eq!(lab.text(AT_A, &format!("{A}.lic"), None).await, "a file");
}

#[tokio::test]
async fn who_asks_without_a_lease_is_nobody_and_is_shown() {
    let lab = TestBench::new(true);
    for path in [format!("SEP{A}.cnf.xml"), format!("{A}.lic"), format!("{FLOOR}.loads")] {
        assert_eq!(lab.text(AT_B, &path, Some(agent(A))).await, "", "{path}");
    }
    assert_eq!(
        lab.text(AT_B, "rootfs88xx.12-5-1SR1-4.sbn", None).await,
        "a file",
        "components are for everybody"
    );
    assert!(lab.bench.phones().is_empty(), "no journey of whom it named");
    let shown = lab.bench.unleased();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].cause.contains("10.23.45.102 asked for") && shown[0].cure.contains("DHCP"), "{shown:?}");
    lab.lease(A, AT_A);
    assert!(lab.text(AT_A, &format!("SEP{A}.cnf.xml"), Some(agent(A))).await.contains(FLOOR));
    assert_eq!(lab.text(AT_B, "XMLDefault.cnf.xml", None).await, "");
}

#[tokio::test]
async fn a_lease_that_has_ended_tells_nobody_and_breaks_no_transfer() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    assert!(lab.text(AT_A, "8851-3PCC.xml", None).await.contains(MPP));
    let (_, loads) = lab.fetch(AT_A, &format!("/{A}/1/{MPP}.loads"), None).await;
    loads.finish();
    let name = "rootfs88xx.11-2-3MPP-398.sbn";
    let (_, tracker) = lab.fetch(AT_A, name, None).await;
    tracker.advance(0, ROOTFS / 2);
    lab.bench.state().addresses.lease(AT_A, A, Time(1));
    assert_eq!(lab.text(AT_A, "8851-3PCC.xml", None).await, "", "its lease has ended");
    tracker.advance(0, ROOTFS);
    tracker.finish();
    let state = lab.bench.state();
    let round = state.phones[&A].journey.rounds.last().cloned().unwrap();
    assert!(round.components[&name.to_ascii_lowercase()].whole(), "{round:?}");
}

#[tokio::test]
async fn where_others_lease_their_feed_tells_who_asks() {
    let lab = TestBench::new(false);
    let feeds = |mac: Mac| {
        let (vendor_class, boot) = (None, None);
        let client = transload_provision::feed::FeedClient {
            mac,
            vendor_class,
            request_list: Vec::new(),
            boot,
            ago: 0,
            client_id: None,
        };
        lab.bench.feed_event(transload_provision::feed::FeedEvent::Lease {
            client,
            address: AT_A,
            seconds: 600,
        });
    };
    feeds(A);
    let profile = lab.text(AT_A, &format!("/Cisco/CP-8851-3PCC/{}.cfg", A.lower()), Some(agent(A))).await;
    assert!(profile.contains(MPP), "{profile}");
    feeds(B);
    assert_eq!(
        lab.text(AT_A, &format!("SEP{A}.cnf.xml"), Some(agent(A))).await,
        "",
        "B has that address now"
    );
    let profile = lab.text(AT_A, "8851-3PCC.xml", Some(agent(B))).await;
    assert!(!profile.contains(".loads"), "B has no license: {profile}");
}

#[tokio::test]
async fn a_listed_phone_behind_a_router_that_nobody_tells_of_is_held_for_a_feed() {
    let lab = TestBench::new(false);
    let listed =
        |mac| transload_provision::roster::parse(format!("mac,model\n{mac},8851\n").as_bytes()).entries;
    lab.bench.set_roster(listed(A));
    assert_eq!(lab.text(AT_B, &format!("SEP{A}.cnf.xml"), None).await, "");
    let hold = lab.bench.phone(A).unwrap().phone.hold.unwrap();
    assert_eq!(hold.code, HoldCode::WaitingOutside);
    assert!(hold.cause.contains("needs a lease feed") && hold.cause.contains("10.23.45.102"), "{hold:?}");
    assert_eq!(lab.text(AT_B, &format!("SEP{B}.cnf.xml"), None).await, "");
    assert!(lab.bench.phone(B).is_none(), "invented names make no phones");
}
