//! Starts: out of broadcasts, which anybody can send, the one that a two-way word shows to have happened.

use std::time::Duration;

use super::{Act, Fact, Journey, Observation, Round};
use crate::client;
use crate::load::Side;

/// No phone writes flash for so long.
const LONG: Duration = Duration::from_secs(3600);

pub(super) fn is_start(observation: &Observation) -> bool {
    matches!(observation.fact, Fact::Dhcp { boot: true, .. })
}

pub(super) fn is_same_renewal(one: &Observation, other: &Observation) -> bool {
    matches!(one.fact, Fact::Dhcp { boot: false, .. }) && one.fact == other.fact
}

/// A start that has happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    /// The side on which the phone started, if that is shown.
    pub(super) side: Option<Side>,
}

/// Whether a two-way fact shows that the start which broadcasts told of has happened: with the side that it shows, if it
/// shows one. A file of the fetch that was under way shows none.
pub(super) fn shows_start(proven: &Journey, observation: &Observation) -> Option<Shown> {
    const SOMEWHERE: Option<Shown> = Some(Shown { side: None });
    let open = proven.open_round();
    let fetches = open.map(|round| &round.load);
    let told_here = proven.is_told();
    match &observation.fact {
        Fact::ConfigAsked { side, .. } => Some(Shown { side: Some(*side) }),
        Fact::LoadsGiven { .. } | Fact::LoadsRefused { .. } => SOMEWHERE.filter(|_| !told_here),
        // Enterprise firmware has no use for a license.
        Fact::LicenseGiven { .. } if open.is_some_and(|round| round.from == Some(Side::Enterprise)) => {
            Some(Shown { side: Some(Side::Multiplatform) })
        }
        Fact::Probed(page) if page.load.is_some() && page.load.as_ref() == fetches => SOMEWHERE,
        Fact::Registered { report } if report.active.is_some() && report.active.as_ref() == fetches => {
            SOMEWHERE
        }
        // The operator has it before the eyes.
        Fact::Operator { act: Act::Retry } => {
            let over = |round: &Round| round.broken.is_some() || observation.at - round.last >= LONG;
            SOMEWHERE.filter(|_| open.is_none_or(over))
        }
        Fact::LicenseGiven { .. } | Fact::Missing { .. } | Fact::Probed(_) | Fact::Registered { .. } => {
            SOMEWHERE.filter(|_| open.is_none() && !told_here)
        }
        _ => None,
    }
}

/// One start out of the broadcasts that told of it. Where these contradict each other, those count that fit what the
/// phone shows; where they still do, nothing is known of its class.
pub(super) fn start(words: &[Observation], proven: &Journey, side: Option<Side>) -> Vec<Observation> {
    let mut classes: Vec<(&Option<String>, &Vec<u8>)> = words.iter().filter_map(class).collect();
    classes.dedup();
    let model = proven.model();
    classes.retain(|(class, list)| {
        let Some(said) = client::dhcp(class.as_deref().map(str::as_bytes), list, proven.mac) else {
            return true;
        };
        let fits = side.is_none() || said.persona.side().is_none() || said.persona.side() == side;
        let same = model.as_deref().zip(said.model.as_deref());
        fits && same.is_none_or(|(known, said)| said.starts_with(known))
    });
    let known = (&proven.vendor_class, &proven.request_list);
    let unsaid = (&None, &Vec::new());
    // No word of its class alone takes a phone to the other side, and none keeps it on the side where it was.
    let (vendor_class, request_list) = match classes.as_slice() {
        [one] if side.is_some() || proven.dhcp_at.is_none() || *one == known => *one,
        [] if side.is_some() || !words.iter().any(|word| class(word).is_some()) => known,
        _ => unsaid,
    };
    let word = |observation: &Observation| Observation {
        fact: match &observation.fact {
            Fact::Dhcp { boot, .. } => Fact::Dhcp {
                boot: *boot,
                vendor_class: vendor_class.clone(),
                request_list: request_list.clone(),
            },
            other => other.clone(),
        },
        ..observation.clone()
    };
    let boot = words.iter().rposition(is_start);
    let renewal = || words.iter().rposition(|word| matches!(word.fact, Fact::Dhcp { .. }));
    let from = boot.or_else(renewal);
    let lease = words.iter().rposition(|word| matches!(word.fact, Fact::Leased { .. }));
    let lease = lease.filter(|lease| from.is_none_or(|from| *lease > from));
    [from, lease].into_iter().flatten().map(|index| word(&words[index])).collect()
}

/// The variant of a model (8851NR of 8851) that one of these broadcasts names.
pub(super) fn variant(words: &[Observation], model: &str) -> Option<String> {
    let classes = words.iter().filter_map(class).filter_map(|(class, _)| class.as_deref());
    let named = classes.filter_map(|class| client::vendor_class(class.as_bytes())?.model);
    named.filter(|named| named.starts_with(model)).max_by_key(String::len)
}

pub(super) fn class(observation: &Observation) -> Option<(&Option<String>, &Vec<u8>)> {
    match &observation.fact {
        Fact::Dhcp { vendor_class, request_list, .. } => Some((vendor_class, request_list)),
        _ => None,
    }
}
