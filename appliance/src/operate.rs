//! `transload hold`, `release`, `retry` and `restart`: the operator's hand, through the running bench. What needs no
//! bench is written into its state folder where none runs.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::thread::CapabilitySet;
use serde_json::json;
use transload_provision::journey::{Act, Fact, Observation};
use transload_provision::mac::Mac;
use transload_provision::text;
use transload_provision::time::Time;

use crate::bench::PhoneOutcome;
use crate::cli::{PhoneArgs, RestartArgs};
use crate::config::Config;
use crate::error::{Exit, Failure, Problem};
use crate::ledger::{Ledger, Record};
use crate::privilege;
use crate::reload::running_bench;
use crate::selection::Selection;
use crate::status::client::order;
use crate::{backup, state_lock, status};

/// Holds, releases or retries phones.
///
/// # Errors
/// One line for each phone that it could not be done to.
pub fn act(config: &Config, args: &PhoneArgs, act: Act) -> Result<(), Failure> {
    let (word, done) = match act {
        Act::Hold => ("hold", "held"),
        Act::Release => ("release", "released"),
        Act::Retry => ("retry", "tried again"),
    };
    said_which(&args.phones)?;
    let body = json!({"phones": args.phones, "dry_run": args.dry_run});
    match order::<Vec<PhoneOutcome>>(&config.admin, &format!("/api/phones/{word}"), &body)? {
        Some(Ok(outcomes)) => tell(&outcomes, word, args.dry_run, |_| done.to_owned()),
        Some(Err(why)) => Err(Failure { exit: Exit::Act, problems: vec![refused(word, &why)] }),
        None if running_bench(&config.bench.state).is_some() => Err(silent(config)),
        None => {
            let outcomes = offline(config, args, act)?;
            tell(&outcomes, word, args.dry_run, |_| format!("{done}, from the next start of the bench on"))
        }
    }
}

/// Restarts phones.
///
/// # Errors
/// One line for each phone that is not restarted.
pub fn restart(config: &Config, args: &RestartArgs) -> Result<(), Failure> {
    let how = if args.reset { "reset" } else { "restart" };
    let PhoneArgs { phones, dry_run } = &args.phones;
    said_which(phones)?;
    let body = json!({"phones": phones, "dry_run": dry_run, "how": how});
    let by = |outcome: &PhoneOutcome| {
        let by = serde_json::to_value(outcome.by).unwrap_or_default();
        format!("{how} by its {}", by.as_str().unwrap_or("means"))
    };
    match order::<Vec<PhoneOutcome>>(&config.admin, "/api/phones/restart", &body)? {
        Some(Ok(outcomes)) => tell(&outcomes, how, *dry_run, by),
        Some(Err(why)) => Err(Failure { exit: Exit::Act, problems: vec![refused(how, &why)] }),
        None if running_bench(&config.bench.state).is_some() => Err(silent(config)),
        None => {
            let cause = "no bench is running, so nobody can tell the phones";
            Err(Failure::new(Exit::Act, cause, "start it with `transload serve`, or unplug them"))
        }
    }
}

fn said_which(phones: &Selection) -> Result<(), Failure> {
    if phones.is_empty() {
        let cure = "name MAC addresses, or --model, --stage, --code or --location, or --all";
        return Err(Failure::new(Exit::Usage, "it is not said which phones are meant", cure));
    }
    Ok(())
}

/// One line for each phone.
fn tell(
    outcomes: &[PhoneOutcome],
    word: &str,
    dry_run: bool,
    done: impl Fn(&PhoneOutcome) -> String,
) -> Result<(), Failure> {
    for outcome in outcomes {
        let about = [outcome.model.as_deref(), outcome.location.as_deref()];
        let about: Vec<&str> = about.into_iter().flatten().collect();
        let about =
            if about.is_empty() { String::new() } else { format!(" ({})", text::line(&about.join(", "))) };
        if outcome.done {
            println!("{}{about}: {}", outcome.mac, done(outcome));
        } else if outcome.problem.is_none() {
            let stage = outcome.stage.map(|stage| stage.to_string()).unwrap_or_default();
            println!("{}{about}: {stage}, would be told: {word}", outcome.mac);
        }
    }
    if dry_run {
        let meant = outcomes.iter().filter(|outcome| outcome.problem.is_none()).count();
        println!("{meant} phones are meant; nothing was done.");
    }
    let refusal = |outcome: &PhoneOutcome| Some(refused(word, outcome.problem.as_ref()?));
    let problems: Vec<Problem> = outcomes.iter().filter_map(refusal).collect();
    if !problems.is_empty() {
        return Err(Failure { exit: Exit::Act, problems });
    }
    if outcomes.is_empty() {
        let cure = "see `transload status` for models, stages, codes and locations";
        return Err(Failure::new(Exit::Act, "no phone is as described", cure));
    }
    Ok(())
}

fn refused(what: &str, why: &str) -> Problem {
    let (cause, cure) =
        why.rsplit_once(": ").or_else(|| why.rsplit_once("; ")).unwrap_or((why, "see `transload status`"));
    Problem::new(format!("no {what}: {cause}"), cure)
}

fn silent(config: &Config) -> Failure {
    Failure::new(
        Exit::Act,
        format!("the running bench does not answer at {}", config.admin.listen),
        "check that admin.listen is the running bench's",
    )
}

fn offline(config: &Config, args: &PhoneArgs, act: Act) -> Result<Vec<PhoneOutcome>, Failure> {
    let state = &config.bench.state;
    privilege::become_owner(state, CapabilitySet::empty())?;
    let _lock = state_lock::lock(state)?;
    backup::complete(state)?;
    let selected = args.phones.of(status::offline(config)?.phones());
    let outcome = |mac, problem: Option<String>| PhoneOutcome {
        mac,
        model: None,
        location: None,
        stage: None,
        done: !args.dry_run && problem.is_none(),
        by: None,
        problem,
    };
    let phones = selected.phones.into_iter().map(|phone| PhoneOutcome {
        model: phone.model,
        location: phone.location,
        stage: Some(phone.stage),
        ..outcome(phone.mac, None)
    });
    let unknown = |mac| {
        let problem = format!("no phone {mac} was seen, and none is in the roster");
        outcome(mac, Some(problem))
    };
    let outcomes: Vec<PhoneOutcome> = phones.chain(selected.unknown.into_iter().map(unknown)).collect();
    if !args.dry_run {
        write_down(config, outcomes.iter().filter(|outcome| outcome.done).map(|outcome| outcome.mac), act)?;
    }
    Ok(outcomes)
}

fn write_down(config: &Config, macs: impl Iterator<Item = Mac>, act: Act) -> Result<(), Failure> {
    let (ledger, restored) = Ledger::open(&config.bench.state.join("ledger.db"))?;
    let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = Time(system.as_millis() as u64).max(restored.high_water);
    let record = |mac: Mac| {
        let json = serde_json::to_string(&Observation::new(at, Fact::Operator { act })).ok()?;
        Some(Record::Observation { mac, at, json })
    };
    let ticket = ledger.append(macs.filter_map(record).collect());
    let cannot = |cause: String| Failure::new(Exit::Act, cause, "check the state folder's disk and rights");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let written = runtime.map_err(|error| cannot(error.to_string()))?.block_on(ticket);
    written.and_then(|()| ledger.close()).map_err(|error| cannot(error.to_string()))
}
