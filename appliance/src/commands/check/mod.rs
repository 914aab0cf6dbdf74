//! `transload check`: finds what would hold or strand phones, before any is plugged in.

mod after;
#[cfg(test)]
mod agreement;
mod environment;
mod notes;
mod phones;
mod show;

use std::net::Ipv4Addr;
use std::process::ExitCode;

use serde::Serialize;
use transload_provision::journey::Context;

use crate::commands::cli::CheckArgs;
use crate::config::Config;
use crate::runtime::addresses;
use crate::state::library::{LibrarySnapshot, verify};
use crate::state::state_folder;
use crate::system::clock::system_time;
use crate::system::error::{Exit, Failure};
use environment::EnvironmentCheck;
use notes::Notes;
use phones::{CheckVerdict, LoadCheck, ModelCheck, ModelState, PhoneCheck};

/// The JSON of `check --json`. Models and notes are only for people.
#[derive(Debug, Serialize)]
struct CheckReport {
    ready: usize,
    held: usize,
    phones: Vec<PhoneCheck>,
    loads: Vec<LoadCheck>,
    environment: Vec<EnvironmentCheck>,
    #[serde(skip)]
    models: Vec<ModelCheck>,
    #[serde(skip)]
    licenses: usize,
    #[serde(skip)]
    notes: Notes,
    #[serde(skip)]
    heading: String,
}

impl CheckReport {
    /// Whether anything would hold a phone. Without a roster, any phone may come.
    fn trouble(&self) -> bool {
        let held = |model: &ModelCheck| matches!(model.state, ModelState::Held | ModelState::NeedsVid);
        let ready = |model: &ModelCheck| model.state == ModelState::Ready;
        let phones = match self.phones.as_slice() {
            [] => self.models.iter().any(held) || !self.models.iter().any(ready) || self.licenses == 0,
            phones => self.held > 0 || phones.iter().any(|phone| phone.later.is_some()),
        };
        phones || self.environment.iter().any(|check| !check.ok)
    }
}

/// Checks everything and prints it. The exit status is 1 if anything would hold a phone.
pub fn run(config: &Config, args: &CheckArgs) -> Result<ExitCode, Failure> {
    if args.verify {
        verify::run(config)?;
    }
    let report = report(config)?;
    if args.json {
        println!("{}", serde_json::to_string(&report).map_err(|error| internal(&error))?);
    } else {
        print!("{}", show::report(&report, config.migration.direction, crate::terminal::table::width()));
    }
    Ok(if report.trouble() { ExitCode::from(Exit::Act as u8) } else { ExitCode::SUCCESS })
}

fn internal(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Act, format!("the report cannot be written as JSON: {error}"), "run it without --json")
}

fn report(config: &Config) -> Result<CheckReport, Failure> {
    let place = addresses::resolve(config);
    let server = place.as_ref().map_or(Ipv4Addr::UNSPECIFIED, addresses::ServiceAddresses::server);
    let settings = config.settings(server, config.files.http.first().copied().unwrap_or(80));
    let catalog = state_folder::catalog(config)?;
    let state_folder::RosterFile { entries, wrong, notes: roster_notes } =
        state_folder::roster(&config.bench.state)?;
    let library = LibrarySnapshot::scan(&config.bench.state, settings.direction)?;
    let now = system_time();
    let context =
        Context { catalog: &catalog, library: &library.index, settings: &settings, entry: None, now };
    let phones: Vec<_> = entries.iter().map(|entry| phones::phone(entry, &context)).collect();
    let held = phones.iter().filter(|phone| phone.state == CheckVerdict::Held).count();
    let mut environment = environment::checks(config, &place, &catalog, &entries, &wrong, now);
    let homes = || after::unknown_models(&settings, &catalog);
    environment.push(EnvironmentCheck::of("after", after::unfilled(&settings, &entries).or_else(homes)));
    Ok(CheckReport {
        ready: phones.len() - held,
        held,
        loads: phones::loads(&context),
        environment,
        models: phones::models(&context),
        licenses: library.index.licenses.iter().filter(|(of, _)| *of == settings.direction).count(),
        notes: notes::notes(&library, &entries, roster_notes, &context),
        heading: format!(
            "{}, catalog of {}, state folder {}",
            config.scenario_name(),
            catalog.date,
            config.bench.state.display()
        ),
        phones,
    })
}
