//! The corpus of a fuzz target and mutations of it: a short run that needs no fuzzer.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Mutations per target; where the machine is slow, what it gets done in that time.
const MUTATIONS: u32 = 30_000;
const TIME: Duration = Duration::from_secs(5);
const LONGEST: usize = 2048;

/// Xorshift: good enough to bend octets with.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit.max(1)
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no corpus in {}", folder.display());
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Some octets changed, removed, doubled, or taken from another seed.
fn bend(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut octets = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(8) {
        let at = dice.below(octets.len() + 1);
        let end = (at + dice.below(24)).min(octets.len());
        match dice.below(6) {
            0 => _ = octets.drain(at..end),
            1 => octets.extend_from_within(at..end),
            2 => {
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len() + 1);
                octets.splice(at..at, other[from..].iter().copied().take(64));
            }
            3 => octets.insert(at, [0, 1, 2, 52, 53, 61, 82, 127, 128, 255][dice.below(10)]),
            _ if at < octets.len() => octets[at] = dice.below(256) as u8,
            _ => octets.push(dice.below(256) as u8),
        }
        octets.truncate(LONGEST);
    }
    octets
}

/// Runs a check over the corpus of its target, and over mutations of it.
pub fn run(target: &str, check: fn(&[u8])) {
    let seeds = seeds(target);
    for seed in &seeds {
        check(seed);
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("FUZZ_SEED").map_or(clock, |seed| seed.parse().unwrap());
    let mut dice = Dice(seed | 1);
    let start = Instant::now();
    for number in 0..MUTATIONS {
        let octets = bend(&seeds, &mut dice);
        let survived = std::panic::catch_unwind(|| check(&octets)).is_ok();
        assert!(survived, "mutation {number} of FUZZ_SEED={seed}: {octets:02x?}");
        if start.elapsed() > TIME {
            break;
        }
    }
}
