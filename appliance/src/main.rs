//! Transload: moves Cisco desk phones between Enterprise and Multiplatform firmware, unattended.

mod admin;
mod bench;
mod commands;
mod config;
mod listeners;
mod runtime;
mod state;
mod system;
mod terminal;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use admin::trouble;
use commands::cli::{Cli, Command, ServeArgs};
use commands::operate::PhoneOrder;
use commands::{
    backup, check, explain, export, import, init, manual, operate, rehearse, reload, report, serve, status,
};
use config::Config;
use system::error::Failure;
use system::{error, logs, privilege};
use transload_provision::journey::Act;
use transload_provision::text;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logs::start(match &cli.command {
        // A drill's appliance has every reason to complain.
        Command::Rehearse(options) if options.drill.is_some() => "off",
        Command::Rehearse(_) => "error",
        _ => "info",
    });
    privilege::keep_from_programs().and_then(|()| run(&cli)).unwrap_or_else(|failure| {
        eprintln!("{failure}");
        if let Command::Serve(ServeArgs { trouble_page: Some(address), .. }) = &cli.command {
            show_trouble(*address, &failure, cli.config.as_deref());
        }
        failure.exit_code()
    })
}

fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    let done = |()| ExitCode::SUCCESS;
    match &cli.command {
        Command::Serve(args) => {
            let mut config = configuration(cli)?;
            if args.interface.is_some() {
                config.bench.interface.clone_from(&args.interface);
            }
            privilege::become_owner(&config.bench.state, privilege::SERVING)?;
            on_runtime(serve::serve(config, cli.config.as_deref(), args.unattended)).map(done)
        }
        Command::Rehearse(args) => {
            let config = configuration(cli)?;
            if config.bench.state.is_dir() {
                privilege::become_owner(&config.bench.state, privilege::READING)?;
            }
            on_runtime(rehearse::rehearse(&config, args)).map(done)
        }
        Command::Check(args) => check::run(&configuration(cli)?, args),
        Command::Import(args) => {
            let config = configuration(cli)?;
            privilege::become_owner(&config.bench.state, privilege::READING)?;
            import::run(&config, args)
        }
        Command::Explain(args) => explain::run(&configuration(cli)?, args),
        Command::Status(args) => status::run(&configuration(cli)?, args).map(done),
        Command::Report(args) => report::run(&configuration(cli)?, args).map(done),
        Command::Export(args) => export::run(&configuration(cli)?, args).map(done),
        Command::Hold(args) => operate::act(&configuration(cli)?, args, PhoneOrder::Act(Act::Hold)).map(done),
        Command::Release(args) => {
            operate::act(&configuration(cli)?, args, PhoneOrder::Act(Act::Release)).map(done)
        }
        Command::Retry(args) => {
            operate::act(&configuration(cli)?, args, PhoneOrder::Act(Act::Retry)).map(done)
        }
        Command::Forget(args) => operate::act(&configuration(cli)?, args, PhoneOrder::Forget).map(done),
        Command::Restart(args) => operate::restart(&configuration(cli)?, args).map(done),
        Command::Init => init::run(cli.config.as_deref()).map(done),
        Command::Reload => reload::run(&configuration(cli)?).map(done),
        Command::Backup(args) => backup::backup(&configuration(cli)?, args).map(done),
        Command::Restore(args) => backup::restore(cli.config.as_deref(), args).map(done),
        Command::Manual { folder } => manual::run(folder).map(done),
    }
}

fn show_trouble(address: SocketAddr, failure: &Failure, named: Option<&Path>) {
    let shown = on_runtime(async {
        trouble::show(address, failure, named).await;
        Ok(())
    });
    if let Err(failure) = shown {
        eprintln!("{failure}");
    }
}

fn configuration(cli: &Cli) -> Result<Config, Failure> {
    let config = Config::load(cli.config.as_deref())?;
    for warning in &config.warnings {
        eprintln!("warning: {}", text::line(warning));
    }
    Ok(config)
}

/// Runs a command that serves on as many threads as the machine has cores.
fn on_runtime(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::new(
            error::Exit::Act,
            format!("threads cannot be started: {error}"),
            "free some memory and start it again",
        )
    })?;
    runtime.block_on(command)
}
