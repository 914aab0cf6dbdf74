//! Each way of an open question makes a difference to some simulated phone. Otherwise the question is not run at all.

use transload_provision::unknown::{Tried, Unknown, table};

use super::run::Run;

/// The first ten tell all ways apart today.
const SEEDS: u64 = 300;

/// What happens to a phone that goes this way.
fn story(seed: u64, key: &str, way: &str) -> Vec<String> {
    let mut run = Run::settled(seed, true, |draw| draw.with(key, way));
    // It names the ways themselves.
    run.story.clear();
    run.live();
    run.story
}

fn tells_apart(seed: u64, key: &str, one: &str, other: &str) -> bool {
    story(seed, key, one) != story(seed, key, other)
}

fn pairs(row: &Unknown) -> impl Iterator<Item = (&str, &str)> {
    let ways = row.ways.iter().enumerate();
    ways.flat_map(|(index, one)| row.ways.iter().skip(index + 1).map(|other| (one.as_str(), other.as_str())))
}

#[test]
fn simulated_phones_go_every_way_that_is_open() {
    let rows: Vec<&Unknown> = table().iter().filter(|row| row.tried.contains(&Tried::Simulation)).collect();
    assert!(!rows.is_empty(), "no open question is simulated");
    std::thread::scope(|scope| {
        for row in rows {
            scope.spawn(move || {
                let key = row.key.as_deref().unwrap();
                for (one, other) in pairs(row) {
                    let seed = (0..SEEDS).find(|seed| tells_apart(*seed, key, one, other));
                    eprintln!("{key}: {one} and {other} differ from seed {seed:?}");
                    assert!(seed.is_some(), "{key}: no simulated phone tells {one} from {other}");
                }
            });
        }
    });
}
