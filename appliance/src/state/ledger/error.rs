//! Why a ledger cannot be used, and what to do about it.

use std::path::PathBuf;

use crate::system::error::{Exit, Failure};

/// The ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Nothing has been recorded yet (only for [`read`](super::read)).
    #[error("there is no ledger at {}", .0.display())]
    Absent(PathBuf),
    /// A newer release wrote it.
    #[error("{} was written by a newer release of transload (ledger version {found}, this one knows {known})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// The file is damaged, or is something else.
    #[error("{} cannot be used as a ledger: {finding}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        finding: String,
    },
    /// The operating system or the database refused.
    #[error("cannot open the ledger {}: {cause}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let cure = match &error {
            LedgerError::Absent(_) => "start `transload serve` with this configuration first".into(),
            LedgerError::Newer { .. } => {
                "run the newer release, or start afresh with another state folder".into()
            }
            LedgerError::Damaged { path, .. } => format!(
                "move {} and its -wal file aside; phones are then recognized anew and asked for their leases",
                path.display()
            ),
            LedgerError::Refused { .. } => "check the folder's owner, rights and free space".into(),
        };
        Self::new(Exit::Act, error.to_string(), cure)
    }
}
