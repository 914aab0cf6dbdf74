//! Transload: moves Cisco desk phones between Enterprise and Multiplatform firmware, unattended.

#![allow(dead_code)]

mod admin;
mod appliance;
mod bench;
mod check;
mod cli;
mod clock;
mod config;
mod doors;
mod error;
mod home;
mod init;
mod interface;
mod ledger;
mod library;
mod logs;
mod place;
mod rehearse;
mod reload;
mod serve;
mod state_lock;
mod table;
mod view;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use config::Config;
use error::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logs::start(if matches!(cli.command, Command::Rehearse(_)) { "error" } else { "info" });
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let named = cli.config.as_deref();
    if let Command::Init = cli.command {
        return init::run(named);
    }
    let mut config = Config::load(named)?;
    for warning in &config.warnings {
        eprintln!("warning: {warning}");
    }
    match &cli.command {
        Command::Init => init::run(named),
        Command::Serve(arguments) => {
            if let Some(interface) = &arguments.interface {
                config.bench.interface = Some(interface.clone());
            }
            on_runtime(serve::serve(config, named))
        }
        Command::Rehearse(arguments) => on_runtime(rehearse::rehearse(&config, arguments)),
        Command::Reload => reload::run(&config),
        Command::Check(_) | Command::Status(_) => Ok(()),
    }
}

/// Runs a command that serves on as many threads as the machine has cores.
fn on_runtime(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                error::Exit::Act,
                format!("threads cannot be started: {error}"),
                "free some memory and start it again",
            )
        })?;
    runtime.block_on(command)
}
