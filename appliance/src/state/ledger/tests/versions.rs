//! Files of other versions, damaged files, and files that are no ledger.

use super::*;

/// The observations in a file of any version.
fn observations(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare("SELECT json FROM observation ORDER BY number").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_ledger_of_the_first_release_is_brought_up_to_date_and_kept_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let old = first_release(&path);
    old.execute_batch("INSERT INTO observation (mac, at, json) VALUES (1, 7, 'x')").unwrap();
    old.execute_batch("INSERT INTO snapshot VALUES (1, 'sum'); UPDATE ledger SET high_water = 9").unwrap();
    old.close().unwrap();

    let unread = Ledger::open(&path).unwrap();
    assert_eq!(unread.marks, TimeMarks { high_water: Time(9), certain: Time(0) });
    assert_eq!(unread.loss, None);
    let (_, told) = told_by(unread);
    let mac = Mac([0, 0, 0, 0, 0, 1]);
    assert_eq!(told.observations, [seen(mac, "x")]);
    assert_eq!(told.snapshots, BTreeMap::from([(mac, "sum".into())]));
    assert_eq!(observations(&folder.path().join("ledger.db.v1")), ["x"]);
}

#[test]
fn a_ledger_of_a_later_release_is_refused_and_each_step_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    drop(ledger.append(vec![fact(PHONE, 1, "x")]));
    drop(ledger);

    let next = [schema::STEPS, &["UPDATE observation SET json = json || '+'"]].concat();
    drop(schema::open_with(&path, &next).unwrap());
    assert_eq!(observations(&path), ["x+"]);
    let kept = folder.path().join(format!("ledger.db.v{VERSION}"));
    assert_eq!(read(&kept).observations, [seen(PHONE, "x")]);

    match Ledger::open(&path) {
        Err(LedgerError::Newer { found, known: VERSION, .. }) if found == VERSION + 1 => {}
        other => panic!("an older program must not touch it: {other:?}"),
    }
    drop(schema::open_with(&path, &next).unwrap());
    assert_eq!(observations(&path), ["x+"], "each step is taken once");
}

#[test]
fn a_ledger_of_the_first_version_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let first = Connection::open(&path).unwrap();
    first.execute_batch(schema::STEPS[0]).unwrap();
    let row = [key::key(PHONE)];
    first.execute("INSERT INTO observation (mac, at, json) VALUES (?1, 1, 'x')", row).unwrap();
    drop(first);
    let (ledger, restored) = open(&path);
    assert_eq!(restored.observations, [seen(PHONE, "x")]);
    ledger.append(vec![Record::Forget { mac: PHONE, at: Time(2) }]).wait().unwrap();
    assert_eq!(read(&path).forgotten.len(), 1);
}

#[test]
fn a_step_that_fails_leaves_the_ledger_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(open(&path).0.append(vec![fact(PHONE, 1, "x")]));
    let broken = [schema::STEPS, &["DELETE FROM observation; SELECT nonsense"]].concat();
    assert!(schema::open_with(&path, &broken).is_err());
    assert_eq!(open(&path).1.observations, [seen(PHONE, "x")]);
}

#[test]
fn damage_is_found_after_an_unclean_stop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    for number in 0..200 {
        drop(ledger.append(vec![fact(PHONE, number, &"x".repeat(500))]));
    }
    ledger.close().unwrap();
    Connection::open(&path).unwrap().execute("UPDATE ledger SET clean = 0", []).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    assert!(Ledger::open(&path).is_ok(), "unclean, and undamaged");

    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    match Ledger::open(&path) {
        Err(LedgerError::Damaged { finding, .. }) => {
            assert!(finding.contains("damaged") || finding.contains("malformed"), "{finding}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_files_are_refused_and_an_absent_one_is_not_made_by_looking() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    assert!(matches!(crate::state::ledger::read(&path, &mut ()), Err(LedgerError::Absent(_))));
    assert!(!path.exists());
    std::fs::write(&path, "this is no database, but long enough to look like a header of one\n".repeat(20))
        .unwrap();
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Damaged { .. })));
    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Damaged { .. })));
}
