//! The phone's own page: when it is worth reading, and what it contradicts.

use std::time::Duration;

use super::belief::{Belief, believe};
use super::fetched::{Fetch, fetched, under_way};
use super::{Assessment, Context, Journey};
use crate::catalog::Vid;
use crate::page::Page;
use crate::roster::Entry;
use crate::time::Time;

/// A phone at rest is met again after so long a quiet.
const PRESENCE: Duration = Duration::from_secs(25 * 60);
/// A phone that asks again and again is not waited for longer than so many times the quiet that is wanted.
const PATIENCE: u32 = 4;

impl Journey {
    /// The hardware version: the phone's own word before the roster's.
    pub fn vid(&self, entry: Option<&Entry>) -> Option<Vid> {
        self.page.vid.or_else(|| entry.and_then(|entry| entry.vid))
    }

    /// Since when it runs: its latest boot, or else when it was first seen.
    pub fn started(&self) -> Time {
        self.booted.unwrap_or(self.first_seen)
    }
}

/// From when on the phone's page is worth reading: once after each boot, when the phone has asked for what it wants
/// and is quiet, if its load or its hardware version is in doubt. `None` where nothing is in doubt, and while the
/// phone may be writing flash.
pub fn page_due(journey: &Journey, context: &Context<'_>) -> Option<Time> {
    let started = journey.started();
    if let Some(read) = journey.page.read.filter(|read| *read >= started) {
        // That it is still there is known two-way as long as its page answers.
        let met = journey.proven().heard.max(Some(read)).unwrap_or_default();
        let rests = journey.proven().finish.is_none() && under_way(journey, context.library).is_none();
        return rests.then_some(met + PRESENCE);
    }
    // Its page is read at its leased address, so that anybody may have asked.
    let asked = journey.asked.max(journey.proof.asked()).filter(|asked| *asked >= started);
    let timing = &context.settings.timing;
    if journey.may_write(timing.flash, context.now) {
        return None;
    }
    let told = context.entry.and_then(|entry| entry.load.as_ref());
    let belief = || believe(journey, context.library, timing, told, context.now);
    let patient = started + timing.quiet * PATIENCE;
    let due = match asked {
        Some(asked) => patient.min(asked + timing.quiet),
        // Who is told elsewhere what to load may have nothing to ask here.
        None if belief().side.is_some_and(|side| context.settings.steered_outside(side)) => patient,
        None => return None,
    };
    let doubtful = || {
        journey.rounds.last().is_some_and(|round| {
            round.booted == journey.booted && fetched(round, context.library) != Fetch::Whole
        })
    };
    let confirmed = |belief: Belief| belief.is_certain() && !belief.is_unconfirmed();
    let certain = journey.vid(context.entry).is_some() && !doubtful() && confirmed(belief());
    (!certain).then_some(due)
}

/// Whether the page may still tell what nothing else does. A phone whose page is open already, because of an earlier
/// document, has it read while its boot files are "not found", and asks for them again by itself; later on,
/// only a document can open the page.
pub(super) fn page_may_tell(journey: &Journey, context: &Context<'_>) -> bool {
    let started = journey.started();
    let tried = context.now - started >= context.settings.timing.quiet * (PATIENCE + 2);
    context.settings.probe && tried && journey.page.read < Some(started)
}

/// What the page says and other signals deny, for the technician.
pub fn disagreements(
    page: &Page,
    journey: &Journey,
    before: &Assessment,
    entry: Option<&Entry>,
) -> Vec<String> {
    let mut found = Vec::new();
    if let Some((said, known)) = other_model(page, before) {
        found.push(format!("its page says it is a {said}, and by other signals it is a {known}"));
    }
    if let (Some(said), Some(known)) = (page.vid, journey.vid(entry).filter(|known| page.vid != Some(*known)))
    {
        found.push(format!("its page says VID {said}, and before it was taken for {known}"));
    }
    if let (Some(said), Some(known)) =
        (&page.load, before.load.as_ref().filter(|known| page.load.as_ref() != Some(*known)))
    {
        found.push(format!(
            "its page says it runs {said}, and it was taken to run {known}: {}",
            before.evidence
        ));
    }
    found
}

/// Whether a page that does not say whose it is cannot be this phone's: another machine has its address.
pub fn is_of_another(page: &Page, before: &Assessment) -> bool {
    page.mac.is_none() && other_model(page, before).is_some()
}

fn other_model<'a>(page: &'a Page, before: &'a Assessment) -> Option<(&'a str, &'a str)> {
    let (said, known) = (page.model.as_deref()?, before.model.as_deref()?);
    (!known.starts_with(said) && !said.starts_with(known)).then_some((said, known))
}

/// Whether the page of a phone that has just started with another load may be read before it asks again: Enterprise
/// phones whose boot files are not found ask for them again after 15 to 45 s.
pub(super) fn page_is_coming(journey: &Journey, context: &Context<'_>) -> bool {
    let started = journey.started();
    let first = journey.rounds.last().is_some_and(|round| round.booted == Some(started));
    let patient = context.now - started < context.settings.timing.quiet * (PATIENCE + 2);
    context.settings.probe && first && patient && journey.page.read < Some(started)
}
