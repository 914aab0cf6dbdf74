//! What all worlds have in common that have to be reckoned with.

use super::firmware::Runs;
use super::world::{License, Mode, World};
use super::{LoadName, MARGIN, Side, Time, Worlds};
use crate::catalog::{Model, Vid};
use crate::journey::{Context, UpgradeInstruction, plan};
use crate::load::{Direction, Kind, Version};
use crate::route::{Hop, Present};
use crate::settings::{Settings, UnknownVid};

/// What a phone is taken to run, for people: the best world and how sure it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed<'a> {
    /// The best world.
    pub world: &'a World,
    /// The side, if all best worlds are on it.
    pub side: Option<Side>,
    /// The load, if all best worlds run it.
    pub load: Option<&'a LoadName>,
    /// How much would have to go wrong for anything else to be so; `None` where nothing else is thought of.
    pub rival: Option<u8>,
}

/// What a phone waits for in every world, that does not come by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// It has an address and asks for nothing.
    Anything,
    /// A call manager or CDA has to tell it.
    Others,
    /// Its trust list has to go.
    UnsignedConfiguration,
    /// It reads its configuration only when it starts.
    Start,
}

impl Worlds {
    /// What it is taken to run.
    pub fn believed(&self) -> Option<Believed<'_>> {
        let world = self.all().first()?;
        let best = || self.kept(1);
        let load = world.runs.load().filter(|load| best().all(|world| world.is(load)));
        let side = world.side().filter(|side| best().all(|world| world.side() == Some(*side)));
        let other = |other: &&World| other.runs != world.runs;
        let rival = self.all().iter().find(other).map(World::surprise);
        Some(Believed { world, side, load, rival })
    }

    /// The side that it is on beyond doubt.
    pub fn side(&self) -> Option<Side> {
        let side = self.all().first()?.side()?;
        self.kept(MARGIN).all(|world| world.side() == Some(side)).then_some(side)
    }

    /// The load that it runs beyond doubt.
    pub fn load(&self) -> Option<&LoadName> {
        let load = self.all().first()?.runs.load()?;
        self.kept(MARGIN).all(|world| world.is(load)).then_some(load)
    }

    /// Whether a phone bears this load and can go on from it, in every world that has to be reckoned with: it runs it already,
    /// or its route begins with it.
    pub fn allow(&self, to: &LoadName, model: &Model, vid: Option<Vid>, context: &Context<'_>) -> bool {
        self.opposes(to, model, vid, context).is_none()
    }

    /// The best world in which a phone may not have this load.
    pub fn opposes(
        &self,
        to: &LoadName,
        model: &Model,
        vid: Option<Vid>,
        context: &Context<'_>,
    ) -> Option<&World> {
        self.kept(MARGIN).find(|world| !bears(&world.runs, to, model, vid, context))
    }

    /// The best world in which a phone may not be told what a document says. By its condition, the phone itself tells which
    /// load it needs.
    pub fn opposes_document(
        &self,
        document: &UpgradeInstruction,
        model: &Model,
        vid: Option<Vid>,
        context: &Context<'_>,
    ) -> Option<&World> {
        let bears_it = |world: &World| {
            let bears = |to: &LoadName| bears(&world.runs, to, model, vid, context);
            match &document.when {
                None => bears(&document.load),
                Some(when) => {
                    let then = !world.runs.may_be(when) || {
                        let runs = Runs::Load(when.clone());
                        leads(&runs, &document.load, model, vid, context)
                    };
                    then && bears(when)
                }
            }
        };
        self.kept(MARGIN).find(|world| !bears_it(world))
    }

    /// It is at its target beyond doubt, and needs no license any more.
    pub fn done(&self, direction: Direction) -> bool {
        let far = |world: &World| match &world.runs {
            Runs::Load(load) => load.kind() == direction.final_kind(),
            Runs::Band(band) if direction == Direction::E2m => {
                band.side == Some(Side::Multiplatform) && release(&world.runs).is_some()
            }
            Runs::Band(band) => band.side == Some(Side::Enterprise),
        };
        self.kept(MARGIN).all(|world| far(world) && world.license == License::Settled)
    }

    /// Whether it needs no license any more, in every world or in some.
    pub fn license_settled(&self) -> (bool, bool) {
        let settled = |world: &World| world.license == License::Settled;
        (self.kept(MARGIN).all(settled), self.kept(MARGIN).any(settled))
    }

    /// It may be fetching or writing a load: nobody may cut its power before that moment.
    pub fn busy_until(&self, settings: &Settings) -> Option<Time> {
        let fetches = self.kept(MARGIN).filter_map(World::fetching);
        let last = fetches.map(|fetching| self.observed().last_of(fetching)).max()?;
        Some(last + settings.timing.flash)
    }

    /// What every world waits for.
    pub fn waits_for(&self, now: Time, settings: &Settings) -> Option<WaitsFor> {
        let (observed, timing) = (self.observed(), &settings.timing);
        if self.busy_until(settings).is_some_and(|until| now < until) {
            return None;
        }
        let all = |test: &dyn Fn(&World) -> bool| self.kept(MARGIN).all(test);
        let over = |since: Option<Time>, patience| since.is_some_and(|since| now - since >= patience);
        let started = self.all().first()?.started;
        if all(&|world| world.outside) {
            let given = self.all().first()?.licensed_at.filter(|given| Some(*given) > started);
            let waited = over(given, timing.license) || (given.is_none() && over(started, timing.not_asking));
            return waited.then_some(WaitsFor::Others);
        }
        if all(&|world| world.mode == Mode::Starting) {
            return over(started, timing.not_asking).then_some(WaitsFor::Anything);
        }
        if let Some(signed) = observed.signed_only {
            return (now - signed >= timing.not_asking / 3).then_some(WaitsFor::UnsignedConfiguration);
        }
        let rests = |world: &World| {
            world.side() == Some(Side::Enterprise) && matches!(world.mode, Mode::Quiet | Mode::Off)
        };
        if all(&rests) {
            let off = self.kept(MARGIN).any(|world| world.mode == Mode::Off);
            let waited = observed.registered || off || over(observed.read, timing.not_asking);
            return waited.then_some(WaitsFor::Start);
        }
        let silent = || over(observed.read.max(started), timing.not_asking);
        (all(&|world| world.side() == Some(Side::Multiplatform)) && silent()).then_some(WaitsFor::Anything)
    }
}

fn bears(runs: &Runs, to: &LoadName, model: &Model, vid: Option<Vid>, context: &Context<'_>) -> bool {
    runs.load() == Some(to) || leads(runs, to, model, vid, context)
}

fn leads(runs: &Runs, to: &LoadName, model: &Model, vid: Option<Vid>, context: &Context<'_>) -> bool {
    let release = release(runs);
    let present = match (runs, &release) {
        (Runs::Load(load), _) => Present::Load(load),
        (Runs::Band(_), Some(release)) => Present::Release(release),
        (Runs::Band(band), None) => match band.side {
            Some(side) => Present::Unknown(side),
            None => return false,
        },
    };
    let proceeds = vid.is_some() || context.settings.unknown_vid == UnknownVid::Proceed;
    let begins = |hop: &Hop| hop.to == *to && (proceeds || hop.safe_for_every_vid);
    plan(model, vid, present, context).is_ok_and(|route| route.hops.first().is_some_and(begins))
}

/// The Multiplatform release that a phone runs, whose load is not known and is no transition load.
fn release(runs: &Runs) -> Option<Version> {
    match runs {
        Runs::Band(band) if band.side == Some(Side::Multiplatform) && !band.or_transition => {
            band.release.as_ref()?.parse().ok()
        }
        Runs::Band(_) => None,
        Runs::Load(load) => (load.kind() == Kind::Multiplatform).then(|| load.version().clone()),
    }
}
