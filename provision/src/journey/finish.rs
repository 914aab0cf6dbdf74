//! Done, and what ends it: contrary evidence, never time, silence, a restart or a lost lease. It is recorded for a
//! direction, a target and a pinned route; under others the phone begins a new journey.

use serde::{Deserialize, Serialize};

use super::verdict::{Assessment, LicenseState, Next, Ratio, Stage};
use super::way::{Context, plan};
use super::{Fact, Journey};
use crate::client::{self, Persona};
use crate::load::{Direction, LoadName, Side};
use crate::route::Present;
use crate::time::Time;

/// A phone was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// Since when.
    pub at: Time,
    /// What it ran then.
    pub load: LoadName,
    /// The loads that it came by, `load` last.
    pub route: Vec<LoadName>,
    /// Which way it went.
    pub direction: Direction,
    /// The route that the configuration pinned then; empty without one.
    pub pin: Vec<LoadName>,
    /// What was known of its license.
    pub license: LicenseState,
    /// What it called itself then.
    pub agent: Option<String>,
    /// Why it was taken to run `load`.
    pub evidence: String,
}

impl Journey {
    /// The fact to be recorded, if the verdict says that the phone is done and that is not on record.
    pub fn finishes(&self, verdict: &Assessment, context: &Context<'_>) -> Option<Fact> {
        if verdict.stage != Stage::Done || self.finished(context).is_some() {
            return None;
        }
        let load = verdict.load.clone()?;
        Some(finished(load, verdict.route.clone(), verdict, context))
    }

    /// The same for one that a release before 0.2 found done.
    pub fn was_done(&self, verdict: impl FnOnce() -> Assessment, context: &Context<'_>) -> Option<Fact> {
        let done = self.history.last().is_some_and(|stand| stand.stage == Stage::Done);
        if !done || self.finish.is_some() || !self.is_unproven_record() {
            return None;
        }
        let verdict = verdict();
        let load = verdict.load.clone().or_else(|| verdict.target.clone())?;
        let route = if verdict.route.is_empty() { vec![load.clone()] } else { verdict.route.clone() };
        Some(finished(load, route, &verdict, context))
    }

    /// That it is done under the present configuration.
    pub(super) fn finished(&self, context: &Context<'_>) -> Option<&Finish> {
        let finish = self.proven().finish.as_ref().or(self.finish.as_ref())?;
        let same = finish.direction == context.settings.direction && finish.pin == pin(&finish.load, context);
        (same && self.held_by_operator.is_none()).then_some(finish)
    }

    /// Takes in that it is done.
    pub(super) fn finish(&mut self, at: Time, fact: &Fact) {
        let Fact::Finished { load, route, direction, pin, license, evidence } = fact else { return };
        self.finish = Some(Finish {
            at,
            load: load.clone(),
            route: route.clone(),
            direction: *direction,
            pin: pin.clone(),
            license: *license,
            agent: self.user_agent.clone(),
            evidence: evidence.clone(),
        });
    }

    /// Ends it, if this fact is evidence against it.
    pub(super) fn unfinish(&mut self, fact: &Fact) {
        if self.finish.as_ref().is_some_and(|finish| finish.is_denied(fact)) {
            self.finish = None;
        }
    }
}

impl Finish {
    /// What only a phone that runs another load says or asks for, and the operator's order to begin anew.
    fn is_denied(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Probed(page) => page.load.as_ref().is_some_and(|load| *load != self.load),
            Fact::Registered { report } => report.active.as_ref().is_some_and(|load| *load != self.load),
            Fact::ConfigAsked { side, user_agent, .. } => {
                *side != self.load.kind().side() || self.is_denied_by(user_agent.as_deref())
            }
            // A phone does not fetch what it runs.
            Fact::LoadsGiven { load } => *load == self.load,
            Fact::LoadsRefused { name } => name == self.load.as_str(),
            Fact::Operator { act } => *act == super::Act::Retry,
            _ => false,
        }
    }

    /// A User-Agent can be configured: one that stays what it was when the phone was done tells nothing new.
    fn is_denied_by(&self, agent: Option<&str>) -> bool {
        if agent.is_none() || agent == self.agent.as_deref() || self.load.kind().side() != Side::Multiplatform
        {
            return false;
        }
        let signal = agent.and_then(client::user_agent);
        let said = signal.filter(|signal| signal.persona == Persona::Multiplatform).and_then(|it| it.version);
        said.is_some_and(|said| !super::claims::is_of(&self.load, &said))
    }
}

fn finished(load: LoadName, route: Vec<LoadName>, verdict: &Assessment, context: &Context<'_>) -> Fact {
    Fact::Finished {
        pin: pin(&load, context).to_vec(),
        load,
        route,
        direction: context.settings.direction,
        license: verdict.license,
        evidence: verdict.evidence.clone(),
    }
}

fn pin<'a>(load: &LoadName, context: &Context<'a>) -> &'a [LoadName] {
    context.settings.routes.get(load.family()).map_or(&[], Vec::as_slice)
}

/// The verdict on a phone that is done.
pub(super) fn done(
    finish: &Finish,
    model: Option<String>,
    vid: Option<crate::catalog::Vid>,
    context: &Context<'_>,
) -> Assessment {
    let persona = match finish.load.kind().side() {
        Side::Enterprise => Persona::Enterprise,
        Side::Multiplatform => Persona::Multiplatform,
    };
    let known = model.as_deref().and_then(|name| context.catalog.model(name));
    let newer = known.and_then(|model| plan(model, vid, Present::Load(&finish.load), context).ok());
    let newer = newer.filter(|route| !route.hops.is_empty()).map(|route| route.target);
    let evidence = match newer {
        Some(newer) => format!("{}; newer load available: {newer}", finish.evidence),
        None => finish.evidence.clone(),
    };
    let hops = finish.route.len().saturating_sub(1);
    Assessment {
        model,
        persona,
        steered_as: persona,
        load: Some(finish.load.clone()),
        evidence,
        route: finish.route.clone(),
        target: Some(finish.load.clone()),
        hop: hops,
        hops,
        stage: Stage::Done,
        hold: None,
        writing: false,
        progress: Ratio::default(),
        attempt: 1,
        license: finish.license,
        next: Next::Final,
        // Its profile goes on naming it, and a phone that asks for it does not run it.
        again: context.settings.cda.then(|| finish.load.clone()),
        restart: None,
        deadline: None,
    }
}
