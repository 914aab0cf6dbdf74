//! The rehearsal: the whole appliance against virtual phones, before a real phone is plugged in.

mod actions;
mod drill;
mod folder;
mod lineup;
pub mod loopback;
mod outcome;
mod outside;
mod perform;
mod show;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use transload_pace::Pace;
use transload_phone::lookalike;
use transload_provision::load::Direction;
use transload_provision::roster::Entry;

use crate::commands::cli::RehearseArgs;
use crate::config::{Config, EnterpriseSide, MultiplatformSide, Scenario};
use crate::state::state_folder;
use crate::system::error::{Exit, Failure, Problem};
use crate::system::plain_file::{self, FileKind};
use crate::terminal::table;
use folder::RehearsalFolder;
use lineup::Player;
use perform::{Performance, perform};

/// Time between a phone's last byte and its next DHCP message if booting and flashing take no time. The server must
/// see them in this order, as it does in reality.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Runs the selected scenarios.
///
/// # Errors
/// Wrong use, or a phone that did not end as it should.
pub async fn rehearse(config: &Config, options: &RehearseArgs) -> Result<(), Failure> {
    if let Some(count) = options.drill {
        return drill::drill(config, options, count).await;
    }
    let mut wrong = 0;
    for scenario in scenarios(config, options)? {
        let performance = run(config, scenario, options).await?;
        if let Some(path) = &options.report {
            let title = format!("Rehearsal of {scenario}: virtual phones");
            performance.report.save(path, Some(&title))?;
        }
        wrong += tell(&performance, options.json)?;
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
    let of = |direction, enterprise, multiplatform| Scenario { direction, enterprise, multiplatform };
    vec![
        of(Direction::E2m, E::CallManager, M::Cda),
        of(Direction::E2m, E::CallManager, M::Dhcp),
        of(Direction::E2m, E::Dhcp, M::Cda),
        of(Direction::E2m, E::Dhcp, M::Dhcp),
        of(Direction::M2e, E::Dhcp, M::Cda),
        of(Direction::M2e, E::Dhcp, M::Dhcp),
    ]
}

fn scenarios(config: &Config, options: &RehearseArgs) -> Result<Vec<Scenario>, Failure> {
    let wanted = options.scenario.clone().unwrap_or_else(|| config.scenario_name());
    if wanted == "all" {
        return Ok(all());
    }
    let found = all().into_iter().find(|scenario| scenario.to_string() == wanted);
    found.map(|scenario| vec![scenario]).ok_or_else(|| {
        let names: Vec<String> = all().iter().map(Scenario::to_string).collect();
        Failure::new(
            Exit::Usage,
            format!("{wanted:?} is no scenario"),
            format!("rehearse one of {}, or all", names.join(", ")),
        )
    })
}

fn no_folder(error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Act,
        format!("cannot make the folder of the rehearsal: {error}"),
        "make room, or point TMPDIR to a folder that can be written",
    )
}

async fn run(config: &Config, scenario: Scenario, options: &RehearseArgs) -> Result<Performance, Failure> {
    // A load consists of its largest component, one of an eighth of that, and some small ones.
    let rootfs = options.load_size.map_or(lookalike::SMALL, |size| size / 9 * 8);
    let folder = RehearsalFolder::make(&config.bench.state, rootfs).map_err(|error| no_folder(&error))?;
    let own_roster = Some(config.bench.state.join("roster.csv"))
        .filter(|path| folder.own_firmware && options.phones.is_none() && path.exists());
    let roster = options.roster.clone().or(own_roster);
    let alias = config.bench.address.map(|network| network.addr());
    let config = loopback::configuration(config, scenario, folder.path());
    let count = options.phones.map(|count| count as usize);
    let mut players = players(&config, roster.as_deref(), count, &folder)?;
    if options.at_once {
        for player in &mut players {
            (player.spec.boot, player.spec.flash) = (Duration::ZERO, AT_ONCE);
        }
    }
    if !options.json {
        announce(scenario, &players, &folder);
    }
    if let Some(page) = options.page {
        eprintln!("Watch it at http://{page}/");
    }
    let pace = pace(options, players.len());
    perform(&config, alias, &folder, players, pace, options.page).await
}

/// The speed of the clock: slower for more phones. In a benchmark a transfer takes its real time.
fn pace(options: &RehearseArgs, phones: usize) -> Pace {
    let speed = options.speed.unwrap_or(if phones > 200 { 20 } else { 60 });
    if options.at_once || options.load_size.is_some() { Pace::steady(speed) } else { Pace::patient(speed) }
}

/// The phones of the rehearsal, with look-alike licenses if the user has none.
fn players(
    config: &Config,
    roster: Option<&Path>,
    count: Option<usize>,
    folder: &RehearsalFolder,
) -> Result<Vec<Player>, Failure> {
    let firmware = folder.firmware().map_err(|error| no_folder(&error))?;
    let direction = config.migration.direction;
    let catalog = state_folder::catalog(config)?;
    let entries = roster.map(read_roster).transpose()?;
    let players = match &entries {
        Some(entries) => lineup::listed(entries, direction, &catalog, &firmware)?,
        None => lineup::made_up(count, direction, &catalog, &firmware),
    };
    if entries.is_none() || !folder.own_licenses {
        let macs = players.iter().map(|player| player.spec.mac);
        folder.license(direction, macs).map_err(|error| no_folder(&error))?;
    }
    Ok(players)
}

fn read_roster(path: &Path) -> Result<Vec<Entry>, Failure> {
    let bytes = plain_file::read(path, FileKind::Roster).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("cannot read the roster {}: {error}", path.display()),
            "name another",
        )
    })?;
    let roster = state_folder::read_roster(path, &bytes);
    for line in roster.wrong.iter().map(Problem::line).chain(roster.notes) {
        eprintln!("{line}");
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

fn announce(scenario: Scenario, players: &[Player], folder: &RehearsalFolder) {
    let firmware = if folder.own_firmware { "your firmware" } else { "look-alike firmware" };
    let licenses = if folder.own_licenses { "your licenses" } else { "look-alike licenses" };
    eprintln!("Rehearsing {scenario}: {} virtual phones, {firmware}, {licenses}.", players.len());
}

/// Reports the result; returns the number of phones that did not end as they should.
fn tell(performance: &Performance, json: bool) -> Result<usize, Failure> {
    let Performance { summary, endings, phones, .. } = performance;
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
    for (_, phone) in endings.iter().zip(phones).filter(|(ending, _)| !ending.wrong.is_empty()) {
        wrong += 1;
        eprintln!("What {} {} did:\n{}", phone.spec.mac, phone.spec.model, phone.journal);
    }
    say(&text).map(|()| wrong)
}

fn say(text: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| {
        Failure::new(Exit::Act, format!("cannot write to standard output: {error}"), "give it a place to go")
    })
}
