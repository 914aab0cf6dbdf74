//! The rehearsal: the whole appliance against virtual phones, before a real one is plugged in.

mod folder;
mod lineup;
pub mod lookalike;
mod loopback;
mod outcome;
pub mod phone;
mod show;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use transload_provision::load::Direction;
use transload_provision::mac::Mac;
use transload_provision::roster::{self, Entry};

use crate::appliance::Appliance;
use crate::cli::RehearseArgs;
use crate::config::{Config, EnterpriseSide, MultiplatformSide, Scenario};
use crate::error::{Exit, Failure};
use crate::view::{HoldCode, PhoneView, Stage};
use crate::{home, table};
use folder::Folder;
use lineup::Player;
use phone::{Doing, Phone, Wiring};
use show::{Bars, Ending};

/// How often the phones are looked at, in reality.
const TICK: Duration = Duration::from_millis(100);
/// A phone that was held for so long, on the phones' clock, has come to its end.
const HELD: Duration = Duration::from_secs(10 * 60);
/// How long a technician takes to unplug a phone that needs it.
const BY_HAND: Duration = Duration::from_secs(60);
const MOST_RESTARTS: u32 = 3;
/// Nothing moved for so long: it never will. Longer than a phone waits for its license.
const STANDSTILL: Duration = Duration::from_secs(90 * 60);

/// Runs the scenarios asked for.
///
/// # Errors
/// Wrong use, or a phone that did not end as it should.
pub async fn rehearse(config: &Config, options: &RehearseArgs) -> Result<(), Failure> {
    let mut wrong = 0;
    for scenario in scenarios(config, options)? {
        wrong += run(config, scenario, options).await?;
    }
    match wrong {
        0 => Ok(()),
        _ => Err(Failure::new(
            Exit::Act,
            format!("{wrong} of the phones did not end as they should"),
            "see above what they did; real phones of this kind would need help",
        )),
    }
}

/// The six scenarios, by name.
fn all() -> Vec<Scenario> {
    use {EnterpriseSide as E, MultiplatformSide as M};
    let of = |direction, enterprise, multiplatform| Scenario {
        direction,
        enterprise,
        multiplatform,
    };
    vec![
        of(Direction::E2m, E::CallManager, M::Cda),
        of(Direction::E2m, E::CallManager, M::Dhcp),
        of(Direction::E2m, E::Dhcp, M::Cda),
        of(Direction::E2m, E::Dhcp, M::Dhcp),
        of(Direction::M2e, E::Dhcp, M::Cda),
        of(Direction::M2e, E::Dhcp, M::Dhcp),
    ]
}

/// What this version carries: both sides by DHCP.
fn carried(scenario: Scenario) -> bool {
    scenario.enterprise == EnterpriseSide::Dhcp && scenario.multiplatform == MultiplatformSide::Dhcp
}

fn scenarios(config: &Config, options: &RehearseArgs) -> Result<Vec<Scenario>, Failure> {
    let wanted = options.scenario.clone().unwrap_or_else(|| config.scenario_name());
    if wanted == "all" {
        let (here, missing): (Vec<_>, Vec<_>) = all().into_iter().partition(|scenario| carried(*scenario));
        for scenario in missing {
            eprintln!("{scenario}: this version does not rehearse it yet");
        }
        return Ok(here);
    }
    let names = || {
        all()
            .iter()
            .filter(|scenario| carried(**scenario))
            .map(Scenario::to_string)
            .collect::<Vec<_>>()
    };
    match all().into_iter().find(|scenario| scenario.to_string() == wanted) {
        Some(scenario) if carried(scenario) => Ok(vec![scenario]),
        Some(_) => Err(Failure::new(
            Exit::Usage,
            format!("this version does not rehearse {wanted} yet"),
            format!("rehearse one of {}, or all", names().join(", ")),
        )),
        None => Err(Failure::new(
            Exit::Usage,
            format!("{wanted:?} is no scenario"),
            format!("rehearse one of {}, or all", names().join(", ")),
        )),
    }
}

fn no_folder(error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Act,
        format!("cannot make the folder of the rehearsal: {error}"),
        "make room, or point TMPDIR to a folder that can be written",
    )
}

/// Runs one scenario; gives the number of phones that did not end as they should.
async fn run(config: &Config, scenario: Scenario, options: &RehearseArgs) -> Result<usize, Failure> {
    let began = Instant::now();
    let direction = scenario.direction;
    let folder = Folder::make(&config.bench.state).map_err(|error| no_folder(&error))?;
    let own_roster = Some(config.bench.state.join("roster.csv"))
        .filter(|path| folder.own_firmware && options.phones.is_none() && path.exists());
    let roster = options.roster.clone().or(own_roster);
    let alias = config.bench.address.map(|network| network.address);
    let config = loopback::configuration(config, scenario, folder.path());
    let players = players(
        &config,
        roster.as_deref(),
        options.phones.map(|count| count as usize),
        &folder,
    )?;
    let firmware = folder.firmware().map_err(|error| no_folder(&error))?;
    let licensed = folder.licensed(direction).map_err(|error| no_folder(&error))?;
    if !options.json {
        announce(scenario, &players, &folder);
    }
    // More phones than these keep two cores busy: their time then runs slower, so that no wait ends too early.
    let speed = if players.len() > 200 { 20 } else { 60 };
    let appliance = Appliance::start(&config, loopback::place(), speed).await?;
    let wiring = loopback::wiring(&appliance, alias, speed).ok_or_else(|| {
        Failure::new(
            Exit::Privilege,
            "the appliance does not listen on loopback",
            "report this as a defect",
        )
    })?;
    let (phones, ends) = tokio::select! {
        ended = watch(&appliance, wiring, &players, direction) => ended,
        _ = tokio::signal::ctrl_c() => {
            appliance.stop().await;
            return Err(Failure::new(Exit::Act, "the rehearsal was interrupted", "run it again"));
        }
    };
    let views = by_mac(appliance.bench.phones());
    appliance.stop().await;
    let endings: Vec<Ending> = players
        .into_iter()
        .zip(phones.iter().zip(ends))
        .map(|(player, (phone, end))| {
            let state = phone.state.borrow().clone();
            let view = views.get(&player.spec.mac).cloned();
            let reachable =
                outcome::can_reach(&player, direction, &firmware, licensed.contains(&player.spec.mac));
            let wrong = outcome::judge(&player, &state, view.as_ref(), direction, reachable);
            Ending {
                player,
                state,
                view,
                after: end.done,
                restarts: end.restarts,
                wrong,
            }
        })
        .collect();
    tell(
        &show::summary(scenario.to_string(), &endings, began.elapsed()),
        &endings,
        &phones,
        options.json,
    )
}

/// The phones that take part, each with a license where they have none of their own, and the appliance's roster.
fn players(
    config: &Config,
    roster: Option<&Path>,
    count: Option<usize>,
    folder: &Folder,
) -> Result<Vec<Player>, Failure> {
    let firmware = folder.firmware().map_err(|error| no_folder(&error))?;
    let direction = config.migration.direction;
    let catalog = home::catalog(config)?;
    let entries = roster.map(read_roster).transpose()?;
    let players = match &entries {
        Some(entries) => lineup::listed(entries, direction, &catalog, &firmware)?,
        None => lineup::made_up(count, direction, &catalog, &firmware),
    };
    let macs = players.iter().map(|player| player.spec.mac);
    if entries.is_none() || !folder.own_licenses {
        folder
            .license(direction, macs)
            .map_err(|error| no_folder(&error))?;
    }
    let path = folder.path().join("roster.csv");
    std::fs::write(path, lineup::roster(&players)).map_err(|error| no_folder(&error))?;
    Ok(players)
}

fn read_roster(path: &Path) -> Result<Vec<Entry>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("cannot read the roster {}: {error}", path.display()),
            "name another",
        )
    })?;
    let roster = roster::parse(&bytes);
    for problem in &roster.problems {
        eprintln!("{}: {problem}", path.display());
    }
    if roster.entries.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{} lists no phone", path.display()),
            "write a table with the columns MAC, model and vid",
        ));
    }
    Ok(roster.entries)
}

fn announce(scenario: Scenario, players: &[Player], folder: &Folder) {
    let firmware = if folder.own_firmware {
        "your firmware"
    } else {
        "look-alike firmware"
    };
    let licenses = if folder.own_licenses {
        "your licenses"
    } else {
        "look-alike licenses"
    };
    eprintln!(
        "Rehearsing {scenario}: {} virtual phones, {firmware}, {licenses}.",
        players.len()
    );
}

/// How a phone came to its end.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    /// When it was done, on the phones' clock.
    done: Option<Duration>,
    /// Since when it is held, in reality.
    held: Option<Instant>,
    restarts: u32,
}

/// Plugs all phones in and looks on until each has come to its end, or nothing moves any more.
async fn watch(
    appliance: &Appliance,
    wiring: Wiring,
    players: &[Player],
    direction: Direction,
) -> (Vec<Phone>, Vec<End>) {
    let (began, speed) = (Instant::now(), wiring.speed);
    let bars = Bars::new(players);
    let mut phones: Vec<Phone> = players
        .iter()
        .map(|player| Phone::plug(player.spec.clone(), wiring))
        .collect();
    let mut ends = vec![End::default(); phones.len()];
    let mut latest = (0, 0, began);
    loop {
        tokio::time::sleep(TICK).await;
        let views = by_mac(appliance.bench.phones());
        let states: Vec<_> = phones
            .iter()
            .map(|phone| (phone.state.borrow().clone(), views.get(&phone.spec.mac)))
            .collect();
        bars.update(&states);
        let mut open = 0;
        for (index, (state, view)) in states.iter().enumerate() {
            let end = &mut ends[index];
            let hold = view.and_then(|view| view.hold.as_ref());
            let busy = matches!(state.doing, Doing::Fetching(..) | Doing::Flashing(_));
            end.held = if hold.is_some() && !busy {
                end.held.or_else(|| Some(Instant::now()))
            } else {
                None
            };
            let waited = end.held.map_or(Duration::ZERO, |since| since.elapsed() * speed);
            if view.is_some_and(|view| view.stage == Stage::Done) && outcome::at_target(state, direction) {
                end.done.get_or_insert_with(|| began.elapsed() * speed);
            } else if hold.is_some_and(|hold| hold.code == HoldCode::NeedsRestart)
                && waited >= BY_HAND
                && end.restarts < MOST_RESTARTS
            {
                *end = End {
                    restarts: end.restarts + 1,
                    ..End::default()
                };
                phones[index].restart();
                open += 1;
            } else if waited < HELD {
                open += 1;
            }
        }
        let moved = states.iter().fold((0, 0), |(hops, bytes), (state, _)| {
            (hops + state.hops.len(), bytes + state.bytes)
        });
        if moved != (latest.0, latest.1) {
            latest = (moved.0, moved.1, Instant::now());
        }
        if open == 0 || latest.2.elapsed() * speed > STANDSTILL {
            bars.clear();
            return (phones, ends);
        }
    }
}

fn by_mac(views: Vec<PhoneView>) -> BTreeMap<Mac, PhoneView> {
    views.into_iter().map(|view| (view.mac, view)).collect()
}

/// Says how it ended.
fn tell(summary: &show::Summary, endings: &[Ending], phones: &[Phone], json: bool) -> Result<usize, Failure> {
    let text = if json {
        serde_json::to_string(summary).unwrap_or_default() + "\n"
    } else {
        let heading = ["phone", "model", "from", "to", "hops", "time", "result"];
        format!(
            "{}{}: {} done, {} held, {} stuck, in {} s.\n",
            table::render(&heading, &show::rows(endings), table::width()),
            summary.scenario,
            summary.done,
            summary.held,
            summary.stuck,
            summary.seconds
        )
    };
    let mut wrong = 0;
    for (_, phone) in endings
        .iter()
        .zip(phones)
        .filter(|(ending, _)| !ending.wrong.is_empty())
    {
        wrong += 1;
        eprintln!(
            "What {} {} did:\n{}",
            phone.spec.mac, phone.spec.model, phone.journal
        );
    }
    std::io::stdout()
        .write_all(text.as_bytes())
        .map(|()| wrong)
        .map_err(|error| {
            Failure::new(
                Exit::Act,
                format!("cannot write to standard output: {error}"),
                "give it a place to go",
            )
        })
}
