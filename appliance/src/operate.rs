//! `transload hold`, `release`, `retry` and `restart`: the operator's hand, through the running bench. What needs no
//! bench is written into its state folder where none runs.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::thread::CapabilitySet;
use transload_provision::journey::{Act, Fact, Observation};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use crate::backup;
use crate::cli::{PhoneArgs, RestartArgs};
use crate::config::Config;
use crate::error::{Exit, Failure, Problem};
use crate::ledger::{Ledger, Record};
use crate::privilege;
use crate::reload::running_bench;
use crate::state_lock;
use crate::status::client::order;

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
    let mut problems = Vec::new();
    for mac in &args.macs {
        match order(&config.admin, &format!("/api/phones/{mac}/{word}"))? {
            Some(Ok(_)) => println!("{mac}: {done}"),
            Some(Err(why)) => problems.push(refused(*mac, word, &why)),
            None if running_bench(&config.bench.state).is_some() => return Err(silent(config)),
            None => return offline(config, &args.macs, act, done),
        }
    }
    all(problems)
}

/// Restarts phones.
///
/// # Errors
/// One line for each phone that is not restarted.
pub fn restart(config: &Config, args: &RestartArgs) -> Result<(), Failure> {
    let how = if args.reset { "reset" } else { "restart" };
    let mut problems = Vec::new();
    for mac in &args.phones.macs {
        match order(&config.admin, &format!("/api/phones/{mac}/restart?how={how}"))? {
            Some(Ok(said)) => println!("{mac}: {how} by its {}", said["by"].as_str().unwrap_or("means")),
            Some(Err(why)) => problems.push(refused(*mac, how, &why)),
            None if running_bench(&config.bench.state).is_some() => return Err(silent(config)),
            None => {
                let cause = "no bench is running, so nobody can tell the phones";
                return Err(Failure::new(
                    Exit::Act,
                    cause,
                    "start it with `transload serve`, or unplug them",
                ));
            }
        }
    }
    all(problems)
}

fn all(problems: Vec<Problem>) -> Result<(), Failure> {
    if problems.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::Act, problems }) }
}

fn refused(mac: Mac, what: &str, why: &str) -> Problem {
    let (cause, cure) =
        why.rsplit_once(": ").or_else(|| why.rsplit_once("; ")).unwrap_or((why, "see `transload status`"));
    Problem { cause: format!("{mac}: no {what}: {cause}"), cure: cure.to_owned() }
}

fn silent(config: &Config) -> Failure {
    Failure::new(
        Exit::Act,
        format!("the running bench does not answer at {}", config.admin.listen),
        "check that admin.listen is the running bench's",
    )
}

fn offline(config: &Config, macs: &[Mac], act: Act, done: &str) -> Result<(), Failure> {
    let state = &config.bench.state;
    privilege::become_owner(state, CapabilitySet::empty())?;
    let _lock = state_lock::lock(state)?;
    backup::complete(state)?;
    let (ledger, restored) = Ledger::open(&state.join("ledger.db"))?;
    let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = Time(system.as_millis() as u64).max(restored.high_water);
    let record = |mac: &Mac| {
        let json = serde_json::to_string(&Observation { at, fact: Fact::Operator { act } }).ok()?;
        Some(Record::Observation { mac: *mac, at, json })
    };
    let ticket = ledger.append(macs.iter().filter_map(record).collect());
    let cannot = |cause: String| Failure::new(Exit::Act, cause, "check the state folder's disk and rights");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let written = runtime.map_err(|error| cannot(error.to_string()))?.block_on(ticket);
    written.and_then(|()| ledger.close()).map_err(|error| cannot(error.to_string()))?;
    for mac in macs {
        println!("{mac}: {done}, from the next start of the bench on");
    }
    Ok(())
}
