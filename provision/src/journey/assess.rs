//! From facts, library, catalog and the time to what a phone is given next.

use super::belief::{Belief, believe};
use super::stall;
use super::verdict::{Assessment, Hold, HoldCode, LicenseState, Next, Ratio, Stage};
use super::{Journey, Round};
use crate::catalog::{Catalog, Eligibility, Model, Vid};
use crate::client::Persona;
use crate::library::Library;
use crate::load::{Direction, Kind, LoadName, Side};
use crate::mac::Mac;
use crate::roster::Entry;
use crate::route::{self, NoRoute, NoRouteCode, Present, Query, Route};
use crate::settings::{Admit, Settings, UnknownVid};
use crate::time::Time;

/// What a decision rests on, besides the phone's own facts.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Models, hop rules, eligibility.
    pub catalog: &'a Catalog,
    /// Firmware and licenses at hand.
    pub library: &'a Library,
    /// The configuration.
    pub settings: &'a Settings,
    /// The phone's line in the roster.
    pub entry: Option<&'a Entry>,
    /// The time.
    pub now: Time,
}

/// The route and where it stands, or why there is none.
struct Way {
    hops: Vec<route::Hop>,
    target: Option<LoadName>,
    refusal: Option<Hold>,
    next: Next,
}

impl Way {
    fn refused(hold: Hold, next: Next) -> Self {
        Self {
            hops: Vec::new(),
            target: None,
            refusal: Some(hold),
            next,
        }
    }
}

/// Derives everything about one phone; `None` stands for a roster phone that was never seen.
pub fn assess(journey: Option<&Journey>, mac: Mac, context: &Context<'_>) -> Assessment {
    let blank = Journey::new(mac, context.now);
    let seen = journey.is_some();
    let journey = journey.unwrap_or(&blank);
    let told = context.entry.and_then(|entry| entry.load.as_ref());
    let timing = &context.settings.timing;
    let belief = believe(journey, context.library, timing.already_there, told, context.now);
    let name = journey
        .model()
        .or_else(|| context.entry.and_then(|entry| entry.model.clone()));
    let way = way(journey, &belief, name.as_deref(), context);
    let license = license_state(journey, &belief, &way, context);
    let attempt = attempt(journey, way.hops.first().map(|hop| &hop.to));
    let round = journey.rounds.last().filter(|round| round.booted.is_none());
    let mut verdict = Assessment {
        model: name,
        persona: persona(&belief),
        steered_as: if belief.disputed {
            Persona::Unknown
        } else {
            persona(&belief)
        },
        load: belief.load.clone(),
        evidence: belief.evidence.clone(),
        route: Vec::new(),
        target: way.target.clone(),
        hop: 0,
        hops: 0,
        stage: Stage::Seen,
        hold: way.refusal.clone(),
        writing: round.is_some_and(|round| !round.components.is_empty()),
        progress: progress(round, way.hops.first(), context.library),
        attempt,
        license,
        next: way.next.clone(),
        deadline: None,
    };
    lay_out_route(&mut verdict, &belief, &way);
    if !seen {
        verdict.stage = Stage::Absent;
        verdict.hold = None;
        return verdict;
    }
    settle_stage(&mut verdict, journey, &belief, &way, context);
    verdict
}

fn persona(belief: &Belief) -> Persona {
    match (belief.load.as_ref().map(LoadName::kind), belief.side) {
        (Some(Kind::Transition(_)), _) => Persona::Transition,
        (_, Some(Side::Enterprise)) => Persona::Enterprise,
        (_, Some(Side::Multiplatform)) => Persona::Multiplatform,
        (_, None) => Persona::Unknown,
    }
}

fn way(journey: &Journey, belief: &Belief, model: Option<&str>, context: &Context<'_>) -> Way {
    let Some(name) = model else {
        let hold = Hold::new(
            HoldCode::NoRoute,
            "its model is not known: it sends no vendor class that names one",
            "add a line with its MAC and model to the roster",
        );
        return Way::refused(hold, Next::Introduction);
    };
    let Some(model) = context.catalog.model(name) else {
        let hold = Hold::new(
            HoldCode::NotEligible,
            format!("model {name} is not in the catalog"),
            "leave it out, or describe the model in catalog.toml in the state folder",
        );
        return Way::refused(hold, Next::Nothing);
    };
    let vid = context.entry.and_then(|entry| entry.vid);
    if let Some(hold) = refusal(journey, model, vid, context) {
        return Way::refused(hold, Next::Nothing);
    }
    let present = match (&belief.load, belief.side) {
        (Some(load), _) => Present::Load(load),
        (None, Some(side)) => Present::Unknown(side),
        (None, None) => Present::Unknown(context.settings.direction.near()),
    };
    match plan(model, vid, present, context) {
        Ok(route) => along(journey, belief, route, vid, model, context),
        Err(no_route) => {
            let next = match (&belief.load, no_route.code) {
                (None, NoRouteCode::NoRoute) => Next::Introduction,
                _ => Next::Nothing,
            };
            Way::refused(from_no_route(no_route), next)
        }
    }
}

/// The route of one model from one load, under the configuration's pins.
pub fn plan(
    model: &Model,
    vid: Option<Vid>,
    present: Present<'_>,
    context: &Context<'_>,
) -> Result<Route, NoRoute> {
    let pin = model
        .family
        .as_ref()
        .and_then(|family| context.settings.routes.get(family));
    let query = Query {
        model,
        vid,
        present,
        direction: context.settings.direction,
        pin: pin.map(Vec::as_slice),
        unknown_vid_proceeds: context.settings.unknown_vid == UnknownVid::Proceed,
    };
    route::plan(&query, context.catalog, context.library)
}

/// A planner's refusal as a hold.
pub fn from_no_route(no_route: NoRoute) -> Hold {
    let code = match no_route.code {
        NoRouteCode::FirmwareMissing => HoldCode::FirmwareMissing,
        NoRouteCode::FirmwareDamaged => HoldCode::FirmwareDamaged,
        NoRouteCode::NoRoute => HoldCode::NoRoute,
        NoRouteCode::NotEligible => HoldCode::NotEligible,
    };
    Hold::new(code, no_route.cause, no_route.cure)
}

fn refusal(journey: &Journey, model: &Model, vid: Option<Vid>, context: &Context<'_>) -> Option<Hold> {
    if journey.held_by_operator.is_some() {
        return Some(Hold::new(
            HoldCode::Operator,
            "the operator holds it",
            "release it when it may go on",
        ));
    }
    if let Eligibility::Refused { cause, source, date } =
        context
            .catalog
            .eligibility(model, vid, context.settings.direction)
    {
        return Some(Hold::new(
            HoldCode::NotEligible,
            format!("{cause} ({source}, {date})"),
            "take it off the bench; it stays as it is",
        ));
    }
    if context.settings.admit == Admit::Listed && context.entry.is_none() {
        let cause = "only the roster's phones take part and it is not among them";
        return Some(Hold::new(
            HoldCode::NotListed,
            cause,
            "add it to the roster, or set admit = \"eligible\"",
        ));
    }
    None
}

/// What is missing for this phone to walk the route, apart from firmware.
pub fn obstacle(
    mac: Mac,
    route: &Route,
    vid: Option<Vid>,
    model: &Model,
    context: &Context<'_>,
) -> Option<Hold> {
    let direction = context.settings.direction;
    if route.hops.iter().any(|hop| hop.license) && !context.library.licensed(direction, mac) {
        let (folder, name) = (folder(direction), mac);
        return Some(Hold::new(
            HoldCode::NoLicense,
            format!("no {folder} license for {mac} is at hand"),
            format!("get its license and put it at licenses/{folder}/{name}.lic"),
        ));
    }
    let first = route.hops.first()?;
    if vid.is_none() && !first.safe_for_every_vid && context.settings.unknown_vid == UnknownVid::Hold {
        return Some(Hold::new(
            HoldCode::UnknownVid,
            format!(
                "whether this {} may load {} depends on its hardware version (VID), which is not known",
                model.name, first.to
            ),
            "read the VID from its label or UDI and put it in the roster",
        ));
    }
    None
}

fn folder(direction: Direction) -> &'static str {
    match direction {
        Direction::E2m => "e2m",
        Direction::M2e => "m2e",
    }
}

fn along(
    journey: &Journey,
    belief: &Belief,
    route: Route,
    vid: Option<Vid>,
    model: &Model,
    context: &Context<'_>,
) -> Way {
    let obstacle = obstacle(journey.mac, &route, vid, model, context);
    let Route { hops, target } = route;
    let next = match hops.first() {
        _ if obstacle.is_some() => Next::Nothing,
        None => Next::Final,
        Some(first) => {
            let attempt = attempt(journey, Some(&first.to));
            if attempt > context.settings.timing.attempts {
                Next::Nothing
            } else {
                named(
                    first,
                    hops.get(1),
                    belief,
                    attempt,
                    hops.iter().any(|hop| hop.license),
                    vid,
                    context,
                )
            }
        }
    };
    Way {
        hops,
        target: Some(target),
        refusal: obstacle,
        next,
    }
}

/// The load to name. On the Multiplatform side towards Enterprise both branches of the seed's rule are named,
/// so that the phone itself tells which one it needs.
fn named(
    first: &route::Hop,
    second: Option<&route::Hop>,
    belief: &Belief,
    attempt: u32,
    license: bool,
    vid: Option<Vid>,
    context: &Context<'_>,
) -> Next {
    let safe = |hop: &route::Hop| {
        vid.is_some() || hop.safe_for_every_vid || context.settings.unknown_vid == UnknownVid::Proceed
    };
    let transition = Kind::Transition(Direction::M2e);
    let (load, when) = match (&belief.load, second) {
        (_, Some(second)) if first.to.kind() == transition && safe(second) => {
            (second.to.clone(), Some(first.to.clone()))
        }
        (Some(present), _) if present.kind() == transition => (first.to.clone(), Some(present.clone())),
        _ => (first.to.clone(), None),
    };
    Next::Load {
        load,
        when,
        attempt,
        license,
    }
}

/// Which attempt at a load this is, from 1: one more than the fetches of it that failed since the operator's
/// latest retry. Where one of them had succeeded, the phone would be past this hop.
fn attempt(journey: &Journey, load: Option<&LoadName>) -> u32 {
    let since = journey.retried.unwrap_or_default();
    let failed = |round: &&Round| {
        Some(&round.load) == load
            && round.began >= since
            && (round.booted.is_some() || round.broken.is_some())
    };
    1 + journey.rounds.iter().filter(failed).count() as u32
}

fn progress(round: Option<&Round>, hop: Option<&route::Hop>, library: &Library) -> Ratio {
    let (Some(round), Some(hop)) = (round, hop) else {
        return Ratio::default();
    };
    let Some(load) = library.loads.get(&round.load).filter(|_| round.load == hop.to) else {
        return Ratio::default();
    };
    let has = |name: &String| round.components.contains_key(&name.to_ascii_lowercase());
    let platform = load
        .platforms
        .iter()
        .max_by_key(|platform| platform.components.iter().filter(|name| has(name)).count());
    let names = platform.into_iter().flat_map(|platform| &platform.components);
    let whole = names
        .filter_map(|name| load.sizes.get(&name.to_ascii_lowercase()))
        .sum();
    let part = round.components.values().map(|file| file.reached).sum();
    Ratio { part, whole }
}

fn license_state(journey: &Journey, belief: &Belief, way: &Way, context: &Context<'_>) -> LicenseState {
    let direction = context.settings.direction;
    let on_target = way.refusal.is_none() && way.hops.is_empty();
    let Some((first, latest)) = journey.license_given else {
        return match (on_target, context.library.licensed(direction, journey.mac)) {
            (true, _) if !crossed_here(journey, belief, direction) || direction == Direction::M2e => {
                LicenseState::Unwitnessed
            }
            (_, true) => LicenseState::Present,
            (_, false) => LicenseState::Absent,
        };
    };
    // The license "enables upgrade to requested firmware" (seed): who fetched it before the load
    // that he runs now, and runs that load, had it accepted.
    let before_last_load = journey
        .rounds
        .iter()
        .rev()
        .find(|round| Some(&round.load) == belief.load.as_ref())
        .is_some_and(|round| {
            first <= round.began && (direction == Direction::M2e || from_transition(belief))
        });
    let quiet = context.now - latest >= context.settings.timing.license;
    if on_target && (before_last_load || quiet) {
        LicenseState::Accepted
    } else {
        LicenseState::Fetched
    }
}

fn from_transition(belief: &Belief) -> bool {
    belief
        .passed
        .iter()
        .rev()
        .nth(1)
        .is_some_and(|load| matches!(load.kind(), Kind::Transition(_)))
}

/// Whether the phone changed sides on this bench: a near-side or transition load came before the present one.
pub(super) fn crossed_here(journey: &Journey, belief: &Belief, direction: Direction) -> bool {
    let far = match direction {
        Direction::E2m => Kind::Multiplatform,
        Direction::M2e => Kind::Enterprise,
    };
    belief.passed.iter().any(|load| load.kind() != far)
        || match direction {
            Direction::E2m => journey.enterprise_asked.is_some(),
            Direction::M2e => journey.multiplatform_asked.is_some(),
        }
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
    context: &Context<'_>,
) {
    let mut deadlines = Vec::new();
    if verdict.hold.is_some() {
        verdict.stage = Stage::Held;
    } else if let Some(hop) = way.hops.first() {
        let begun = journey.offers.iter().any(|offer| offer.load == hop.to)
            || journey.rounds.iter().any(|round| round.load == hop.to);
        verdict.stage = match (begun || belief.passed.len() > 1, hop.crosses) {
            (false, _) => Stage::Seen,
            (true, false) => Stage::Moving,
            (true, true) => Stage::Crossing,
        };
        if let Some((stage, hold)) =
            stall::on_the_way(journey, belief, hop, verdict.attempt, context, &mut deadlines)
        {
            verdict.stage = stage;
            verdict.hold = Some(hold);
        }
    } else {
        settle_target(verdict, journey, belief, context, &mut deadlines);
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
    let settled = matches!(
        verdict.license,
        LicenseState::Accepted | LicenseState::Unwitnessed
    );
    if settled || direction == Direction::M2e || !crossed_here(journey, belief, direction) {
        verdict.stage = Stage::Done;
        return;
    }
    verdict.stage = Stage::Crossing;
    verdict.next = Next::License;
    let from = journey.license_given.map_or(belief.since, |(_, latest)| latest);
    deadlines.push(from + context.settings.timing.license);
    if verdict.license != LicenseState::Fetched && context.now - from >= context.settings.timing.license {
        verdict.stage = Stage::Stuck;
        verdict.hold = Some(Hold::new(
            HoldCode::Failed,
            format!(
                "it runs {} and has not fetched its license",
                belief.load.as_ref().map_or("the target", LoadName::as_str)
            ),
            "restart it; if it asks for nothing, factory-reset it so that it reads its profile again",
        ));
    }
}
