//! The ledger stays small, whatever phones report.

use std::collections::HashMap;

use super::super::rows::{IN_ALL, KEPT_IN_ALL, OF_A_PHONE};
use super::*;

/// Stands in for a bench: keeps facts in memory, and appends snapshots on request.
#[derive(Default)]
pub(super) struct Keeper {
    told: HashMap<Mac, u64>,
    snapshots: u64,
}

/// A ledger with this keeper.
pub(super) fn kept(path: &Path) -> (Arc<Ledger>, Arc<Mutex<Keeper>>) {
    let (ledger, keeper) = (Arc::new(open(path).0), Arc::new(Mutex::new(Keeper::default())));
    let (weak, asked) = (Arc::downgrade(&ledger), Arc::clone(&keeper));
    ledger.fold_by(Box::new(move |macs| {
        let Some(ledger) = weak.upgrade() else { return };
        let mut keeper = asked.lock().unwrap();
        keeper.snapshots += macs.len() as u64;
        let records = macs.iter().map(|mac| snapshot(*mac, &keeper.told[mac].to_string())).collect();
        drop(ledger.append(records));
    }));
    (ledger, keeper)
}

pub(super) fn tell(ledger: &Ledger, keeper: &Mutex<Keeper>, mac: Mac) -> Ticket {
    let mut keeper = keeper.lock().unwrap();
    let told = keeper.told.entry(mac).or_default();
    *told += 1;
    ledger.append(vec![fact(mac, *told, &format!("{told}"))])
}

pub(super) fn phone(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([0, 1, a, b, c, d])
}

/// The number of facts of each phone, covered or later. Each fact must exist once.
pub(super) fn counts(told: &LedgerContent) -> HashMap<Mac, u64> {
    let number = |json: &str| json.parse::<u64>().unwrap();
    let mut counts: HashMap<Mac, u64> =
        told.snapshots.iter().map(|(mac, json)| (*mac, number(json))).collect();
    for (mac, json) in &told.observations {
        let count = counts.entry(*mac).or_default();
        assert_eq!(number(json), *count + 1, "one is missing, or there twice");
        *count += 1;
    }
    counts
}

#[test]
fn a_phone_that_tells_without_end_has_few_rows_and_nothing_is_lost_or_there_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, keeper) = kept(&path);
    let mut tickets = Vec::new();
    for number in 0..40_000 {
        tickets.push(tell(&ledger, &keeper, PHONE));
        if number % 100 == 0 {
            tickets.push(tell(&ledger, &keeper, OTHER));
        }
        if number % 4000 == 3999 {
            for ticket in tickets.drain(..) {
                ticket.wait().unwrap();
            }
            let told = counts(&read(&path));
            assert_eq!(
                (told[&PHONE], told[&OTHER]),
                (number + 1, number / 100 + 1),
                "what is confirmed is on disk"
            );
        }
    }
    let rows = read(&path).observations.len();
    assert!(rows <= 3 * OF_A_PHONE, "{rows} rows");
    let snapshots = keeper.lock().unwrap().snapshots;
    assert!(snapshots < 2000, "a snapshot for each fact is no better: {snapshots}");
    ledger.close().unwrap();
    assert_eq!(counts(&read(&path)), keeper.lock().unwrap().told);
}

#[test]
fn many_phones_that_tell_a_little_each_are_bounded_together_and_the_file_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, keeper) = kept(&path);
    let mut tickets = Vec::new();
    for round in 0..200 {
        tickets.extend((0..1000).map(|number| tell(&ledger, &keeper, phone(number))));
        if round % 4 == 3 {
            for ticket in tickets.drain(..) {
                ticket.wait().unwrap();
            }
            let rows: u32 = Connection::open(&path)
                .unwrap()
                .query_row("SELECT count(*) FROM observation", [], |row| row.get(0))
                .unwrap();
            assert!(rows as usize <= IN_ALL + KEPT_IN_ALL + 16_384, "{rows} rows");
        }
    }
    ledger.close().unwrap();
    assert_eq!(counts(&read(&path)), keeper.lock().unwrap().told);
}

#[test]
fn a_disk_that_is_full_while_phones_are_folded_leaves_no_fact_twice() {
    let Some(disk) = TmpfsDisk::mount("24m") else {
        assert!(std::env::var_os("CI").is_none(), "this test mounts a tmpfs and needs root");
        _ = writeln!(std::io::stderr(), "SKIPPED, not run: a full disk (mounting a tmpfs needs root)");
        return;
    };
    let path = disk.0.path().join("ledger.db");
    let ballast = disk.0.path().join("ballast");
    let (ledger, keeper) = kept(&path);
    let mut failed = 0;
    for round in 0..4000 {
        let ticket = tell(&ledger, &keeper, phone(round % 10));
        drop(tell(&ledger, &keeper, phone(round % 10)));
        if round == 1000 {
            std::fs::write(&ballast, vec![0; 24 << 20]).unwrap_err();
        }
        if round % 10 == 0 {
            failed += u32::from(ticket.wait().is_err());
        }
        if round == 3000 {
            std::fs::remove_file(&ballast).unwrap();
        }
    }
    assert!(failed > 0, "the disk was never full");
    // A bench does the same after a failure.
    let all: Vec<Mac> = keeper.lock().unwrap().told.keys().copied().collect();
    let told = |mac: &Mac| snapshot(*mac, &keeper.lock().unwrap().told[mac].to_string());
    let folded = || ledger.append(all.iter().map(told).collect()).wait();
    assert!((0..3).any(|_| folded().is_ok()), "there is room, and it is not used");
    tell(&ledger, &keeper, phone(0)).wait().unwrap();
    assert_eq!(counts(&read(&path)), keeper.lock().unwrap().told);
    ledger.close().unwrap();
    assert!(examine(&path).is_ok());
}

#[test]
fn a_forgotten_phone_takes_with_it_what_waits_for_its_snapshot_and_comes_back_with_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    let waiting: Vec<_> = (0..1000).map(|at| ledger.append(vec![fact(PHONE, at, "gone")])).collect();
    let forget = Record::Forget { mac: PHONE, at: Time(2000) };
    ledger.append(vec![forget.clone()]).wait().unwrap();
    for ticket in waiting {
        ticket.wait().unwrap();
    }
    assert_eq!(read(&path).observations, []);
    ledger.append(vec![snapshot(PHONE, "gone"), forget, snapshot(PHONE, "anew")]).wait().unwrap();
    let told = read(&path);
    assert_eq!(told.snapshots, BTreeMap::from([(PHONE, "anew".into())]));
    assert_eq!(told.forgotten, BTreeMap::from([(PHONE, Time(2000))]));
}

#[test]
fn a_snapshot_that_comes_unasked_covers_what_waits_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    let waiting: Vec<_> = (0..1000).map(|at| ledger.append(vec![fact(PHONE, at, "covered")])).collect();
    ledger.append(vec![snapshot(PHONE, "sum")]).wait().unwrap();
    for ticket in waiting {
        ticket.wait().unwrap();
    }
    let told = read(&path);
    assert_eq!(told.snapshots, BTreeMap::from([(PHONE, "sum".into())]));
    assert_eq!(told.observations, []);
}

/// Bytes of the file and its log.
fn sizes(path: &Path) -> (u64, u64) {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    (size(path), size(&file::beside(path, "-wal")))
}

fn wait_for(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn room_is_given_back_when_there_is_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    for number in 0..200 {
        ledger.append(vec![fact(phone(number), 1, &"x".repeat(100_000))]).wait().unwrap();
    }
    let last_word = |number| Record::Snapshot { mac: phone(number), json: "sum".into(), whole: false };
    ledger.append((0..200).map(last_word).collect()).wait().unwrap();
    wait_for("neither the file nor its log becomes smaller", || {
        let (file, log) = sizes(&path);
        file < 2 << 20 && log <= 4 << 20
    });
    ledger.append(vec![fact(PHONE, 2, "later")]).wait().unwrap();
    let told = read(&path);
    assert_eq!((told.snapshots.len(), told.observations), (200, vec![seen(PHONE, "later")]));
}

#[test]
fn a_large_ledger_of_the_first_release_becomes_small() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let old = first_release(&path);
    let insert = "INSERT INTO observation (mac, at, json) VALUES (1, 7, ?1)";
    for _ in 0..2000 {
        old.execute(insert, ["x".repeat(10_000)]).unwrap();
    }
    old.close().unwrap();
    let (ledger, told) = open(&path);
    assert_eq!(told.observations.len(), 2000);
    ledger.append(vec![snapshot(Mac([0, 0, 0, 0, 0, 1]), "sum")]).wait().unwrap();
    wait_for("it stays as large as it was", || sizes(&path).0 < 1 << 20);
    ledger.close().unwrap();
    assert!(examine(&path).is_ok());
    let mode: u32 =
        Connection::open(&path).unwrap().query_row("PRAGMA auto_vacuum", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, 2, "from now on a page at a time");
}

/// The number of commits in the log: the last page of each holds the file's new size (`SQLite`'s file format, §4.1).
fn commits_in_log(path: &Path) -> usize {
    let log = std::fs::read(file::beside(path, "-wal")).unwrap();
    log[32..].chunks_exact(24 + 4096).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[test]
fn lazy_records_go_with_the_next_commit_of_anything_and_many_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, _) = open(&path);
    ledger.append(vec![fact(PHONE, 0, "x")]).wait().unwrap();
    // The log is not restarted during a read.
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM observation").unwrap();
    let before = commits_in_log(&path);
    for number in 0..1000 {
        ledger.note_lazily(fact(phone(number), 1, "at rest"));
        if number % 100 == 0 {
            // The service manager's report makes empty appends.
            ledger.append(Vec::new()).wait().unwrap();
        }
    }
    assert_eq!(commits_in_log(&path), before, "they wait");
    assert_eq!(read(&path).observations.len(), 1);
    ledger.append(vec![fact(PHONE, 2, "x")]).wait().unwrap();
    assert_eq!(commits_in_log(&path), before + 1, "and go together");
    let told = read(&path).observations;
    assert_eq!((told.len(), told.last()), (1002, Some(&seen(PHONE, "x"))), "in the order they came");
}

#[test]
fn lazy_records_wait_no_longer_than_they_may_and_not_for_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut unread = Ledger::open(&path).unwrap();
    assert_eq!(unread.lazy, Duration::from_secs(60));
    // Longer than the writer takes to sleep deeply.
    unread.lazy = Duration::from_secs(2);
    let (ledger, _) = told_by(unread);
    let began = Instant::now();
    ledger.note_lazily(fact(PHONE, 1, "x"));
    wait_for("it is kept back for good", || !read(&path).observations.is_empty());
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    ledger.note_lazily(fact(PHONE, 2, "y"));
    ledger.close().unwrap();
    assert_eq!(read(&path).observations.len(), 2);
}
