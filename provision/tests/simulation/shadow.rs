//! The possible worlds of a phone beside the decisions: whether the truth is among them, and whether any hop that they
//! all allow would strand the phone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use transload_provision::journey::{Answer, Fact, Heard, Observation, UpgradeInstruction};
use transload_provision::load::{LoadName, Side};
use transload_provision::worlds::{MARGIN, Runs, World, Worlds};

use super::answers::Document;
use super::compare::Comparison;
use super::outside::Server;
use super::run::Run;
use transload_phone::truth;

/// What is kept of a phone's worlds in one run.
pub struct Shadow {
    pub worlds: Worlds,
    /// The same as the ledger has them, without what came after it was folded last.
    pub folded: Worlds,
    /// What was wrong, with the kind of fact after which it was.
    pub failures: Vec<Failure>,
    pub counts: Counts,
    pub compared: Comparison,
    checked: Vec<Runs>,
}

/// Something that must not be.
#[derive(Debug, Clone)]
pub struct Failure {
    pub kind: FailureKind,
    pub told: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// All worlds allow a hop that would strand it.
    UnsafeHop,
    /// All worlds take it for done, and it is not.
    UnsafeDone,
    /// What it runs is in no world.
    Lost,
    /// What it runs is in a world that needs too many accidents.
    TooUnlikely,
}

/// How much work it was.
#[derive(Default, Clone, Copy)]
pub struct Counts {
    pub facts: u64,
    pub taken: Duration,
    pub verdicts: u64,
    pub asked: Duration,
    pub most: usize,
    /// Worlds kept after each fact, by their number.
    pub kept: [u64; 17],
}

impl Run {
    /// From now on the worlds are kept as well.
    pub fn with_worlds(mut self) -> Self {
        let worlds = Worlds::new(self.phone.mac);
        self.shadow = Some(Box::new(Shadow {
            folded: worlds.clone(),
            worlds,
            failures: Vec::new(),
            counts: Counts::default(),
            compared: Comparison::default(),
            checked: Vec::new(),
        }));
        self.notes_the_roster();
        self
    }

    /// The worlds take in a fact.
    pub fn shadow_takes(&mut self, observation: &Observation) {
        let context = self.world.context(self.now);
        let Some(shadow) = self.shadow.as_mut() else { return };
        let began = Instant::now();
        shadow.worlds.observe(observation, &context);
        shadow.counts.taken += began.elapsed();
        shadow.counts.facts += 1;
        let worlds = shadow.worlds.kept(MARGIN).count();
        shadow.counts.most = shadow.counts.most.max(worlds);
        shadow.counts.kept[worlds.min(16)] += 1;
    }

    /// What the roster says is a fact as soon as it says something else.
    pub fn notes_the_roster(&mut self) {
        let Some(shadow) = self.shadow.as_ref().filter(|_| self.up) else { return };
        let load = self.world.entry.as_ref().and_then(|entry| entry.load.as_ref());
        if shadow.worlds.observed().listed.as_ref() != load {
            let load = load.cloned();
            self.see_durably(Fact::Listed { load });
        }
    }

    /// So is what its configuration is answered with.
    pub fn notes_the_answer(&mut self, side: Side, document: &Document, heard: Heard, lie: bool) {
        let Some(shadow) = self.shadow.as_ref().filter(|_| self.up) else { return };
        let answer = answer(document);
        if shadow.worlds.observed().answer(side) != Some(&answer) {
            let fact = Fact::Answered { side, answer };
            self.take_in(Observation { at: self.now, heard, fact }, true, lie);
        }
    }

    /// And the options that go with its lease.
    pub fn notes_the_options(&mut self, lie: bool) {
        if self.shadow.is_some() && self.up {
            let fact = Fact::OptionsGiven { persona: self.verdict.steered_as };
            self.take_in(Observation::new(self.now, fact), false, lie);
        }
    }

    /// The bench starts from its ledger.
    pub fn shadow_starts(&mut self) {
        let Some(shadow) = self.shadow.as_mut() else { return };
        shadow.worlds.clone_from(&shadow.folded);
        let ledger = std::mem::take(&mut self.ledger);
        for entry in &ledger {
            self.shadow_takes(&entry.observation);
        }
        self.ledger = ledger;
    }

    pub fn shadow_folds(&mut self) {
        if let Some(shadow) = self.shadow.as_mut() {
            shadow.folded.clone_from(&shadow.worlds);
        }
    }

    /// After each fact and each look.
    pub fn shadow_checks(&mut self) {
        self.notes_the_roster();
        let context = self.world.context(self.now);
        let Some(shadow) = self.shadow.as_mut() else { return };
        shadow.worlds.pass(self.now, &context);
        let began = Instant::now();
        let believed = shadow.worlds.believed().map(|believed| believed.load.cloned());
        let waits = shadow.worlds.waits_for(self.now, &self.world.settings);
        shadow.counts.asked += began.elapsed();
        shadow.counts.verdicts += 1;
        self.tell(|run| {
            let worlds = run.shadow.as_ref().map(|shadow| &shadow.worlds);
            let told = |world: &World| {
                let (surprise, mode, license) = (world.surprise(), &world.mode, world.license);
                format!(
                    "[{surprise}] {} {mode:?} {license:?} {:?} {:?}",
                    world.runs, world.why, world.accidents
                )
            };
            let told: Vec<String> = worlds.iter().flat_map(|worlds| worlds.all()).map(told).collect();
            format!("       worlds {believed:?} {waits:?}\n            {}", told.join("\n            "))
        });
        if self.phone.powered && self.phone.in_contact && !self.unheard {
            self.truth_is_kept();
            self.nothing_unsafe_is_allowed();
        }
    }

    fn truth_is_kept(&mut self) {
        let truth = self.phone.load.clone();
        let Some(shadow) = self.shadow.as_ref() else { return };
        let fits = |world: &World| world.runs.may_be(&truth);
        if shadow.worlds.kept(MARGIN).any(fits) {
            return;
        }
        let unlikely = shadow.worlds.all().iter().find(|world| fits(world));
        let (kind, told) = match unlikely {
            Some(world) => (FailureKind::TooUnlikely, format!("{truth} needs {:?}", world.accidents)),
            None => (FailureKind::Lost, truth.to_string()),
        };
        self.fails_in_worlds(kind, told);
    }

    /// The hops are judged by what hardware bears, not by the catalog that plans them.
    fn nothing_unsafe_is_allowed(&mut self) {
        let truth = self.phone.load.clone();
        let due = self.phone.license_due;
        let direction = self.world.settings.direction;
        let Some(shadow) = self.shadow.as_ref() else { return };
        if shadow.worlds.done(direction) && (!self.is_far(&truth) || due) && !self.was_carried_off() {
            self.fails_in_worlds(FailureKind::UnsafeDone, format!("{truth}, license due: {due}"));
        }
        if self.phone.server == Server::Bench
            && let Some(load) = self.unsafe_hop(&truth)
        {
            self.fails_in_worlds(FailureKind::UnsafeHop, format!("{truth} to {load}"));
        }
    }

    fn unsafe_hop(&mut self, truth: &LoadName) -> Option<LoadName> {
        let hardware = self.hardware();
        let context = self.world.context(self.now);
        let (model, vid) = self.known_hardware()?;
        let shadow = self.shadow.as_mut()?;
        let runs: Vec<Runs> = shadow.worlds.kept(MARGIN).map(|world| world.runs.clone()).collect();
        if shadow.checked == runs {
            return None;
        }
        shadow.checked = runs;
        let strands = |load: &&LoadName| *load != truth && truth::judge(hardware, truth, load).is_err();
        let allowed = |load: &&LoadName| shadow.worlds.allow(load, model, vid, &context);
        self.world.library.loads.keys().filter(strands).find(allowed).cloned()
    }

    fn fails_in_worlds(&mut self, kind: FailureKind, told: String) {
        let known = |shadow: &Shadow| shadow.failures.iter().any(|failure| failure.kind == kind);
        if self.shadow.as_deref().is_some_and(known) {
            return;
        }
        self.tell(|_| format!("WORLDS {kind:?}: {told}"));
        if let Some(shadow) = self.shadow.as_mut() {
            shadow.failures.push(Failure { kind, told });
        }
    }
}

fn answer(document: &Document) -> Answer {
    match document {
        Document::Unreachable => Answer::Nothing,
        Document::NotFound => Answer::NotFound,
        Document::Settle { license, .. } => Answer::Document { load: None, license: *license },
        Document::Load { load, when, attempt, license, .. } => Answer::Document {
            load: Some(UpgradeInstruction { load: load.clone(), when: when.clone(), attempt: *attempt }),
            license: license.then_some(*attempt),
        },
    }
}

/// What became of many phones.
#[derive(Default)]
pub struct Summary {
    phones: u64,
    facts: u64,
    taken: Duration,
    verdicts: u64,
    asked: Duration,
    kept: [u64; 17],
    most: [u64; 17],
    misfits: u64,
    compared: Comparison,
    failures: BTreeMap<FailureKind, Vec<(u64, String)>>,
}

impl Summary {
    pub fn add(&mut self, seed: u64, run: &Run) {
        let Some(shadow) = run.shadow.as_deref() else { return };
        let counts = &shadow.counts;
        self.phones += 1;
        self.facts += counts.facts;
        self.taken += counts.taken;
        self.verdicts += counts.verdicts;
        self.asked += counts.asked;
        self.kept.iter_mut().zip(counts.kept).for_each(|(sum, count)| *sum += count);
        self.most[counts.most.min(16)] += 1;
        self.misfits += u64::from(shadow.worlds.misfits() > 0);
        self.compared.add(&shadow.compared);
        for failure in &shadow.failures {
            self.failures.entry(failure.kind).or_default().push((seed, failure.told.clone()));
        }
    }

    pub fn tell(&self) {
        let part = |counts: &[u64], percent: u64| {
            let (all, mut sum) = (counts.iter().sum::<u64>(), 0);
            let reached = |count: &u64| {
                sum += count;
                sum * 100 >= all * percent
            };
            counts.iter().position(reached).unwrap_or(counts.len())
        };
        let each = |spent: Duration, times: u64| spent / u32::try_from(times).unwrap().max(1);
        eprintln!(
            "{} phones, {} facts, {:.2?} a fact, {:.2?} a look; worlds kept after a fact: median {}, 99 % {}, most {}; \
             most of a phone: median {}, 99 % {}; {} phones did what no world allowed",
            self.phones,
            self.facts,
            each(self.taken, self.facts),
            each(self.asked, self.verdicts),
            part(&self.kept, 50),
            part(&self.kept, 99),
            part(&self.kept, 100),
            part(&self.most, 50),
            part(&self.most, 99),
            self.misfits,
        );
        self.compared.tell();
        for (kind, phones) in &self.failures {
            eprintln!("{kind:?}: {}", phones.len());
            for (seed, told) in phones.iter().take(40) {
                eprintln!("  seed {seed}: {told}");
            }
        }
    }

    /// Of a kind.
    pub fn count(&self, kind: FailureKind) -> usize {
        self.failures.get(&kind).map_or(0, Vec::len)
    }

    pub fn first(&self) -> Option<u64> {
        self.failures.values().flatten().map(|(seed, _)| *seed).min()
    }
}
