//! Transload: moves Cisco desk phones between Enterprise and Multiplatform firmware, unattended.

#![allow(dead_code)]

mod check;
mod cli;
mod clock;
mod config;
mod doors;
mod error;
mod init;
mod ledger;
mod library;
mod logs;
mod rehearse;
mod reload;
mod state_lock;
mod table;
mod view;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use config::Config;
use error::Failure;

fn main() -> ExitCode {
    logs::start();
    match run(&Cli::parse()) {
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
    let config = Config::load(named)?;
    for warning in &config.warnings {
        eprintln!("warning: {warning}");
    }
    match &cli.command {
        Command::Init => init::run(named),
        Command::Reload => reload::run(&config),
        Command::Check(_) | Command::Status(_) => Ok(()),
    }
}
