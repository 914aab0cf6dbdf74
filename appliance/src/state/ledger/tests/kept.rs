//! Facts behind a snapshot stay, back to the previous snapshot.

use super::super::rows::{KEPT_IN_ALL, KEPT_OF_A_PHONE, OF_A_PHONE};
use super::*;

fn append(ledger: &Ledger, records: Vec<Record>) {
    ledger.append(records).wait().unwrap();
}

fn facts(from: u64, to: u64) -> Vec<Record> {
    (from..to).map(|at| fact(PHONE, at, &at.to_string())).collect()
}

fn texts(of: &[(Mac, String)]) -> Vec<&str> {
    of.iter().map(|(_, json)| json.as_str()).collect()
}

#[test]
fn the_facts_between_two_snapshots_stay_with_the_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    append(&ledger, facts(1, 3));
    append(&ledger, vec![snapshot(PHONE, "sum of 2")]);
    let told = read(&path);
    assert_eq!((texts(&told.covered), told.before.len()), (vec!["1", "2"], 0), "there was none before");
    append(&ledger, facts(3, 5));
    // The snapshot shares a commit with facts.
    append(&ledger, [facts(5, 6), vec![snapshot(PHONE, "sum of 5")], facts(6, 7)].concat());
    ledger.close().unwrap();
    let (ledger, told) = open(&path);
    assert_eq!(told.snapshots[&PHONE], "sum of 5");
    assert_eq!(told.before[&PHONE], "sum of 2");
    assert_eq!(texts(&told.covered), ["3", "4", "5"]);
    assert_eq!(texts(&told.observations), ["6"]);
    // The same after a restart.
    append(&ledger, vec![snapshot(PHONE, "sum of 6")]);
    let told = read(&path);
    assert_eq!(told.before[&PHONE], "sum of 5");
    assert_eq!(texts(&told.covered), ["6"]);
    assert_eq!(texts(&told.observations), Vec::<&str>::new());
}

#[test]
fn a_snapshot_without_new_facts_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    append(&ledger, facts(1, 3));
    append(&ledger, vec![snapshot(PHONE, "sum")]);
    append(&ledger, vec![snapshot(PHONE, "sum again")]);
    let told = read(&path);
    assert_eq!(told.snapshots[&PHONE], "sum again");
    assert_eq!(texts(&told.covered), ["1", "2"]);
}

#[test]
fn facts_that_were_lost_leave_none_behind_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    append(&ledger, facts(1, 3));
    append(&ledger, vec![snapshot(PHONE, "sum of 2")]);
    append(&ledger, facts(3, 4));
    let after_a_gap = Record::Snapshot { mac: PHONE, json: "sum of 5".into(), whole: false };
    append(&ledger, vec![after_a_gap]);
    let told = read(&path);
    assert_eq!((told.covered.len(), told.before.len()), (0, 0));
    // Keys restart when no row is left, so a later fact must not count as covered.
    append(&ledger, facts(6, 7));
    assert_eq!(texts(&read(&path).observations), ["6"]);
}

#[test]
fn a_phone_that_tells_without_end_leaves_none_behind_its_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    append(&ledger, facts(1, KEPT_OF_A_PHONE as u64));
    append(&ledger, vec![snapshot(PHONE, "sum")]);
    assert_eq!(read(&path).covered.len(), KEPT_OF_A_PHONE - 1);
    let flood = facts(1000, 1000 + 2 * OF_A_PHONE as u64);
    append(&ledger, [flood, vec![snapshot(PHONE, "sum of all")]].concat());
    let told = read(&path);
    assert_eq!((told.covered.len(), told.before.len(), told.observations.len()), (0, 0, 0));
}

#[test]
fn a_forgotten_phone_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    append(&ledger, facts(1, 3));
    append(&ledger, vec![snapshot(PHONE, "sum")]);
    append(&ledger, facts(3, 4));
    append(&ledger, vec![snapshot(PHONE, "sum of 3")]);
    let forget = Record::Forget { mac: PHONE, at: Time(9) };
    append(&ledger, [vec![forget], facts(10, 11), vec![snapshot(PHONE, "anew")]].concat());
    let told = read(&path);
    assert_eq!(told.snapshots[&PHONE], "anew");
    assert_eq!((told.covered.len(), told.before.len()), (0, 0));
    append(&ledger, vec![Record::Evict { mac: PHONE }]);
    assert_eq!(read(&path).snapshots.len(), 0);
}

#[test]
fn what_is_kept_in_all_is_bounded() {
    let mut rows = super::super::rows::RowCounts::default();
    let each = 400;
    let phones = KEPT_IN_ALL / each;
    for phone in 0..phones {
        let mac = bounded::phone(u32::try_from(phone).unwrap());
        assert!(rows.may_keep(mac, each));
        (0..400).for_each(|number| rows.wrote(mac, number));
        rows.folded(mac, true);
    }
    assert!(!rows.may_keep(PHONE, each));
    assert!(rows.may_keep(bounded::phone(0), each), "its own give way");
    rows.folded(bounded::phone(0), false);
    assert!(rows.may_keep(PHONE, each));
}
