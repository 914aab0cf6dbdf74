//! What a journey takes in of loads that are fetched.

use std::collections::BTreeMap;

use super::claims::dhcp_side;
use super::fold::{KEPT, drop_oldest};
use super::{Journey, Offer, Round};
use crate::load::{LoadName, Side};
use crate::names::{self, Asked};
use crate::time::Time;

impl Journey {
    /// A phone that asks for a load it was told of does not run it, however long it was silent. The document is
    /// spent: a Multiplatform phone does not try the same URL again.
    pub(super) fn loads_refused(&mut self, at: Time, name: &str) {
        if !self.offers.iter().any(|offer| offer.awaits_answer() && offer.load.as_str() == name) {
            self.comes_back(at);
        }
        self.asked = Some(at);
        self.refused = Some((at, name.to_owned()));
        let fetched = |round: &&mut Round| round.load.as_str() == name && round.booted.is_some();
        if let Some(round) = self.rounds.iter_mut().rev().find(fetched) {
            round.denied = Some(at);
        }
        let since_boot = |offer: &&Offer| Some(offer.at) >= self.booted && offer.load.as_str() == name;
        let Some(told) = self.offers.iter().rev().find(since_boot).map(|offer| offer.at) else {
            return;
        };
        for offer in self.offers.iter_mut().filter(|offer| offer.at == told) {
            offer.refused = true;
            offer.closed.get_or_insert(at);
        }
    }

    pub(super) fn loads_given(&mut self, at: Time, load: &LoadName) {
        if !self.offers.iter().any(|offer| offer.awaits_answer() && offer.load == *load) {
            self.comes_back(at);
        }
        self.asked = Some(at);
        let mut first = false;
        for offer in self.offers.iter_mut().filter(|offer| offer.closed.is_none() && offer.load == *load) {
            first |= offer.answered.is_none();
            offer.answered.get_or_insert(at);
        }
        match self.rounds.last_mut().filter(|round| round.booted.is_none() && round.load == *load) {
            Some(round) => {
                round.last = at;
                round.fetching = Some(at);
                round.requests = if first { 1 } else { round.requests.saturating_add(1) };
                round.asked_before = true;
                round.broken = None;
            }
            None => self.rounds.push(Round {
                load: load.clone(),
                began: at,
                last: at,
                fetching: Some(at),
                components: BTreeMap::new(),
                requests: 1,
                asked_before: self.was_refused_before(load),
                broken: None,
                booted: None,
                unwatched: None,
                end_unseen: false,
                from: dhcp_side(self),
                to: None,
                denied: None,
            }),
        }
        drop_oldest(&mut self.rounds, KEPT);
    }

    /// A Multiplatform phone may remember a URL in which it found nothing even when it starts again. A crossing makes it
    /// forget.
    fn was_refused_before(&self, load: &LoadName) -> bool {
        let crossed = self.rounds.iter().rev().find(|round| round.from == Some(Side::Enterprise));
        let since = match crossed {
            _ if self.shows_enterprise() => self.booted,
            Some(round) => self.returned.max(round.booted),
            None => self.returned,
        };
        self.refused.as_ref().is_some_and(|(at, name)| Some(*at) >= since && name == load.as_str())
    }

    /// A file that was asked for before a boot and is whole arrived before that boot, though the boot, and what the
    /// phone asked for after it, were seen first: who has started takes nothing of an old transfer.
    pub(super) fn credit_late(&mut self, at: Time, asked: Time, name: &str, size: u64) -> bool {
        let over =
            |round: &&mut Round| round.booted.is_some_and(|booted| round.began <= asked && asked < booted);
        if self.asked < self.booted || part(name) != Some(Part::Component) {
            return false;
        }
        let Some(round) = self.rounds.iter_mut().rev().find(over) else { return false };
        round.bring(at, name, size, size);
        true
    }

    pub(super) fn fetched(&mut self, at: Time, fetching: Option<Time>, name: &str, reached: u64, size: u64) {
        // A phone that goes on with a fetch before it asks for anything else did not start: it lost its link.
        let booted = self.booted.filter(|_| self.asked < self.booted && part(name) == Some(Part::Component));
        if let Some(round) = self.rounds.last_mut().filter(|round| booted.is_some() && round.booted == booted)
        {
            round.booted = None;
        }
        self.asked = Some(at);
        let (Some(round), Some(part)) = (self.open_round_mut(), part(name)) else {
            return;
        };
        round.last = at;
        round.fetching = round.fetching.max(fetching);
        round.broken = None;
        if part == Part::Component {
            round.bring(at, name, reached, size);
        }
    }

    pub(super) fn broken(&mut self, at: Time, name: &str, cause: &str) {
        let (Some(round), Some(_)) = (self.open_round_mut(), part(name)) else {
            return;
        };
        // A file that had arrived already and is asked for again breaks nothing.
        if round.components.get(&name.to_ascii_lowercase()).is_some_and(|progress| progress.whole()) {
            return;
        }
        round.last = at;
        round.broken = Some(format!("{name}: {cause}"));
    }

    fn open_round_mut(&mut self) -> Option<&mut Round> {
        self.rounds.last_mut().filter(|round| round.booted.is_none())
    }
}

#[derive(PartialEq)]
enum Part {
    Loads,
    Component,
}

/// What part of a load this file is; licenses, ring lists and the like are none.
fn part(name: &str) -> Option<Part> {
    match names::parse(name) {
        Asked::Loads { .. } => Some(Part::Loads),
        Asked::Component { .. } => Some(Part::Component),
        _ => None,
    }
}
