//! Repeated work while the appliance runs: notices changes of library and roster, and folds old facts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::runtime::segment::Segments;
use crate::state::state_folder;
use crate::system::error::Failure;

/// Time between two looks at the library, in real time on a machine that keeps up.
const LOOK_AT_LIBRARY: Duration = Duration::from_secs(2);
/// Time between two records of the clock and folds of old facts, likewise.
const HOUSEKEEPING: Duration = Duration::from_secs(10);
/// The same while the ledger cannot be written.
const LOOK_AT_LEDGER: Duration = Duration::from_secs(2);

/// Works until `stop`. `known` is the roster file as it was read.
pub async fn keep(
    bench: Arc<Bench>,
    segments: Arc<Segments>,
    state: PathBuf,
    mut known: Option<state_folder::RosterStamp>,
    stop: CancellationToken,
) {
    let pace = bench.pace().clone();
    let (mut library, mut ledger) = (pace.elapsed(), pace.elapsed());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _hold = pace.sleep_until(library) => {
                library = pace.elapsed() + pace.stretch(LOOK_AT_LIBRARY);
                look_at_library(&bench).await;
                let stamp = state_folder::roster_stamp(&state);
                if stamp != known {
                    known = stamp;
                    look_at_roster(&state, &segments);
                }
            }
            _hold = pace.sleep_until(ledger) => {
                ledger = pace.elapsed() + pace.stretch(HOUSEKEEPING);
                if let Err(error) = bench.housekeeping().await {
                    tracing::error!(%error, "the ledger cannot be written: no new lease, no new hop until it can");
                    // The missed records must reach the ledger soon after space is free.
                    ledger = pace.elapsed() + pace.stretch(LOOK_AT_LEDGER);
                }
            }
        }
    }
}

/// A file changed by hand counts at once: a new license lifts its hold.
async fn look_at_library(bench: &Arc<Bench>) {
    let library = bench.library();
    let scanned = tokio::task::spawn_blocking(move || library.rescan()).await;
    match scanned {
        Ok(Ok(Some(library))) => {
            tracing::info!("the library has changed");
            bench.set_library(library);
        }
        Ok(Ok(None)) | Err(_) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the library cannot be read"),
    }
}

/// A changed roster counts at once.
fn look_at_roster(state: &Path, segments: &Segments) {
    let taken = roster(state).and_then(|roster| {
        tracing::info!(phones = roster.len(), "the roster has changed");
        segments.take_roster(roster)
    });
    if let Err(failure) = taken {
        tracing::warn!("the roster has changed and cannot be used: {failure}");
    }
}

/// The roster, as far as it can be read; lines that cannot are logged.
pub fn roster(state: &Path) -> Result<Vec<transload_provision::roster::Entry>, Failure> {
    let roster = state_folder::roster(state)?;
    for problem in roster.wrong {
        tracing::warn!("{}", problem.line());
    }
    for note in roster.notes {
        tracing::info!("{note}");
    }
    Ok(roster.entries)
}
