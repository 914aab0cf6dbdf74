//! A phone that asks without end: what the ledger keeps of it.

use super::*;
use crate::ledger;

/// Rows of all phones.
fn rows(lab: &Lab) -> u32 {
    let ledger = rusqlite::Connection::open(lab.state.path().join("ledger.db")).unwrap();
    ledger.query_row("SELECT count(*) FROM observation", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_phone_that_asks_without_end_has_few_rows_and_its_journey_outlives_a_power_cut() {
    let lab = Lab::new(true);
    lab.lease(A, AT_A);
    let told = |lab: &Lab| {
        let journey = lab.bench.state().phones[&A].journey.clone();
        (journey.offers, journey.sightings, journey.missing.into_keys().collect::<Vec<_>>())
    };
    for number in 0..6000 {
        lab.text(AT_A, &format!("nothing-{}.xml", number % 20), None).await;
        if number % 50 == 0 {
            assert!(lab.text(AT_A, "8851-3PCC.xml", None).await.contains(MPP));
        }
    }
    let before = told(&lab);
    assert_eq!(before.2.len(), 20);
    assert!(rows(&lab) < 1500, "{} rows", rows(&lab));
    let lab = lab.power_cut(true);
    let mut after = told(&lab);
    // Its silence while no bench was there tells nothing.
    for (offer, known) in after.0.iter_mut().zip(&before.0) {
        offer.unwatched = known.unwatched;
    }
    assert_eq!(after, before);
}

#[tokio::test]
async fn an_end_in_order_leaves_snapshots_alone() {
    let lab = Lab::new(true);
    lab.lease(A, AT_A);
    lab.text(AT_A, "8851-3PCC.xml", None).await;
    assert!(rows(&lab) > 0);
    lab.bench.close().await;
    assert_eq!(rows(&lab), 0);
    assert!(ledger::examine(&lab.state.path().join("ledger.db")).is_ok());
}
