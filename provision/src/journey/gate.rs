//! What is decided by everything that was heard, and what by two-way words alone. Here the rule "nothing irreversible on
//! one-way words" is applied to a verdict.

use std::borrow::Cow;

use super::Journey;
use super::proof::Proof;
use super::verdict::{Assessment, LicenseState, Next, Stage};
use crate::client::Persona;
use crate::hold::{Hold, HoldCode, WaitsOutside};
use crate::load::Kind;
use crate::settings::Settings;
use crate::time::Time;

/// Holds that may be shown by what nobody has acknowledged.
const SHOWN: [HoldCode; 5] = [
    HoldCode::NotAsking,
    HoldCode::TrustList,
    HoldCode::WaitingOutside,
    HoldCode::FirmwareMissing,
    HoldCode::FirmwareDamaged,
];
/// A request that is being answered. The answer goes to the leased address, so that the request needs no proof of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// What was heard at this moment by datagram.
    Datagram(Time),
    /// A `.loads` file, of which no fact tells yet.
    Load {
        /// It came two-way.
        proven: bool,
    },
}

/// What follows from everything that was heard, and from what was heard two-way: where a phone is given something that
/// cannot be taken back, the latter decides.
pub(super) fn decide(
    journey: &Journey,
    request: Option<Request>,
    settings: &Settings,
    now: Time,
    conclude: impl Fn(&Journey) -> Assessment,
) -> Assessment {
    let heard = conclude(journey);
    let shown = match journey.with_requests() {
        Cow::Borrowed(_) => heard.clone(),
        Cow::Owned(supposed) => conclude(&supposed),
    };
    let vouched = journey.retried.is_some();
    let answered = journey.is_met() || request == Some(Request::Load { proven: true });
    let supposed = request.map(|request| Proof::supposing(journey, request, now));
    let verdict = match supposed.as_ref().unwrap_or(&journey.proof).evidence(settings, now) {
        Some(proven) if answered => {
            let verdict = conclude(&proven.journey);
            join(&heard, &shown, if proven.supposed { confirmed(verdict) } else { verdict })
        }
        Some(proven) => restrain(&heard, conclude(&proven.journey), vouched),
        None => restrain(&heard, shown, vouched),
    };
    match request {
        Some(Request::Datagram(_)) if !journey.has_proven_its_start() => introduce(verdict),
        _ => verdict,
    }
}

/// Nobody acknowledges "not found", so that it proves nothing: a phone that has not shown itself since it started gets a
/// document without a load.
fn introduce(mut verdict: Assessment) -> Assessment {
    if verdict.next == Next::Nothing {
        verdict.next = Next::Introduction;
    }
    verdict
}

/// The proven verdict, with what a broadcast may change: the options of the next lease. And with what may be shown: that
/// the phone asks for nothing, or for nothing that it can be given.
fn join(heard: &Assessment, shown: &Assessment, proven: Assessment) -> Assessment {
    let mut verdict = Assessment { steered_as: heard.steered_as, ..proven };
    if verdict.persona == Persona::Unknown {
        verdict.persona = heard.persona;
    }
    verdict.deadline = [verdict.deadline, heard.deadline, shown.deadline].into_iter().flatten().min();
    let silent = shown.hold.as_ref().is_some_and(|hold| SHOWN.contains(&hold.code));
    // Broadcasts tell that somebody is there and asks for nothing: so they tell as well that he asks elsewhere.
    let asks_nothing = verdict.hold.as_ref().is_some_and(|hold| hold.code == HoldCode::NotAsking);
    let elsewhere = |hold: &Hold| hold.code == HoldCode::WaitingOutside;
    if asks_nothing && heard.stage != Stage::Done && heard.hold.as_ref().is_none_or(elsewhere) {
        verdict.stage = heard.stage;
        verdict.hold = of_its_next_load(heard, &verdict.next);
        verdict.restart = heard.restart;
    }
    let acts = verdict.writing || verdict.restart.is_some();
    let at_rest = verdict.hold.is_none() && !acts && verdict.stage != Stage::Done;
    if silent && at_rest {
        verdict.stage = shown.stage;
        verdict.hold = of_its_next_load(shown, &verdict.next);
    }
    verdict
}

/// The hold that is shown. What is waited for outside is what the proven journey needs next.
fn of_its_next_load(shown: &Assessment, next: &Next) -> Option<Hold> {
    let hold = shown.hold.clone()?;
    Some(match next {
        Next::Load { load, .. } if hold.code == HoldCode::WaitingOutside && shown.next != *next => {
            WaitsOutside::NotConfirmed { load: load.clone() }.into()
        }
        _ => hold,
    })
}

/// A phone that may be at its target: it fetched the load, or the roster says so, and nothing two-way shows it.
fn not_confirmed(verdict: &Assessment) -> Option<Hold> {
    verdict.load.clone().map(|load| WaitsOutside::NotConfirmed { load }.into())
}

/// A start that only broadcasts told of makes nobody done.
fn confirmed(mut verdict: Assessment) -> Assessment {
    if verdict.stage == Stage::Done {
        verdict.stage = Stage::Held;
        verdict.hold = not_confirmed(&verdict);
        verdict.next = Next::Introduction;
    }
    verdict
}

/// Nothing was heard two-way yet: what cannot be taken back waits for that, or for an operator who vouches for the roster.
fn restrain(heard: &Assessment, mut verdict: Assessment, vouched: bool) -> Assessment {
    verdict.steered_as = heard.steered_as;
    if verdict.stage == Stage::Done && vouched {
        return verdict;
    }
    verdict.again = None;
    let stays = verdict.persona == Persona::Enterprise;
    let reversible = match &verdict.next {
        // Nobody but the roster can have told what it runs.
        Next::Load { .. } if heard.load.is_some() && heard.load == verdict.load => true,
        Next::Load { load, when, .. } => stays && load.kind() == Kind::Enterprise && when.is_none(),
        Next::License | Next::Final => false,
        Next::Nothing | Next::Later | Next::Introduction => true,
    };
    if !reversible {
        verdict.next = Next::Introduction;
    }
    if verdict.stage == Stage::Done {
        verdict.stage = Stage::Held;
        verdict.hold = not_confirmed(&verdict);
    }
    if matches!(verdict.license, LicenseState::Accepted | LicenseState::Fetched) {
        verdict.license = LicenseState::Present;
    }
    verdict
}
