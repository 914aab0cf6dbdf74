//! Drills: many short rehearsals of a few phones at once, each with its own seed and with every accident. A drill
//! fails if real hardware would not have survived, if a phone could have reached its target and did not, or if a
//! phone stands still without a reason shown.

mod accidents;
mod bench;
mod plan;
mod run;
mod technician;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tokio::task::JoinSet;
use transload_provision::settings::UnknownVid;
use transload_provision::unknown::{self, Draw, Tried};

use super::folder::RehearsalFolder;
use super::{no_folder, say, scenarios};
use crate::commands::cli::RehearseArgs;
use crate::config::{Config, Scenario};
use crate::system::error::{Exit, Failure};
use plan::Plan;
use run::Drilled;

/// Drills at once; they wait most of the time.
const AT_ONCE: usize = 100;
/// The speed of the clock.
const SPEED: u32 = 120;
/// The largest component of look-alike firmware in bytes; many drills share one disk.
const ROOTFS: u64 = 24 * 1024;

/// The last line of `--json`.
#[derive(Serialize)]
struct DrillSummary<'a> {
    drills: u32,
    seed: u64,
    phones: usize,
    done: usize,
    held: usize,
    accidents: usize,
    seconds: f64,
    unknown: &'a Ways,
    failures: &'a [String],
}

/// Phones by answer, for each open question.
type Ways = BTreeMap<&'static str, BTreeMap<&'static str, usize>>;

fn ways(draws: &[&Draw]) -> Ways {
    let rows = unknown::table().iter().filter(|row| row.tried.contains(&Tried::Rehearsal));
    let count = |key: &str, way: &str| draws.iter().filter(|draw| draw.is(key, way)).count();
    rows.filter_map(|row| {
        let key = row.key.as_deref()?;
        Some((key, row.ways.iter().map(|way| (way.as_str(), count(key, way))).collect()))
    })
    .collect()
}

/// Runs `count` drills over the selected scenarios.
///
/// # Errors
/// Wrong use, or a drill in which a phone did not end as it should.
pub async fn drill(config: &Config, options: &RehearseArgs, count: u32) -> Result<(), Failure> {
    let scenarios = scenarios(config, options)?;
    let seed = options.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    if !options.json {
        eprintln!("{count} drills from seed {seed}");
    }
    let began = Instant::now();
    let template =
        RehearsalFolder::make(&config.bench.state, options.load_size.map_or(ROOTFS, |size| size / 9 * 8))
            .map_err(|error| no_folder(&error))?;
    let template = Arc::new(template);
    let mut running = JoinSet::new();
    let mut seeds = (0..u64::from(count)).map(|index| seed + index);
    let mut drilled: Vec<Drilled> = Vec::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(seed) = seeds.next()
        {
            let plan = plan(seed, &scenarios, options, config);
            let (config, template) = (config.clone(), Arc::clone(&template));
            running.spawn(async move { run::run(&config, &template, plan).await });
        }
        match running.join_next().await {
            None => break,
            Some(Ok(one)) => {
                let one = one?;
                tell_failures(&one);
                drilled.push(one);
            }
            Some(Err(error)) => {
                let cause = format!("a drill broke off: {error}");
                return Err(Failure::new(Exit::Act, cause, "report this as a defect"));
            }
        }
    }
    finish(&drilled, seed, count, began, options.json)
}

fn plan(seed: u64, scenarios: &[Scenario], options: &RehearseArgs, config: &Config) -> Plan {
    let mut rng = fastrand::Rng::with_seed(seed);
    // The scenario is random; a pinned route holds for its own direction.
    let scenario = scenarios[rng.usize(0..scenarios.len())];
    let phones = options.phones.map_or_else(|| rng.usize(2..5), |phones| phones as usize);
    let speed = options.speed.unwrap_or(SPEED);
    let proceeds = config.migration.unknown_vid == UnknownVid::Proceed;
    Plan { seed, rng, scenario, phones, speed, proceeds, spoil: |_| {} }
}

fn tell_failures(drilled: &Drilled) {
    for (wrong, story) in &drilled.failures {
        eprintln!("Drill {} ({}): {wrong}\n{story}", drilled.seed, drilled.scenario);
    }
}

fn finish(drilled: &[Drilled], seed: u64, count: u32, began: Instant, json: bool) -> Result<(), Failure> {
    let sum = |count: fn(&Drilled) -> usize| drilled.iter().map(count).sum::<usize>();
    let failures: Vec<String> = drilled
        .iter()
        .flat_map(|one| one.failures.iter().map(|(wrong, _)| format!("drill {}: {wrong}", one.seed)))
        .collect();
    let draws: Vec<&Draw> = drilled.iter().flat_map(|one| &one.draws).collect();
    let unknown = ways(&draws);
    let least = unknown.values().flat_map(BTreeMap::values).min().copied().unwrap_or(0);
    let told = DrillSummary {
        drills: count,
        seed,
        phones: sum(|one| one.phones),
        done: sum(|one| one.done),
        held: sum(|one| one.phones - one.done),
        accidents: sum(|one| one.accidents),
        seconds: (began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        unknown: &unknown,
        failures: &failures,
    };
    let text = if json {
        serde_json::to_string(&told).unwrap_or_default()
    } else {
        format!(
            "{} drills from seed {}: {} phones, {} accidents; {} done, {} held, {} failures, in {} s. Of {} facts that \
             are not known every way was run, each by {least} phones or more.",
            told.drills,
            told.seed,
            told.phones,
            told.accidents,
            told.done,
            told.held,
            failures.len(),
            told.seconds,
            unknown.len()
        )
    };
    say(&(text + "\n"))?;
    match drilled.iter().find(|one| !one.failures.is_empty()) {
        None => Ok(()),
        Some(first) => Err(Failure::new(
            Exit::Act,
            format!("{} phones did not end as they should", failures.len()),
            format!(
                "see above what they did; --drill --seed {} runs the first of these drills again",
                first.seed
            ),
        )),
    }
}
