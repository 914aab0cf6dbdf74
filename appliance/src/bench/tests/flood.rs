//! Tests the ledger's bound against a phone that asks without end.

use super::*;
use crate::state::ledger;
use transload_provision::journey::Act;

/// Observations in the ledger that no snapshot covers, of all phones.
fn rows(lab: &TestBench) -> u32 {
    let ledger = rusqlite::Connection::open(lab.state.path().join("ledger.db")).unwrap();
    let sql = "SELECT count(*) FROM observation LEFT JOIN snapshot USING (mac)
               WHERE number > ifnull(through, 0)";
    ledger.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_phone_that_asks_without_end_has_few_rows_and_its_journey_outlives_a_power_cut() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    let told = |lab: &TestBench| {
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
    // Silence during the gap is no evidence.
    for (offer, known) in after.0.iter_mut().zip(&before.0) {
        offer.unwatched = known.unwatched;
    }
    assert_eq!(after, before);
}

#[tokio::test]
async fn an_end_in_order_leaves_snapshots_alone() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    lab.text(AT_A, "8851-3PCC.xml", None).await;
    assert!(rows(&lab) > 0);
    lab.bench.close().await;
    assert_eq!(rows(&lab), 0);
    assert!(ledger::examine(&lab.state.path().join("ledger.db")).is_ok());
}

/// Phones in the ledger.
fn written(lab: &TestBench) -> u32 {
    let ledger = rusqlite::Connection::open(lab.state.path().join("ledger.db")).unwrap();
    let sql = "SELECT count(*) FROM (SELECT mac FROM snapshot UNION SELECT mac FROM observation)";
    ledger.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn phantoms_whose_leases_have_ended_give_way_to_a_phone_that_comes() {
    let lab = TestBench::new(true);
    let phantom = |number: usize| Mac([2, 0, 0, 0, (number >> 8) as u8, number as u8]);
    let address = |number: usize| Ipv4Addr::from_bits(0x0a40_0000 + number as u32);
    let now = lab.bench.now();
    let (lasts, later) = (now + Timing::default().flash, Time(now.0 + 2000));
    let is_known = |mac| lab.bench.state().phones.contains_key(&mac);
    {
        let mut state = lab.bench.state();
        for number in 0..PHONES_KEPT {
            let (mac, address) = (phantom(number), address(number));
            // The third phone's lease is still valid.
            state.addresses.lease(address, mac, if number == 2 { lasts } else { later });
            let at = Time(now.0 - (PHONES_KEPT - number) as u64);
            lab.bench.note_down_at(&mut state, mac, Fact::Leased { address }, at);
        }
        let page = Page { load: FLOOR.parse().ok(), ..Page::default() };
        lab.bench.note_down_at(&mut state, phantom(0), Fact::Probed(page), Time(now.0 - 9000));
        let hold = Fact::Operator { act: Act::Hold };
        lab.bench.note_down_at(&mut state, phantom(1), hold, Time(now.0 - 9000));
        lab.bench.note_down_at(&mut state, B, Fact::Leased { address: AT_B }, now);
    }
    assert!(!is_known(B), "there is no room, and nobody who could give way");
    let told = lab.bench.metrics().bounds.lately();
    assert!(
        told.len() == 1 && told[0].what == "phones" && told[0].cause.contains(&B.to_string()),
        "{told:?}"
    );

    {
        let mut state = lab.bench.state();
        lab.bench.note_down_at(&mut state, B, Fact::Leased { address: AT_B }, later);
    }
    assert!(is_known(B));
    for stays in [0, 1, 2, 67, PHONES_KEPT - 1] {
        assert!(is_known(phantom(stays)), "{stays} was met, is held, has a lease or was heard later");
    }
    for gone in [3, 66] {
        assert!(!is_known(phantom(gone)), "{gone}");
    }
    lab.bench.ledger.append(Vec::new()).await.unwrap();
    assert_eq!(written(&lab) as usize, PHONES_KEPT - 64 + 1);
    let lab = lab.power_cut(true);
    let state = lab.bench.state();
    assert!(state.phones.contains_key(&B) && !state.phones.contains_key(&phantom(3)));
    assert!(state.forgotten.0.is_empty(), "the operator forgot nobody");
}
