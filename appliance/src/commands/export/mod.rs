//! `transload export`: writes files in the formats of other systems.

pub mod call_manager;
pub mod cda;
mod dhcp;
mod licenses;

use std::io;
use std::path::{Path, PathBuf};

use transload_provision::documents::FileServer;
use transload_provision::load::LoadName;

use crate::bench::views::phone::PhoneView;
use crate::commands::cli::{ExportArgs, ExportKind};
use crate::config::Config;
use crate::runtime::addresses;
use crate::system::atomic;
use crate::system::error::{Exit, Failure};

/// Files by name; `None` removes the file of an earlier export.
type ExportFiles = Vec<(PathBuf, Option<String>)>;

/// Writes the chosen export, and prints the files.
pub fn run(config: &Config, args: &ExportArgs) -> Result<(), Failure> {
    match &args.what {
        ExportKind::Licenses { output } => licenses::run(config, output),
        ExportKind::CallManager { output, schema } => call_manager::run(config, output, schema),
        ExportKind::Kea(args) => dhcp::run(config, &args.output, dhcp::KEA),
        ExportKind::Dnsmasq(args) => dhcp::run(config, &args.output, dhcp::DNSMASQ),
        ExportKind::IscDhcpd(args) => dhcp::run(config, &args.output, dhcp::ISC_DHCPD),
        ExportKind::Cda { output } => cda::run(config, output),
    }
}

fn write(output: &Path, files: &ExportFiles) -> Result<(), Failure> {
    std::fs::create_dir_all(output).map_err(|error| unwritable(output, &error))?;
    for (name, text) in files {
        let path = output.join(name);
        match text {
            Some(text) => atomic::write(&path, text.as_bytes()),
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            },
        }
        .map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

/// A line for each written file.
fn written(output: &Path, files: &ExportFiles) -> impl Iterator<Item = String> {
    let with_text = files.iter().filter(|(_, text)| text.is_some());
    with_text.map(|(name, _)| format!("wrote {}", output.join(name).display()))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let cause = format!("cannot write {}: {error}", path.display());
    Failure::new(Exit::Act, cause, "name a folder that can be written, with --output")
}

/// Joins lines; `None` if there are none.
fn text(lines: &[String]) -> Option<String> {
    (!lines.is_empty()).then(|| lines.join("\n") + "\n")
}

/// The address of this server for phones.
fn file_server(config: &Config) -> Result<FileServer, Failure> {
    let address = match config.bench.address {
        Some(own) => own.addr(),
        None => addresses::resolve(config)?.server(),
    };
    if address.is_unspecified() {
        return Err(Failure::new(
            Exit::Usage,
            "the address at which phones will reach this server is not known: its interface has none",
            "set address under [bench]",
        ));
    }
    Ok(FileServer { address, port: config.files.http.first().copied().unwrap_or(80) })
}

/// The loads that remain for a phone; its whole route if its load is unknown.
fn ahead(phone: &PhoneView) -> Vec<LoadName> {
    let route: Vec<LoadName> = phone.route.iter().filter_map(|load| load.parse().ok()).collect();
    let at = phone.load.as_ref().and_then(|runs| {
        let runs: LoadName = runs.parse().ok()?;
        route.iter().rposition(|load| *load == runs)
    });
    route.into_iter().skip(at.map_or(0, |at| at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A phone that never appeared.
    pub(super) fn phone(mac: &str, load: Option<&str>, route: &[&str]) -> PhoneView {
        let sample = r#"{"mac":"001234AB45DE","model":null,"vid":null,"serial":null,"location":null,"address":null,
            "persona":"unknown","load":null,"load_evidence":null,"route":[],"target":null,"hop":0,"hops":0,"stage":"absent",
            "writing":false,"progress":0.0,"attempts":0,"license":"present","hold":null,"first_seen":null,"last_seen":null}"#;
        let sample: PhoneView = serde_json::from_str(sample).unwrap();
        let target = route.last().map(|load| (*load).to_owned());
        let route = route.iter().map(|load| (*load).to_owned()).collect();
        PhoneView { mac: mac.parse().unwrap(), load: load.map(str::to_owned), route, target, ..sample }
    }
}
