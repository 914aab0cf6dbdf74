//! Tells the program under `[hooks] stage` of changes: some phones at a time, the changes of one phone in order. The
//! bench never waits for it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::system::program;

/// Programs at one time.
const PROGRAMS: usize = 4;
/// How long one may take, in real time.
const LIMIT: Duration = Duration::from_secs(30);

/// Works until `stop`; programs that run then are ended.
pub async fn run(bench: Arc<Bench>, stop: CancellationToken) {
    let mut running = JoinSet::new();
    let mut busy = HashSet::new();
    loop {
        while running.len() < PROGRAMS {
            let Some(change) = bench.next_change(|mac| !busy.contains(&mac)) else { break };
            busy.insert(change.mac);
            running.spawn(async move {
                let outcome = program::run(&change.command, LIMIT).await;
                (change, outcome)
            });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = bench.changed() => {}
            Some(ended) = running.join_next() => if let Ok((change, outcome)) = ended {
                busy.remove(&change.mac);
                bench.hook_ran(change.mac, change.stage, outcome);
            },
        }
    }
}
