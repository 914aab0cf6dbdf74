//! Notes that hold no phone, but matter to the technician.

use std::collections::BTreeMap;

use transload_provision::catalog::Concerned;
use transload_provision::hold::ERASE_TRUST_LIST;
use transload_provision::journey::Context;
use transload_provision::load::Direction;
use transload_provision::roster::Entry;
use transload_provision::settings::Settings;

use crate::state::library::LibrarySnapshot;

/// The notes, as lines.
#[derive(Debug)]
pub(super) struct Notes {
    /// Warnings of the catalog, with the phones or models.
    pub warnings: Vec<String>,
    /// Unusable files.
    pub files: Vec<String>,
    /// Rows and cells that the roster leaves out or does not understand.
    pub roster: Vec<String>,
    /// What a user must know first.
    pub before: Vec<String>,
}

pub(super) fn notes(
    snapshot: &LibrarySnapshot,
    entries: &[Entry],
    roster: Vec<String>,
    context: &Context<'_>,
) -> Notes {
    Notes {
        warnings: warnings(entries, context),
        files: files(snapshot, entries, context.settings.direction),
        roster,
        before: before(context.settings.direction).into_iter().chain(new_home(context.settings)).collect(),
    }
}

/// Field notices for the roster's phones, or for every model without a roster.
fn warnings(entries: &[Entry], context: &Context<'_>) -> Vec<String> {
    let Settings { direction, cda, .. } = *context.settings;
    let about = |model, vid, load| Concerned { model, vid, load, direction, cda };
    let listed = entries.iter().filter_map(|entry| {
        let model = context.catalog.model(entry.model.as_deref()?)?;
        Some(about(model, entry.vid, entry.load.as_ref()))
    });
    let every = context.catalog.models.iter().map(|model| about(model, None, None));
    let concerned: Vec<_> = if entries.is_empty() { every.collect() } else { listed.collect() };
    let mut by_text: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for phone in concerned {
        for warning in context.catalog.warnings(&phone) {
            let text = format!("{} ({}, {})", warning.text, warning.source, warning.date);
            *by_text.entry(text).or_default().entry(&phone.model.name).or_default() += 1;
        }
    }
    let whom = |models: &BTreeMap<&str, usize>| {
        let each = |(name, count): (&&str, &usize)| match count {
            _ if entries.is_empty() => (*name).to_owned(),
            count => format!("{count} × {name}"),
        };
        models.iter().map(each).collect::<Vec<_>>().join(", ")
    };
    by_text.iter().map(|(text, models)| format!("{}: {text}", whom(models))).collect()
}

fn files(snapshot: &LibrarySnapshot, entries: &[Entry], direction: Direction) -> Vec<String> {
    let unusable = snapshot.unusable.iter().map(|file| format!("{}: {}", file.path.display(), file.cause));
    let conflicts = snapshot.conflicts.iter().map(|conflict| {
        let (served, ignored) = (conflict.served.display(), conflict.ignored.display());
        format!("{ignored}: {served} has the same name and other content; delete the wrong one")
    });
    let unverified = snapshot.unverified.iter().map(|path| {
        format!(
            "{} was written to since it was imported; `transload check --verify` looks into it",
            path.display()
        )
    });
    let strangers: Vec<String> = snapshot
        .index
        .licenses
        .iter()
        .filter(|(of, mac)| *of == direction && !entries.iter().any(|entry| entry.mac == *mac))
        .map(|(_, mac)| mac.to_string())
        .collect();
    let surplus = (!entries.is_empty() && !strangers.is_empty()).then(|| {
        format!(
            "{} licenses are of phones that the roster does not list: {}",
            strangers.len(),
            strangers.join(", ")
        )
    });
    unusable.chain(conflicts).chain(unverified).chain(surplus).collect()
}

/// Warns if finished phones get no server for their new place.
fn new_home(settings: &Settings) -> Option<String> {
    let after = &settings.after;
    let homes = || after.models.values().chain(after.phones.values()).chain([&after.all]);
    let line = match settings.direction {
        Direction::E2m
            if settings.cda
                || homes().any(|home| home.profile.keys().any(|name| name.starts_with("Profile_Rule"))) =>
        {
            return None;
        }
        Direction::E2m => {
            "No Profile_Rule under [after]: a finished phone finds its provisioning server only if DHCP at its new place names it, \
             and asks Cisco's redirection service (CDA) only once it is factory-reset there."
        }
        Direction::M2e if homes().any(|home| !home.call_manager.is_empty()) => return None,
        Direction::M2e => {
            "No call manager under [after]: a finished phone finds one only if DHCP at its new place names it (option 150 or 66)."
        }
    };
    Some(line.to_owned())
}

fn before(direction: Direction) -> Vec<String> {
    let common = [
        "Try it: `transload rehearse` walks virtual phones through this very plan.",
        "Lost on every phone that changes sides: call history, local contacts and all settings; it is reset to factory defaults.",
        "Key expansion modules need nothing.",
        "The switch: access ports in one isolated VLAN, no voice VLAN, portfast, PoE.",
        "On wire, never on Wi-Fi: a phone that was on Wi-Fi before gets stuck (Cisco bug CSCvx49825).",
        "Never unplug a phone that is writing flash; this box may be unplugged at any moment.",
    ];
    let own = match direction {
        Direction::E2m => {
            let how = format!(
                "A phone that belonged to a call manager usually holds a trust list, and refuses what others tell it: {ERASE_TRUST_LIST}."
            );
            vec![how, "A screen that asks for an activation code: press Cancel.".to_owned()]
        }
        Direction::M2e => vec![
            "A phone whose Profile_Rule is an absolute URL does not ask this box: set it back to /$PSN.xml, or factory-reset the phone."
                .to_owned(),
        ],
    };
    let mut lines: Vec<String> = common.map(str::to_owned).into();
    lines.splice(3..3, own);
    lines
}
