//! Gathers the report's data from the bench.

use std::collections::BTreeSet;
use std::time::Duration;

use transload_provision::catalog::name;
use transload_provision::journey::{History, Journey, Met, Passage, origin, passages};
use transload_provision::load::Direction;
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use crate::bench::AT_ONCE;
use crate::bench::Bench;
use crate::bench::BenchState;
use crate::bench::belief;
use crate::bench::intake::others::others;
use crate::bench::views::home;
use crate::bench::views::phone::{License, Stage};
use crate::bench::views::report::{
    ActReport, HoldReport, HoldSum, HopReport, LicenseReport, MigrationReport, PhoneReport,
};
use crate::bench::views::show;

impl Bench {
    /// The report on all phones that are known or listed.
    pub fn report(&self) -> MigrationReport {
        let now = self.now();
        let macs = reported(&self.state());
        let mut phones = Vec::with_capacity(macs.len());
        for macs in macs.chunks(AT_ONCE) {
            let state = self.state();
            phones.extend(macs.iter().map(|mac| phone(&state, now, *mac)));
        }
        on_all(&self.state(), now, phones)
    }
}

/// As [`Bench::report`], on a given state.
pub(in crate::bench) fn report(state: &BenchState, now: Time) -> MigrationReport {
    on_all(state, now, reported(state).into_iter().map(|mac| phone(state, now, mac)).collect())
}

/// Unlisted phones that have only asked for an address are left out.
fn reported(state: &BenchState) -> Vec<Mac> {
    let seen = state.phones.iter().filter(|(_, phone)| phone.written).map(|(mac, _)| *mac);
    seen.chain(state.roster.keys().copied()).collect::<BTreeSet<Mac>>().into_iter().collect()
}

fn on_all(state: &BenchState, now: Time, phones: Vec<PhoneReport>) -> MigrationReport {
    let settings = &state.rules.settings;
    let mut notes = notes(settings.direction, &phones);
    notes.extend(home::notes(state, &phones));
    let forgotten = state.forgotten.report();
    let others = others(state, now);
    MigrationReport {
        forgotten,
        others,
        ..MigrationReport::new(now, settings.direction, &state.catalog, notes, phones)
    }
}

fn notes(direction: Direction, phones: &[PhoneReport]) -> Vec<String> {
    if !phones.iter().any(|phone| phone.stage == Stage::Done) {
        return Vec::new();
    }
    let mut notes = vec![
        "A phone that changed sides was reset to factory defaults: its call history, local contacts and settings are lost. \
         Key expansion modules need nothing."
            .to_owned(),
    ];
    if direction == Direction::E2m {
        if phones.iter().any(|phone| phone.model.as_deref().is_some_and(is_8832)) {
            notes.push("An 8832 has lost Wi-Fi and daisy chain.".to_owned());
        }
        notes.push(
            "A license was locked to its phone and this direction; the way back needs another one."
                .to_owned(),
        );
    }
    notes
}

fn is_8832(model: &str) -> bool {
    name::read(model).is_some_and(|product| product.number == "8832")
}

fn phone(state: &BenchState, now: Time, mac: Mac) -> PhoneReport {
    let view = show::phone(state, now, mac);
    let journey = state.phones.get(&mac).map(|phone| &*phone.journey);
    let (from, passages) = journey.map(|journey| way(state, now, journey)).unwrap_or_default();
    let history = journey.map(|journey| &journey.history);
    let at_target = view.stage == Stage::Done;
    let done = history.and_then(History::done_since).filter(|_| at_target);
    let began = passages.iter().filter_map(|passage| passage.began).min();
    let given = journey.and_then(|journey| journey.license_given);
    PhoneReport {
        mac,
        model: view.model,
        vid: view.vid,
        serial: view.serial,
        location: view.location,
        stage: view.stage,
        hold: view.hold,
        from,
        to: view.load,
        target: view.target,
        first_seen: view.first_seen,
        last_seen: view.last_seen,
        done,
        seconds: done.zip(began).map(|(done, began)| (done - began).as_secs()),
        bytes: passages.iter().map(|passage| passage.bytes).sum(),
        hops: passages.into_iter().map(hop).collect(),
        license: LicenseReport {
            state: view.license,
            accepted: view.license == License::Accepted,
            given: given.map(|(first, _)| first),
            given_last: given.map(|(_, latest)| latest),
            ..license_file(state, mac, given.is_some())
        },
        holds: history
            .map(History::holds)
            .unwrap_or_default()
            .into_iter()
            .map(|met| hold(met, now))
            .collect(),
        earlier_holds: history
            .iter()
            .flat_map(|history| &history.earlier)
            .map(|(code, sum)| HoldSum { code: *code, times: sum.times, seconds: sum.ms / 1000 })
            .collect(),
        acts: history
            .iter()
            .flat_map(|history| &history.acts)
            .map(|(at, deed)| ActReport { at: Some(*at), act: *deed })
            .collect(),
    }
}

fn way(state: &BenchState, now: Time, journey: &Journey) -> (Option<String>, Vec<Passage>) {
    let belief = belief(state, now, journey);
    let passages = passages(journey, &belief);
    (origin(journey, &belief, &passages).map(ToString::to_string), passages)
}

fn hop(passage: Passage) -> HopReport {
    HopReport {
        seconds: passage.took().as_ref().map(Duration::as_secs),
        load: passage.load.to_string(),
        began: passage.began,
        ended: passage.ended,
        bytes: passage.bytes,
        attempts: passage.attempts,
        arrived: passage.arrived,
        broken: passage.broken,
    }
}

fn hold(met: Met, now: Time) -> HoldReport {
    HoldReport {
        code: met.code,
        cause: met.cause,
        from: Some(met.from),
        until: met.until,
        seconds: (met.until.unwrap_or(now) - met.from).as_secs(),
    }
}

/// The present license file. A license that was given and removed since had the standard name.
fn license_file(state: &BenchState, mac: Mac, given: bool) -> LicenseReport {
    let direction = state.rules.settings.direction;
    let (file, sha256) = match state.library.license_file(direction, mac) {
        Some((file, sha256)) => (Some(file), sha256),
        None => (given.then(|| format!("licenses/{direction}/{mac}.lic")), None),
    };
    LicenseReport { state: License::Absent, file, sha256, given: None, given_last: None, accepted: false }
}
