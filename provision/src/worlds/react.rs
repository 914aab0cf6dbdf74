//! How a phone in one world behaves, fact by fact. No world left means that it cannot have been in this one.
//!
//! | fact | what a phone does |
//! |---|---|
//! | a start (DHCP) | It forgets what it was told. It runs the load that it fetched whole, or, by accident, still the old one (`start`). |
//! | another DHCP message | It has power. Its class names its side, or was configured. |
//! | options of its lease | They decide whether it asks this bench, a call manager or CDA. One that others told a load before is told it again. |
//! | Enterprise configuration asked for | Enterprise firmware reads it once after it starts, and again if it got none or is told to restart (`reading`). |
//! | profile asked for | Multiplatform firmware reads it each minute, and not while it fetches or writes a load (`reading`). |
//! | an answer | If it names another load than the phone runs, the phone asks for that at once, unless that URL failed before or its license is missing (`reading`). |
//! | a `.loads` file asked for | It does not run this load. It takes it if it is given it (`fetch`). |
//! | bytes of a component | It fetches a load that has this component (`fetch`). |
//! | license asked for | It is on the Multiplatform side. It accepts its license, or asks for it again (`fetch`). |
//! | its page or registration | It runs the load that these name, or somebody answers in its place (`says`). |
//! | the roster's load column | It runs that load, or the roster is wrong (`says`). |
//! | a gap in observation | Whatever it was about to do, it may have done or failed to do (`start`). |
//! | a restart by cutting its power | That it did not ask tells nothing. |
//! | a restart by registration | It reads its configuration again without a start. |
//!
//! What a phone does when nothing is heard of it stands in `overdue`, what words of uncertain origin are worth in `trust`.

use super::fetch::{asks, fetches, misses_license, takes_license};
use super::firmware::Runs;
use super::observed::Observed;
use super::rank::Accident;
use super::reading::{answered, reads};
use super::says::{listed, names, vouched};
use super::start::{misses, starts};
use super::world::{Mode, Order, Reason, World};
use crate::client::{self, Persona};
use crate::journey::{Act, Fact, Means};
use crate::library::Library;
use crate::load::{Kind, LoadName, Side};
use crate::mac::Mac;
use crate::settings::Settings;
use crate::time::Time;

/// What surrounds a phone at one moment.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub at: Time,
    pub mac: Mac,
    pub observed: &'a Observed,
    pub library: &'a Library,
    pub settings: &'a Settings,
}

/// The worlds that a world leads to by one fact.
pub(super) fn react(world: World, fact: &Fact, scene: &Scene<'_>) -> Vec<World> {
    let world = awake(world, fact, scene);
    match fact {
        Fact::Dhcp { boot, vendor_class, request_list } => {
            let said = side_of(vendor_class.as_deref(), request_list, scene.mac);
            let worlds = if *boot { starts(&world, scene) } else { vec![world] };
            worlds.into_iter().flat_map(|world| says_side(world, said, scene.at)).collect()
        }
        Fact::OptionsGiven { persona } => is_steered(world, *persona, scene),
        Fact::ConfigAsked { side, signed, user_agent, .. } => {
            reads(&world, *side, *signed, user_agent.as_deref(), scene)
        }
        Fact::Answered { side, answer } => answered(world, *side, answer, scene.at),
        Fact::LoadsGiven { load } => asks(&world, load, true, scene),
        Fact::LoadsRefused { name } => match name.parse::<LoadName>() {
            Ok(load) => asks(&world, &load, false, scene),
            Err(_) => vec![world],
        },
        Fact::Fetched { name, asked, .. } => fetches(world, name, *asked, scene),
        Fact::LicenseGiven { .. } => takes_license(&world, scene),
        Fact::Missing { name } if name.to_ascii_lowercase().ends_with(".lic") => {
            misses_license(&world, scene)
        }
        Fact::Probed(page) => match &page.load {
            Some(load) => names(world, load, Reason::Page, Accident::FalsePage, scene),
            None => vec![world],
        },
        Fact::Registered { report } => match &report.active {
            Some(load) => names(world, load, Reason::Registered, Accident::FalseRegistration, scene),
            None => world.on_side(Side::Enterprise).into_iter().collect(),
        },
        Fact::Listed { load } => listed(world, load.as_ref(), scene.at),
        Fact::Operator { act: Act::Retry } => vouched(world, scene),
        Fact::Unwatched { .. } => misses(world, scene),
        Fact::RestartTold { by, .. } => vec![is_restarted(world, *by)],
        _ => vec![world],
    }
}

/// One that must be without power, and is heard without a start, has power and did not do what it had to.
fn awake(world: World, fact: &Fact, scene: &Scene<'_>) -> World {
    if world.mode != Mode::Off {
        return world;
    }
    let runs_on = match fact {
        Fact::Dhcp { boot, .. } => !boot,
        Fact::LoadsGiven { .. } | Fact::LoadsRefused { .. } | Fact::ConfigAsked { .. } => {
            scene.observed.sees_starts()
        }
        Fact::Registered { .. }
        | Fact::Probed(_)
        | Fact::LicenseGiven { .. }
        | Fact::Missing { .. }
        | Fact::Fetched { .. } => true,
        _ => false,
    };
    if runs_on { world.after(Accident::DidNotAsk, scene.at).in_mode(Mode::Quiet) } else { world }
}

fn is_restarted(mut world: World, by: Means) -> World {
    world.has_document = false;
    match (by, &world.mode) {
        (Means::Hook, Mode::Told(_) | Mode::Starting) => world.in_mode(Mode::Quiet),
        _ => world,
    }
}

/// The side that a DHCP message names, by its class or else by what it asks for.
fn side_of(class: Option<&str>, request_list: &[u8], mac: Mac) -> Option<Side> {
    match class {
        Some(class) => client::dhcp(Some(class.as_bytes()), request_list, mac)?.persona.side(),
        None => client::request_list(request_list)?.side(),
    }
}

/// What transition loads name themselves is not known (cisco-phones §1.1).
fn says_side(world: World, said: Option<Side>, at: Time) -> Vec<World> {
    let Some(said) = said else { return vec![world] };
    let in_transition = match &world.runs {
        Runs::Load(load) => matches!(load.kind(), Kind::Transition(_)),
        Runs::Band(band) => {
            band.side != Some(Side::Enterprise) && (band.release.is_none() || band.or_transition)
        }
    };
    let since = world.started;
    match world.side() {
        Some(side) if side == said => vec![world],
        Some(_) if in_transition => vec![world.after_once(Accident::ClassOfTransition, at, since)],
        Some(_) => vec![world.after_once(Accident::ClassConfigured, at, since)],
        None => {
            let odd = (said == Side::Enterprise)
                .then(|| world.clone().on_side(Side::Multiplatform))
                .flatten()
                .map(|world| world.after(Accident::ClassOfTransition, at));
            world.on_side(said).into_iter().chain(odd).collect()
        }
    }
}

/// An address comes with the options of a persona, and so a phone that has started asks one server or another.
pub(super) fn is_steered(mut world: World, persona: Persona, scene: &Scene<'_>) -> Vec<World> {
    let Some(side) = world.side().filter(|_| world.mode == Mode::Starting) else { return vec![world] };
    let (led, steered) = match (side, persona.side()) {
        (_, None) => (false, false),
        (side, Some(given)) if side == given => {
            let outside = scene.settings.steered_outside(side);
            (outside, outside)
        }
        // It looks for nobody that answers.
        (Side::Enterprise, Some(_)) => (true, false),
        (Side::Multiplatform, Some(_)) => (scene.settings.call_managers.is_some(), false),
    };
    world.outside = led;
    if !steered {
        return vec![world];
    }
    let ordered = world.ordered.clone().filter(|load| {
        !world.is(load)
            && !world.will_not_try(load, 0)
            && (world.licensed || !world.needs_license(load))
            && load.kind().side() == side
    });
    let Some(load) = ordered else { return vec![world] };
    let (attempt, since, readings, outside) = (0, scene.at, 0, true);
    let told = Mode::Told(Order { load: load.clone(), attempt, since, readings, outside });
    let runs = world
        .runs
        .may_be(&load)
        .then(|| world.clone().named(&load, Reason::Silent, scene.at).in_mode(Mode::Quiet));
    runs.into_iter().chain([world.without(&load).in_mode(told)]).collect()
}
