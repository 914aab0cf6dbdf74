//! `transload hold`, `release`, `retry`, `restart` and `forget`: the operator's actions. They go through the running
//! bench, or into the state folder if no bench runs and none is needed.

use rustix::thread::CapabilitySet;
use serde_json::json;
use transload_provision::journey::{Act, Fact, Observation};
use transload_provision::mac::Mac;
use transload_provision::text;
use transload_provision::time::Time;

use crate::bench::selection::{Selected, Selection};
use crate::bench::views::phone::PhoneView;
use crate::bench::{OrderRefusal, PhoneOutcome, RefusalReason, forget};
use crate::commands::cli::{PhoneArgs, RestartArgs};
use crate::commands::reload::running_bench;
use crate::commands::status;
use crate::commands::status::client::order;
use crate::config::Config;
use crate::state::backup;
use crate::state::ledger::{Ledger, Record};
use crate::state::state_lock;
use crate::system::clock::system_time;
use crate::system::error::{Exit, Failure, Problem};
use crate::system::privilege;

/// An action that needs no running bench.
#[derive(Debug, Clone, Copy)]
pub enum PhoneOrder {
    /// A change of the phones' journeys.
    Act(Act),
    /// Removes all facts about the phones.
    Forget,
}

impl PhoneOrder {
    /// The command's name, and its result in words.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Act(Act::Hold) => ("hold", "held"),
            Self::Act(Act::Release) => ("release", "released"),
            Self::Act(Act::Retry) => ("retry", "tried again"),
            Self::Forget => ("forget", "forgotten"),
        }
    }

    /// Whether the action applies to a phone that a filter selects.
    fn concerns(self, phone: &PhoneView, named: &[Mac]) -> bool {
        matches!(self, Self::Act(_)) || phone.first_seen.is_some() || named.contains(&phone.mac)
    }

    /// Why the action is refused for a phone.
    fn refusal(self, phone: &PhoneView) -> Option<OrderRefusal> {
        match self {
            Self::Forget if phone.first_seen.is_none() => Some(forget::nothing_known(phone.mac)),
            Self::Forget if phone.writing => Some(forget::writes(phone.mac)),
            _ => None,
        }
    }

    fn record(self, mac: Mac, at: Time) -> Option<Record> {
        match self {
            Self::Act(act) => {
                let json = serde_json::to_string(&Observation::new(at, Fact::Operator { act })).ok()?;
                Some(Record::Observation { mac, at, json })
            }
            Self::Forget => Some(Record::Forget { mac, at }),
        }
    }
}

/// Holds, releases, retries or forgets phones.
///
/// # Errors
/// A line for each phone that refuses the action.
pub fn act(config: &Config, args: &PhoneArgs, act: PhoneOrder) -> Result<(), Failure> {
    let (word, done) = act.words();
    said_which(&args.phones)?;
    let body = json!({"phones": args.phones, "dry_run": args.dry_run});
    match order::<Vec<PhoneOutcome>>(&config.admin, &format!("/api/phones/{word}"), &body)? {
        Some(Ok(outcomes)) => tell(&outcomes, word, args.dry_run, |_| done.to_owned()),
        Some(Err(why)) => Err(Failure { exit: Exit::Act, problems: vec![refused(word, &why.into())] }),
        None if running_bench(&config.bench.state).is_some() => Err(silent(config)),
        None => {
            let outcomes = offline(config, args, act)?;
            let from =
                if matches!(act, PhoneOrder::Forget) { "" } else { ", from the next start of the bench on" };
            tell(&outcomes, word, args.dry_run, |_| format!("{done}{from}"))
        }
    }
}

///
/// # Errors
/// A line for each phone that is not restarted.
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
        Some(Err(why)) => Err(Failure { exit: Exit::Act, problems: vec![refused(how, &why.into())] }),
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

/// Prints a line for each phone.
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
            let note = outcome.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
            println!("{}{about}: {}{note}", outcome.mac, done(outcome));
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

fn refused(what: &str, why: &RefusalReason) -> Problem {
    Problem::new(format!("no {what}: {}", why.cause), why.cure.unwrap_or("see `transload status`"))
}

fn silent(config: &Config) -> Failure {
    Failure::new(
        Exit::Act,
        format!("the running bench does not answer at {}", config.admin.listen),
        "check that admin.listen is the running bench's",
    )
}

fn offline(config: &Config, args: &PhoneArgs, act: PhoneOrder) -> Result<Vec<PhoneOutcome>, Failure> {
    let state = &config.bench.state;
    privilege::become_owner(state, CapabilitySet::empty())?;
    let _lock = state_lock::lock(state)?;
    backup::complete(state)?;
    let seen = status::offline(config)?;
    let Selected { phones, unknown } = args.phones.of(seen.phones());
    let outcome = |phone: PhoneView| {
        let problem = act.refusal(&phone).map(OrderRefusal::reason);
        let done = !args.dry_run && problem.is_none();
        let listed = matches!(act, PhoneOrder::Forget) && seen.lists(phone.mac);
        PhoneOutcome {
            mac: phone.mac,
            model: phone.model,
            location: phone.location,
            stage: Some(phone.stage),
            done,
            by: None,
            problem: problem.filter(|_| !args.dry_run),
            note: (done && listed).then(|| forget::STILL_LISTED.to_owned()),
        }
    };
    let meant = phones.into_iter().filter(|phone| act.concerns(phone, &args.phones.mac));
    let unknown = unknown.into_iter().map(PhoneOutcome::unknown);
    let outcomes: Vec<PhoneOutcome> = meant.map(outcome).chain(unknown).collect();
    if !args.dry_run {
        write_down(config, outcomes.iter().filter(|outcome| outcome.done).map(|outcome| outcome.mac), act)?;
    }
    Ok(outcomes)
}

fn write_down(config: &Config, macs: impl Iterator<Item = Mac>, act: PhoneOrder) -> Result<(), Failure> {
    let unread = Ledger::open(&config.bench.state.join("ledger.db"))?;
    let at = system_time().max(unread.marks.high_water);
    let ledger = unread.replay(&mut ())?;
    let record = |mac| act.record(mac, at);
    let ticket = ledger.append(macs.filter_map(record).collect());
    let cannot = |cause: String| Failure::new(Exit::Act, cause, "check the state folder's disk and rights");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let written = runtime.map_err(|error| cannot(error.to_string()))?.block_on(ticket);
    written.and_then(|()| ledger.close()).map_err(|error| cannot(error.to_string()))
}
