//! Runs one scenario from the first start to the last phone's end.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use transload_pace::Pace;
use transload_phone::{Doing, VirtualPhone, Wiring};
use transload_provision::documents::FileServer;
use transload_provision::hold::HoldCode;
use transload_provision::journey::Act;
use transload_provision::load::Direction;
use transload_provision::mac::Mac;

use super::folder::RehearsalFolder;
use super::lineup::{self, Player};
use super::outside::OutsideServers;
use super::show::{self, Bars, Ending, ScenarioSummary};
use super::{loopback, no_folder, outcome};
use crate::bench::views::phone::{PhoneView, Stage};
use crate::bench::views::report::MigrationReport;
use crate::config::Config;
use crate::runtime::appliance::{Appliance, PreparedAppliance};
use crate::state::state_folder;
use crate::system::error::{Exit, Failure};

/// Interval of looks at the phones, in undisturbed real time; longer if a look takes more than a tenth of it.
const TICK: Duration = Duration::from_millis(100);
/// A phone that was held for this long, on the phones' clock, has ended.
const HELD: Duration = Duration::from_secs(10 * 60);
/// The technician's time to unplug a phone.
const BY_HAND: Duration = Duration::from_secs(60);
const MOST_RESTARTS: u32 = 3;
/// Time without any change after which the scenario ends; longer than a phone waits for its license.
const STANDSTILL: Duration = Duration::from_secs(90 * 60);

/// The result of a scenario.
pub struct Performance {
    /// Counts and failures.
    pub summary: ScenarioSummary,
    /// The end of each phone.
    pub endings: Vec<Ending>,
    /// The phones, still plugged in, in the same order.
    pub phones: Vec<VirtualPhone>,
    /// The customer's report.
    pub report: MigrationReport,
}

/// Runs the appliance on `folder` against these phones. `alias` is its address in the user's configuration. A `page`
/// stays until the user interrupts it.
pub async fn perform(
    config: &Config,
    alias: Option<Ipv4Addr>,
    folder: &RehearsalFolder,
    players: Vec<Player>,
    pace: Pace,
    page: Option<SocketAddr>,
) -> Result<Performance, Failure> {
    let began = Instant::now();
    let direction = config.migration.direction;
    let firmware = folder.firmware().map_err(|error| no_folder(&error))?;
    let roster = folder.path().join(state_folder::ROSTER);
    std::fs::write(roster, lineup::roster(&players)).map_err(|error| no_folder(&error))?;
    let place = loopback::place(config.registrar.enabled, page);
    let appliance = PreparedAppliance::read(config, &place, &pace)?.serve(config, place, &[true]).await?;
    let wiring = loopback::wiring(&appliance, alias).ok_or_else(|| {
        Failure::new(Exit::Privilege, "the appliance does not listen on loopback", "report this as a defect")
    })?;
    let server = FileServer { address: appliance.bench.server(), port: appliance.bench.http_port() };
    let mut outside =
        OutsideServers::open(config, &players, server).await.map_err(|error| no_folder(&error))?;
    let wiring = outside.wire(wiring);
    let (phones, ends) = tokio::select! {
        ended = watch(&appliance, wiring, folder, &players, direction, &mut outside) => ended,
        _ = tokio::signal::ctrl_c() => {
            appliance.stop().await;
            return Err(Failure::new(Exit::Act, "the rehearsal was interrupted", "run it again"));
        }
        what = pace.stuck() => return Err(stuck(what)),
    };
    if let Some(page) = page {
        eprintln!("The rehearsal has ended; http://{page}/ shows it until you press Ctrl-C.");
        // Without a way to interrupt, nobody looks at the page.
        let _ = tokio::signal::ctrl_c().await;
    }
    let views = by_mac(appliance.bench.phones());
    let licensed = folder.licensed(direction).map_err(|error| no_folder(&error))?;
    let ending = |(player, (phone, end)): (Player, (&VirtualPhone, PhoneEnding))| {
        let state = phone.state.borrow().clone();
        let view = views.get(&player.spec.mac).cloned();
        let trusted = !player.spec.quirks.trust_list || outside.signs();
        let reachable =
            trusted && outcome::can_reach(&player, direction, &firmware, licensed.contains(&player.spec.mac));
        let wrong = outcome::judge(&player, &state, view.as_ref(), direction, reachable);
        Ending { player, state, view, after: end.done, restarts: end.restarts, wrong }
    };
    let endings: Vec<Ending> = players.into_iter().zip(phones.iter().zip(ends)).map(ending).collect();
    let report = appliance.bench.report();
    appliance.stop().await;
    let summary = show::summary(config.scenario_name(), &endings, began.elapsed());
    Ok(Performance { summary, endings, phones, report })
}

/// The failure of work that never ends, for which the clock waits.
pub fn stuck(what: &str) -> Failure {
    let cause = format!("the rehearsal stands still: {what} does not come to its end");
    Failure::new(Exit::Act, cause, "report this as a defect, with the log")
}

/// The end of a phone.
#[derive(Debug, Clone, Copy, Default)]
struct PhoneEnding {
    /// The time when it was done, on the phones' clock.
    done: Option<Duration>,
    /// The time since which it is held, on the phones' clock.
    held: Option<Duration>,
    restarts: u32,
}

/// Starts all phones and watches until each has ended, or nothing changes any more.
async fn watch(
    appliance: &Appliance,
    wiring: Wiring,
    folder: &RehearsalFolder,
    players: &[Player],
    direction: Direction,
    outside: &mut OutsideServers,
) -> (Vec<VirtualPhone>, Vec<PhoneEnding>) {
    let pace = wiring.pace.clone();
    let began = pace.elapsed();
    let bars = Bars::new(players);
    let mut phones: Vec<VirtualPhone> =
        players.iter().map(|player| VirtualPhone::plug(player.spec.clone(), wiring.clone())).collect();
    let mut ends = vec![PhoneEnding::default(); phones.len()];
    let mut latest = (0, 0, began);
    let mut pause = TICK;
    loop {
        let _hold = pace.sleep_undisturbed(pause).await;
        let now = pace.elapsed();
        let look = Instant::now();
        // A file that vanishes during the look is found at the next one.
        let _ = folder.follow();
        let views = by_mac(appliance.bench.phones());
        match outside.tend(&views, &mut phones) {
            Ok(vouched) => {
                for mac in vouched {
                    // A refused order shows in the phone's end.
                    let _ = appliance.bench.operate(mac, Act::Retry).await;
                }
            }
            Err(error) => tracing::warn!(%error, "what has to be done outside could not be done"),
        }
        let states: Vec<_> =
            phones.iter().map(|phone| (phone.state.borrow().clone(), views.get(&phone.spec.mac))).collect();
        bars.update(&states);
        let mut open = 0;
        for (index, (state, view)) in states.iter().enumerate() {
            let end = &mut ends[index];
            let hold = view.and_then(|view| view.hold.as_ref());
            let busy = matches!(state.doing, Doing::Fetching(..) | Doing::Flashing(_));
            end.held = if hold.is_some() && !busy { end.held.or(Some(now)) } else { None };
            let waited = end.held.map_or(Duration::ZERO, |since| now.saturating_sub(since));
            if view.is_some_and(|view| view.stage == Stage::Done) && outcome::at_target(state, direction) {
                end.done.get_or_insert(now.saturating_sub(began));
            } else if hold.is_some_and(|hold| hold.code == HoldCode::NeedsRestart)
                && waited >= BY_HAND
                && end.restarts < MOST_RESTARTS
            {
                *end = PhoneEnding { restarts: end.restarts + 1, ..PhoneEnding::default() };
                phones[index].restart();
                open += 1;
            } else if waited < HELD {
                open += 1;
            }
        }
        let moved = states
            .iter()
            .fold((0, 0), |(hops, bytes), (state, _)| (hops + state.hops.len(), bytes + state.bytes));
        if moved != (latest.0, latest.1) {
            latest = (moved.0, moved.1, now);
        }
        if open == 0 || now.saturating_sub(latest.2) > STANDSTILL {
            bars.clear();
            return (phones, ends);
        }
        pause = TICK.max(look.elapsed() * 10);
    }
}

fn by_mac(views: Vec<PhoneView>) -> BTreeMap<Mac, PhoneView> {
    views.into_iter().map(|view| (view.mac, view)).collect()
}
