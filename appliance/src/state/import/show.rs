//! The report, for people: each file under the source that it came in.

use super::{Line, Options, Report, Verdict};
use crate::terminal::table;

/// Lines for a terminal of some width; all of them elsewhere.
pub(super) fn report(report: &Report, options: Options, width: Option<usize>) -> String {
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

fn say(line: &Line) -> String {
    let said = [line.file.as_str(), line.note.as_str()];
    let said: Vec<&str> = said.into_iter().filter(|said| !said.is_empty()).collect();
    format!("{:9} {}", word(line.verdict), said.join(": ")).trim_end().to_owned()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::New => "new",
        Verdict::Same => "same",
        Verdict::Mended => "mended",
        Verdict::Replaced => "replaced",
        Verdict::Changed => "changed",
        Verdict::Conflict => "CONFLICT",
        Verdict::Refused => "REFUSED",
        Verdict::Skipped => "skipped",
    }
}

fn summary(report: &Report, options: Options) -> String {
    const ALL: [Verdict; 8] = [
        Verdict::New,
        Verdict::Same,
        Verdict::Mended,
        Verdict::Replaced,
        Verdict::Changed,
        Verdict::Conflict,
        Verdict::Refused,
        Verdict::Skipped,
    ];
    let counts = ALL.iter().filter_map(|verdict| {
        let count = report.lines.iter().filter(|line| line.verdict == *verdict).count();
        (count > 0).then(|| format!("{count} {}", word(*verdict).to_lowercase()))
    });
    let counts = counts.collect::<Vec<_>>().join(", ");
    let counts = if counts.is_empty() { "nothing to import".to_owned() } else { counts };
    if options.dry_run { format!("{counts}; nothing was changed (--dry-run)") } else { counts }
}
