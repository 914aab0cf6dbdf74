//! `transload import`: takes files into the library, and tells what became of each.

use std::process::ExitCode;

use super::cli::ImportArgs;
use crate::config::Config;
use crate::state::import::{ImportLine, ImportOptions, ImportReport, ImportVerdict, import};
use crate::system::error::{Exit, Failure};
use crate::terminal::{progress, table};

/// Imports, prints what became of each file; exit status 1 if any was refused or in conflict, or if none was of use.
pub fn run(config: &Config, args: &ImportArgs) -> Result<ExitCode, Failure> {
    let options = ImportOptions { dry_run: args.dry_run, direction: args.direction, replace: args.replace };
    let bar = progress::bytes("reading");
    let imported = import(&config.bench.state, config.migration.direction, options, &args.paths, &bar);
    bar.finish_and_clear();
    let report = imported?;
    print!("{}", shown(&report, options, table::width()));
    Ok(if report.trouble() { ExitCode::from(Exit::Act as u8) } else { ExitCode::SUCCESS })
}

/// Each file under the source that it came in. Lines for a terminal of some width; all of them elsewhere.
fn shown(report: &ImportReport, options: ImportOptions, width: Option<usize>) -> String {
    let mut sources: Vec<&str> = Vec::new();
    for line in &report.lines {
        if !sources.contains(&line.source.as_str()) {
            sources.push(&line.source);
        }
    }
    let mut text = String::new();
    for source in sources {
        text.push_str(&table::wrapped(source, width));
        for line in report.lines.iter().filter(|line| line.source == source) {
            text.push_str(&table::wrapped(&format!("  {}", say(line)), width));
        }
    }
    text + &table::wrapped(&summary(report, options), width)
}

fn say(line: &ImportLine) -> String {
    let said = [line.file.as_str(), line.note.as_str()];
    let said: Vec<&str> = said.into_iter().filter(|said| !said.is_empty()).collect();
    format!("{:9} {}", word(line.verdict), said.join(": ")).trim_end().to_owned()
}

fn word(verdict: ImportVerdict) -> &'static str {
    match verdict {
        ImportVerdict::New => "new",
        ImportVerdict::Same => "same",
        ImportVerdict::Mended => "mended",
        ImportVerdict::Replaced => "replaced",
        ImportVerdict::Changed => "changed",
        ImportVerdict::Conflict => "CONFLICT",
        ImportVerdict::Refused => "REFUSED",
        ImportVerdict::Skipped => "skipped",
    }
}

fn summary(report: &ImportReport, options: ImportOptions) -> String {
    const ALL: [ImportVerdict; 8] = [
        ImportVerdict::New,
        ImportVerdict::Same,
        ImportVerdict::Mended,
        ImportVerdict::Replaced,
        ImportVerdict::Changed,
        ImportVerdict::Conflict,
        ImportVerdict::Refused,
        ImportVerdict::Skipped,
    ];
    let counts = ALL.iter().filter_map(|verdict| {
        let count = report.lines.iter().filter(|line| line.verdict == *verdict).count();
        (count > 0).then(|| format!("{count} {}", word(*verdict).to_lowercase()))
    });
    let counts = counts.collect::<Vec<_>>().join(", ");
    let counts = if counts.is_empty() { "nothing to import".to_owned() } else { counts };
    if options.dry_run { format!("{counts}; nothing was changed (--dry-run)") } else { counts }
}
