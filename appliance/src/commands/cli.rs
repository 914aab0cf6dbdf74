//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use transload_provision::load::Direction;

use crate::bench::selection::Selection;
use crate::bench::views::report::Format;

/// Moves Cisco 7800 and 8800 desk phones between Enterprise and Multiplatform firmware, unattended.
#[derive(Debug, Parser)]
#[command(name = "transload", version = VERSION.as_str(), arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Configuration file [default: ./transload.toml, else /etc/transload/transload.toml, else built-in values]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the appliance
    Serve(ServeArgs),
    /// Run the whole appliance against virtual phones, on loopback and unprivileged
    Rehearse(RehearseArgs),
    /// Say what would hold or strand which phone, before any is plugged in
    Check(CheckArgs),
    /// Take in firmware, licenses and rosters as they were delivered
    Import(ImportArgs),
    /// Show the phones, as the running bench sees them
    Status(StatusArgs),
    /// Say why a phone got what it got, and what it will get next; exit status 1 if it is held or unknown
    Explain(ExplainArgs),
    /// Tell what each phone ended as and how it came there, and which are left, and why
    Report(ReportArgs),
    /// Write what others need to know, as files
    Export(ExportArgs),
    /// Stop phones before their next hop
    Hold(PhoneArgs),
    /// Let held phones go on
    Release(PhoneArgs),
    /// Forget failed attempts, and go on
    Retry(PhoneArgs),
    /// Make phones read their configuration again
    Restart(RestartArgs),
    /// Take phones off the bench's books, on record; their leases and their roster lines stay
    Forget(PhoneArgs),
    /// Write a commented configuration file
    Init,
    /// Make the running bench read its configuration and roster again
    Reload,
    /// Write the whole state into one file; a bench may run meanwhile
    Backup(BackupArgs),
    /// Put a backup in the place of the present state, which is kept beside it
    Restore(RestoreArgs),
    /// Write manual pages and shell completions into a folder, for packages
    #[command(hide = true)]
    Manual {
        /// The folder
        folder: PathBuf,
    },
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The staging interface, in place of the configuration's
    #[arg(long, value_name = "IF")]
    pub interface: Option<String>,
    /// Nobody watches it start, as in a system service: wait until another DHCP server is gone instead of exiting,
    /// where the configuration does not say
    #[arg(long)]
    pub unattended: bool,
    /// For a box without a keyboard: while it cannot serve, show why at this address, then end
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub trouble_page: Option<SocketAddr>,
}

/// Arguments of `rehearse`.
#[derive(Debug, Clone, Default, Args)]
pub struct RehearseArgs {
    /// Such as e2m/dhcp/dhcp or m2e/dhcp, or all [default: the configuration's]
    #[arg(long, value_name = "SCENARIO")]
    pub scenario: Option<String>,
    /// How many phones [default: one of every model of the procedure]
    #[arg(long, value_name = "N", conflicts_with = "roster", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub phones: Option<u32>,
    /// The phones of this roster
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
    /// Write the report that the customer of such phones would get, by the ending of its name: .html, .csv or .json; of
    /// several scenarios, that of the last
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// One line of JSON for each scenario instead of a table
    #[arg(long)]
    pub json: bool,
    /// With plugs pulled at random, of phones and of the appliance, loss, slow phones, wrong hardware versions, trust
    /// lists, late licenses, another DHCP server, a ledger that cannot be written, lost firmware files; so many such
    /// drills of a few phones each
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1", conflicts_with_all = ["roster", "report", "page"], value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub drill: Option<u32>,
    /// Which drills: the first one's seed, as an earlier run told it [default: any]
    #[arg(long, requires = "drill", value_name = "SEED")]
    pub seed: Option<u64>,
    /// Show the page at this address while it runs, and then until interrupted, as at 127.0.0.1:8080
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    pub page: Option<SocketAddr>,
    /// For benchmarks: phones boot and write flash at once
    #[arg(long, hide = true)]
    pub at_once: bool,
    /// For benchmarks: how many times as fast as in reality time runs
    #[arg(long, hide = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub speed: Option<u32>,
    /// For benchmarks: look-alike firmware of which a phone fetches this many bytes for each load, or slightly more
    #[arg(long, hide = true, value_name = "BYTES")]
    pub load_size: Option<u64>,
}

fn loopback(text: &str) -> Result<SocketAddr, &'static str> {
    let address: SocketAddr = text.parse().map_err(|_| "it is written as 127.0.0.1:8080")?;
    if address.ip().is_loopback() { Ok(address) } else { Err("a rehearsal is shown on this machine only") }
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Say what would happen to each file, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Of licenses whose folder does not tell it: e2m or m2e
    #[arg(long, value_name = "DIRECTION", value_parser = direction)]
    pub direction: Option<Direction>,
    /// Let a file take the place of a different one of the same name
    #[arg(long)]
    pub replace: bool,
    /// Cisco's zip and COP files, .loads and .sbn files, license zips or files, rosters (.csv, .xlsx, .ods), or folders of these
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

fn direction(text: &str) -> Result<Direction, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "e2m" => Ok(Direction::E2m),
        "m2e" => Ok(Direction::M2e),
        _ => Err("it is e2m or m2e"),
    }
}

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Leave out the firmware, which can be imported again
    #[arg(long)]
    pub without_firmware: bool,
    /// The file to write, a tar archive
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Keep the configuration and the token as they are, and restore the state alone
    #[arg(long)]
    pub without_configuration: bool,
    /// The state folder to restore into, in place of the present configuration's
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// What `transload backup` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Read every file again and compare it with what was imported; finds damage that size and time do not tell
    #[arg(long)]
    pub verify: bool,
    /// One JSON object instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// What to write.
    #[command(subcommand)]
    pub what: ExportWhat,
}

/// What can be written.
#[derive(Debug, Subcommand)]
pub enum ExportWhat {
    /// MAC addresses without a license, for the License Registration Portal, and the quantities to order
    Licenses {
        /// The folder to write to
        #[arg(long, value_name = "DIR", default_value = ".")]
        output: PathBuf,
    },
    /// What to enter in the call manager: load and load server of each phone, hop by hop, as bulk-administration tables and
    /// as AXL requests, one a line
    CallManager {
        /// The folder to write to
        #[arg(long, value_name = "DIR", default_value = ".")]
        output: PathBuf,
        /// The call manager's AXL schema
        #[arg(long, value_name = "VERSION", default_value = "14.0")]
        schema: String,
    },
    /// For ISC Kea without the hook: classes and option definitions, to be included in its configuration
    Kea(DhcpExportArgs),
    /// For dnsmasq: classes and options, to be included in its configuration
    Dnsmasq(DhcpExportArgs),
    /// For ISC dhcpd: classes and option definitions, to be included in its configuration
    IscDhcpd(DhcpExportArgs),
    /// What to enter in CDA: a redirection profile for each family, and which phones to assign to it
    Cda {
        /// The folder to write to
        #[arg(long, value_name = "DIR", default_value = ".")]
        output: PathBuf,
    },
}

/// Arguments of exports for another DHCP server.
#[derive(Debug, Args)]
pub struct DhcpExportArgs {
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
}

/// Arguments of `hold`, `release`, `retry` and `forget`.
#[derive(Debug, Args)]
pub struct PhoneArgs {
    /// The phones.
    #[command(flatten)]
    pub phones: Selection,
    /// List who is meant, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `restart`.
#[derive(Debug, Args)]
pub struct RestartArgs {
    /// The phones.
    #[command(flatten)]
    pub phones: PhoneArgs,
    /// Let them boot, instead of only reading their configuration again
    #[arg(long)]
    pub reset: bool,
}

/// Arguments of `status`.
#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    /// The phones; all, where nothing is said.
    #[command(flatten)]
    pub phones: Selection,
    /// Again every second, until interrupted
    #[arg(long)]
    pub watch: bool,
    /// A JSON array instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// How to write it
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "html")]
    pub format: Format,
    /// Whom the page is for, such as the customer and the site
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// The file to write, in place of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The phone's MAC address, in any common spelling
    #[arg(value_name = "MAC")]
    pub mac: String,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The version, and how old the knowledge in it is.
static VERSION: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let catalog = transload_provision::catalog::Catalog::current();
    format!("{} (catalog of {})", env!("CARGO_PKG_VERSION"), catalog.date)
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_start_the_program_as_it_can_be_started() {
        for unit in [
            include_str!("../../packaging/transload.service"),
            include_str!("../../packaging/image/root/etc/systemd/system/transload.service.d/box.conf"),
        ] {
            let lines = unit.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/bin/"));
            let commands: Vec<&str> = lines.collect();
            assert_eq!(commands.len(), 1, "{unit}");
            Cli::try_parse_from(commands[0].split_whitespace()).unwrap();
        }
    }
}
