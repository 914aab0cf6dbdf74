//! Where leases are saved before they are promised.

use std::future::Future;
use std::pin::Pin;

use crate::lease::LeaseRecord;

/// Records could not be saved. The server then keeps silent, and the client asks again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("leases could not be saved: {0}")]
pub struct CommitFailed(pub String);

/// A commit under way.
pub type Commit = Pin<Box<dyn Future<Output = Result<(), CommitFailed>> + Send>>;

/// Saves leases durably.
pub trait Journal: Send + Sync {
    /// Saves all records, later ones over earlier ones of the same address. Ready with `Ok` only when they would
    /// survive a power cut. The server has one commit under way at a time and puts all that arrives meanwhile
    /// into the next.
    fn commit(&self, records: Vec<LeaseRecord>) -> Commit;
}

/// Keeps nothing: for rehearsals and tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgetful;

impl Journal for Forgetful {
    fn commit(&self, _: Vec<LeaseRecord>) -> Commit {
        Box::pin(std::future::ready(Ok(())))
    }
}
