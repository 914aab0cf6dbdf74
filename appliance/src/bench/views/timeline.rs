//! The history of one phone, moment by moment.

use serde::{Deserialize, Serialize};
use transload_provision::journey::{Belief, Journey, Means, passages};
use transload_provision::time::Time;
use utoipa::ToSchema;

use crate::system::utc;

/// Something that happened to a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Moment {
    /// When, UTC.
    #[serde(with = "utc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Time>,
    /// What, in words.
    pub what: String,
}

/// A phone's history, oldest first: stages, loads, license, operator's actions, restarts and the stage hook.
pub(in crate::bench) fn timeline(journey: &Journey, belief: &Belief) -> Vec<Moment> {
    let history = &journey.history;
    let mut moments: Vec<(Time, String)> = vec![(journey.first_seen, "first heard of".to_owned())];
    moments.extend(history.stands.iter().map(|stand| {
        let cause = stand.cause.as_deref().unwrap_or_default();
        let hold = stand.code.map_or_else(String::new, |code| format!(" ({code}): {cause}"));
        (stand.at, format!("{}{hold}", stand.stage))
    }));
    moments.extend(history.acts.iter().map(|(at, deed)| (*at, format!("operator: {}", deed.as_str()))));
    moments.extend(journey.license_given.map(|(first, _)| (first, "given its license".to_owned())));
    moments.extend(journey.restarts.iter().map(|told| {
        let by = match told.by {
            Means::Registration => "its registration",
            Means::Hook => "hooks.restart",
            Means::Resync => "its page",
        };
        let answer = told.answer.as_deref().unwrap_or("no answer yet");
        (told.at, format!("told to {} by {by}: {answer}", told.how.as_str()))
    }));
    moments.extend(history.hooks.iter().map(|run| {
        let outcome = match (run.failed, run.output.is_empty()) {
            (true, _) => format!("failed: {}", run.output),
            (false, true) => "succeeded".to_owned(),
            (false, false) => run.output.clone(),
        };
        (run.at, format!("hooks.stage, told of {}: {outcome}", run.stage))
    }));
    for passage in passages(journey, belief) {
        let load = &passage.load;
        moments.extend(passage.began.map(|at| (at, format!("begins to fetch {load}"))));
        let again =
            if passage.attempts > 1 { format!(", {} attempts", passage.attempts) } else { String::new() };
        let outcome = if passage.arrived { "runs" } else { "started again after fetching" };
        let took = format!("{outcome} {load} ({} bytes{again})", passage.bytes);
        moments.extend(passage.ended.map(|at| (at, took)));
    }
    moments.sort_by_key(|(at, _)| *at);
    moments.into_iter().map(|(at, what)| Moment { at: Some(at), what }).collect()
}
