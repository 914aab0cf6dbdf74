//! From facts, library, catalog and the time to what a phone is given next.

use super::belief::{Belief, believe};
use super::fetched::silence_allowed;
use super::finish::done;
use super::gate::{Request, decide};
use super::outside::{self, is_steered_outside};
use super::restart::{Outlook, outlook};
use super::stall;
use super::tries::{Tries, tries};
use super::verdict::{Assessment, LicenseState, Next, Ratio, Stage};
use super::way::{Context, Way, way};
use super::{Journey, Round};
use crate::client::Persona;
use crate::hold::{FailedHop, HoldCode, HoldReason, NotAdmitted, WaitsOutside};
use crate::library::Library;
use crate::load::{Direction, Kind, LoadName, Side};
use crate::mac::Mac;
use crate::route::Hop;
use crate::time::Time;

/// Derives everything about one phone; `None` stands for a roster phone that was never seen.
pub fn assess(journey: Option<&Journey>, mac: Mac, context: &Context<'_>) -> Assessment {
    assess_for(journey, None, mac, context)
}

/// The same for the answer to a request.
pub fn assess_request(
    journey: Option<&Journey>,
    request: Request,
    mac: Mac,
    context: &Context<'_>,
) -> Assessment {
    assess_for(journey, Some(request), mac, context)
}

fn assess_for(
    journey: Option<&Journey>,
    request: Option<Request>,
    mac: Mac,
    context: &Context<'_>,
) -> Assessment {
    match journey {
        None => conclude(&Journey::new(mac, context.now), false, context),
        Some(journey) => {
            decide(journey, request, context.settings, context.now, |known| conclude(known, true, context))
        }
    }
}

/// What follows from a record.
fn conclude(journey: &Journey, seen: bool, context: &Context<'_>) -> Assessment {
    let told = context.entry.and_then(|entry| entry.load.as_ref());
    if let Some(finish) = journey.finished(context) {
        return done(finish, model(journey, context), journey.vid(context.entry), context);
    }
    let mut belief = believe(journey, context.library, &context.settings.timing, told, context.now);
    let led_here = is_led_here(journey, &belief, context);
    let name = model(journey, context);
    // A call manager or CDA may act before the phone contacts this bench.
    let side = belief.class;
    let mut sides = [belief.side, side].into_iter().flatten();
    let elsewhere = sides.any(|side| is_steered_outside(journey, side, context.settings));
    let forgotten = journey.away && elsewhere;
    if forgotten {
        belief
            .forget(side.or(belief.side), "it was away for long, and may have been loaded elsewhere".into());
    } else if elsewhere && belief.side == Some(Side::Enterprise) && belief.is_doubtful(journey, context) {
        let why = format!("whether it runs what it fetched is not certain yet: {}", belief.evidence);
        belief.forget(belief.side, why);
    }
    let way = way(journey, &belief, name.as_deref(), context);
    let license = license_state(journey, &belief, &way, context);
    let tries = tries(journey, way.hops.first().map(|hop| &hop.to), &belief, context);
    let round = journey.open_round();
    let mut verdict = Assessment {
        model: name,
        persona: persona(&belief),
        steered_as: if led_here || (forgotten && side.is_none()) {
            Persona::Unknown
        } else {
            steered_as(&belief)
        },
        load: belief.load.clone(),
        evidence: belief.evidence.clone(),
        route: Vec::new(),
        target: way.target.clone(),
        hop: 0,
        hops: 0,
        stage: Stage::Seen,
        hold: way.refusal.clone(),
        writing: round.is_some_and(|round| !runs(&belief, round) && writes(round, context)),
        progress: progress(round, way.hops.first(), context.library),
        attempt: tries.number,
        license,
        next: way.next.clone(),
        again: again(journey, &belief, context),
        restart: None,
        deadline: None,
    };
    lay_out_route(&mut verdict, &belief, &way);
    if !seen {
        verdict.stage = Stage::Absent;
        verdict.hold = None;
        return verdict;
    }
    settle_stage(&mut verdict, journey, &belief, &way, tries, context);
    verdict
}

/// The model by the catalog's name, by the phone's own word and the roster. What the catalog cannot name stays as it was
/// written, so that it is asked about; in the roster it may tell more of the phone than the phone does.
fn model(journey: &Journey, context: &Context<'_>) -> Option<String> {
    let catalog = context.catalog;
    let listed = context.entry.and_then(|entry| catalog.named(entry.model.as_deref()?));
    let unclear = |name: &String| catalog.model(name).is_none();
    let hearsay = journey.proof.is_hearsay() || journey.is_model_doubtful();
    if listed.as_ref().is_some_and(|listed| hearsay || unclear(listed)) {
        return listed;
    }
    let said = journey.model().filter(|_| !journey.proof.contradicts_model());
    let Some(said) = said.map(|said| catalog.named(&said).unwrap_or(said)) else { return listed };
    // Multiplatform firmware is not known to tell an 8851NR from an 8851.
    let finer = |listed: &String| unclear(&said) || listed.starts_with(said.as_str());
    listed.filter(finer).or(Some(said))
}

/// It has shown since it fetched the load that it runs it: its start was not seen.
fn runs(belief: &Belief, round: &Round) -> bool {
    belief.load.as_ref() == Some(&round.load) && belief.since >= round.last
}

/// From its first component until it starts again, or nothing moves any more, a phone may be writing flash.
fn writes(round: &Round, context: &Context<'_>) -> bool {
    !round.components.is_empty()
        && round.broken.is_none()
        && context.now - round.last < silence_allowed(round, context)
}

fn steered_as(belief: &Belief) -> Persona {
    if belief.disputed { Persona::Unknown } else { persona(belief) }
}

/// One that was told here of its latest load, though others steer its side, is led here until it is certain to run it.
fn is_led_here(journey: &Journey, belief: &Belief, context: &Context<'_>) -> bool {
    let Some(side) = belief.side.filter(|side| context.settings.steered_outside(*side)) else { return false };
    let doubtful = |round: &Round| {
        let confirmed = belief.load.as_ref() == Some(&round.load) && !belief.is_doubtful(journey, context);
        round.booted.is_some() && !confirmed && journey.was_told_on(round, side)
    };
    let by_silence = belief.is_by_silence() && belief.is_doubtful(journey, context);
    by_silence || journey.rounds.last().is_some_and(doubtful)
}

/// The load of the far side that CDA told a phone of when it crossed: its profile does not name another.
fn again(journey: &Journey, belief: &Belief, context: &Context<'_>) -> Option<LoadName> {
    let direction = context.settings.direction;
    // Within the Multiplatform side no way is too long.
    let led_there = direction == Direction::E2m || crossed_here(journey, belief, context);
    let by_cda = context.settings.cda && !journey.away && led_there;
    belief.load.clone().filter(|load| by_cda && is_far(load, direction))
}

fn is_far(load: &LoadName, direction: Direction) -> bool {
    load.kind() == direction.final_kind()
}

fn persona(belief: &Belief) -> Persona {
    match (belief.load.as_ref().map(LoadName::kind), belief.side) {
        (Some(Kind::Transition(_)), _) => Persona::Transition,
        (_, Some(Side::Enterprise)) => Persona::Enterprise,
        (_, Some(Side::Multiplatform)) => Persona::Multiplatform,
        (_, None) => Persona::Unknown,
    }
}

fn progress(round: Option<&Round>, hop: Option<&Hop>, library: &Library) -> Ratio {
    let (Some(round), Some(hop)) = (round, hop) else {
        return Ratio::default();
    };
    let Some(load) = library.loads.get(&round.load).filter(|_| round.load == hop.to) else {
        return Ratio::default();
    };
    let has = |name: &String| round.component(name).is_some();
    let platform = load
        .platforms
        .iter()
        .max_by_key(|platform| platform.components.iter().filter(|name| has(name)).count());
    let names = platform.into_iter().flat_map(|platform| &platform.components);
    let whole = names.filter_map(|name| load.sizes.get(name)).sum();
    let part = round.components.values().map(|file| file.reached).sum();
    Ratio { part, whole }
}

fn license_state(journey: &Journey, belief: &Belief, way: &Way, context: &Context<'_>) -> LicenseState {
    let direction = context.settings.direction;
    let on_target = way.refusal.is_none() && way.hops.is_empty();
    let Some((first, latest)) = journey.license_known() else {
        return match (on_target, context.library.licensed(direction, journey.mac)) {
            (true, _) if !crossed_here(journey, belief, context) || direction == Direction::M2e => {
                LicenseState::Unwitnessed
            }
            (_, true) => LicenseState::Present,
            (_, false) => LicenseState::Absent,
        };
    };
    // The license "enables upgrade to requested firmware" (seed): who fetched it before the load
    // that he runs now, and runs that load, had it accepted.
    let last = journey.rounds.iter().rposition(|round| Some(&round.load) == belief.load.as_ref());
    let before_last_load = last.is_some_and(|last| {
        let fetched_before = last.checked_sub(1).map(|before| &journey.rounds[before].load);
        let ran_before = belief.passed.iter().rev().nth(1);
        let from = [fetched_before, ran_before].into_iter().flatten();
        let told = journey.was_told_on(&journey.rounds[last], Side::Enterprise)
            || journey.rounds[last].from == Some(Side::Enterprise);
        let transition = from.into_iter().any(|load| load.kind() == Kind::Transition(direction)) && !told;
        first <= journey.rounds[last].began && (direction == Direction::M2e || transition)
    });
    let quiet = journey.rests_licensed(context.settings.timing.license, context.now);
    let listed = context.entry.and_then(|entry| entry.load.as_ref());
    let vouched = listed.is_some() && listed == belief.load.as_ref() && journey.retried > Some(latest);
    if on_target && (before_last_load || quiet || vouched) {
        LicenseState::Accepted
    } else {
        LicenseState::Fetched
    }
}

/// Whether the phone changed sides on this bench: a near-side or transition load came before the present one.
pub(super) fn crossed_here(journey: &Journey, belief: &Belief, context: &Context<'_>) -> bool {
    let direction = context.settings.direction;
    let listed = context.entry.and_then(|entry| entry.load.as_ref());
    listed.is_some_and(|load| load.kind().side() == direction.near())
        || belief.passed.iter().any(|load| !is_far(load, direction))
        || journey.sightings.iter().any(|(_, side)| *side == direction.near())
        || journey
            .rounds
            .iter()
            .any(|round| round.from == Some(direction.near()) && is_far(&round.load, direction))
}

fn lay_out_route(verdict: &mut Assessment, belief: &Belief, way: &Way) {
    if way.target.is_none() {
        return;
    }
    verdict.route.clone_from(&belief.passed);
    if belief.load.is_none() {
        verdict.route.clear();
    }
    verdict.route.extend(way.hops.iter().map(|hop| hop.to.clone()));
    verdict.hops = verdict.route.len().saturating_sub(1);
    let passed = verdict.route.len() - way.hops.len();
    verdict.hop = passed.max(1).min(verdict.hops);
}

fn settle_stage(
    verdict: &mut Assessment,
    journey: &Journey,
    belief: &Belief,
    way: &Way,
    tries: Tries,
    context: &Context<'_>,
) {
    let mut deadlines = Vec::new();
    let patience = context.settings.timing.not_asking;
    let mut stalled = None;
    if verdict.model.is_none() && journey.asked.is_none() && context.now - journey.first_seen < patience {
        // The name of the file it asks for may tell its model.
        verdict.hold = None;
        deadlines.push(journey.first_seen + patience);
    } else if let Some(hold) = &verdict.hold {
        verdict.stage = if hold.code == HoldCode::Failed { Stage::Stuck } else { Stage::Held };
        if verdict.next == Next::Introduction && verdict.model.is_some() {
            stalled = stall::before_it_tells(journey, belief, context, &mut deadlines);
        }
    } else if let Some(hop) = way.hops.first() {
        // Who is told elsewhere may be further than is known.
        let fetches = journey.open_round().map(|round| &round.load);
        let ahead = way.hops.iter().find(|hop| Some(&hop.to) == fetches);
        let begun = ahead.is_some()
            || journey.offers.iter().any(|offer| offer.load == hop.to)
            || journey.rounds.iter().any(|round| round.load == hop.to);
        verdict.stage = match (begun || belief.passed.len() > 1, ahead.unwrap_or(hop).crosses) {
            (false, _) => Stage::Seen,
            (true, false) => Stage::Moving,
            (true, true) => Stage::Crossing,
        };
        stalled = stall::on_the_way(journey, belief, hop, tries, context, &mut deadlines);
    } else {
        settle_target(verdict, journey, belief, context, &mut deadlines);
    }
    if let Some((stage, hold)) = stalled {
        let needs = hold.code == HoldCode::NeedsRestart;
        let outlook = needs.then(|| outlook(journey, belief, context, &mut deadlines));
        match outlook {
            Some(Outlook::Now(order)) => verdict.restart = Some(order),
            Some(Outlook::Wait) => {}
            Some(Outlook::InVain { times, answer }) => {
                verdict.stage = stage;
                let reason = Box::new(hold.reason);
                verdict.hold = Some(HoldReason::RestartInVain { reason, times, answer }.into());
            }
            Some(Outlook::ByHand) | None => {
                verdict.stage = stage;
                verdict.hold = Some(hold);
            }
        }
    }
    let writes = verdict.writing && matches!(verdict.stage, Stage::Seen | Stage::Done);
    if let Some(round) = journey.rounds.last().filter(|_| writes) {
        // What it was told of before is not its next load any more, and it is not to be unplugged all the same.
        let crosses = belief.side.is_some_and(|side| side != round.load.kind().side());
        verdict.stage = if crosses { Stage::Crossing } else { Stage::Moving };
        deadlines.push(round.last + silence_allowed(round, context));
    }
    verdict.deadline = deadlines.into_iter().filter(|at| *at > context.now).min();
}

fn settle_target(
    verdict: &mut Assessment,
    journey: &Journey,
    belief: &Belief,
    context: &Context<'_>,
    deadlines: &mut Vec<Time>,
) {
    let direction = context.settings.direction;
    if verdict.next != Next::Final {
        // It is told the same load once more, and it shows only then that it runs it.
        verdict.stage = Stage::Crossing;
        let stalled = stall::license_not_accepted(journey, belief.since, context).or_else(|| {
            if is_steered_outside(journey, Side::Multiplatform, context.settings) {
                outside::unconfirmed(journey, belief, context, deadlines)
            } else {
                stall::no_profile_asked(journey, context, deadlines)
            }
        });
        if let Some((stage, hold)) = stalled {
            verdict.stage = stage;
            verdict.hold = Some(hold);
        }
        return;
    }
    let settled = matches!(verdict.license, LicenseState::Accepted | LicenseState::Unwitnessed);
    if settled || direction == Direction::M2e || !crossed_here(journey, belief, context) {
        verdict.stage = Stage::Done;
        return;
    }
    verdict.stage = Stage::Crossing;
    verdict.next = Next::License;
    let from = journey.license_known().map_or(belief.since, |(_, latest)| latest);
    deadlines.push(from + context.settings.timing.license);
    let missing = verdict.license == LicenseState::Absent;
    let alone = is_steered_outside(journey, Side::Multiplatform, context.settings) && !missing;
    let unsent = from.max(journey.started()) + context.settings.timing.not_asking;
    if alone && verdict.license != LicenseState::Fetched {
        deadlines.push(unsent);
        if context.now >= unsent {
            verdict.stage = Stage::Held;
            verdict.hold = Some(WaitsOutside::CdaLicense { load: belief.load.clone() }.into());
        }
    } else if alone && context.now >= from + context.settings.timing.license {
        verdict.stage = Stage::Held;
        verdict.hold = belief.load.clone().map(|load| WaitsOutside::LicenseNotConfirmed { load }.into());
    } else if let Some((stage, hold)) = stall::license_not_accepted(journey, belief.since, context) {
        verdict.stage = stage;
        verdict.hold = Some(hold);
    } else if missing {
        verdict.stage = Stage::Held;
        verdict.hold = Some(NotAdmitted::NoLicense { mac: journey.mac, direction }.into());
    } else if verdict.license != LicenseState::Fetched
        && context.now - from >= context.settings.timing.license
    {
        verdict.stage = Stage::Stuck;
        verdict.hold = Some(FailedHop::LicenseNotFetched { load: belief.load.clone() }.into());
    } else if verdict.license == LicenseState::Fetched
        && !alone
        && let Some((stage, hold)) = stall::no_profile_asked(journey, context, deadlines)
    {
        verdict.stage = stage;
        verdict.hold = Some(hold);
    }
}
