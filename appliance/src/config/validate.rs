//! From what was written to what the program uses: defaults filled in, values weighed against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use toml::Spanned;
use transload_provision::catalog::{Catalog, name};
use transload_provision::load::{Direction, LoadName};
use transload_provision::settings;

use super::findings::Findings;
use super::reader::Source;
use super::values::{Rate, Text};
use super::{
    Admin, Bench, CatalogChoice, Config, EnterpriseSide, Files, Hooks, Migration, MultiplatformSide,
    Registrar, dhcp, outside, written,
};
use crate::system::error::Problem;
use crate::system::program;

/// Weighs everything; the configuration is worth using only where no problem comes with it.
pub fn validate(file: written::File, source: Source<'_>) -> (Config, Vec<Problem>) {
    let mut findings = Findings { source, problems: Vec::new(), warnings: Vec::new() };
    let f = &mut findings;
    let bench = bench(file.bench, f);
    let dhcp = dhcp::dhcp(file.dhcp, &bench, f);
    let mut config = Config {
        file: None,
        migration: migration(file.migration, f),
        dhcp,
        files: files(&file.files, f),
        registrar: Registrar {
            enabled: file.registrar.enabled.is_none_or(Spanned::into_inner),
            listen: f.port(file.registrar.listen.as_ref(), "registrar.listen", 5060),
        },
        probe: file.probe.enabled.is_none_or(Spanned::into_inner),
        admin: admin(file.admin, f),
        after: after(file.after, f),
        hooks: Hooks {
            restart: f.program(file.hooks.restart, "hooks.restart", program::RESTART_PLACEHOLDERS),
            stage: f.program(file.hooks.stage, "hooks.stage", program::STAGE_PLACEHOLDERS),
        },
        timing: timing(&file.timing, f),
        bench,
        warnings: std::mem::take(&mut f.warnings),
    };
    config.warnings.extend(outside::warning(&config));
    (config, findings.problems)
}

fn bench(bench: written::Bench, f: &mut Findings<'_>) -> Bench {
    if let Some(name) = &bench.interface {
        f.interface(name, "bench.interface");
    }
    if let Some(address) = &bench.address {
        f.own_address(address, "bench.address");
    }
    Bench {
        interface: bench.interface.map(Spanned::into_inner),
        allow_default_route: bench.allow_default_route,
        address: bench.address.map(|address| address.into_inner().0),
        state: bench.state.unwrap_or_else(|| PathBuf::from("/var/lib/transload")),
        catalog: bench.catalog.unwrap_or(CatalogChoice::Current),
    }
}

fn migration(migration: written::Migration, f: &mut Findings<'_>) -> Migration {
    let mut routes = BTreeMap::new();
    for (family, loads) in migration.routes {
        let names: Vec<LoadName> = loads.get_ref().iter().map(|Text(load)| load.clone()).collect();
        let strange = names.iter().find(|load| !load.family().eq_ignore_ascii_case(family.get_ref()));
        if let Some(load) = strange {
            let cause = format!("migration.routes.{}: {load} is of another family", family.get_ref());
            f.problem(loads.span(), &cause, format!("write it under {} = […]", load.family()));
        }
        if names.is_empty() {
            let cause = format!("migration.routes.{} names no load", family.get_ref());
            f.problem(
                loads.span(),
                &cause,
                "name the loads in order, or leave the key out to have the route planned",
            );
        }
        routes.insert(family.into_inner(), names);
    }
    Migration {
        direction: migration.direction.unwrap_or(Direction::E2m),
        enterprise: migration.enterprise.unwrap_or(EnterpriseSide::Dhcp),
        multiplatform: migration.multiplatform.unwrap_or(MultiplatformSide::Dhcp),
        call_managers: migration.call_manager.into_iter().map(|Text(address)| address).collect(),
        admit: match migration.admit {
            Some(written::MigrationAdmit::Listed) => settings::Admit::Listed,
            Some(written::MigrationAdmit::Eligible) | None => settings::Admit::Eligible,
        },
        unknown_vid: match migration.unknown_vid {
            Some(written::UnknownVid::Proceed) => settings::UnknownVid::Proceed,
            Some(written::UnknownVid::Hold) | None => settings::UnknownVid::Hold,
        },
        way_back: match migration.way_back {
            Some(written::WayBack::ByType) => settings::WayBack::ByType,
            Some(written::WayBack::Free) => settings::WayBack::Free,
            Some(written::WayBack::License) | None => settings::WayBack::License,
        },
        routes,
    }
}

fn files(files: &written::Files, f: &mut Findings<'_>) -> Files {
    let http = files.http.as_ref().map_or_else(
        || vec![80, 6970],
        |ports| {
            let list = ports.get_ref().clone();
            let distinct: BTreeSet<u16> = list.iter().copied().collect();
            if list.is_empty() || distinct.contains(&0) || distinct.len() < list.len() {
                let cause = "files.http is empty, or names 0 or a port twice";
                f.problem(ports.span(), cause, "write http = [80, 6970]");
            }
            list
        },
    );
    let rollover = files.rollover.as_ref().map_or(0, |rollover| {
        if *rollover.get_ref() > 1 {
            f.problem(
                rollover.span(),
                "files.rollover is neither 0 nor 1",
                "write 0, or 1 for clients that count so",
            );
        }
        *rollover.get_ref()
    });
    let max_transfers = files.max_transfers.as_ref().map_or(4096, |most| {
        if !(1..=28_000).contains(most.get_ref()) {
            f.problem(
                most.span(),
                "files.max-transfers is not between 1 and 28000",
                "write 4096, or leave it out",
            );
        }
        *most.get_ref() as usize
    });
    Files {
        http,
        tftp: f.port(files.tftp.as_ref(), "files.tftp", 69),
        rollover,
        rate_limit: files
            .rate_limit
            .as_ref()
            .map(|rate| rate.get_ref().0)
            .filter(|rate| *rate != Rate(0))
            .map(|rate| rate.0),
        max_transfers,
    }
}

fn admin(admin: written::Admin, f: &mut Findings<'_>) -> Admin {
    let listen =
        admin.listen.as_ref().map_or_else(|| ([127, 0, 0, 1], 8080).into(), |listen| listen.get_ref().0);
    if let Some(written) =
        admin.listen.as_ref().filter(|_| !listen.ip().is_loopback() && admin.token_file.is_none())
    {
        f.problem(
            written.span(),
            &format!("admin.listen: everybody who reaches {listen} could command the bench"),
            "name a file that holds a token with token-file, or listen on 127.0.0.1",
        );
    }
    Admin { listen, token_file: admin.token_file }
}

fn after(after: written::After, f: &mut Findings<'_>) -> settings::After {
    let all = written::Home { profile: after.profile, call_manager: after.call_manager };
    let mut models: BTreeMap<String, settings::Home> = BTreeMap::new();
    for (name, written) in after.model {
        let home = home(written, &format!("after.model.{}", name.get_ref()), f);
        let Some(model) = name::canonical(name.get_ref()) else {
            let cause = Catalog::current().question(name.get_ref()).cause();
            f.problem(
                name.span(),
                &format!("after.model: {cause}"),
                "name a model, as in [after.model.8851]; any spelling of it will do",
            );
            continue;
        };
        if models.insert(model.clone(), home).is_some() {
            let cause = format!("after.model: {} is {model}, which has a table already", name.get_ref());
            f.problem(name.span(), &cause, "put the two tables together");
        }
    }
    let phones = after.mac.into_iter().map(|(mac, written)| {
        let mac = mac.into_inner().0;
        (mac, home(written, &format!("after.mac.{mac}"), f))
    });
    let phones = phones.collect();
    settings::After { all: home(all, "after", f), models, phones }
}

fn home(home: written::Home, key: &str, f: &mut Findings<'_>) -> settings::Home {
    let mut profile = BTreeMap::new();
    for (name, value) in home.profile {
        let text = name.get_ref();
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first || !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
            let cause = format!("{key}.profile: {text:?} is no profile parameter");
            f.problem(
                name.span(),
                &cause,
                "write the parameter's name as in a phone's profile, such as Profile_Rule",
            );
        }
        if value.get_ref().chars().any(char::is_control) {
            let cause = format!("{key}.profile.{text} holds a control character");
            f.problem(value.span(), &cause, "write printable text in one line");
        }
        profile.insert(name.into_inner(), value.into_inner());
    }
    let call_manager = home.call_manager.into_iter().map(|Text(address)| address).collect();
    settings::Home { profile, call_manager }
}

fn timing(timing: &written::Timing, f: &mut Findings<'_>) -> settings::Timing {
    let default = settings::Timing::default();
    let attempts = timing.attempts.as_ref().map_or(default.attempts, |attempts| {
        if *attempts.get_ref() == 0 {
            f.problem(attempts.span(), "timing.attempts = 0 would move no phone", "write 1 or more");
        }
        *attempts.get_ref()
    });
    settings::Timing {
        already_there: f.span(timing.already_there.as_ref(), "timing.already-there", default.already_there),
        transfer_idle: f.span(timing.transfer_idle.as_ref(), "timing.transfer-idle", default.transfer_idle),
        flash: f.span(timing.flash.as_ref(), "timing.flash", default.flash),
        license: f.span(timing.license.as_ref(), "timing.license", default.license),
        not_asking: f.span(timing.not_asking.as_ref(), "timing.not-asking", default.not_asking),
        quiet: f.span(timing.quiet.as_ref(), "timing.quiet", default.quiet),
        restart: f.span(timing.restart.as_ref(), "timing.restart", default.restart),
        restarts: timing.restarts.unwrap_or(default.restarts),
        attempts,
    }
}
