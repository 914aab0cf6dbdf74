//! Saving what was granted, and letting go what waited for it.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Inner, Waiting};
use crate::event::Outcome;
use crate::journal::CommitFailed;

impl Inner {
    /// Saves until told to stop and nothing is left. While one commit is under way, the replies of the one before
    /// leave.
    pub(super) async fn save(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut done = Vec::new();
        loop {
            let (records, through) = {
                let mut state = self.state();
                (std::mem::take(&mut state.unsaved), state.through)
            };
            let commit = (!records.is_empty()).then(|| self.journal.commit(records));
            for waiting in done.drain(..) {
                self.finish(&waiting);
            }
            if let Some(commit) = commit {
                done = self.settle(through, commit.await);
                continue;
            }
            if *stop.borrow() {
                return;
            }
            tokio::select! {
                () = self.to_save.notified() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Tells the engine how a commit went; what waited for it may leave.
    fn settle(&self, through: u64, outcome: Result<(), CommitFailed>) -> Vec<Waiting> {
        let mut state = self.state();
        match &outcome {
            Ok(()) => state.engine.committed(through),
            Err(_) => state.engine.commit_failed(through),
        }
        let mut done: Vec<_> = state.waiting.extract_if(.., |waiting| waiting.after <= through).collect();
        drop(state);
        self.room.notify_waiters();
        if let Err(CommitFailed(cause)) = outcome {
            for waiting in &mut done {
                waiting.reply = None;
                waiting.event.outcome = Outcome::NotSaved(cause.clone());
            }
        }
        done
    }
}
