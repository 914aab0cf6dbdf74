//! `transload report`: what each phone ended as, from the running bench or from its state folder.

use std::io::Write;

use jiff::tz::TimeZone;

use super::cli::ReportArgs;
use super::status::{self, client};
use crate::bench::views::report::{MigrationReport, save};
use crate::config::Config;
use crate::system::error::{Exit, Failure};

/// Prints it, or writes it into a file.
///
/// # Errors
/// The bench cannot be asked, or the file cannot be written.
pub fn run(config: &Config, args: &ReportArgs) -> Result<(), Failure> {
    let report: MigrationReport = if let Some(report) = client::get(&config.admin, "/api/report?format=json")?
    {
        report
    } else {
        eprintln!("{}", status::note(config));
        status::offline(config)?.report()
    };
    let text = report.written(args.format, args.title.as_deref(), &TimeZone::system());
    match &args.output {
        Some(path) => save(path, &text),
        None => std::io::stdout().write_all(text.as_bytes()).or_else(|error| match error.kind() {
            // Whoever read this has enough.
            std::io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(Failure::new(
                Exit::Act,
                format!("cannot write to standard output: {error}"),
                "give it a place to go, or name a file with --output",
            )),
        }),
    }
}
