//! The way ahead of a phone: its route, what forbids it, and what it is given next.

use super::belief::Belief;
use super::outside::unattested;
use super::own_page::{page_is_coming, page_may_tell};
use super::tries::{Tries, tries};
use super::verdict::Next;
use super::{Journey, Round};
use crate::catalog::{Catalog, Eligibility, Model, Vid};
use crate::hold::{FailedHop, FirmwareLack, Hold, HoldCode, HoldReason, NotAdmitted};
use crate::library::Library;
use crate::load::{Direction, Kind, LoadName, Side};
use crate::mac::Mac;
use crate::roster::Entry;
use crate::route::{self, Hop, Present, Query, Route};
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
pub(super) struct Way {
    pub hops: Vec<Hop>,
    pub target: Option<LoadName>,
    pub refusal: Option<Hold>,
    pub next: Next,
}

impl Way {
    fn refused(hold: impl Into<Hold>, next: Next) -> Self {
        Self { hops: Vec::new(), target: None, refusal: Some(hold.into()), next }
    }
}

pub(super) fn way(journey: &Journey, belief: &Belief, model: Option<&str>, context: &Context<'_>) -> Way {
    let Some(name) = model else {
        return Way::refused(NotAdmitted::NoModel, Next::Introduction);
    };
    let Some(model) = context.catalog.model(name) else {
        return Way::refused(NotAdmitted::UnclearModel(context.catalog.question(name)), Next::Nothing);
    };
    let vid = journey.vid(context.entry);
    if let Some(hold) = refusal(journey, model, vid, context) {
        return Way::refused(hold, Next::Nothing);
    }
    let present = match (&belief.load, belief.side) {
        (Some(load), _) => Present::Load(load),
        (None, Some(side)) => belief.release.as_ref().map_or(Present::Unknown(side), Present::Release),
        (None, None) => Present::Unknown(context.settings.direction.near()),
    };
    match plan(model, vid, present, context) {
        Ok(route) => along(journey, belief, route, vid, model, context),
        Err(hold) => match (hold.reason, &belief.load) {
            (HoldReason::NoWay(reason), None) => Way::refused(reason, Next::Introduction),
            // What it runs is only a conclusion, and from what it really runs there may be a way.
            (HoldReason::NoWay(reason), Some(load)) if belief.is_unconfirmed() => {
                let (reason, load) = (Box::new(reason), load.clone());
                let evidence = belief.evidence.clone();
                Way::refused(HoldReason::IfItRuns { reason, load, evidence }, Next::Introduction)
            }
            (reason, _) => Way::refused(reason, Next::Nothing),
        },
    }
}

/// The route of one model from one load, under the configuration's pins.
pub fn plan(
    model: &Model,
    vid: Option<Vid>,
    present: Present<'_>,
    context: &Context<'_>,
) -> Result<Route, Hold> {
    let pin = model.family.as_ref().and_then(|family| context.settings.routes.get(family));
    let query = Query {
        model,
        vid,
        born: context.entry.and_then(|entry| Catalog::born(entry.model.as_deref()?)),
        present,
        direction: context.settings.direction,
        pin: pin.map(Vec::as_slice),
        unknown_vid_proceeds: context.settings.unknown_vid == UnknownVid::Proceed,
    };
    route::plan(&query, context.catalog, context.library)
}

fn refusal(journey: &Journey, model: &Model, vid: Option<Vid>, context: &Context<'_>) -> Option<Hold> {
    if journey.held_by_operator.is_some() {
        return Some(NotAdmitted::ByOperator.into());
    }
    if let Eligibility::Refused { cause, source, date } =
        context.catalog.eligibility(model, vid, context.settings.direction)
    {
        return Some(NotAdmitted::NotEligible { cause, source, date }.into());
    }
    if context.settings.admit == Admit::Listed && context.entry.is_none() {
        return Some(NotAdmitted::NotListed.into());
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
    let licensed = context.library.licensed(direction, mac) || context.settings.goes_back_free(context.entry);
    if route.hops.iter().any(|hop| hop.license) && !licensed {
        return Some(NotAdmitted::NoLicense { mac, direction }.into());
    }
    let first = route.hops.first()?;
    unknown_vid(route, vid, model, context).or_else(|| unattested(first, context))
}

/// The hold of a phone whose hardware version decides. Where its page may tell it on the way, only the next hop counts.
fn unknown_vid(route: &Route, vid: Option<Vid>, model: &Model, context: &Context<'_>) -> Option<Hold> {
    if vid.is_some() || context.settings.unknown_vid != UnknownVid::Hold {
        return None;
    }
    let probed = context.settings.probe;
    let ahead = if probed { 1 } else { route.hops.len() };
    let hop = route.hops.iter().take(ahead).find(|hop| !hop.safe_for_every_vid)?;
    Some(NotAdmitted::UnknownVid { model: model.name.clone(), load: hop.to.clone(), probed }.into())
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
    let asks_page = |hold: &Hold| hold.code == HoldCode::UnknownVid && page_may_tell(journey, context);
    let second = hops.get(1).filter(|_| !(context.settings.cda && is_certain(journey, belief, &hops)));
    let next = match hops.first() {
        _ if obstacle.as_ref().is_some_and(asks_page) => Ok(Next::Introduction),
        _ if obstacle.is_some() => Ok(Next::Nothing),
        None => finish(journey, belief, context),
        Some(first) => {
            let Tries { number, failures } = tries(journey, Some(&first.to), belief, context);
            if failures >= context.settings.timing.attempts {
                Ok(Next::Nothing)
            } else if let Some(load) = to_confirm(journey, belief, first, context) {
                confirm(journey, load, belief, context)
            } else {
                let license = needs_license(journey, belief, &hops, context);
                Ok(named(first, second, belief, number, license, vid, context))
            }
        }
    };
    let (next, refusal) = match next {
        Ok(next) => (next, obstacle),
        Err(hold) => (Next::Nothing, Some(hold)),
    };
    Way { hops, target: Some(target), refusal, next }
}

/// What CDA tells a phone is not in our hands: where its load is certain, only the next one is for it. One that fetched
/// of that and started may run it: it may have kept what it had fetched of it before.
fn is_certain(journey: &Journey, belief: &Belief, hops: &[Hop]) -> bool {
    let may_run = |round: &Round| {
        hops.first().is_some_and(|first| round.load == first.to)
            && !round.components.is_empty()
            && round.booted > journey.page.read
    };
    belief.is_certain() && !journey.rounds.last().is_some_and(may_run)
}

/// The final document; before it the same load once more, where the phone could still be in the transition load before
/// it, its plug pulled while it wrote the last one: the final document would send it away. Where CDA steers it, it may
/// have that load again; one that came over to Enterprise firmware shows it when it starts.
fn finish(journey: &Journey, belief: &Belief, context: &Context<'_>) -> Result<Next, Hold> {
    let from_transition =
        belief.passed.iter().rev().nth(1).is_none_or(|load| load.kind() != Kind::Enterprise);
    let unseen = context.settings.cda && !journey.shows_enterprise();
    let may_be_behind = |load: &&LoadName| match load.kind() {
        Kind::Multiplatform => from_transition,
        Kind::Enterprise => unseen,
        Kind::Transition(_) => false,
    };
    match belief.load.as_ref().filter(may_be_behind).filter(|_| belief.is_doubtful(journey, context)) {
        Some(load) => named_again(journey, load, belief, true, context),
        None => Ok(Next::Final),
    }
}

/// The load that a phone must be known to run before it crosses. Enterprise firmware has crossed by the time that it
/// could show that it runs something else, and a crossing from too old a release strands it.
fn to_confirm<'a>(
    journey: &Journey,
    belief: &'a Belief,
    first: &Hop,
    context: &Context<'_>,
) -> Option<&'a LoadName> {
    let leaves =
        first.crosses && belief.side == Some(Side::Enterprise) && belief.is_doubtful(journey, context);
    belief.load.as_ref().filter(|_| leaves)
}

/// Its page is waited for first, which an earlier document has opened; then the same load is named once more.
fn confirm(journey: &Journey, load: &LoadName, belief: &Belief, context: &Context<'_>) -> Result<Next, Hold> {
    let again = named_again(journey, load, belief, false, context)?;
    Ok(if page_is_coming(journey, context) { Next::Later } else { again })
}

/// The load that the phone is taken to run: one that runs it registers, or does not ask for it, and one that threw it
/// away fetches it again. No passive sign would do: a plug that was pulled and put in again looks like a phone that
/// wrote for just as long.
fn named_again(
    journey: &Journey,
    load: &LoadName,
    belief: &Belief,
    license: bool,
    context: &Context<'_>,
) -> Result<Next, Hold> {
    let Tries { number, failures } = tries(journey, Some(load), belief, context);
    if failures > context.settings.timing.attempts {
        return Err(FailedHop::ThrownAway { load: load.clone(), times: failures }.into());
    }
    if context.library.complete(load).is_none() {
        return Err(FirmwareLack::NotWhole { load: load.clone() }.into());
    }
    Ok(Next::Load { load: load.clone(), when: None, attempt: number, license })
}

/// Whether the document that names the next load names the license too. An upgrade that stays on the Multiplatform side
/// needs none, and without one its silence is clear. One that may still be in the transition load, its last load thrown
/// away, needs it.
fn needs_license(journey: &Journey, belief: &Belief, hops: &[Hop], context: &Context<'_>) -> bool {
    let stays = hops.first().is_some_and(|hop| hop.to.kind() == Kind::Multiplatform && !hop.crosses);
    match &belief.load {
        Some(load) if stays && load.kind() == Kind::Multiplatform => {
            context.settings.direction == Direction::E2m && belief.is_doubtful(journey, context)
        }
        _ if stays && (context.settings.direction == Direction::M2e || belief.release.is_some()) => false,
        _ => hops.iter().any(|hop| hop.license) && has_or_needs_license(journey.mac, context),
    }
}

/// A phone that goes back without a license is not sent for one that is not here.
fn has_or_needs_license(mac: Mac, context: &Context<'_>) -> bool {
    let Context { library, settings, entry, .. } = context;
    library.licensed(settings.direction, mac) || !settings.goes_back_free(*entry)
}

/// The load to name. On the Multiplatform side towards Enterprise both branches of the seed's rule are named,
/// so that the phone itself tells which one it needs.
fn named(
    first: &Hop,
    second: Option<&Hop>,
    belief: &Belief,
    attempt: u32,
    license: bool,
    vid: Option<Vid>,
    context: &Context<'_>,
) -> Next {
    let safe = |hop: &Hop| {
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
    Next::Load { load, when, attempt, license }
}
