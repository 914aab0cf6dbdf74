//! `transload status`: shows the phones, from the running bench or from its state folder.

pub mod client;
mod show;
mod watch;

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

use crate::bench::views::phone::{OtherClient, PhoneView};
use crate::bench::{self, Offline, ReplayedPhones, Rules};
use crate::commands::cli::StatusArgs;
use crate::commands::reload::running_bench;
use crate::config::{Config, DhcpAdmit};
use crate::runtime::addresses;
use crate::runtime::segment::Segment;
use crate::state::ledger;
use crate::state::library::LibrarySnapshot;
use crate::state::state_folder;
use crate::system::clock::system_time;
use crate::system::error::{Exit, Failure};
use crate::terminal::table;
use show::WindowSize;

/// The content of the display.
#[derive(Debug)]
struct StatusView {
    phones: Vec<PhoneView>,
    /// Why the content is not from the running bench.
    note: Option<String>,
    /// The bench's notices, one a line.
    notices: Vec<String>,
    /// Leased clients that are no phones.
    others: Vec<OtherClient>,
}

impl StatusView {
    /// Formats the content for people. In a window, phones come first.
    fn text(&self, window: WindowSize) -> String {
        let notices: Vec<String> = match window.height {
            Some(height) => {
                let line = |line: &String| table::cut(line, window.width) + "\n";
                self.notices.iter().take(height / 4).map(line).collect()
            }
            None => self.notices.iter().map(|line| table::wrapped(line, window.width)).collect(),
        };
        let others = show::others(&self.others, window);
        let height =
            window.height.map(|height| height.saturating_sub(notices.len() + others.lines().count()));
        show::table(&self.phones, self.note.as_deref(), WindowSize { height, ..window })
            + &others
            + &notices.concat()
    }
}

/// Prints the phones, once or each second. Held phones do not change the exit status.
pub fn run(config: &Config, args: &StatusArgs) -> Result<(), Failure> {
    if args.watch && !args.json && stdout().is_terminal() {
        return watch::watch(config, args);
    }
    loop {
        let seen = look(config, args)?;
        let text = if args.json {
            json(&seen.phones)?
        } else {
            seen.text(WindowSize { width: table::width(), height: None })
        };
        let written = write!(stdout(), "{text}").and_then(|()| stdout().flush());
        // The reader of the output has closed it.
        if !args.watch || written.is_err() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// The phones, from the running bench or from its state folder.
pub fn phones(config: &Config) -> Result<Vec<PhoneView>, Failure> {
    look(config, &StatusArgs::default()).map(|seen| seen.phones)
}

fn json(phones: &[PhoneView]) -> Result<String, Failure> {
    let text = serde_json::to_string(phones)
        .map_err(|error| Failure::new(Exit::Act, error.to_string(), "run it without --json"))?;
    Ok(text + "\n")
}

fn look(config: &Config, args: &StatusArgs) -> Result<StatusView, Failure> {
    let (phones, note) = match client::get(&config.admin, "/api/phones")? {
        Some(phones) => (phones, None),
        None => (offline(config)?.phones(), Some(note(config))),
    };
    let notices = if note.is_some() || args.json { Vec::new() } else { client::notices(&config.admin) };
    let others = if note.is_some() || args.json { Vec::new() } else { client::others(&config.admin) };
    Ok(StatusView { phones: args.phones.of(phones).phones, note, notices, others })
}

/// Why the content is not from the running bench.
pub fn note(config: &Config) -> String {
    match running_bench(&config.bench.state) {
        None => "No bench is running; this is what its state folder says.".to_owned(),
        Some(pid) => format!(
            "The running bench (process {pid}) does not answer at {}; this is what its state folder says.",
            config.admin.listen
        ),
    }
}

/// Reads the state folder while no bench runs. Nothing in it changes.
pub fn offline(config: &Config) -> Result<Offline, Failure> {
    let state = &config.bench.state;
    let path = state.join("ledger.db");
    let mut known = ReplayedPhones::default();
    let (leases, marks) = if path.exists() { ledger::read(&path, &mut known)? } else { Default::default() };
    let roster = state_folder::roster(state)?.entries;
    let networks = match addresses::resolve(config) {
        Ok(place) => place.segments.iter().map(Segment::network_now).collect(),
        Err(_) => vec![config.bench.address],
    };
    let server = networks.first().copied().flatten();
    let server = server.map_or(std::net::Ipv4Addr::UNSPECIFIED, |network| network.addr());
    let rules = Rules {
        settings: config.settings(server, config.files.http.first().copied().unwrap_or(80)),
        classes: config.dhcp.classes.clone(),
        given: config.served(&networks, &roster).map(|served| served.given).unwrap_or_default(),
        admit_all: config.dhcp.admit == DhcpAdmit::All,
        gives_leases: config.dhcp.enabled,
        stage_hook: Vec::new(),
    };
    let library = LibrarySnapshot::scan(state, config.migration.direction)?;
    let now = system_time().max(marks.high_water);
    Ok(bench::offline(state_folder::catalog(config)?, rules, roster, library, (known, leases), now))
}
