//! How a journey takes in facts.

use std::time::Duration;

use super::claims::said_by_dhcp;
use super::{Act, Fact, HookRun, Journey, Observation, Offer, Report, Stand, Stay, Told};
use crate::client;
use crate::load::Side;
use crate::routine::routine;
use crate::time::Time;

/// Rounds and offers kept; a migration needs a handful, and a looping phone must not grow without bound.
pub(super) const KEPT: usize = 64;
/// Distinct missing names and contradictions kept per phone.
pub(super) const NAMES_KEPT: usize = 32;
/// Reports and restarts kept per phone.
const REPORTS_KEPT: usize = 16;
/// Without DHCP of ours, a profile asked for this long after the last transfer is taken for a boot: longer than a
/// phone takes between two profiles while it is still on its old load.
const QUIET_BEFORE_BOOT: Duration = Duration::from_secs(120);

/// An Enterprise phone that has not got its document asks again sooner than this (cisco-phones §3.3); later, it has
/// started.
const ASKS_AGAIN: Duration = Duration::from_secs(90);
/// A phone that nothing was heard of for so long may have been loaded elsewhere. One at rest renews its lease sooner.
const AWAY: Duration = Duration::from_secs(60 * 60);
/// The same where another server gives the leases, and a phone at rest is not heard.
const AWAY_UNSEEN: Duration = Duration::from_secs(24 * 60 * 60);
/// A phone that comes here for its profile is heard every minute; where it was not for so long, nobody knows whether it
/// asked for its license again.
const UNHEARD: Duration = Duration::from_secs(10 * 60);

impl Journey {
    /// Takes in one fact, whoever may have said it.
    pub(super) fn take(&mut self, observation: &Observation) {
        let at = observation.at;
        self.unfinish(&observation.fact);
        if !observation.fact.is_ours() {
            self.last_seen = self.last_seen.max(at);
        }
        if observation.fact.is_of_the_phone() {
            let away = if self.dhcp_at.is_some() { AWAY } else { AWAY_UNSEEN };
            // Who retries it has it before the eyes.
            let heard = self.heard.max(self.retried).unwrap_or(at);
            // One whose registration stands renews that every minute or two, and is not noted each time.
            if at - heard >= away && self.registered.is_none() {
                self.away = true;
                self.left = Some(heard);
            }
            // One that starts may have been without power since it was heard.
            let starts = matches!(observation.fact, Fact::Dhcp { boot: true, .. });
            let unheard = if starts || self.comes_for_its_profile() { UNHEARD } else { AWAY };
            if at - heard >= unheard {
                self.unheard(heard, at);
            }
            self.heard = self.heard.max(Some(at));
            let runs_on = matches!(
                observation.fact,
                Fact::Dhcp { boot: false, .. } | Fact::Probed(_) | Fact::Registered { .. }
            );
            for offer in self.offers.iter_mut().filter(|offer| runs_on && offer.awaits_answer()) {
                offer.heard = Some(at);
            }
            let asks = matches!(
                observation.fact,
                Fact::LicenseGiven { .. } | Fact::Missing { .. } | Fact::ConfigAsked { .. }
            );
            if let Some(stay) = self.stays.last_mut().filter(|stay| (runs_on || asks) && stay.until.is_none())
            {
                stay.heard = Some(at);
            }
        }
        match &observation.fact {
            Fact::Dhcp { boot, vendor_class, request_list } => {
                if *boot || vendor_class.is_some() {
                    self.says_class(vendor_class.as_ref());
                }
                self.dhcp_at = Some(at);
                if *boot || !request_list.is_empty() {
                    self.request_list.clone_from(request_list);
                }
                if *boot {
                    self.boot(at);
                }
            }
            Fact::Leased { address } => {
                self.address = Some(*address);
                if self.wants_address() {
                    self.stays.push(Stay { from: at, until: None, heard: None });
                    drop_oldest(&mut self.stays, KEPT);
                }
            }
            Fact::ConfigAsked { side, signed, model, user_agent } => {
                self.config_asked(at, *side, *signed, model.as_ref(), user_agent.as_ref());
            }
            Fact::Offered { load, when, conditional, attempt, side, .. } => {
                self.offered(Offer {
                    at,
                    load: load.clone(),
                    when: when.clone(),
                    conditional: *conditional,
                    attempt: *attempt,
                    side: *side,
                    again: 0,
                    again_at: None,
                    licenses: 0,
                    heard: None,
                    answered: None,
                    refused: false,
                    unwatched: None,
                    closed: None,
                });
            }
            Fact::Finished { .. } => self.finish(at, &observation.fact),
            // All but the first are for the worlds.
            Fact::Acknowledged { .. }
            | Fact::KnownBefore(_)
            | Fact::Answered { .. }
            | Fact::OptionsGiven { .. }
            | Fact::Listed { .. } => {}
            Fact::LicenseUnsaid => match self.unheard.last_mut().filter(|(_, to)| at - *to < UNHEARD) {
                Some((_, to)) => *to = at,
                None => self.unheard(at, at),
            },
            Fact::LoadUnsaid { side } => {
                let open = |offer: &&mut Offer| offer.awaits_answer() && offer.side == *side;
                self.offers.iter_mut().filter(open).for_each(|offer| offer.closed = Some(at));
            }
            Fact::LoadsGiven { load } => self.loads_given(at, load),
            Fact::LoadsRefused { name } => self.loads_refused(at, name),
            Fact::Fetched { name, to, size, asked, .. } => {
                let whole = to >= size;
                if !asked.is_some_and(|asked| whole && self.credit_late(at, asked, name, *size)) {
                    let fetching = asked.map(|asked| if whole { asked } else { at });
                    self.fetched(at, fetching, name, (*to).min(*size), *size);
                }
            }
            Fact::Broken { name, cause } => self.broken(at, name, cause),
            Fact::LicenseGiven { .. } => {
                if !self.offers.iter().any(Offer::awaits_answer) {
                    self.comes_back(at);
                }
                let first = self.license_given.map_or(at, |(first, _)| first);
                self.license_given = Some((first, at));
                self.unheard.clear();
                for offer in self.offers.iter_mut().filter(|offer| offer.awaits_answer()) {
                    offer.licenses += 1;
                }
                self.asked = Some(at);
            }
            Fact::Missing { name } => {
                self.asked = Some(at);
                let has_room = self.missing.len() < NAMES_KEPT || self.missing.contains_key(name);
                if has_room && routine(name).is_none() {
                    self.missing.insert(name.clone(), at);
                }
            }
            Fact::Probed(page) => {
                if page.load.is_some() {
                    self.comes_back(at);
                }
                self.page.take(at, page);
                drop_oldest(&mut self.page.loads, KEPT);
            }
            Fact::Contradiction { what } => {
                self.contradictions.retain(|(_, known)| known != what);
                self.contradictions.push((at, what.clone()));
                drop_oldest(&mut self.contradictions, NAMES_KEPT);
            }
            Fact::Unwatched { since } => {
                self.unheard(*since, at);
                self.stay_ends(*since);
                for offer in self.offers.iter_mut().filter(|offer| offer.closed.is_none()) {
                    offer.unwatched.get_or_insert(*since);
                }
                if let Some(round) = self.rounds.last_mut() {
                    let known = round.unwatched.filter(|known| Some(*known) >= round.booted);
                    round.unwatched = known.or(Some(*since));
                }
            }
            Fact::Registered { report } => self.registered(at, report),
            Fact::Unregistered => self.registered = None,
            Fact::RestartTold { how, by, operator } => {
                let (how, by, operator) = (*how, *by, *operator);
                if operator {
                    self.history.acted(at, how.into());
                }
                self.restarts.push(Told { at, how, by, operator, answer: None, refused: false });
                drop_oldest(&mut self.restarts, REPORTS_KEPT);
            }
            Fact::RestartAnswered { answer, refused } => {
                if let Some(told) = self.restarts.last_mut() {
                    told.answer = Some(answer.clone());
                    told.refused = *refused;
                }
            }
            Fact::Operator { act } => {
                self.history.acted(at, (*act).into());
                // Whatever was tried before the operator's hand does not count any more.
                self.restarts_from = Some(at);
                match act {
                    Act::Hold => self.held_by_operator = Some(at),
                    Act::Release => self.held_by_operator = None,
                    Act::Retry => {
                        self.comes_back(at);
                        self.retried = Some(at);
                        if let Some(round) = self.rounds.last_mut() {
                            round.requests = 0;
                        }
                    }
                }
            }
            Fact::Stood { stage, code, cause } => {
                let (stage, code, cause) = (*stage, *code, cause.clone());
                self.history.stood(Stand { at, stage, code, cause });
            }
            Fact::HookRan { stage, output, failed } => {
                let (stage, output, failed) = (*stage, output.clone(), *failed);
                self.history.hook_ran(HookRun { at, stage, output, failed });
            }
        }
    }

    fn says_class(&mut self, class: Option<&String>) {
        let model = |class: &String| client::vendor_class(class.as_bytes())?.model;
        let (said, before) = (class.and_then(model), self.vendor_class.as_ref().and_then(model));
        self.class_varies |= self.dhcp_at.is_some() && said != before;
        self.vendor_class = class.cloned();
        self.class_model = said.or(self.class_model.take());
    }

    /// It shows what it does after it was away.
    pub(super) fn comes_back(&mut self, at: Time) {
        if std::mem::take(&mut self.away) {
            self.returned = Some(at);
            self.withdraw_offers(at);
        }
    }

    /// It has come here for a profile, and so comes again.
    fn comes_for_its_profile(&self) -> bool {
        self.sightings.last().is_some_and(|(_, side)| *side == Side::Multiplatform)
    }

    /// Until when its silence up to `now` tells anything: one that was not met since may have no power.
    pub(super) fn audible_until(&self, now: Time) -> Time {
        self.heard.map_or(now, |heard| heard.min(now))
    }

    /// Whether it asked for its license once more meanwhile, nobody knows.
    fn unheard(&mut self, from: Time, to: Time) {
        if self.license_given.is_some() && self.unheard.len() < NAMES_KEPT {
            self.unheard.push((self.audible_until(from), to));
        }
    }

    fn stay_ends(&mut self, at: Time) {
        if let Some(stay) = self.stays.last_mut() {
            stay.until.get_or_insert(at);
        }
    }

    fn registered(&mut self, at: Time, report: &Report) {
        if report.active.is_some() {
            self.comes_back(at);
        }
        self.registered = Some(at);
        let said =
            |(when, known): &(Time, Report)| known == report && self.booted.max(self.returned) <= Some(*when);
        if !self.reports.last().is_some_and(said) {
            self.reports.push((at, report.clone()));
            drop_oldest(&mut self.reports, REPORTS_KEPT);
        }
    }

    pub(super) fn boot(&mut self, at: Time) {
        if self.silent_since.is_none_or(|since| Some(since) <= self.asked) {
            self.silent_since = Some(at);
        }
        self.stay_ends(at);
        self.booted = Some(at);
        self.registered = None;
        let to = said_by_dhcp(self).filter(|_| self.dhcp_at == Some(at));
        for round in self.rounds.iter_mut().filter(|round| round.booted.is_none()) {
            (round.booted, round.to) = (Some(at), to);
            round.end_unseen = round.unwatched.is_some() && round.fetching <= round.unwatched;
        }
        for offer in self.offers.iter_mut().filter(|offer| offer.closed.is_none()) {
            offer.closed = Some(at);
        }
    }

    fn config_asked(
        &mut self,
        at: Time,
        side: Side,
        signed: bool,
        model: Option<&String>,
        agent: Option<&String>,
    ) {
        // An Enterprise phone reads its configuration when it boots and at no other time (cisco-phones §3.3),
        // so one that comes after a `.loads` file tells of a boot. A Multiplatform phone resyncs while it
        // runs; only without DHCP of ours does a profile after a quiet spell have to tell, and where DHCP told of
        // a boot, but the end of a file that was asked for before it was seen after it.
        let open = self.rounds.iter().rev().find(|round| round.booted.is_none());
        let booted = open.is_some_and(|round| match side {
            Side::Enterprise => true,
            Side::Multiplatform => {
                let quiet = at - round.last >= QUIET_BEFORE_BOOT;
                let overtaken = round.fetching.is_some() && round.fetching < self.booted;
                (self.dhcp_at.is_none() && quiet) || overtaken
            }
        });
        let told = |offer: &Offer| offer.awaits_answer() && offer.side == Side::Enterprise;
        let started_unseen = side == Side::Enterprise
            && self.dhcp_at.is_none()
            && self.offers.iter().any(|known| told(known) && at - known.latest() >= ASKS_AGAIN);
        if booted || started_unseen {
            self.boot(at);
        }
        self.comes_back(at);
        for offer in
            self.offers.iter_mut().filter(|offer| offer.awaits_answer() && offer.side == side && !signed)
        {
            offer.again += 1;
            let pause = at - offer.latest();
            if side == Side::Multiplatform && pause >= UNHEARD {
                offer.closed = Some(at);
            } else if side == Side::Multiplatform || pause < ASKS_AGAIN {
                offer.again_at = Some(at);
            }
        }
        self.asked = Some(at);
        let known = self.returned != Some(at)
            && self
                .sightings
                .last()
                .is_some_and(|(seen, as_of)| *as_of == side && self.booted <= Some(*seen));
        if !known {
            self.sightings.push((at, side));
            drop_oldest(&mut self.sightings, KEPT);
        }
        match side {
            Side::Enterprise if !signed => self.unsigned_asked = Some(at),
            Side::Enterprise if self.signed_asked.is_none_or(|first| self.unsigned_asked > Some(first)) => {
                self.signed_asked = Some(at);
            }
            Side::Enterprise | Side::Multiplatform => {}
        }
        if let Some(model) = model {
            self.named_model = Some(model.clone());
        }
        if let Some(agent) = agent {
            if self.user_agent.as_ref() != Some(agent) || self.user_agent_at < self.booted.max(self.returned)
            {
                self.user_agent_since = Some(at);
            }
            self.user_agent = Some(agent.clone());
            self.user_agent_at = Some(at);
        }
    }

    fn offered(&mut self, offer: Offer) {
        let same = |known: &Offer| {
            known.closed.is_none()
                && known.unwatched.is_none()
                && (&known.load, &known.when, known.attempt, known.side)
                    == (&offer.load, &offer.when, offer.attempt, offer.side)
        };
        if self.offers.iter().any(same) {
            return;
        }
        // Branches of one document are given at the same moment and stand together.
        for known in self.offers.iter_mut().filter(|known| known.closed.is_none() && known.at != offer.at) {
            known.closed = Some(offer.at);
        }
        self.offers.push(offer);
        drop_oldest(&mut self.offers, KEPT);
    }

    /// Documents on their way did not leave after all.
    pub fn withdraw_offers(&mut self, at: Time) {
        for offer in self.offers.iter_mut().filter(|offer| offer.closed.is_none()) {
            offer.closed = Some(at);
        }
        if let Some(proven) = self.proven_mut() {
            proven.withdraw_offers(at);
        }
    }
}

pub(super) fn drop_oldest<T>(list: &mut Vec<T>, keep: usize) {
    if list.len() > keep {
        list.drain(..list.len() - keep);
    }
}
