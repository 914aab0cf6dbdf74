//! Killed at any moment, while it folds phones, gives room back or writes, a ledger has all that it confirmed, and no
//! fact twice.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::bounded::{counts, kept, phone, tell};
use super::*;

const LEDGER: &str = "TRANSLOAD_TEST_LEDGER";
const PHONES: u32 = 40;

/// What is killed: it tells of phones in turn and prints how many rounds are confirmed. Now and then it rests.
#[test]
#[ignore = "the other test runs it, in a process of its own"]
fn tells_until_it_is_killed() {
    let Some(path) = std::env::var_os(LEDGER).map(PathBuf::from) else { return };
    let (ledger, keeper) = kept(&path);
    for round in 1..u64::MAX {
        let tickets: Vec<_> = (0..PHONES).map(|number| tell(&ledger, &keeper, phone(number))).collect();
        // What is replaced leaves room that can be given back.
        let large = "x".repeat(if round % 300 < 250 { 60_000 } else { 10 });
        drop(ledger.append(vec![snapshot(OTHER, &large), fact(OTHER, 1, &large)]));
        for ticket in tickets {
            ticket.wait().unwrap();
        }
        println!("round {round}");
        if round % 300 == 0 {
            println!("rests");
            std::thread::sleep(Duration::from_millis(1200));
        }
    }
}

fn start(path: &Path) -> Child {
    let test = "state::ledger::tests::killed::tells_until_it_is_killed";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(LEDGER, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_ledger_killed_at_any_moment_has_what_it_confirmed_and_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    // Rounds after which it is killed, and milliseconds after that; from the 300th on it has rested.
    for (rounds, pause) in [(1, 0), (17, 3), (270, 1), (300, 1000), (300, 1010), (301, 7), (530, 0)] {
        let path = folder.path().join(format!("{rounds}-{pause}.db"));
        let mut child = start(&path);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let confirmed = lines.by_ref().find_map(|line| {
            let round: u64 = line.unwrap().strip_prefix("round ")?.parse().unwrap();
            (round >= rounds).then_some(round)
        });
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();

        let unread = Ledger::open(&path).unwrap();
        assert_eq!(unread.loss, None, "{rounds}-{pause}");
        let (_ledger, mut told) = told_by(unread);
        told.snapshots.remove(&OTHER);
        told.observations.retain(|(mac, _)| *mac != OTHER);
        let counts = counts(&told);
        for number in 0..PHONES {
            assert!(counts[&phone(number)] >= confirmed.unwrap(), "{rounds}-{pause}: {counts:?}");
        }
        assert!(told.observations.len() <= PHONES as usize * 600, "{}", told.observations.len());
    }
}
