//! The verdicts on disk: what is known of phones outlives a restart of Kea, and an appliance that is away.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use transload_provision::feed::{LINE, Verdict};

use crate::hook::Verdicts;

/// Verdicts read from the cache.
#[derive(Debug, Default)]
pub struct Cached {
    /// All verdicts.
    pub verdicts: Vec<Verdict>,
    /// When they were current, in seconds since the epoch.
    pub as_of: Option<u64>,
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Reads a cache: a line with the time, then a verdict a line. A file that is not there is an empty one.
///
/// # Errors
/// It cannot be read or is damaged; for the log.
pub fn read(path: &Path) -> Result<Cached, String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Cached::default()),
        Err(error) => return Err(format!("cannot read the cached verdicts {}: {error}", path.display())),
    };
    let damaged =
        |what: &str| format!("the cached verdicts {} are damaged ({what}) and not used", path.display());
    let mut lines =
        BufReader::new(file).lines().map(|line| line.map_err(|error| damaged(&error.to_string())));
    let as_of = lines.next().ok_or_else(|| damaged("empty"))??.parse().map_err(|_| damaged("no time"))?;
    let mut verdicts = Vec::new();
    for line in lines {
        let line = line?;
        let verdict = (line.len() <= LINE).then(|| serde_json::from_str(&line).ok()).flatten();
        verdicts.push(verdict.ok_or_else(|| damaged("a line of another form"))?);
    }
    Ok(Cached { verdicts, as_of: Some(as_of) })
}

/// Writes it anew, beside the old one until it is whole.
///
/// # Errors
/// The disk refuses; for the log.
pub fn write(path: &Path, verdicts: &Verdicts) -> std::io::Result<()> {
    let mut text = format!("{}\n", verdicts.as_of.unwrap_or_default());
    for verdict in verdicts.by_mac.values() {
        text.push_str(&serde_json::to_string(verdict)?);
        text.push('\n');
    }
    let beside = path.with_extension("new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}
