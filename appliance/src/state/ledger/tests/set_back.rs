//! A ledger that was written under a clock far ahead can be set back.

use serde_json::{Value, json};

use super::*;

const DAY: u64 = 86_400_000;
const RIGHT: u64 = 20_000 * DAY;
const WRONG: u64 = RIGHT + 40 * 365 * DAY;

#[test]
fn what_was_told_at_wrong_moments_was_told_just_before_the_right_one_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    let json = |value: Value| value.to_string();
    let journey = json(json!({
        "first_seen": RIGHT - DAY, "booted": WRONG - 60_000, "asked": WRONG - 50_000, "license_given": null,
        "rounds": [{"began": WRONG - 2 * DAY, "size": 4_000_000_000u64, "name": "x"}]
    }));
    let observed = json(json!({"at": WRONG - 1000, "since": RIGHT - 5, "fact": "x"}));
    let fine = json(json!({"at": RIGHT - 9, "fact": "y"}));
    drop(ledger.append(vec![snapshot(PHONE, &journey), snapshot(OTHER, "not JSON")]));
    drop(ledger.append(vec![fact(PHONE, RIGHT - 9, &fine), fact(OTHER, WRONG - 1000, &observed)]));
    ledger.append(vec![mark(WRONG)]).wait().unwrap();
    drop(ledger);

    let now = RIGHT + 3 * 60 * 60 * 1000;
    let mut unread = Ledger::open(&path).unwrap();
    assert_eq!(unread.marks.high_water, Time(WRONG));
    unread.set_back(Time(now)).unwrap();
    assert_eq!(unread.marks.high_water, Time(now));
    let (ledger, told) = told_by(unread);
    let value = |json: &str| serde_json::from_str::<Value>(json).unwrap();
    assert_eq!(
        value(&told.snapshots[&PHONE]),
        json!({
            "first_seen": RIGHT - DAY, "booted": now - 60_000, "asked": now - 50_000, "license_given": null,
            "rounds": [{"began": now - 2 * DAY, "size": 4_000_000_000u64, "name": "x"}]
        })
        .clone()
        .tap_began(RIGHT - DAY)
    );
    assert_eq!(told.snapshots[&OTHER], "not JSON");
    assert_eq!(told.observations[0], seen(PHONE, &fine));
    assert_eq!(value(&told.observations[1].1), json!({"at": now - 1000, "since": RIGHT - 5, "fact": "x"}));
    drop(ledger);
    assert_eq!(Ledger::open(&path).unwrap().marks.high_water, Time(now), "and so it stays");
}

trait Began {
    fn tap_began(self, at: u64) -> Value;
}

impl Began for Value {
    /// Two days before would be before the phone was first seen.
    fn tap_began(mut self, at: u64) -> Value {
        self["rounds"][0]["began"] = at.into();
        self
    }
}

#[test]
fn leases_have_left_what_they_had_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    let lease = |host, since, expires| LeaseRecord { since, expires, ..lease(host, LeaseState::Bound, None) };
    let forever = u64::MAX >> 1;
    let leases = [
        lease(1, RIGHT - DAY, RIGHT + DAY),
        lease(2, RIGHT - DAY, WRONG + DAY),
        lease(3, WRONG - 1000, WRONG + 9000),
        lease(4, WRONG - 1000, forever),
        lease(5, WRONG - 3 * DAY, WRONG - 2 * DAY),
    ];
    ledger.append(leases.map(Record::Lease).to_vec()).wait().unwrap();
    ledger.append(vec![mark(WRONG)]).wait().unwrap();
    drop(ledger);
    let mut unread = Ledger::open(&path).unwrap();
    unread.set_back(Time(RIGHT)).unwrap();
    let right = [
        lease(1, RIGHT - DAY, RIGHT + DAY),
        lease(2, RIGHT - DAY, RIGHT + DAY),
        lease(3, RIGHT - 1000, RIGHT + 9000),
        lease(4, RIGHT - 1000, forever),
        lease(5, RIGHT - 3 * DAY, RIGHT - 2 * DAY),
    ];
    assert_eq!(unread.leases, right);
    drop(unread);
    assert_eq!(Ledger::open(&path).unwrap().leases, right);
}

#[test]
fn a_mark_is_certain_where_it_is_vouched_for_and_after_that_until_time_leaps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    let certain = |at: u64, vouched| {
        ledger.append(vec![Record::Mark { at: Time(at), vouched }]).wait().unwrap();
        marks(&path).unwrap().certain.0
    };
    assert_eq!(certain(RIGHT, false), 0, "nobody knows");
    assert_eq!(certain(RIGHT + 1, true), RIGHT + 1);
    assert_eq!(certain(RIGHT + DAY, false), RIGHT + DAY);
    assert_eq!(certain(WRONG, false), RIGHT + DAY, "it has leapt");
    assert_eq!(certain(WRONG + 1, false), RIGHT + DAY);
    assert_eq!(certain(WRONG + 2, true), WRONG + 2, "it was right after all");
}
