//! The configuration. Each section has a file or function of its own that declares its keys and reads them.
//!
//! From these declarations come the file of `init`, the documents, the refusal of unknown keys, and what `reload` takes.

mod after;
mod bench;
mod dhcp;
mod found;
mod key;
mod migration;
mod network;
mod options;
mod outside;
mod reader;
mod resolved;
mod section;
mod services;
mod template;
mod timing;
pub mod values;

#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use transload_provision::settings::{After, Settings, Timing};

use crate::system::error::{Exit, Failure, Problem};
use crate::system::plain_file::{self, FileKind};
pub use bench::{BenchSection, CatalogChoice};
pub use dhcp::{DhcpAdmit, DhcpSection, OnForeign};
pub use found::{ChosenFile, choose};
pub use migration::{EnterpriseSide, MigrationSection, MultiplatformSide, Scenario};
pub use resolved::{DhcpValues, NetworkGives, Reserved, ResolvedDhcp};
use section::{Findings, Section};
pub use services::{AdminSection, FilesSection, HooksSection, RegistrarSection};

/// Where the configuration is looked for when `--config` does not say.
pub const PLACES: [&str; 2] = [found::HERE, found::SYSTEM];

/// Everything a user can set.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file it was read from; `None` for the built-in defaults.
    pub file: Option<PathBuf>,
    /// The box.
    pub bench: BenchSection,
    /// Direction, admission and routes.
    pub migration: MigrationSection,
    /// Leases.
    pub dhcp: DhcpSection,
    /// The file service.
    pub files: FilesSection,
    /// The SIP registrar.
    pub registrar: RegistrarSection,
    /// Whether phones' own pages are read.
    pub probe: bool,
    /// Page and API.
    pub admin: AdminSection,
    /// What a finished phone is told.
    pub after: After,
    /// Programs run on events.
    pub hooks: HooksSection,
    /// How long each kind of silence is waited out.
    pub timing: Timing,
    /// One line for each setting that is accepted and that the user may not expect.
    pub warnings: Vec<String>,
}

/// Declares the sections in the order of the file of `init`, and reads them.
fn sections(file: &mut Section<'_>) -> Config {
    let bench = file.section("bench", "", bench::read);
    Config {
        file: None,
        migration: file.section("migration", "", migration::read),
        dhcp: file.section("dhcp", "", |s| dhcp::read(s, &bench)),
        files: file.section("files", "", services::files),
        registrar: file.section(
            "registrar",
            "A call manager for Enterprise phones, just enough of one that they say which load they run, and can be told to
            restart. false: phones that must read their configuration again are unplugged by hand, or by the program below.",
            services::registrar,
        ),
        probe: file.section(
            "probe",
            "Reading phones' own pages, for their exact load and hardware version: after a start, and only where one of them is
            in doubt; then every 25 minutes until the phone is done.",
            services::probe,
        ),
        admin: file.section("admin", "", services::admin),
        after: file.section(
            "after",
            "What a finished phone is told, so that it finds its new home.",
            after::read,
        ),
        hooks: file.section(
            "hooks",
            "Programs to run, without a shell and without the capabilities of the service. Dashes with which a filled-in argument
            would begin are left out, so that no value is taken for an option.",
            services::hooks,
        ),
        timing: file.section("timing", "How long each kind of silence is waited out.", timing::read),
        bench,
        warnings: Vec::new(),
    }
}

/// What the declarations say by themselves, without a file.
fn declared() -> Findings {
    let source = reader::Source { file: Path::new(""), text: "" };
    Section::file(source, toml::de::DeTable::new(), sections).1
}

/// The file that `init` writes, in blocks.
pub fn template() -> Vec<String> {
    declared().template.blocks()
}

/// What `reload` refuses to change: keys, whole sections, and keys of a list.
#[cfg(test)]
pub fn kept_by_reload() -> Vec<String> {
    declared().at_restart.into_iter().map(|(what, _)| what).collect()
}

impl Config {
    /// Reads a configuration. `file` is what errors call it.
    ///
    /// # Errors
    /// Every mistake of form, or else everything that cannot be meant, at exit status 2.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Failure> {
        let source = reader::Source { file, text };
        let failure = |problems| Failure { exit: Exit::Usage, problems };
        let (mut config, mut findings) =
            Section::file(source, reader::table(source).map_err(failure)?, sections);
        // A malformed value is missed elsewhere, which is no second mistake.
        if !findings.malformed.is_empty() {
            findings.malformed.sort_by(|(one, _), (other, _)| one.cmp(other));
            let problems = findings.malformed.into_iter().map(|(_, problem)| problem);
            return Err(failure(problems.take(reader::MOST).collect()));
        }
        if !findings.problems.is_empty() {
            return Err(failure(findings.problems));
        }
        config.warnings = findings.warnings;
        config.warnings.extend(outside::warning(&config));
        Ok(config)
    }

    /// Reads the file that `--config` names, or else the first of [`PLACES`] that exists, or else the defaults. Root
    /// ignores a file of the current folder that other users could have written, and warns of it.
    pub fn load(named: Option<&Path>) -> Result<Self, Failure> {
        let ChosenFile { path, note } = choose(named);
        let problem = note.clone().map(|note| Problem::new(note, "see that the right file is used"));
        let read =
            path.map_or_else(|| Self::parse("", Path::new("built-in defaults")), |path| Self::read(&path));
        let mut config = read.map_err(|mut failure| {
            failure.problems.extend(problem);
            failure
        })?;
        config.warnings.extend(note);
        Ok(config)
    }

    /// Reads the file again that a running program was started with, or else the system's, or else the defaults.
    pub fn reload(started_with: Option<&Path>) -> Result<Self, Failure> {
        match started_with.map(Path::to_owned).or_else(|| found::system().path) {
            Some(path) => Self::read(&path),
            None => Self::parse("", Path::new("built-in defaults")),
        }
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let text = plain_file::text(path, FileKind::Configuration).map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("cannot read the configuration {}: {error}", path.display()),
                plain_file::cure(&error, "name another with --config, or write one with `transload init`"),
            )
        })?;
        Ok(Self { file: Some(path.to_owned()), ..Self::parse(&text, path)? })
    }

    /// What differs in another configuration and cannot change while the bench runs.
    pub fn needs_restart(&self, other: &Self) -> Option<String> {
        let changed = declared().at_restart.into_iter().find(|(_, same)| !same(self, other));
        changed.map(|(what, _)| what)
    }

    /// Direction and sides.
    pub fn scenario(&self) -> Scenario {
        let MigrationSection { direction, enterprise, multiplatform, .. } = self.migration;
        Scenario { direction, enterprise, multiplatform }
    }

    /// The scenario by its name, such as `e2m/dhcp/dhcp`.
    pub fn scenario_name(&self) -> String {
        self.scenario().to_string()
    }

    /// Refuses scenarios that lack what phones need of others.
    ///
    /// # Errors
    /// At exit status 2: no call manager to send Enterprise phones to, or no way out to CDA.
    pub fn servable(&self) -> Result<(), Failure> {
        outside::servable(self)
    }

    /// The settings of decisions, for a bench that phones reach at `server` and, over HTTP, at `http_port`.
    pub fn settings(&self, server: Ipv4Addr, http_port: u16) -> Settings {
        Settings {
            direction: self.migration.direction,
            call_managers: (self.migration.enterprise == EnterpriseSide::CallManager)
                .then(|| self.migration.call_managers.clone()),
            cda: self.migration.multiplatform == MultiplatformSide::Cda,
            admit: self.migration.admit,
            unknown_vid: self.migration.unknown_vid,
            way_back: self.migration.way_back,
            routes: self.migration.routes.clone(),
            probe: self.probe,
            timing: self.timing.clone(),
            server,
            http_port,
            registrar: self.registrar.enabled.then_some(self.registrar.listen),
            restart_hook: !self.hooks.restart.is_empty(),
            after: self.after.clone(),
        }
    }
}
