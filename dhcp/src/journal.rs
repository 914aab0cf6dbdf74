//! The interface to durable storage: a lease is saved before its ACK leaves.

use crate::lease::LeaseRecord;

/// Records could not be saved. The server then keeps silent, and the client asks again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("leases could not be saved: {0}")]
pub struct CommitFailed(pub String);

/// Takes a commit's outcome, and sends the replies that waited for it.
pub type CommitCallback = Box<dyn FnOnce(Result<(), CommitFailed>) + Send>;

/// Saves leases durably.
pub trait Journal: Send + Sync {
    /// Saves all records, later ones over earlier ones of the same address and after those of earlier calls. Never
    /// blocks, and calls `done` later, from whatever thread and in the order of the calls; with `Ok` only when the
    /// records would survive a power cut. Calls that wait at the same time should share one write.
    fn commit(&self, records: Vec<LeaseRecord>, done: CommitCallback);
}

/// A journal that keeps nothing, for rehearsals and tests. Needs a tokio runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgetful;

impl Journal for Forgetful {
    fn commit(&self, _: Vec<LeaseRecord>, done: CommitCallback) {
        tokio::spawn(async { done(Ok(())) });
    }
}
