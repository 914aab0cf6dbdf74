//! Simulated phones against the decisions alone, under simulated time: every fault at random, and at every step
//! what no phone may ever meet. `TRANSLOAD_PHONES` says how many, `TRANSLOAD_SEED` from which seed on, any otherwise; each phone has
//! a seed of its own, and one that goes wrong is told in full by itself:
//! `TRANSLOAD_SEED=… TRANSLOAD_PHONES=1 cargo test -p transload-provision --test simulation`.

#![allow(clippy::unwrap_used)] // a mistake here is one of the simulation

mod answers;
mod bench;
mod check;
mod compare;
mod flash;
mod hand;
mod liar;
mod outside;
mod phone;
mod run;
mod shadow;
mod tally;
mod ways;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use run::Run;
use shadow::{FailureKind, Summary};
use tally::Tally;

/// Phones without an environment variable: a debug build takes seconds for these.
const PHONES: u64 = 1500;
/// One of so many phones may need three accidents at once.
const TOO_UNLIKELY: u64 = 200_000;
/// Failures told in full.
const TOLD: usize = 3;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_phone_is_ever_stranded_and_every_phone_that_can_reaches_the_target() {
    let phones = number("TRANSLOAD_PHONES").unwrap_or(PHONES);
    let seed = number("TRANSLOAD_SEED").unwrap_or_else(|| u64::from(fastrand::u32(..)));
    eprintln!("{phones} phones from seed {seed}");
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let failed: Mutex<Vec<(u64, Vec<String>)>> = Mutex::default();
    let tally: Mutex<Tally> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut counted = Tally::default();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= phones {
                        break;
                    }
                    let mut run = Run::new(seed + index, false);
                    run.live();
                    counted.add(&run);
                    if !run.wrong.is_empty() {
                        failed.lock().unwrap().push((seed + index, run.wrong));
                    }
                }
                tally.lock().unwrap().merge(counted);
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    eprintln!("{phones} phones in {:.1} s: {tally:?}", began.elapsed().as_secs_f32());
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    for (seed, _) in failed.iter().take(TOLD) {
        let mut run = Run::new(*seed, true);
        run.live();
        eprintln!(
            "\nTRANSLOAD_SEED={seed} TRANSLOAD_PHONES=1:\n{}\n{}",
            run.story.join("\n"),
            run.wrong.join("\n")
        );
    }
    for (seed, wrong) in failed.iter().take(30) {
        eprintln!("seed {seed}: {}", wrong.join("; "));
    }
    assert!(failed.is_empty(), "{} of {phones} phones went wrong", failed.len());
    if phones >= PHONES {
        tally.must_have_met_everything();
    }
}

#[test]
fn what_a_phone_runs_is_in_a_world_that_is_reckoned_with() {
    let phones = number("TRANSLOAD_PHONES").unwrap_or(PHONES / 5);
    let seed = number("TRANSLOAD_SEED").unwrap_or_else(|| u64::from(fastrand::u32(..)));
    eprintln!("{phones} phones from seed {seed}");
    let next = AtomicU64::new(0);
    let summary: Mutex<Summary> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(index) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < phones)
                {
                    let mut run = Run::new(seed + index, false).with_worlds();
                    run.live();
                    summary.lock().unwrap().add(seed + index, &run);
                }
            });
        }
    });
    let summary = summary.into_inner().unwrap();
    summary.tell();
    // One phone is told in full, whatever becomes of it.
    if let Some(seed) = summary.first().or((phones == 1).then_some(seed)) {
        let mut run = Run::new(seed, true).with_worlds();
        run.live();
        eprintln!("TRANSLOAD_SEED={seed} TRANSLOAD_PHONES=1:\n{}", run.story.join("\n"));
    }
    for kind in [FailureKind::UnsafeHop, FailureKind::UnsafeDone, FailureKind::Lost] {
        assert_eq!(summary.count(kind), 0, "{kind:?}");
    }
    let unlikely = summary.count(FailureKind::TooUnlikely) as u64;
    assert!(unlikely <= phones / TOO_UNLIKELY, "{unlikely} of {phones} phones needed too many accidents");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let tell = || {
        let mut run = Run::new(7, true);
        run.live();
        run.story
    };
    assert_eq!(tell(), tell());
}
