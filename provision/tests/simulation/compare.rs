//! Where the worlds would hold a phone back that today's rules let go on, and for which rival of the truth. It only counts.

use std::collections::BTreeMap;

use transload_provision::catalog::{Model, Vid};
use transload_provision::journey::{Fact, Observation, UpgradeInstruction};
use transload_provision::load::LoadName;
use transload_provision::worlds::{License, MARGIN, Runs, World};

use super::answers::Document;
use super::run::Run;

/// What today's rules did, and in how many cases the worlds would not have.
#[derive(Default, Clone)]
pub struct Comparison {
    pub permitted: u64,
    pub named: u64,
    pub finished: u64,
    /// By what would have been held back, and the rival.
    pub held: BTreeMap<String, (u64, u64)>,
}

impl Comparison {
    pub fn add(&mut self, other: &Self) {
        self.permitted += other.permitted;
        self.named += other.named;
        self.finished += other.finished;
        for (what, (count, seed)) in &other.held {
            self.held.entry(what.clone()).or_insert((0, *seed)).0 += count;
        }
    }

    pub fn tell(&self) {
        let Self { permitted, named, finished, held } = self;
        eprintln!(
            "today's rules named {named} loads, permitted {permitted} and found {finished} phones done"
        );
        let mut held: Vec<_> = held.iter().collect();
        held.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (what, (count, seed)) in held.iter().take(30) {
            eprintln!("{count:>7} {what} (such as seed {seed})");
        }
    }
}

impl Run {
    /// A document names a load.
    pub fn compares_named(&mut self, document: &Document) {
        let Document::Load { load, when, attempt, .. } = document else { return };
        let document = UpgradeInstruction { load: load.clone(), when: when.clone(), attempt: *attempt };
        let Some((model, vid)) = self.known_hardware() else { return };
        let context = self.world.context(self.now);
        let Some(shadow) = self.shadow.as_mut() else { return };
        shadow.compared.named += 1;
        let rival = shadow.worlds.opposes_document(&document, model, vid, &context).map(told);
        self.compares("named", &document.load, rival);
    }

    /// A load is asked for and permitted.
    pub fn compares_permitted(&mut self, load: &LoadName) {
        let Some((model, vid)) = self.known_hardware() else { return };
        let context = self.world.context(self.now);
        let Some(shadow) = self.shadow.as_mut() else { return };
        shadow.compared.permitted += 1;
        let mut worlds = shadow.worlds.clone();
        let fact = Fact::LoadsGiven { load: load.clone() };
        worlds.observe(&Observation::new(self.now, fact), &context);
        let rival = worlds.opposes(load, model, vid, &context).map(told);
        self.compares("permitted", load, rival);
    }

    /// It is found done.
    pub fn compares_finish(&mut self) {
        let direction = self.world.settings.direction;
        let Some(shadow) = self.shadow.as_ref() else { return };
        let worlds = shadow.worlds.clone();
        let done = worlds.done(direction);
        let rival = worlds.kept(MARGIN).find(|world| {
            world.runs.load().is_none_or(|load| !self.is_far(load)) || world.license != License::Settled
        });
        let what = rival.filter(|_| !done).map(|rival| format!("done: {}", told(rival)));
        self.notes_held(what, |compared| compared.finished += 1);
    }

    /// The phone's hardware, as far as the bench knows it.
    pub fn known_hardware(&self) -> Option<(&'static Model, Option<Vid>)> {
        let model = self.verdict.model.as_deref().and_then(|model| self.world.catalog().model(model))?;
        Some((model, self.journey.as_ref().and_then(|journey| journey.vid(self.world.entry.as_ref()))))
    }

    fn compares(&mut self, what: &str, load: &LoadName, rival: Option<String>) {
        let (from, to, server) = (self.phone.load.kind(), load.kind(), self.phone.server);
        let what = rival.map(|rival| format!("{what} {from} to {to} by {server:?}: {rival}"));
        if let Some(what) = &what {
            self.tell(|_| format!("WOULD HOLD {what}"));
        }
        self.notes_held(what, |_| {});
    }

    fn notes_held(&mut self, what: Option<String>, count: impl Fn(&mut Comparison)) {
        let seed = self.seed;
        if let Some(shadow) = self.shadow.as_mut() {
            count(&mut shadow.compared);
            if let Some(what) = what {
                shadow.compared.held.entry(what).or_insert((0, seed)).0 += 1;
            }
        }
    }
}

fn told(world: &World) -> String {
    let runs = match &world.runs {
        Runs::Load(load) => load.kind().to_string(),
        Runs::Band(band) => format!("some {:?}", band.side),
    };
    let accidents: Vec<_> = world.accidents.iter().map(|(accident, _)| format!("{accident:?}")).collect();
    let (surprise, why, license) = (world.surprise(), world.why, world.license);
    let license = if license == License::Settled { "" } else { ", license due" };
    let accidents = if surprise == 0 { String::new() } else { accidents.join("+") };
    format!("[{surprise}] {runs} {why:?} {accidents}{license}")
}
