//! A ledger reports a loss at its next opening, and never without one.

use super::*;

/// The files of a ledger that was used and killed.
fn killed(folder: &Path) -> PathBuf {
    let path = folder.join("ledger.db");
    let (ledger, _) = open(&folder.join("running.db"));
    ledger.append(vec![fact(PHONE, 1, "x")]).wait().unwrap();
    for suffix in ["", "-wal", ".begun"] {
        std::fs::copy(folder.join(format!("running.db{suffix}")), file::beside(&path, suffix)).unwrap();
    }
    path
}

fn cause(path: &Path) -> Option<String> {
    let looked = loss(path).unwrap();
    let opened = Ledger::open(path).unwrap().loss;
    assert_eq!(looked, opened, "who looks beforehand finds the same");
    opened.map(|loss| loss.cause())
}

#[test]
fn a_ledger_that_was_not_closed_and_has_its_log_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = killed(folder.path());
    let unread = Ledger::open(&path).unwrap();
    assert_eq!(unread.loss, None);
    assert_eq!(told_by(unread).1.observations, [seen(PHONE, "x")]);
}

#[test]
fn a_ledger_that_was_not_closed_and_has_no_log_says_so_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = killed(folder.path());
    // Checkpointed records remain, as after minutes of work.
    let connection = Connection::open(&path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    assert!(!file::beside(&path, "-wal").exists());
    let looked = super::super::read(&path, &mut ());
    assert!(looked.is_ok(), "{looked:?}");
    let said = cause(&path).unwrap();
    assert!(said.contains("its log") && said.contains("ledger.db-wal is gone"), "{said}");
    let (ledger, _) = open(&path);
    assert!(ledger.loss().is_some());
    // Killed again at once.
    let again = folder.path().join("again.db");
    for suffix in ["", "-wal"] {
        std::fs::copy(file::beside(&path, suffix), file::beside(&again, suffix)).unwrap();
    }
    assert_eq!(Ledger::open(&again).unwrap().loss, None);
    drop(ledger);
    assert_eq!(Ledger::open(&path).unwrap().loss, None);
}

#[test]
fn an_empty_or_absent_ledger_says_so_where_one_was_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    std::fs::create_dir(folder.path().join("firmware")).unwrap();
    assert!(matches!(loss(&path), Ok(None)));
    drop(open(&path));
    assert_eq!(cause(&path), None);

    std::fs::write(&path, "").unwrap();
    assert!(cause(&path).unwrap().contains("is empty, although it was in use"));
    std::fs::remove_file(&path).unwrap();
    assert!(loss(&path).unwrap().unwrap().cause().contains("is gone, although it was in use"));
    drop(open(&path));
    assert_eq!(cause(&path), None);

    // The first release left no mark of use.
    std::fs::remove_file(folder.path().join("ledger.db.begun")).unwrap();
    std::fs::write(&path, "").unwrap();
    assert_eq!(loss(&path).unwrap(), None, "it may be new");
    std::fs::create_dir(folder.path().join("licenses")).unwrap();
    assert!(loss(&path).unwrap().unwrap().cause().contains("is empty"));
}

#[test]
fn a_copy_of_a_ledger_in_use_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("ledger.db"), folder.path().join("copy.db"));
    let (ledger, _) = open(&path);
    ledger.append(vec![fact(PHONE, 1, "x")]).wait().unwrap();
    copy(&path, &to).unwrap();
    let unread = Ledger::open(&to).unwrap();
    assert_eq!(unread.loss, None);
    assert_eq!(told_by(unread).1.observations, [seen(PHONE, "x")]);
}

#[test]
fn a_log_made_short_at_rest_is_no_lost_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (connection, _) = schema::open(&path).unwrap();
    schema::begin(&connection).unwrap();
    connection.execute_batch("INSERT INTO observation (mac, at, json) VALUES (1, 7, 'x')").unwrap();
    schema::checkpoint(&connection, true).unwrap();
    let log = file::beside(&path, "-wal");
    assert!(std::fs::metadata(&log).unwrap().len() < 10_000);
    let after = folder.path().join("after.db");
    std::fs::copy(&path, &after).unwrap();
    std::fs::copy(&log, file::beside(&after, "-wal")).unwrap();
    assert_eq!(cause(&after), None);
}

#[test]
fn a_bench_killed_while_it_makes_the_log_short_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (connection, _) = schema::open(&path).unwrap();
    schema::begin(&connection).unwrap();
    // The checkpoint is done, and the write after it never comes.
    connection.pragma_update(None, "query_only", true).unwrap();
    assert!(schema::checkpoint(&connection, true).is_err());
    let after = folder.path().join("after.db");
    for suffix in ["", "-wal"] {
        std::fs::copy(file::beside(&path, suffix), file::beside(&after, suffix)).unwrap();
    }
    assert_eq!(cause(&after), None);
}

#[test]
fn a_start_that_fails_after_an_unclean_stop_loses_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = killed(folder.path());
    assert!(schema::open_with(&path, &[]).is_err(), "an older release refuses it");
    for _ in 0..2 {
        let unread = Ledger::open(&path).unwrap();
        assert_eq!(unread.loss, None);
    }
    assert_eq!(read(&path).observations, [seen(PHONE, "x")]);
    assert_eq!(cause(&path), None, "a look takes no log away");
}

#[test]
fn a_writer_that_stops_before_it_closes_the_ledger_loses_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (connection, _) = schema::open(&path).unwrap();
    schema::begin(&connection).unwrap();
    drop(connection);
    assert_eq!(cause(&path), None);

    let (ledger, _) = open(&path);
    ledger.close().unwrap();
    assert!(!file::beside(&path, "-wal").exists(), "a clean close leaves no log");
}
