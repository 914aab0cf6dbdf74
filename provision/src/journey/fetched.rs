//! How much of a load a phone has fetched.

use std::time::Duration;

use super::way::Context;
use super::{Journey, Progress, Round};
use crate::library::{Library, Platform};
use crate::load::LoadName;
use crate::time::Time;

/// How much of a load a round brought; more is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fetch {
    /// Something is missing.
    Part,
    /// All that only this load has; whether the rest was not needed or was cut off, nothing tells.
    Doubtful,
    /// Everything the phone needs: what was not fetched, it has.
    Whole,
}

/// What a round brought. A phone may keep a component it has already, since one name means the same bytes in every
/// package; so only those have to come that no other load shares, and of these, if there are any, those that carry
/// the load's own version. But a fetch that was cut off before its last components looks the same, and leaves the
/// phone on its old load: only where the phone went through the list in order to its very end was the rest
/// left out on purpose.
pub(super) fn fetched(round: &Round, library: &Library) -> Fetch {
    grade(&round.load, |name| round.component(name), library)
}

/// The same, by how far each component came.
pub(crate) fn grade(
    name: &LoadName,
    component: impl Fn(&str) -> Option<Progress>,
    library: &Library,
) -> Fetch {
    let Some(load) = library.loads.get(name) else { return Fetch::Part };
    let platforms = || load.platforms.iter().filter(|platform| !platform.components.is_empty());
    let progress = |name: &String| component(name);
    let whole = |name: &String| progress(name).is_some_and(Progress::whole);
    if platforms().any(|platform| platform.components.iter().all(whole)) {
        return Fetch::Whole;
    }
    let version = name.as_str().split_once('.').map_or("", |(_, version)| version);
    let of_platform = |platform: &Platform| {
        let own: Vec<&String> =
            platform.components.iter().filter(|component| !shared(component, name, library)).collect();
        let versioned: Vec<&String> = own.iter().copied().filter(|name| name.contains(version)).collect();
        let needed = if versioned.is_empty() { own } else { versioned };
        if needed.is_empty() || !needed.into_iter().all(whole) {
            return Fetch::Part;
        }
        let begun: Vec<Time> =
            platform.components.iter().filter_map(progress).map(|file| file.began).collect();
        let to_the_end = platform.components.last().is_some_and(whole) && begun.is_sorted();
        if to_the_end { Fetch::Whole } else { Fetch::Doubtful }
    };
    // Without a component none can be more than a part.
    let begun = |platform: &Platform| platform.components.iter().any(|name| progress(name).is_some());
    platforms().filter(|platform| begun(platform)).map(of_platform).max().unwrap_or(Fetch::Part)
}

/// The load whose fetch seems to be under way.
pub fn under_way<'a>(journey: &'a Journey, library: &Library) -> Option<&'a LoadName> {
    let round = journey.proven().open_round().filter(|round| round.broken.is_none())?;
    (fetched(round, library) == Fetch::Part).then_some(&round.load)
}

fn shared(component: &str, with_other_than: &LoadName, library: &Library) -> bool {
    library.loads.iter().filter(|(name, _)| *name != with_other_than).any(|(_, load)| {
        load.platforms
            .iter()
            .flat_map(|platform| &platform.components)
            .any(|name| name.eq_ignore_ascii_case(component))
    })
}

/// How long nothing may be heard of a phone that fetches or writes a load. One whose load was taken out of the library
/// may have had all of it.
pub(super) fn silence_allowed(round: &Round, context: &Context<'_>) -> Duration {
    let timing = &context.settings.timing;
    match fetched(round, context.library) {
        Fetch::Part if !context.library.loads.contains_key(&round.load) => timing.flash,
        Fetch::Part => timing.transfer_idle,
        Fetch::Whole | Fetch::Doubtful => timing.flash,
    }
}
