//! `transload status`: the phones, as the running bench sees them, or as its ledger left them.

pub mod client;
mod show;
mod watch;

use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use transload_provision::time::Time;

use crate::bench::views::phone::{OtherClient, PhoneView};
use crate::bench::{self, Known, Offline, Rules};
use crate::commands::cli::StatusArgs;
use crate::commands::reload::running_bench;
use crate::config::{Config, DhcpAdmit};
use crate::runtime::place;
use crate::runtime::segment::Segment;
use crate::state::ledger;
use crate::state::library::Shelf;
use crate::state::state_folder;
use crate::system::error::{Exit, Failure};
use crate::terminal::table;
use show::Paper;

/// What is shown.
#[derive(Debug)]
struct Seen {
    phones: Vec<PhoneView>,
    /// Why it does not come from the running bench.
    note: Option<String>,
    /// What the running bench wants the operator to know, one line each.
    notices: Vec<String>,
    /// Clients that have a lease and are no phones.
    others: Vec<OtherClient>,
}

impl Seen {
    /// For people. In a window, what is about phones goes first.
    fn text(&self, paper: Paper) -> String {
        let notices: Vec<String> = match paper.height {
            Some(height) => {
                let line = |line: &String| table::cut(line, paper.width) + "\n";
                self.notices.iter().take(height / 4).map(line).collect()
            }
            None => self.notices.iter().map(|line| table::wrapped(line, paper.width)).collect(),
        };
        let others = show::others(&self.others, paper);
        let height = paper.height.map(|height| height.saturating_sub(notices.len() + others.lines().count()));
        show::table(&self.phones, self.note.as_deref(), Paper { height, ..paper })
            + &others
            + &notices.concat()
    }
}

/// Prints the phones, once or each second. Ends well whatever the phones' state: what must be acted on is in what
/// it prints.
pub fn run(config: &Config, args: &StatusArgs) -> Result<(), Failure> {
    if args.watch && !args.json && stdout().is_terminal() {
        return watch::watch(config, args);
    }
    loop {
        let seen = look(config, args)?;
        let text = if args.json {
            json(&seen.phones)?
        } else {
            seen.text(Paper { width: table::width(), height: None })
        };
        let written = write!(stdout(), "{text}").and_then(|()| stdout().flush());
        // Whoever read this has enough.
        if !args.watch || written.is_err() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// The phones, as the running bench sees them, or as its state folder says.
pub fn phones(config: &Config) -> Result<Vec<PhoneView>, Failure> {
    look(config, &StatusArgs::default()).map(|seen| seen.phones)
}

fn json(phones: &[PhoneView]) -> Result<String, Failure> {
    let text = serde_json::to_string(phones)
        .map_err(|error| Failure::new(Exit::Act, error.to_string(), "run it without --json"))?;
    Ok(text + "\n")
}

fn look(config: &Config, args: &StatusArgs) -> Result<Seen, Failure> {
    let (phones, note) = match client::get(&config.admin, "/api/phones")? {
        Some(phones) => (phones, None),
        None => (offline(config)?.phones(), Some(note(config))),
    };
    let notices = if note.is_some() || args.json { Vec::new() } else { client::notices(&config.admin) };
    let others = if note.is_some() || args.json { Vec::new() } else { client::others(&config.admin) };
    Ok(Seen { phones: args.phones.of(phones).phones, note, notices, others })
}

/// Why it does not come from the running bench.
pub fn note(config: &Config) -> String {
    match running_bench(&config.bench.state) {
        None => "No bench is running; this is what its state folder says.".to_owned(),
        Some(pid) => format!(
            "The running bench (process {pid}) does not answer at {}; this is what its state folder says.",
            config.admin.listen
        ),
    }
}

/// What the state folder says while no bench runs. Nothing in it is changed.
pub fn offline(config: &Config) -> Result<Offline, Failure> {
    let state = &config.bench.state;
    let path = state.join("ledger.db");
    let mut known = Known::default();
    let (leases, marks) = if path.exists() { ledger::read(&path, &mut known)? } else { Default::default() };
    let roster = state_folder::roster(state)?.entries;
    let networks = match place::resolve(config) {
        Ok(place) => place.segments.iter().map(Segment::network_now).collect(),
        Err(_) => vec![config.bench.address],
    };
    let server = networks.first().copied().flatten();
    let server = server.map_or(std::net::Ipv4Addr::UNSPECIFIED, |network| network.address);
    let rules = Rules {
        settings: config.settings(server, config.files.http.first().copied().unwrap_or(80)),
        classes: config.dhcp.classes.clone(),
        given: config.served(&networks, &roster).map(|served| served.given).unwrap_or_default(),
        admit_all: config.dhcp.admit == DhcpAdmit::All,
        gives_leases: config.dhcp.enabled,
        stage_hook: Vec::new(),
    };
    let shelf = Shelf::scan(state, config.migration.direction)?;
    let now = Time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64);
    let now = now.max(marks.high_water);
    Ok(bench::offline(state_folder::catalog(config)?, rules, roster, shelf, (known, leases), now))
}
