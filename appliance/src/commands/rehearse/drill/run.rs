//! Runs one drill from the first start to the last phone's end.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use transload_pace::{Pace, WorkGuard};
use transload_phone::{FaultInjector, VirtualPhone, lookalike};
use transload_provision::documents::FileServer;
use transload_provision::mac::Mac;
use transload_provision::unknown::Draw;
use transload_provision::worlds::Worlds;

use super::super::folder::{Firmware, RehearsalFolder};
use super::super::lineup::{self, Player};
use super::super::outside::OutsideServers;
use super::super::perform::stuck;
use super::super::{loopback, no_folder, outcome};
use super::accidents::{self, Cast, DrillAccident};
use super::bench::PluggedAppliance;
use super::plan::Plan;
use super::technician::{Technician, TechnicianTask};
use crate::bench::views::phone::{PhoneView, Stage};
use crate::config::values::Range;
use crate::config::{Config, Scenario};
use crate::state::state_folder;
use crate::system::atomic;
use crate::system::error::Failure;

/// Interval of looks at all phones, in undisturbed real time.
const TICK: Duration = Duration::from_millis(50);
/// A phone that was held for this long and cannot be helped has ended.
const HELD: Duration = Duration::from_secs(10 * 60);
/// The longest drill; both are on the phones' clock.
const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// The first loopback address of drills; each phone has a range.
const POOL: Ipv4Addr = Ipv4Addr::new(127, 16, 0, 0);
const LEASES: u32 = 16;

/// The result of a drill.
pub struct Drilled {
    pub seed: u64,
    pub scenario: Scenario,
    pub phones: usize,
    pub done: usize,
    pub accidents: usize,
    /// The draw of each phone.
    pub draws: Vec<Draw>,
    /// The failures, each with its story.
    pub failures: Vec<(String, String)>,
}

/// The state of a running drill.
struct DrillRun {
    bench: PluggedAppliance,
    folder: RehearsalFolder,
    template: PathBuf,
    firmware: Firmware,
    scenario: Scenario,
    players: Vec<Player>,
    phones: Vec<VirtualPhone>,
    outside: OutsideServers,
    technician: Technician,
    faults: FaultInjector,
    accidents: VecDeque<(Duration, DrillAccident)>,
    /// The ends of accidents, by time.
    ends: Vec<(Duration, DrillAccident)>,
    late: Vec<(Duration, Mac)>,
    views: BTreeMap<Mac, PhoneView>,
    /// The bench's worlds of each phone.
    worlds: BTreeMap<Mac, Worlds>,
    /// The time since which each phone is held.
    held: BTreeMap<Mac, Duration>,
    story: Vec<String>,
    pace: Pace,
    began: Duration,
}

/// Runs one drill in a folder linked to that of all drills.
pub async fn run(config: &Config, template: &RehearsalFolder, mut plan: Plan) -> Result<Drilled, Failure> {
    /// Each phone of all drills asks for leases from its own loopback address.
    static INDEX: AtomicU32 = AtomicU32::new(1);
    let io = |error: std::io::Error| no_folder(&error);
    let folder = RehearsalFolder::make(template.path(), lookalike::SMALL).map_err(io)?;
    let scenario = plan.scenario;
    let first = INDEX.fetch_add(plan.phones as u32, Ordering::Relaxed) % 60_000 + 1;
    let mut config = loopback::configuration(config, scenario, folder.path());
    // No two drills share an address, since each phone's page is at its own.
    let from = POOL.to_bits() + first * LEASES;
    let last = Ipv4Addr::from_bits(from + plan.phones as u32 * LEASES - 1);
    config.dhcp.own.pool = vec![Range { first: Ipv4Addr::from_bits(from), last }];
    let (firmware, catalog) = (folder.firmware().map_err(io)?, state_folder::catalog(&config)?);
    let faults = FaultInjector::default();
    faults.stir();
    if plan.rng.u32(0..3) == 0 {
        faults.set_loss(plan.rng.u32(10..150));
    }
    let Cast { mut players, late, draws } = accidents::phones(&mut plan, first, &catalog, &firmware, &faults);
    players.iter_mut().for_each(plan.spoil);
    let on_time =
        players.iter().map(|player| player.spec.mac).filter(|mac| late.iter().all(|(_, late)| late != mac));
    folder.license(scenario.direction, on_time).map_err(io)?;
    fs::write(folder.path().join(state_folder::ROSTER), lineup::roster(&players)).map_err(io)?;
    let accidents: VecDeque<_> = accidents::accidents(&mut plan).into();
    let pace = Pace::patient(plan.speed);
    let bench = PluggedAppliance::start(&config, pace.clone(), faults.clone()).await?;
    let server = bench
        .appliance()
        .map(|running| FileServer { address: running.bench.server(), port: running.bench.http_port() });
    let server = server.unwrap_or(FileServer { address: bench.wiring.server, port: bench.wiring.http_80 });
    let mut outside = OutsideServers::open(&config, &players, server).await.map_err(io)?;
    outside.expect_trouble();
    let wiring = outside.wire(bench.wiring.clone());
    let phones =
        players.iter().map(|player| VirtualPhone::plug(player.spec.clone(), wiring.clone())).collect();
    let many = accidents.len();
    let mut run = DrillRun {
        bench,
        template: template.path().to_owned(),
        folder,
        firmware,
        scenario,
        players,
        phones,
        outside,
        technician: Technician::default(),
        faults,
        accidents,
        ends: Vec::new(),
        late,
        views: BTreeMap::new(),
        worlds: BTreeMap::new(),
        held: BTreeMap::new(),
        story: Vec::new(),
        began: pace.elapsed(),
        pace: pace.clone(),
    };
    let turns = async {
        loop {
            let hold = pace.sleep_undisturbed(TICK).await;
            if run.turn().await.map_err(|error| no_folder(&error)).and_then(std::convert::identity)? {
                return Ok::<WorkGuard, Failure>(hold);
            }
        }
    };
    // The clock stands still while the drill is judged.
    let _hold = tokio::select! {
        ended = turns => ended?,
        what = pace.stuck() => return Err(stuck(what)),
    };
    let failures = run.judge();
    let phones = run.players.len();
    let done = run.views.values().filter(|view| view.stage == Stage::Done).count();
    run.bench.stop().await;
    Ok(Drilled { seed: plan.seed, scenario, phones, done, accidents: many, draws, failures })
}

impl DrillRun {
    fn now(&self) -> Duration {
        self.pace.elapsed().saturating_sub(self.began)
    }

    fn tell(&mut self, what: &dyn std::fmt::Display) {
        self.story.push(format!("{:>7} s {what}", self.now().as_secs()));
    }

    /// Looks at all phones once; returns true when all have ended.
    async fn turn(&mut self) -> std::io::Result<Result<bool, Failure>> {
        let now = self.now();
        while self.accidents.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, accident)) = self.accidents.pop_front()
        {
            self.tell(&accident);
            if let Err(failure) = self.happens(now, accident).await {
                return Ok(Err(failure));
            }
        }
        let over: Vec<DrillAccident> =
            self.ends.extract_if(.., |(at, _)| *at <= now).map(|(_, accident)| accident).collect();
        for accident in over {
            if let Err(failure) = self.ends(accident).await {
                return Ok(Err(failure));
            }
        }
        let arrived: Vec<Mac> = self.late.extract_if(.., |(at, _)| *at <= now).map(|(_, mac)| mac).collect();
        self.folder.license(self.scenario.direction, arrived.into_iter())?;
        if let Some(running) = self.bench.appliance() {
            self.views = running.bench.phones().into_iter().map(|view| (view.mac, view)).collect();
            self.worlds = running.bench.worlds();
            self.outside.tend(&self.views, &mut self.phones)?;
            self.tend(now).await?;
        }
        let quiet = self.accidents.is_empty() && self.ends.is_empty() && self.late.is_empty();
        Ok(Ok((quiet && self.all_ended(now)) || now > LONGEST))
    }

    async fn happens(&mut self, now: Duration, accident: DrillAccident) -> Result<(), Failure> {
        match accident {
            DrillAccident::Plug(phone, span) => {
                if let Some(phone) = self.phones.get_mut(phone) {
                    phone.unplug();
                }
                self.ends.push((now + span, accident));
            }
            DrillAccident::Power(span) => {
                self.bench.pull().await?;
                self.ends.push((now + span, accident));
            }
            DrillAccident::DiskFull(span) => {
                self.bench.fill_disk(true);
                self.ends.push((now + span, accident));
            }
            DrillAccident::Damage(which) => self.damage(which),
            DrillAccident::Rogue(span) => {
                self.faults.set_rogue(true);
                self.ends.push((now + span, accident));
            }
        }
        Ok(())
    }

    async fn ends(&mut self, accident: DrillAccident) -> Result<(), Failure> {
        match accident {
            DrillAccident::Plug(phone, _) => {
                if let Some(phone) = self.phones.get_mut(phone) {
                    phone.restart();
                }
            }
            DrillAccident::Power(_) => self.bench.plug_in().await?,
            DrillAccident::DiskFull(_) => self.bench.fill_disk(false),
            DrillAccident::Damage(_) => {}
            DrillAccident::Rogue(_) => self.faults.set_rogue(false),
        }
        Ok(())
    }

    /// Removes one file from this drill's folder only.
    fn damage(&mut self, which: usize) {
        let files = Self::files(self.folder.path());
        let Some(file) = files.get(which % files.len().max(1)) else { return };
        self.faults.spoil();
        // A file system may refuse; then the file stays.
        let _ = fs::remove_file(self.folder.path().join("firmware").join(file));
        self.tell(&format!("it is {}", file.display()));
    }

    /// Components below the firmware folder.
    fn files(state: &Path) -> Vec<PathBuf> {
        let folder = state.join("firmware");
        let mut files: Vec<PathBuf> = Vec::new();
        let mut folders = vec![folder.clone()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "sbn") {
                    files.extend(path.strip_prefix(&folder).map(PathBuf::from));
                }
            }
        }
        files.sort();
        files
    }

    /// Lets the technician look at all phones.
    async fn tend(&mut self, now: Duration) -> std::io::Result<()> {
        let direction = self.scenario.direction;
        for index in 0..self.phones.len() {
            let mac = self.players[index].spec.mac;
            let Some(view) = self.views.get(&mac) else { continue };
            let hold = view.hold.clone();
            let (phone, player) = (&mut self.phones[index], &mut self.players[index]);
            let deeds = self.technician.look(now, phone, player, view);
            if let Some(hold) = hold.filter(|_| !deeds.is_empty()) {
                self.tell(&format!("{mac} is held: {}: {}; {deeds:?}", hold.code, hold.cause));
            }
            for deed in deeds {
                match deed {
                    TechnicianTask::AtThePhone => {}
                    TechnicianTask::License => self.folder.license(direction, [mac].into_iter())?,
                    TechnicianTask::Firmware => self.import_again()?,
                    TechnicianTask::Roster => {
                        self.outside.agree(&mut self.players);
                        let roster = self.folder.path().join(state_folder::ROSTER);
                        atomic::write(&roster, lineup::roster(&self.players).as_bytes())?;
                    }
                    TechnicianTask::Operate(act) => {
                        if let Some(running) = self.bench.appliance() {
                            // The order is refused if it is no longer needed.
                            let _ = running.bench.operate(mac, act).await;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn import_again(&self) -> std::io::Result<()> {
        for file in Self::files(&self.template) {
            let path = self.folder.path().join("firmware").join(&file);
            if !path.exists() {
                atomic::write(&path, &fs::read(self.template.join("firmware").join(&file))?)?;
            }
        }
        Ok(())
    }

    fn all_ended(&mut self, now: Duration) -> bool {
        let mut open = 0;
        for (player, phone) in self.players.iter().zip(&self.phones) {
            let mac = player.spec.mac;
            let view = self.views.get(&mac);
            let state = phone.state.borrow();
            let there = outcome::at_target(&state, self.scenario.direction);
            // A phone that would have been lost in reality has ended too.
            if (view.is_some_and(|view| view.stage == Stage::Done) && there) || !state.failures.is_empty() {
                continue;
            }
            drop(state);
            let held = view.is_some_and(|view| view.hold.is_some());
            let since = if held { *self.held.entry(mac).or_insert(now) } else { now };
            if !held {
                self.held.remove(&mac);
            }
            if now.saturating_sub(since) < HELD || self.technician.may_help(mac, view) {
                open += 1;
            }
        }
        open == 0
    }

    fn judge(&self) -> Vec<(String, String)> {
        let direction = self.scenario.direction;
        let licensed = self.folder.licensed(direction).unwrap_or_default();
        let mut failures = Vec::new();
        for (player, phone) in self.players.iter().zip(&self.phones) {
            let mac = player.spec.mac;
            let state = phone.state.borrow().clone();
            let trusted = !player.spec.quirks.trust_list || self.outside.signs();
            let has_license = licensed.contains(&mac);
            let reachable = trusted && outcome::can_reach(player, direction, &self.firmware, has_license);
            let view = self.views.get(&mac);
            let mut wrong = outcome::judge(player, &state, view, direction, reachable);
            wrong.extend(
                self.worlds.get(&mac).and_then(|worlds| outcome::judge_worlds(&state, worlds, direction)),
            );
            if !has_license {
                wrong.push(format!("its {direction} license is lost"));
            }
            if self.technician.given_up.contains(&mac) {
                wrong.push("it needed a hand again and again".to_owned());
            }
            if !wrong.is_empty() {
                let what = format!("{mac} {}: {}", player.spec.model, wrong.join("; "));
                failures.push((what, format!("{}\n{}", self.story.join("\n"), phone.journal)));
            }
        }
        failures
    }
}
