//! Runs the fuzz target's check on its corpus and mutations of it, without a fuzzer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod stream;

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/http");
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// A seed with changed bytes and with parts of other seeds.
fn bent() -> impl Strategy<Value = Vec<u8>> {
    let seed = || proptest::sample::select(seeds());
    let splices = proptest::collection::vec((seed(), any::<[Index; 3]>(), any::<u8>()), 0..6);
    (seed(), splices).prop_map(|(mut bytes, splices)| {
        for (other, [at, from, length], byte) in splices {
            let (at, from) = (at.index(bytes.len() + 1), from.index(other.len()));
            match length.index(4) {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                _ => _ = bytes.splice(at..at, other[from..].iter().copied().take(40)),
            }
        }
        bytes
    })
}

#[test]
fn every_seed_is_survived() {
    let seeds = seeds();
    assert!(!seeds.is_empty());
    for seed in &seeds {
        stream::check(seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn mutated_seeds_are_survived(bytes in bent()) {
        stream::check(&bytes);
    }
}
