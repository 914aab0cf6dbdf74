//! Asks `provision` for verdicts, with the context it needs.

use transload_provision::journey::{
    Assessment, Belief, Context, Journey, Request, assess, assess_request, believe,
};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::BenchState;

/// The verdict on a phone.
pub(super) fn verdict(state: &BenchState, now: Time, mac: Mac) -> Assessment {
    let journey = state.phones.get(&mac).map(|phone| &*phone.journey);
    judge(state, now, mac, journey.filter(|journey| journey.is_known()))
}

/// The load a phone is believed to run, by two-way evidence.
pub(super) fn belief(state: &BenchState, now: Time, journey: &Journey) -> Belief {
    let entry = state.roster.get(&journey.mac);
    let told = entry.and_then(|entry| entry.load.as_ref());
    believe(journey.proven(), &state.library.index, &state.rules.settings.timing, told, now)
}

/// The verdict on a journey, real or supposed.
pub(super) fn assess_as(state: &BenchState, now: Time, mac: Mac, journey: &Journey) -> Assessment {
    judge(state, now, mac, Some(journey))
}

fn judge(state: &BenchState, now: Time, mac: Mac, journey: Option<&Journey>) -> Assessment {
    assess(journey, mac, &context(state, mac, now))
}

/// The verdict that answers a request.
pub(super) fn answer(state: &BenchState, now: Time, mac: Mac, request: Request) -> Assessment {
    let journey = state.phones.get(&mac).map(|phone| &*phone.journey);
    assess_request(journey, request, mac, &context(state, mac, now))
}

/// All inputs of a decision besides the journey.
pub(super) fn context(state: &BenchState, mac: Mac, now: Time) -> Context<'_> {
    Context {
        catalog: &state.catalog,
        library: &state.library.index,
        settings: &state.rules.settings,
        entry: state.roster.get(&mac),
        now,
    }
}
