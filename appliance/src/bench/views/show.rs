//! Builds the contract's view of a phone.

use transload_provision::hold::{Hold, NotServed};
use transload_provision::journey::Assessment;
use transload_provision::mac::Mac;
use transload_provision::routine::routine;
use transload_provision::time::Time;

use crate::bench::BenchState;
use crate::bench::verdict;
use crate::bench::views::phone::{HoldView, MissingName, PhoneDetail, PhoneView, Stage};

pub(in crate::bench) fn phones(state: &BenchState, now: Time) -> Vec<PhoneView> {
    state.shown().into_iter().map(|mac| phone(state, now, mac)).collect()
}

/// One phone with its missing names.
pub(in crate::bench) fn detail(state: &BenchState, now: Time, mac: Mac) -> PhoneDetail {
    let missing = state.phones.get(&mac).map(|phone| &phone.journey.missing);
    let mut missing: Vec<MissingName> = missing
        .into_iter()
        .flatten()
        .filter(|(name, _)| !state.library.has(name) && routine(name).is_none())
        .map(|(name, at)| MissingName {
            name: name.clone(),
            nearest: state.library.nearest(name),
            at: Some(*at),
        })
        .collect();
    missing.sort_by_key(|missing| std::cmp::Reverse(missing.at));
    PhoneDetail { phone: phone(state, now, mac), missing }
}

/// The stage and hold of a phone: those of its verdict, unless DHCP gives it no answer.
pub(in crate::bench) fn standing(
    state: &BenchState,
    now: Time,
    mac: Mac,
    verdict: &Assessment,
) -> (Stage, Option<Hold>) {
    let heard_at = state.phones.get(&mac).and_then(|phone| phone.heard_at);
    let foreign = state.foreign_dhcp.iter().find(|(at, _)| heard_at.is_none_or(|heard_at| heard_at == **at));
    let feed = || {
        let expected = verdict.stage == Stage::Absent && state.roster.contains_key(&mac) && foreign.is_none();
        let asked = state.unleased.asked_as(mac, now).filter(|_| expected && !state.rules.gives_leases);
        asked.map(|address| NotServed::NoFeed { address }.into())
    };
    match foreign {
        Some((_, server)) if !matches!(verdict.stage, Stage::Absent | Stage::Done) => {
            (Stage::Held, Some(NotServed::ForeignDhcp { server: server.clone() }.into()))
        }
        _ => match state.refused(mac, verdict).or_else(feed) {
            Some(hold) => (Stage::Held, Some(hold)),
            None => (verdict.stage, verdict.hold.clone()),
        },
    }
}

pub(in crate::bench) fn phone(state: &BenchState, now: Time, mac: Mac) -> PhoneView {
    phone_as(state, now, mac, verdict(state, now, mac))
}

/// As [`phone`], for a given verdict.
pub(in crate::bench) fn phone_as(state: &BenchState, now: Time, mac: Mac, verdict: Assessment) -> PhoneView {
    let (stage, hold) = standing(state, now, mac, &verdict);
    let phone = state.phones.get(&mac);
    let journey = phone.map(|phone| &phone.journey);
    let renewed = phone.and_then(|phone| phone.last_dhcp.as_ref()).map(|last| last.at);
    let refusal = state.unanswered.get(mac);
    let entry = state.roster.get(&mac);
    let vid = journey.map_or_else(|| entry.and_then(|entry| entry.vid), |journey| journey.vid(entry));
    PhoneView {
        mac,
        model: verdict.model,
        vid: vid.map(|vid| vid.to_string()),
        serial: journey
            .and_then(|journey| journey.page.serial.clone())
            .or_else(|| entry.and_then(|entry| entry.serial.clone())),
        location: entry.and_then(|entry| entry.location.clone()),
        address: journey.and_then(|journey| journey.address),
        persona: verdict.persona,
        load: verdict.load.map(|load| load.to_string()),
        load_evidence: Some(verdict.evidence),
        route: verdict.route.iter().map(ToString::to_string).collect(),
        target: verdict.target.map(|load| load.to_string()),
        hop: verdict.hop,
        hops: verdict.hops,
        stage,
        writing: verdict.writing,
        progress: verdict.progress.value(),
        attempts: verdict.attempt,
        license: verdict.license,
        hold: hold.map(HoldView::from),
        first_seen: journey.map(|journey| journey.first_seen).or(refusal.map(|refusal| refusal.first)),
        last_seen: journey
            .map(|journey| journey.last_seen.max(renewed.unwrap_or_default()))
            .or(refusal.map(|refusal| refusal.last)),
    }
}
